"""Methods of `not-miwae-toys` that come after the others: pictures by convolutions, restarts."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from biam.exceptions import InvalidInputError
from biam.experiments.hidden import Hidden
from biam.experiments.imputing import _KINDS, MECHANISMS, Points, _diagnosed, _judged, _points
from biam.imputation.base import DeepImputer
from biam.imputation.pictures import ConvMIWAEImputer, ConvNotMIWAEImputer
from biam.validation import check_choice, check_integer

__all__ = ["convolved", "restarted"]

# Seeds of restarts lie apart by this, far from those of the protocol.
_STRIDE = 10_000
_N_DRAWS, _N_DIAGNOSED = 5, 500


def convolved(
    data: Hidden, task: str, seed: int, settings: Mapping[str, Any]
) -> tuple[dict[str, float], Points]:
    """Impute pictures by networks that share their weights over position.

    Parameters
    ----------
    data : Hidden
        Pictures.
    task : str
        Unused.
    seed : int
    settings : mapping
        "options" of the imputer; "mechanism", a name in `MECHANISMS`, makes it a not-MIWAE; "keep"
        as in `biam.experiments.imputing.rival`.

    Returns
    -------
    metrics : dict of str to float
        "rmse", "rmse_disc", "bound", "ess", "steps", as in `biam.experiments.imputing.deep`,
        "bound" and "ess" of the first 500 rows; "sides", the share of hidden values whose sign is
        right.
    curves : list of dict

    Raises
    ------
    InvalidInputError
        The rows are no pictures.
    """
    if data.shape is None:
        raise InvalidInputError("convolutions need pictures: this table has no picture shape.")
    options = {"random_state": seed, "progress": False, **settings.get("options", {})}
    if "mechanism" in settings:
        name = check_choice("mechanism", settings["mechanism"], MECHANISMS)
        imputer = ConvNotMIWAEImputer(data.shape, MECHANISMS[name], **options)
    else:
        imputer = ConvMIWAEImputer(data.shape, **options)
    filled = imputer.fit(data.holes).transform(data.holes)
    rows, gone = imputer.diagnose(data.holes[:_N_DIAGNOSED]), data.missing
    metrics = _judged(data, filled, filled[None]) | {
        "sides": float((np.sign(filled[gone]) == np.sign(data.X[gone])).mean()),
        "bound": float(rows["bound"].mean()),
        "ess": float(np.median(rows["ess"])),
        "steps": float(imputer.max_iter),
    }
    return metrics, _points(data, filled, filled[None]) if seed in settings.get("keep", ()) else []


def restarted(
    data: Hidden, task: str, seed: int, settings: Mapping[str, Any]
) -> tuple[dict[str, float], Points]:
    """As `biam.experiments.imputing.deep`, from several starts, of which the highest bound counts.

    Parameters
    ----------
    data, task, seed
    settings : mapping
        As there; "restarts", how many.

    Returns
    -------
    metrics, curves
        As there, of the chosen fit.
    """
    options = {"standardise": False, **settings.get("training", {}), **settings.get("options", {})}
    if "mechanism" in settings:
        options["mechanism"] = MECHANISMS[settings["mechanism"]]
    kind = _KINDS[check_choice("imputer", settings["imputer"], _KINDS)]
    fits: list[DeepImputer] = []
    for start in range(check_integer("restarts", settings["restarts"], low=1)):
        imputer = kind(random_state=seed + _STRIDE * start, progress=False, **options)
        fits.append(imputer.fit(data.holes))
    best = max(fits, key=lambda fit: fit.score(data.holes))
    filled = best.transform(data.holes)
    drawn = best.sample(data.holes, _N_DRAWS) if data.X.shape[1] == 2 else filled[None]
    metrics = _judged(data, filled, drawn) | _diagnosed(data, best)
    return metrics, _points(data, filled, drawn) if seed in settings.get("keep", ()) else []
