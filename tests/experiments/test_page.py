"""The comparison page holds every row once, and its csv is the rows."""

import base64
import io
import re

import pandas as pd
import pytest

from biam.experiments.page import comparison, reasons
from biam.experiments.report import report


@pytest.fixture(scope="module")
def rows(published_out):
    return report(published_out)


def test_every_row_is_there_and_can_be_filtered(rows):
    html = comparison(rows)
    body = html.partition("<tbody>")[2].partition("</tbody>")[0]
    assert body.count("<tr ") == len(rows)
    for column in ("table", "verdict", "stability", "source"):
        shown = re.findall(rf'data-{column}="([^"]*)"', body)
        assert shown == list(rows[column])
        menu = re.search(rf'<select name="{column}">(.*?)</select>', html)[1]
        assert set(re.findall(r'value="([^"]+)"', menu)) == set(rows[column]) - {""}


def test_the_csv_is_the_rows(rows):
    data = re.search(r'href="data:text/csv;base64,([^"]+)"', comparison(rows))[1]
    table = pd.read_csv(io.BytesIO(base64.b64decode(data)), dtype={"seed": str})
    assert len(table) == len(rows)
    pd.testing.assert_series_equal(table["paper"], rows["paper"])
    assert list(table["verdict"]) == list(rows["verdict"])


def test_nothing_is_fetched(rows):
    assert not re.search(r"https?://|src=", comparison(rows))


def test_rows_without_a_verdict_say_why(rows):
    why = reasons(rows)
    assert (why[rows["verdict"] == "no band"] != "").all()
    assert (why[rows["verdict"] == "missing"] != "").all()
    stale = rows.assign(stale=True)
    assert reasons(stale).str.startswith("stale").all()


def test_text_is_escaped(rows):
    odd = rows.iloc[:1].assign(note="<b>", method="a&b")
    assert "&lt;b&gt;" in comparison(odd)
    assert "a&amp;b" in comparison(odd)
