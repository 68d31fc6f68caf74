"""The SELECT is run by SQLite on the same rows."""

import sqlite3
from contextlib import closing

import numpy as np
import pandas as pd
import pytest

from biam import BIAMRegressor
from biam.export import to_sql


def run(est, X, **options):
    """Answers of the database, rows in the order of `X`, and the names of the columns."""
    plain = X.astype(object)
    rows = plain.where(plain.notna(), None).assign(id=range(len(X)))
    with closing(sqlite3.connect(":memory:")) as base:
        names = ", ".join('"' + name.replace('"', '""') + '"' for name in rows)
        base.execute(f'CREATE TABLE "my ""rows""" ({names})')
        marks = ", ".join("?" * rows.shape[1])
        base.executemany(f'INSERT INTO "my ""rows""" VALUES ({marks})', rows.to_numpy().tolist())
        answer = base.execute(to_sql(est, 'my "rows"', key="id"))
        columns = [column[0] for column in answer.description]
        table = pd.DataFrame(answer.fetchall(), columns=columns).sort_values("id")
    return table.drop(columns="id")


def test_the_database_predicts_the_same(case, expected):
    est, X = case
    table = run(est, X)
    if hasattr(est, "classes_"):
        assert list(table) == [f"probability {label}" for label in est.classes_]
    else:
        assert list(table) == ["prediction"]
    np.testing.assert_allclose(table.to_numpy(float), expected(est, X), rtol=1e-9, atol=1e-9)


def test_an_unknown_category_has_no_answer(exported):
    est, X = exported("surfaces")
    rows = X.dropna()[:3].reset_index(drop=True)
    rows.loc[1, "it's"] = "new"
    table = run(est, rows)["prediction"]
    assert table.isna().tolist() == [False, True, False]


def test_without_a_key_there_are_predictions_only(exported):
    assert '"id"' not in to_sql(exported("multiclass")[0], "t")
    assert to_sql(exported("regression")[0], "t").startswith("SELECT (")


def test_many_terms_do_not_exceed_the_depth_of_an_expression():
    g = np.random.default_rng(0)
    X = pd.DataFrame(g.normal(size=(60, 1200)), columns=[f"x{j}" for j in range(1200)])
    est = BIAMRegressor(random_state=0, n_knots=2, interactions=False).fit(X, X["x0"])
    sql = to_sql(est, "t")
    with closing(sqlite3.connect(":memory:")) as base:
        names = ", ".join(X)
        base.execute(f"CREATE TABLE t ({names})")
        base.execute(f"INSERT INTO t VALUES ({', '.join(map(repr, X.iloc[0].tolist()))})")
        ((answer,),) = base.execute(sql).fetchall()
    assert answer == pytest.approx(est.predict(X[:1])[0], abs=1e-9)
