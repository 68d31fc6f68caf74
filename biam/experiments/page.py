"""The comparison of stated and reproduced numbers as one piece of HTML: filters, csv to keep.

Nothing is fetched and nothing is needed: without scripts the page shows all rows.
"""

import base64
from html import escape

import numpy as np
import pandas as pd

__all__ = ["comparison", "reasons"]

COLUMNS = {
    "verdict": "verdict",
    "table": "table",
    "scenario": "scenario",
    "method": "method",
    "seed": "seed",
    "metric": "metric",
    "paper": "stated",
    "reproduced": "ours",
    "band": "± band",
    "stability": "float32/64",
    "source": "stated by",
    "why": "why",
}
FILTERS = ("table", "verdict", "stability", "source")
MARKS = {"met": "✓", "better": "▲", "not met": "✗", "missing": "-", "no band": "·"}

STYLE = """
.biam-report {font-size: .85rem}
.biam-report label {display: inline-block; margin: 0 .8rem .4rem 0}
.biam-report .scroll {overflow-x: auto; max-height: 70vh; overflow-y: auto}
.biam-report table {border-collapse: collapse; margin: 0; white-space: nowrap; font-size: .72rem}
.biam-report th {position: sticky; top: 0; background: var(--pst-color-background, Canvas)}
.biam-report td, .biam-report th {padding: .1rem .35rem !important; text-align: left !important}
.biam-report td.number {text-align: right !important; font-variant-numeric: tabular-nums}
.biam-report td:last-child {white-space: normal; min-width: 12rem}
.biam-report tr.bad td:first-child {border-left: 3px solid #d55e00}
"""
SCRIPT = """
(() => {
  const all = document.querySelectorAll('.biam-report'), box = all[all.length - 1];
  const picks = [...box.querySelectorAll('select')], rows = [...box.querySelectorAll('tbody tr')];
  const show = () => {
    let n = 0;
    for (const row of rows) {
      const on = picks.every(p => !p.value || row.dataset[p.name] === p.value);
      row.hidden = !on;
      n += on;
    }
    box.querySelector('.count').textContent = n + ' of ' + rows.length + ' numbers';
  };
  picks.forEach(p => p.addEventListener('change', show));
  show();
})();
"""


def reasons(rows: pd.DataFrame) -> pd.Series:
    """One line per row of a report: why the verdict is what it is.

    Parameters
    ----------
    rows : DataFrame
        From `biam.experiments.report.report`.
    """
    other = "float32 and float64 end in different models: no one number can be asked for"
    conditions = [
        rows["stale"],
        rows["note"] != "",
        (rows["verdict"] == "no band") & (rows["method"] == "BIAM2"),
        (rows["verdict"] == "no band") & (rows["metric"] == "f1_macro"),
        (rows["verdict"] == "no band"),
        rows["verdict"] == "missing",
        (rows["verdict"] == "met") & (rows["source"] == "re-run"),
    ]
    texts = [
        "stale: the code behind this number changed since it was made",
        rows["note"],
        "its optimizer is not public: shown, not judged",
        "shown beside accuracy, which is judged",
        other,
        "no result yet",
        "same draws, another implementation",
    ]
    return pd.Series(np.select(conditions, texts, ""), index=rows.index)


def comparison(rows: pd.DataFrame, name: str = "paper-vs-reproduced.csv") -> str:
    """HTML of a report: menus for table, verdict, stability and source, and the csv to download.

    Parameters
    ----------
    rows : DataFrame
        From `biam.experiments.report.report`.
    name : str
        File name of the download.

    Returns
    -------
    str
    """
    rows = rows.assign(why=reasons(rows))
    head = "".join(f"<th>{escape(title)}</th>" for title in COLUMNS.values())
    body = "\n".join(_row(row) for row in rows.to_dict("records"))
    menus = " ".join(_menu(column, rows[column]) for column in FILTERS)
    csv = rows[[*COLUMNS, "stale"]].to_csv(index=False, lineterminator="\n")
    data = base64.b64encode(csv.encode()).decode()
    link = f'<a download="{escape(name)}" href="data:text/csv;base64,{data}">csv</a>'
    return (
        f'<div class="biam-report"><style>{STYLE}</style>\n{menus}\n'
        f'<p><span class="count">{len(rows)} numbers</span> · {link}</p>\n'
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n'
        f"</tbody></table></div>\n<script>{SCRIPT}</script></div>"
    )


def _menu(column: str, values: pd.Series) -> str:
    options = "".join(
        f'<option value="{escape(value)}">{escape(value)}</option>'
        for value in values.unique()
        if value
    )
    title = COLUMNS[column]
    return (
        f'<label>{escape(title)} <select name="{column}">'
        f'<option value="">all</option>{options}</select></label>'
    )


def _row(row: dict) -> str:
    data = " ".join(f'data-{column}="{escape(row[column])}"' for column in FILTERS)
    bad = row["verdict"] == "not met" or row["stale"]
    cells = "".join(_cell(column, row[column]) for column in COLUMNS)
    return f"<tr {data}{' class=bad' if bad else ''}>{cells}</tr>"


def _cell(column: str, value: object) -> str:
    if isinstance(value, float):
        return f'<td class="number">{"" if np.isnan(value) else f"{value:.4g}"}</td>'
    text = f"{MARKS[value]} {value}" if column == "verdict" else str(value)
    return f"<td>{escape(text)}</td>"
