"""Losses of the table `impute-or-model` relative to one method, at the same seed."""

import pandas as pd

from biam.exceptions import InvalidInputError

__all__ = ["loss_ratios", "pooled"]

LOSSES = ("mse", "log_loss")


def loss_ratios(results: pd.DataFrame, base: str = "BIAM-X") -> pd.DataFrame:
    """Loss of every method as a multiple of the loss of `base`, at the same scenario and seed.

    Parameters
    ----------
    results : DataFrame
        From `biam.experiments.report.load_results`; scenarios are "dataset/mechanism" + percent.
    base : str

    Returns
    -------
    DataFrame
        dataset, mechanism, percent, method, seed, ratio; below one is better than `base`. The loss
        is the squared error, or the log-loss where there are classes.

    Raises
    ------
    InvalidInputError
        No row of `base` has a loss.
    """
    rows = results[results["metric"].isin(LOSSES)]
    known = rows.loc[rows["method"] == base, ["scenario", "seed", "value"]]
    if known.empty:
        raise InvalidInputError(f"results must have a loss of {base!r}, got none.")
    both = rows.merge(known.rename(columns={"value": "base"}), on=["scenario", "seed"])
    parts = both["scenario"].str.extract(r"^(?P<dataset>.+)/(?P<mechanism>[a-z]+)(?P<percent>\d+)$")
    both = pd.concat([parts.astype({"percent": int}), both], axis=1)
    both["ratio"] = both["value"] / both["base"]
    return both[["dataset", "mechanism", "percent", "method", "seed", "ratio"]]


def pooled(ratios: pd.DataFrame, by: list[str]) -> pd.Series:
    """Geometric mean of the ratios in each group of `by`, in the order of the rows.

    Parameters
    ----------
    ratios : DataFrame
        From `loss_ratios`.
    by : list of str
        Its columns.
    """
    # A table of ratios has no mean that treats "half" and "twice" alike but this one.
    return ratios.groupby(by, sort=False)["ratio"].prod() ** (
        1 / ratios.groupby(by, sort=False)["ratio"].size()
    )
