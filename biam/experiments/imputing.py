"""Impute hidden values and judge the result: errors, draws, masks. Methods of both tables."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from biam.exceptions import InvalidInputError
from biam.experiments.hidden import Hidden
from biam.imputation.base import DeepImputer
from biam.imputation.classical import make_imputer
from biam.imputation.miwae import MIWAEImputer, NotMIWAEImputer
from biam.validation import check_choice

__all__ = ["MECHANISMS", "deep", "energy_distance", "oracle", "rival", "rmse"]

Array = NDArray[Any]
Points = list[dict[str, Any]]

_KINDS = {"MIWAE": MIWAEImputer, "not-MIWAE": NotMIWAEImputer}
_N_DRAWS, _N_POINTS, _N_PICTURES = 5, 300, 5
_SHARP = 10.0


def _upper_quarter(x: torch.Tensor) -> torch.Tensor:
    """Seen unless the point lies between the diagonals, above."""
    return _SHARP * (x[..., :1].abs() - x[..., 1:]).expand_as(x)


def _grey(x: torch.Tensor) -> torch.Tensor:
    """Seen where the pixel is grey."""
    return _SHARP * (0.5 - x.abs())


MECHANISMS = {"upper-quarter": _upper_quarter, "grey": _grey}
"""Known mechanisms of the toys: logits of being observed. As steps they would have no gradient."""


def rival(
    data: Hidden, task: str, seed: int, settings: Mapping[str, Any]
) -> tuple[dict[str, float], Points]:
    """Impute by a classical method.

    Parameters
    ----------
    data : Hidden
    task : str
        Unused.
    seed : int
    settings : mapping
        "imputer": a name of `biam.imputation.classical`, or "zero"; "options"; "tuned", options by
        imputer that a scenario needs; "keep": seeds whose imputations are kept as curves.

    Returns
    -------
    metrics : dict of str to float
        See `deep`.
    curves : list of dict
    """
    name = settings["imputer"]
    options = {**settings.get("options", {}), **settings.get("tuned", {}).get(name, {})}
    if name == "zero":
        filled = np.where(data.missing, 0.0, data.X)
    else:
        if name == "PPCA":
            # As many dimensions as the deep methods have.
            options.setdefault("n_components", data.X.shape[1] - 1)
        filled = make_imputer(name, seed, **options).fit_transform(data.holes)
    keep = seed in settings.get("keep", ())
    return _judged(data, filled, filled[None]), _points(data, filled, filled[None]) if keep else []


def oracle(
    data: Hidden, task: str, seed: int, settings: Mapping[str, Any]
) -> tuple[dict[str, float], Points]:
    """Impute by the true distribution, which nobody has; parameters as in `rival`.

    Raises
    ------
    InvalidInputError
        The distribution of the table is not known.
    """
    if "oracle" in data.truth:
        mean = data.truth["oracle"]
        draws = mean[None]
    elif "oracle_draws" in data.truth:
        # By symmetry of the ring.
        draws = data.truth["oracle_draws"][:_N_DRAWS]
        mean = np.zeros(draws.shape[1])
    else:
        raise InvalidInputError("the oracle needs a table of known distribution, such as a toy.")
    filled, drawn = data.X.copy(), np.repeat(data.X[None], len(draws), 0)
    gone = data.missing[:, 0]
    filled[gone, 0], drawn[:, gone, 0] = mean[gone], draws[:, gone]
    keep = seed in settings.get("keep", ())
    return _judged(data, filled, drawn), _points(data, filled, drawn) if keep else []


def deep(
    data: Hidden, task: str, seed: int, settings: Mapping[str, Any]
) -> tuple[dict[str, float], Points]:
    """Impute by MIWAE or not-MIWAE.

    Parameters
    ----------
    data : Hidden
    task : str
        Unused.
    seed : int
    settings : mapping
        "imputer": "MIWAE" or "not-MIWAE"; "options" of the imputer; "training", options that all
        deep methods of a scenario share; "mechanism", a name in `MECHANISMS`; "keep" as in `rival`.

    Returns
    -------
    metrics : dict of str to float
        "rmse" of the hidden values; "rmse_decoder", the same with the decoder's means, as
        published; "energy_distance" of rows that were drawn to the true ones, where there are two
        columns; "rmse_disc" over all pixels of the disc, for pictures; "mask_accuracy" of the mask
        model on the complete rows, over the columns with gaps; "bound"; "ess", the median effective
        sample size; "steps".
    curves : list of dict
        For seeds in "keep", what figures draw.
    """
    options = {**settings.get("training", {}), **settings.get("options", {})}
    if "mechanism" in settings:
        options["mechanism"] = MECHANISMS[
            check_choice("mechanism", settings["mechanism"], MECHANISMS)
        ]
    kind = _KINDS[check_choice("imputer", settings["imputer"], _KINDS)]
    # The UCI tables come standardised by their complete values, as published.
    options = {"standardise": False, **options}
    imputer = kind(random_state=seed, progress=False, **options)
    filled = imputer.fit(data.holes).transform(data.holes)
    two_columns = data.X.shape[1] == 2
    drawn = imputer.sample(data.holes, _N_DRAWS) if two_columns else filled[None]
    metrics = _judged(data, filled, drawn) | _diagnosed(data, imputer)
    keep = seed in settings.get("keep", ())
    return metrics, _points(data, filled, drawn) if keep else []


def rmse(X: Array, filled: Array, where: Array) -> float:
    """Root mean squared error over the places `where`."""
    return float(np.sqrt(np.mean((X - filled)[where] ** 2)))


def energy_distance(A: Array, B: Array) -> float:
    """2 E|a - b| - E|a - a'| - E|b - b'| between two samples of points; zero for equal laws.

    Source: Szekely & Rizzo (2013), Energy statistics. Pairs of a point with itself do not count, so
    the estimate is unbiased, and may be below zero.

    Parameters
    ----------
    A, B : ndarray, shapes (n, p) and (m, p)
    """
    n, m = len(A), len(B)
    within = cdist(A, A).sum() / (n * (n - 1)) + cdist(B, B).sum() / (m * (m - 1))
    return float(2 * cdist(A, B).mean() - within)


def _judged(data: Hidden, filled: Array, drawn: Array) -> dict[str, float]:
    metrics = {"rmse": rmse(data.X, filled, data.missing)}
    if data.shape is not None:
        disc = np.broadcast_to(data.truth["disc"], data.X.shape)
        metrics["rmse_disc"] = rmse(data.X, filled, disc)
    if data.X.shape[1] == 2:
        rows = data.missing.any(1)
        distances = [energy_distance(part[rows], data.X[rows]) for part in drawn]
        metrics["energy_distance"] = float(np.mean(distances))
    return metrics


def _diagnosed(data: Hidden, imputer: DeepImputer) -> dict[str, float]:
    rows = imputer.diagnose(data.holes)
    metrics = {
        "bound": float(rows["bound"].mean()),
        "ess": float(np.median(rows["ess"])),
        "steps": float(imputer.n_iter_),
    }
    if isinstance(imputer, NotMIWAEImputer):
        chance = imputer.predict_mask(data.X)
        gaps = data.missing.any(0)
        right = (chance > 0.5) == data.missing
        metrics["mask_accuracy"] = float(right[:, gaps].mean())
        published = imputer.set_params(estimate="decoder").transform(data.holes)
        metrics["rmse_decoder"] = rmse(data.X, published, data.missing)
    return metrics


def _points(data: Hidden, filled: Array, drawn: Array) -> Points:
    """Two columns: one draw of each hidden point. Pictures: the discs of the first ones, filled."""
    if data.shape is not None:
        places = np.argwhere(data.truth["disc"].reshape(data.shape))
        pictures = filled.reshape(len(filled), *data.shape)[:_N_PICTURES]
        return [
            {
                "curve": f"picture:{k}",
                "x": float(i),
                "z": float(j),
                "value": round(float(p[i, j]), 3),
            }
            for k, p in enumerate(pictures)
            for i, j in places
        ]
    if data.X.shape[1] != 2:
        return []
    rows = np.flatnonzero(data.missing.any(1))[:_N_POINTS]
    return [
        {
            "curve": name,
            "x": round(float(table[row, 0]), 4),
            "z": round(float(table[row, 1]), 4),
            "value": round(float(data.X[row, 0]), 4),
        }
        for name, table in (("filled", filled), ("drawn", drawn[0]))
        for row in rows
    ]
