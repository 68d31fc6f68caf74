"""Save and restore fitted concept models without pickle: one zip of arrays and a JSON header.

The file is of the same make as those of `biam.persistence`, and read by it.
"""

import json
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from biam.baselines.inputs import TableInputs
from biam.persistence import FORMAT, write_archive
from biam.table import TableEncoder
from biam.taylor import TaylorModel

__all__ = ["restore", "save"]

_ARRAYS = ("weights_", "sample_", "grid_", "reference_", "classes_", "feature_names_in_")
_PLAIN = ("groups_", "concept_names_", "history_", "status_", "n_iter_", "n_features_in_")
_SCALES = ("y_centre_", "y_scale_")


def save(est: Any, path: Any) -> None:
    """Write a fitted estimator to `path`, by rename: a crash leaves the old file whole.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    check_is_fitted(est)
    write_archive(path, json.dumps(_header(est), default=_plain), _arrays(est))


def restore(est: Any, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Give an unfitted estimator what `fit` would have: same predictions, bit for bit."""
    inputs = TableInputs("impute")
    inputs.encoder = TableEncoder(
        **header["encoder"], centre=arrays["centre"], scale=arrays["scale"]
    )
    inputs.levels = inputs.encoder.n_levels
    inputs.categorical = np.array(inputs.levels) > 0
    inputs.gappy, inputs.means, inputs.splines = arrays["gappy"], arrays["means"], {}
    inputs.sources = arrays["sources"]
    est.inputs_ = inputs
    est.model_ = TaylorModel(**header["model"], generator=torch.Generator())
    est.w_ = torch.tensor(arrays["w"])
    est.details_ = {"theta": torch.tensor(arrays["theta"]), "losses": arrays["losses"]}
    for name, value in header["plain"].items():
        setattr(est, name, value)
    for name in _ARRAYS:
        if name in arrays:
            value = arrays[name]
            setattr(est, name, value.astype(object) if name in header["objects"] else value)


def _header(est: Any) -> dict[str, Any]:
    encoder, encoders, head = est.inputs_.encoder, est.model_.encoders, est.model_.head
    seed = est.random_state
    return {
        "format": FORMAT,
        "class": type(est).__name__,
        "params": est.get_params()
        | {"random_state": seed if isinstance(seed, int | np.integer) else None},
        "objects": [n for n in _ARRAYS if np.asarray(getattr(est, n, 0)).dtype == object],
        "model": {
            "groups": encoders.groups,
            "hidden": encoders.hidden,
            "encoder": encoders.kind,
            "n_outputs": head.n_outputs,
            "order": head.order,
            "n_ranks": head.n_ranks,
        },
        "encoder": {
            "standardise": encoder.standardise,
            "handle_unknown": encoder.handle_unknown,
            "names": encoder.names,
            "categories": encoder.categories,
        },
        "plain": {n: getattr(est, n) for n in (*_PLAIN, *_SCALES) if hasattr(est, n)},
    }


def _arrays(est: Any) -> dict[str, np.ndarray]:
    inputs = est.inputs_
    arrays = {name: np.asarray(getattr(est, name)) for name in _ARRAYS if hasattr(est, name)}
    # Object arrays would need pickle. These hold text: class labels, column names.
    arrays = {n: a.astype(str) if a.dtype == object else a for n, a in arrays.items()}
    return arrays | {
        "w": est.w_.numpy(),
        "theta": est.details_["theta"].numpy(),
        "losses": est.details_["losses"],
        "centre": inputs.encoder.centre,
        "scale": inputs.encoder.scale,
        "gappy": inputs.gappy,
        "means": inputs.means,
        "sources": inputs.sources,
    }


def _plain(value: Any) -> Any:
    """What JSON asks about: NumPy's numbers as plain ones."""
    return value.item()
