"""A fitted estimator as text that needs no BIAM: a formula, plain Python, SQL or JSON."""

from biam.export.plain import Formula, from_json, to_json
from biam.export.python import to_python
from biam.export.sql import to_sql
from biam.export.text import formula

__all__ = ["Formula", "formula", "from_json", "to_json", "to_python", "to_sql"]
