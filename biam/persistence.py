"""Save and load fitted estimators without pickle: one zip of arrays and a JSON header."""

import json
import os
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from biam.additive import AdditiveModel
from biam.basis import Basis, FeatureBasis
from biam.exceptions import InvalidInputError, OutputError
from biam.table import TableEncoder

__all__ = [
    "as_plain",
    "give",
    "own_arrays",
    "own_header",
    "read",
    "read_archive",
    "restore",
    "save",
    "write_archive",
]

FORMAT = "biam-estimator-1"
_ARRAYS = (
    "weights_",
    "centres_",
    "importances_",
    "missing_rates_",
    "column_means_",
    "term_sizes_",
    "classes_",
    "decision_rule_",
    "feature_names_in_",
)
_PLAIN = ("history_", "terms_", "status_", "n_iter_", "n_features_in_", "y_centre_", "y_scale_")


def save(est: Any, path: Any) -> None:
    """Write a fitted estimator to `path`, by rename: a crash leaves the old file whole.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    check_is_fitted(est)
    write_archive(path, json.dumps(_header(est)), _arrays(est))


def write_archive(path: Any, header: str, arrays: dict[str, Any]) -> None:
    """Write a JSON header and arrays as one zip, by rename.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    path = Path(path)
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            np.savez_compressed(file, header=np.array(header), **arrays)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise OutputError(f"cannot write {path}: {error.strerror or error}.") from error


def read(path: Any) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Header and arrays of a file written by `save`; `biam.load` makes the estimator of them.

    Raises
    ------
    FileNotFoundError
        No such file.
    InvalidInputError
        Not a file written by `save`.
    """
    return read_archive(path, FORMAT, "est.save")


def read_archive(
    path: Any, expected: str, writer: str
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Header and arrays of a file written by `write_archive`.

    Parameters
    ----------
    path : path
    expected : str
        The header's "format".
    writer : str
        What writes such files, for the error.

    Raises
    ------
    FileNotFoundError
        No such file.
    InvalidInputError
        Not such a file.
    """
    try:
        # Opened here, because NumPy leaves a broken archive open.
        with Path(path).open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        header = json.loads(str(arrays.pop("header")))
        known = header["format"] == expected
    # A plain array, which is no archive, is a TypeError; damage inside an archive is a zlib.error.
    except (zipfile.BadZipFile, zlib.error, KeyError, TypeError, ValueError, EOFError) as error:
        raise InvalidInputError(f"{path} was not written by {writer}: {error}") from None
    if not known:
        raise InvalidInputError(f"{path} has format {header['format']!r}, expected {expected!r}.")
    return header, arrays


def own_header(est: Any, arrays: Sequence[str], plain: Sequence[str]) -> dict[str, Any]:
    """What the header of any estimator holds: class, parameters, plain attributes.

    Parameters
    ----------
    est : estimator
    arrays, plain : sequence of str
        Attributes that are arrays, and those that JSON keeps; absent ones are passed over.
    """
    seed = est.random_state
    return {
        "format": FORMAT,
        "class": type(est).__name__,
        "params": {k: as_plain(v) for k, v in est.get_params().items()}
        | {"random_state": as_plain(seed) if isinstance(seed, int | np.integer) else None},
        "objects": [n for n in arrays if np.asarray(getattr(est, n, 0)).dtype == object],
        "plain": {name: as_plain(getattr(est, name)) for name in plain if hasattr(est, name)},
    }


def own_arrays(est: Any, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Attributes that are arrays; text instead of objects, which would need pickle."""
    arrays = {name: np.asarray(getattr(est, name)) for name in names if hasattr(est, name)}
    return {n: a.astype(str) if a.dtype == object else a for n, a in arrays.items()}


def give(est: Any, header: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Set the plain attributes of a header, and these arrays, as they were."""
    for name, value in header["plain"].items():
        setattr(est, name, value)
    for name, value in arrays.items():
        setattr(est, name, value.astype(object) if name in header["objects"] else value)


def restore(est: Any, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Give an unfitted estimator all that `fit` would have: same predictions, bit for bit."""
    est.encoder_ = TableEncoder(
        **header["encoder"], centre=arrays.pop("centre"), scale=arrays.pop("scale")
    )
    features = tuple(
        FeatureBasis(
            kind,
            torch.tensor(arrays.pop(f"knots_{j}")),
            torch.tensor(arrays.pop(f"knot_centres_{j}"))
            if f"knot_centres_{j}" in arrays
            else None,
        )
        for j, kind in enumerate(header["kinds"])
    )
    est.w_ = torch.tensor(arrays.pop("w"))
    if "pair_centres" in arrays:
        header["model"]["centres"] = torch.tensor(arrays.pop("pair_centres"))
    # The initial values go unused; the global random stream stays where it is.
    unused = torch.Generator()
    est.model_ = AdditiveModel(Basis(features), **header["model"], generator=unused)
    est.details_ = dict(header["details"])
    own = {name: value for name, value in arrays.items() if not name.startswith("details_")}
    give(est, header, own)
    for name in arrays.keys() - own.keys():
        est.details_[name.removeprefix("details_")] = arrays[name]


def _header(est: Any) -> dict[str, Any]:
    model, encoder = est.model_, est.encoder_
    return own_header(est, _ARRAYS, _PLAIN) | {
        "kinds": [f.kind for f in model.basis.features],
        "model": {
            "n_outputs": model.n_outputs,
            "interactions": model.interactions,
            "n_ranks": model.n_ranks,
            "pairs": model.pairs,
        },
        "encoder": {
            "standardise": encoder.standardise,
            "handle_unknown": encoder.handle_unknown,
            "names": encoder.names,
            "categories": [as_plain(known) for known in encoder.categories],
        },
        "details": {k: as_plain(v) for k, v in est.details_.items() if _is_plain(v)},
    }


def _arrays(est: Any) -> dict[str, np.ndarray]:
    features = est.model_.basis.features
    arrays = {f"knots_{j}": f.knots.numpy() for j, f in enumerate(features)}
    arrays |= {
        f"knot_centres_{j}": f.centre.numpy()
        for j, f in enumerate(features)
        if f.centre is not None
    }
    arrays |= own_arrays(est, _ARRAYS)
    for name, value in est.details_.items():
        if isinstance(value, np.ndarray | torch.Tensor):
            arrays[f"details_{name}"] = np.asarray(value)
    if est.model_.pairs:
        arrays["pair_centres"] = est.model_.centres.numpy()
    return arrays | {
        "w": est.w_.numpy(),
        "centre": est.encoder_.centre,
        "scale": est.encoder_.scale,
    }


def as_plain(value: Any) -> Any:
    """Plain Python numbers, strings and lists, as JSON keeps them."""
    if isinstance(value, list | tuple):
        return [as_plain(v) for v in value]
    if isinstance(value, dict):
        return {k: as_plain(v) for k, v in value.items()}
    return value.item() if isinstance(value, np.generic) else value


def _is_plain(value: Any) -> bool:
    """Whether JSON can keep a value; arrays are kept beside it."""
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(k, str) and _is_plain(v) for k, v in value.items())
    return isinstance(value, int | float | str | None | np.number | np.bool_)
