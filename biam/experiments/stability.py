"""Which cells of the published loop end in the same model in float32 and in float64.

Both runs of a cell start from the same random draws. Where they part, rounding decides: no number
of such a cell can be asked for (protocol, section 7, point 5).
"""

import numpy as np
import pandas as pd

__all__ = ["TWIN", "stable_cells"]

TWIN = "float64_"
"""Prefix of the metrics of the float64 run, as `biam.experiments.published` writes them."""

RELATIVE = 5e-4
TEST_ROWS = 240
CELL = ["table", "scenario", "method", "seed"]
# Half a unit of the last digit of a share of the test rows.
SLACK = 1e-9


def stable_cells(results: pd.DataFrame) -> pd.DataFrame:
    """Judge every cell that was run in both precisions.

    Parameters
    ----------
    results : DataFrame
        From `biam.experiments.report.load_results`.

    Returns
    -------
    DataFrame
        table, scenario, method, seed, metric, float32, float64, stable: errors agree to a part in
        two thousand, accuracy to one of 240 test rows.
    """
    parts = []
    for metric in ("mse", "accuracy"):
        single = results[results["metric"] == metric]
        double = results[results["metric"] == TWIN + metric]
        both = single[[*CELL, "value"]].merge(
            double[[*CELL, "value"]], on=CELL, suffixes=("32", "64")
        )
        both = both.rename(columns={"value32": "float32", "value64": "float64"})
        most = RELATIVE * both["float64"].abs() if metric == "mse" else 1 / TEST_ROWS
        gap = (both["float32"] - both["float64"]).abs()
        parts.append(both.assign(metric=metric, stable=np.asarray(gap <= most + SLACK, bool)))
    columns = [*CELL, "metric", "float32", "float64", "stable"]
    return pd.concat(parts, ignore_index=True)[columns]
