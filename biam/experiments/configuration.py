"""Settings of `biam train` from a YAML file and the command line; the command line wins."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from biam.exceptions import InvalidInputError
from biam.validation import check_choice

__all__ = ["DEFAULTS", "RUN", "arrange", "read_config"]

RUN = (
    "dataset",
    "task",
    "missing_ratio",
    "noise_ratio",
    "imbalance_ratio",
    "n_meta",
    "seed",
)
"""Settings of a run; all others are parameters of the estimator."""

DEFAULTS = {"batm": Path(__file__).with_name("configs") / "batm.yaml"}
"""File that is read where none is named, by model."""


def read_config(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Settings by name from a YAML file.

    Raises
    ------
    InvalidInputError
        The file is absent, is no YAML, or holds no settings by name.
    """
    try:
        settings = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInputError(f"cannot read the config {path}: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"the config {path} is no YAML: {error}") from error
    if settings is None:
        return {}
    if not isinstance(settings, dict) or not all(isinstance(name, str) for name in settings):
        raise InvalidInputError(f"the config {path} must hold settings as `name: value` lines.")
    return {name.replace("-", "_"): value for name, value in settings.items()}


def arrange(
    model: str,
    config: str | os.PathLike[str] | None,
    given: Mapping[str, Any],
    defaults: Mapping[str, Any],
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings of the run, and parameters of the estimator.

    Parameters
    ----------
    model : str
    config : path, optional
        Default: the model's file in `DEFAULTS`, if it has one.
    given : mapping
        What stands on the command line.
    defaults : mapping
        Of the command line. Those of parameters of the estimator are meant for ``model="biam"``.

    Raises
    ------
    InvalidInputError
        See `read_config`.
    UnknownNameError
        The config names another model's key "model", or this one's wrongly.
    """
    path = config or DEFAULTS.get(model)
    settings = {} if path is None else read_config(path)
    check_choice("model of the config", settings.pop("model", model), [model])
    wanted = {**settings, **given}
    run = {name: wanted.pop(name, defaults[name]) for name in RUN}
    own = {n: v for n, v in defaults.items() if n not in RUN} if model == "biam" else {}
    return run, {**own, **wanted}
