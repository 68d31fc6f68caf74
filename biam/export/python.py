"""A fitted estimator as the source of a Python module of its own."""

from pathlib import Path
from pprint import pformat
from typing import Any

from biam.export import evaluator
from biam.export.plain import as_plain

__all__ = ["to_python"]

HEAD = '''"""A BIAM model in plain Python: `predict_row(row)`{proba}.

`row` maps column names to values, None or NaN where a value is missing. Columns: {names}.
"""

'''
REGRESSION = '''

def predict_row(row):
    """Prediction for one row."""
    return predict(MODEL, row)
'''
CLASSIFICATION = (
    REGRESSION.replace("Prediction for", "Most likely class of")
    + '''

def predict_proba_row(row):
    """Probability of each class of ``MODEL["classes"]``."""
    return predict_proba(MODEL, row)
'''
)


def to_python(est: Any) -> str:
    """Source of a module that predicts like `est` and imports nothing but math.

    Parameters
    ----------
    est : BIAMRegressor or BIAMClassifier
        Fitted.

    Returns
    -------
    str
        Defines ``predict_row(row)`` and, for classes, ``predict_proba_row(row)``; `row` maps
        column names to values, None or NaN where missing.
    """
    model = as_plain(est)
    names = ", ".join(feature["name"] for feature in model["features"])
    head = HEAD.format(
        names=names.replace("\\", "\\\\").replace('"', "'"),
        proba=", `predict_proba_row(row)`" if model["classes"] else "",
    )
    source = Path(evaluator.__file__).read_text(encoding="utf-8")
    # Without its own docstring: the module has another.
    body = source.partition('"""\n\n')[2]
    table = f"MODEL = {pformat(model, width=100, compact=True, sort_dicts=False)}\n"
    imports, functions = body.split("\n\n\n", 1)
    tail = CLASSIFICATION if model["classes"] else REGRESSION
    return head + imports + "\n\n" + table + "\n\n" + functions.rstrip() + "\n" + tail
