"""Imputers as scikit-learn transformers: deep latent-variable models, and their classical rivals.

`MIWAEImputer` takes gaps as missing at random, `NotMIWAEImputer` models them; `ConvMIWAEImputer`
and `ConvNotMIWAEImputer` do so for pictures; `make_imputer` builds the others by name.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from biam.imputation.classical import make_imputer
    from biam.imputation.miwae import MIWAEImputer, NotMIWAEImputer, load
    from biam.imputation.pictures import ConvMIWAEImputer, ConvNotMIWAEImputer

__all__ = [
    "ConvMIWAEImputer",
    "ConvNotMIWAEImputer",
    "MIWAEImputer",
    "NotMIWAEImputer",
    "load",
    "make_imputer",
]

# The rivals need no torch, and the deep imputers none of the rivals.
_ROOMS = {
    "ConvMIWAEImputer": "pictures",
    "ConvNotMIWAEImputer": "pictures",
    "make_imputer": "classical",
}


def __getattr__(name: str) -> Any:
    if name in __all__:
        room = _ROOMS.get(name, "miwae")
        return getattr(import_module(f"biam.imputation.{room}"), name)
    raise AttributeError(f"module 'biam.imputation' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
