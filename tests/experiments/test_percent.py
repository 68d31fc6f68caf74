"""Tables in per cent: values, spread, gaps, and which end is best."""

import pandas as pd

from biam.experiments.percent import percent_table

RESULTS = pd.DataFrame(
    [
        ("one", "a", 1, "error", 0.10),
        ("one", "a", 2, "error", 0.14),
        ("one", "b", 1, "error", 0.20),
        ("two", "b", 1, "error", 0.05),
        ("one", "b", 1, "other", 0.99),
    ],
    columns=["scenario", "method", "seed", "metric", "value"],
)


def test_means_spreads_and_gaps():
    html = percent_table(RESULTS, "error", lower=True)
    assert "<b>12.0 ± 2.8</b>" in html
    assert "<td>20.0</td>" in html and "<td></td>" in html and "<b>5.0</b>" in html
    assert "99" not in html.partition("<table>")[2]


def test_the_other_end():
    html = percent_table(RESULTS, "error")
    assert "<b>20.0</b>" in html and "<b>12.0" not in html
