"""BIAM: an additive model one can read, for tables with gaps, wrong labels and rare classes."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from biam.estimators import BIAMClassifier, BIAMRegressor
    from biam.persistence import load

__version__ = "0.1.0"
__all__ = ["BIAMClassifier", "BIAMRegressor", "__version__", "load"]

_HOMES = {
    "BIAMClassifier": "biam.estimators",
    "BIAMRegressor": "biam.estimators",
    "load": "biam.persistence",
}


def __getattr__(name: str) -> Any:
    # Heavy imports wait until they are needed: `import biam` takes milliseconds.
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'biam' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
