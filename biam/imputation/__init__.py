"""Imputers as scikit-learn transformers: deep latent-variable models, and their classical rivals.

`MIWAEImputer` takes gaps as missing at random, `NotMIWAEImputer` models them; `make_imputer` builds
the others by name.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from biam.imputation.classical import make_imputer
    from biam.imputation.miwae import MIWAEImputer, NotMIWAEImputer, load

__all__ = ["MIWAEImputer", "NotMIWAEImputer", "load", "make_imputer"]

_CLASSICAL = "make_imputer"


def __getattr__(name: str) -> Any:
    # The rivals need no torch, and the deep imputers none of the rivals.
    if name in __all__:
        room = "classical" if name == _CLASSICAL else "miwae"
        return getattr(import_module(f"biam.imputation.{room}"), name)
    raise AttributeError(f"module 'biam.imputation' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
