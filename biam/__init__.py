"""BIAM: an additive model one can read, for tables with gaps, wrong labels and rare classes."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from biam.estimators import BIAMClassifier, BIAMRegressor, load

__version__ = "0.1.0"
__all__ = ["BIAMClassifier", "BIAMRegressor", "__version__", "load"]


def __getattr__(name: str) -> Any:
    # Heavy imports wait until they are needed: `import biam` takes milliseconds.
    if name in __all__:
        return getattr(import_module("biam.estimators"), name)
    raise AttributeError(f"module 'biam' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
