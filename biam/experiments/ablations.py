"""Data of table `ablations`: the noisy regression with fewer, or with wrong, meta rows."""

from dataclasses import replace

import numpy as np

from biam.datasets.synthetic import Split
from biam.experiments.blocks import make_noisy_regression
from biam.validation import check_integer, check_rate

__all__ = ["make_meta_variant"]


def make_meta_variant(
    family: str = "outlier30",
    *,
    n_meta: int = 240,
    meta_noise_rate: float = 0.0,
    random_state: int = 42,
) -> Split:
    """`make_noisy_regression` (E1) with `n_meta` of its 240 meta rows, a share of them wrong.

    Parameters
    ----------
    family : str
        As in `make_noisy_regression`.
    n_meta : int
        Meta rows kept, 1 to 240; a smaller set is a part of a larger one of the same seed.
    meta_noise_rate : float
        Share of the kept meta labels that get + N(100, 100), as outliers do in the training rows.
    random_state : int

    Raises
    ------
    InvalidInputError
        `n_meta` or the rate is out of range.
    """
    check_integer("n_meta", n_meta, low=1, high=240)
    check_rate("meta_noise_rate", meta_noise_rate)
    split = make_noisy_regression(family, random_state=random_state)
    y_meta = split.y_meta[:n_meta].copy()
    # A stream of its own: the rows that go wrong at a low rate are wrong at a higher one too.
    stream = np.random.default_rng([random_state, 5])
    order, noise = stream.permutation(n_meta), stream.normal(100, 100, n_meta)
    wrong = order[: round(n_meta * meta_noise_rate)]
    y_meta[wrong] += noise[wrong]
    truth = {**split.truth, "meta_mask": np.isin(np.arange(n_meta), wrong)}
    return replace(split, X_meta=split.X_meta[:n_meta], y_meta=y_meta, truth=truth)
