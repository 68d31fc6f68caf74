"""Save and restore fitted concept models without pickle: one zip of arrays and a JSON header.

The file is of the same make as those of `biam.persistence`, and read by it.
"""

import json
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from biam.baselines.inputs import TableInputs
from biam.persistence import as_plain, give, own_arrays, own_header, write_archive
from biam.table import TableEncoder
from biam.taylor import TaylorModel

__all__ = ["restore", "save"]

_ARRAYS = ("weights_", "sample_", "grid_", "reference_", "classes_", "feature_names_in_")
_PLAIN = (
    *("groups_", "concept_names_", "history_", "status_", "n_iter_", "n_features_in_"),
    *("y_centre_", "y_scale_"),
)


def save(est: Any, path: Any) -> None:
    """Write a fitted estimator to `path`, by rename: a crash leaves the old file whole.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    check_is_fitted(est)
    write_archive(path, json.dumps(_header(est)), _arrays(est))


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
    theta, kept = torch.tensor(arrays["theta"]), header["kept"]
    est.details_ = {"theta": theta, "losses": arrays["losses"], "kept": kept}
    give(est, header, {name: arrays[name] for name in _ARRAYS if name in arrays})


def _header(est: Any) -> dict[str, Any]:
    encoder, encoders, head = est.inputs_.encoder, est.model_.encoders, est.model_.head
    return own_header(est, _ARRAYS, _PLAIN) | {
        "model": {
            "groups": encoders.groups,
            "hidden": encoders.hidden,
            "encoder": encoders.kind,
            "n_outputs": head.n_outputs,
            "order": head.order,
            "n_ranks": head.n_ranks,
            "precision": est.model_.precision,
            "checkpointing": est.model_.checkpointing,
        },
        "encoder": {
            "standardise": encoder.standardise,
            "handle_unknown": encoder.handle_unknown,
            "names": encoder.names,
            "categories": [as_plain(known) for known in encoder.categories],
        },
        "kept": est.details_["kept"],
    }


def _arrays(est: Any) -> dict[str, np.ndarray]:
    inputs = est.inputs_
    return own_arrays(est, _ARRAYS) | {
        "w": est.w_.numpy(),
        "theta": est.details_["theta"].numpy(),
        "losses": est.details_["losses"],
        "centre": inputs.encoder.centre,
        "scale": inputs.encoder.scale,
        "gappy": inputs.gappy,
        "means": inputs.means,
        "sources": inputs.sources,
    }
