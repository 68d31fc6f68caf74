"""Optional packages of the rivals: loaded where they are used, named where they are absent."""

import importlib
from types import ModuleType

from biam.exceptions import MissingExtraError

__all__ = ["load_extra"]


def load_extra(module: str) -> ModuleType:
    """Import a module of the extra `baselines`.

    Raises
    ------
    MissingExtraError
        It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            raise
        raise MissingExtraError(
            f"this rival needs {error.name}, which is not installed: pip install 'biam[baselines]'."
        ) from None
