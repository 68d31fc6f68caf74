"""A line undoes an affine error exactly, a curve a distorted logit; order is kept."""

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LinearRegression, LogisticRegression

from biam.baselines.line import LineCorrected
from biam.exceptions import InvalidInputError


@pytest.fixture
def rows():
    g = np.random.default_rng(0)
    X, X_meta = g.normal(size=(400, 3)), g.normal(size=(200, 3))
    return X, X @ [1.0, -2.0, 0.5], X_meta, X_meta @ [1.0, -2.0, 0.5]


def test_line_undoes_shift_and_scale(rows):
    X, f, X_meta, f_meta = rows
    model = LineCorrected(LinearRegression()).fit(X, 3 + 2 * f, X_meta, f_meta)
    assert model.predict(X) == pytest.approx(f)
    assert (model.line_.coef_[0], model.line_.intercept_) == (
        pytest.approx(0.5),
        pytest.approx(-1.5),
    )


def test_learner_never_sees_the_meta_rows(rows):
    X, f, X_meta, f_meta = rows
    model = LineCorrected(LinearRegression()).fit(X, f, X_meta, -f_meta)
    assert model.estimator_.coef_ == pytest.approx(LinearRegression().fit(X, f).coef_)


def test_curve_undoes_flips_in_large_samples():
    g = np.random.default_rng(1)
    X, X_meta = g.normal(size=(20_000, 1)), g.normal(size=(20_000, 1))
    clean, y_meta = (g.uniform(size=20_000) < expit(2 * x[:, 0] - 1) for x in (X, X_meta))
    y = np.where(g.uniform(size=20_000) < 0.3, ~clean, clean).astype(int)
    model = LineCorrected(LogisticRegression()).fit(X, y, X_meta, y_meta.astype(int))
    grid = np.array([[-1.0], [0.0], [1.0]])
    raw = model.estimator_.predict_proba(grid)[:, 1]
    corrected = model.predict_proba(grid)[:, 1]
    assert np.abs(logit(raw) - [-3, -1, 1]).max() > 0.8
    assert logit(corrected) == pytest.approx([-3, -1, 1], abs=0.15)
    assert model.predict(grid).tolist() == [0, 0, 1]


def test_one_class_among_the_meta_rows_changes_nothing(rows):
    X, f, X_meta, _ = rows
    y = (f > 0).astype(int)
    model = LineCorrected(LogisticRegression()).fit(X, y, X_meta, np.ones(200, int))
    plain = LogisticRegression().fit(X, y)
    assert model.predict_proba(X) == pytest.approx(plain.predict_proba(X), abs=2e-6)


def test_three_classes_are_refused(rows):
    X, f, X_meta, f_meta = rows
    with pytest.raises(InvalidInputError, match="two classes"):
        LineCorrected(LogisticRegression()).fit(
            X, np.digitize(f, [-1, 1]), X_meta, np.digitize(f_meta, [-1, 1])
        )
