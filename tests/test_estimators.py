"""The scikit-learn surface: its whole contract, real kinds of columns, composition, stopping."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from biam import BIAMClassifier, BIAMRegressor
from biam.datasets import load_diabetes, load_iris
from biam.datasets.synthetic import make_additive_regression, make_disc_classification
from biam.exceptions import InvalidInputError

LOOP = {"solver": "published", "variant": "BIAM-B"}
ESTIMATORS = [
    BIAMRegressor(),
    BIAMClassifier(),
    BIAMRegressor(**LOOP, epochs=3),
    # The loop is slow to leave its start: three epochs do not reach the accuracy asked for.
    BIAMClassifier(**LOOP, epochs=40),
]
SHUFFLED = "batches are drawn at random, and a row of weight two is in one of them, not in two"
EXPECTED_FAILURES = {
    ("published", "check_sample_weight_equivalence_on_dense_data"): SHUFFLED,
}
# Runs only where SCIPY_ARRAY_API was set before SciPy was imported: see the test of its own below.
ELSEWHERE = "check_array_api_input"


def name_of(check):
    return getattr(check, "func", check).__name__


def identify(value):
    return repr(value).replace("\n", "") if hasattr(value, "fit") else name_of(value)


@pytest.mark.parametrize(
    ("est", "check"),
    [
        pair
        for est in ESTIMATORS
        for pair in estimator_checks_generator(est)
        if name_of(pair[1]) != ELSEWHERE
    ],
    ids=identify,
)
def test_scikit_learn_contract(est, check):
    if (est.solver, name_of(check)) in EXPECTED_FAILURES:
        with pytest.raises(AssertionError, match="not equivalent"):
            check(est)
    else:
        check(est)


def test_scikit_learn_contract_with_the_array_api():
    code = f"""
from sklearn.utils.estimator_checks import estimator_checks_generator
from biam import BIAMClassifier, BIAMRegressor
done = 0
for kind in (BIAMRegressor, BIAMClassifier):
    for est, check in estimator_checks_generator(kind(n_knots=3)):
        if getattr(check, "func", check).__name__ == {ELSEWHERE!r}:
            check(est)
            done += 1
print(done)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"SCIPY_ARRAY_API": "1"},
        capture_output=True,
        text=True,
    )
    assert (done.stdout.strip(), done.returncode) == ("2", 0), done.stderr


def people(n=160, *, seed=0):
    """A table with every kind of column and every kind of gap; the target uses them all."""
    g = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": g.uniform(20, 60, n),
            "town": g.choice(["north", "south", "west"], n),
            "size": pd.Categorical(g.choice(["s", "m", "l"], n), categories=["s", "m", "l"]),
            "owner": g.uniform(size=n) < 0.5,
            "rooms": pd.array(g.integers(1, 6, n), dtype="Int64"),
        }
    )
    y = (
        frame["age"] / 10
        + frame["town"].map({"north": 0, "south": 2, "west": -1})
        + frame["size"].map({"s": 0, "m": 1, "l": 3}).astype(float)
        + 1.5 * frame["owner"]
        + frame["rooms"].astype(float)
    ).to_numpy() + 0.1 * g.normal(size=n)
    frame.loc[::9, "age"] = np.nan
    frame.loc[1::9, "town"] = None
    frame.loc[2::9, "size"] = np.nan
    frame.loc[3::9, "rooms"] = pd.NA
    return frame, y


@pytest.mark.parametrize("dtype", ["str", "object", "category"])
def test_frames_of_every_kind_of_column(dtype):
    X, y = people()
    X["town"] = X["town"].astype(dtype)
    est = BIAMRegressor(random_state=0).fit(X[:120], y[:120])
    assert est.score(X[120:], y[120:]) > 0.8
    assert est.feature_names_in_.tolist() == list(X)
    assert (est.feature_importances_ > 0.02).all()
    labels = np.where(y > np.median(y), "dear", "cheap")
    judge = BIAMClassifier(random_state=0).fit(X[:120], labels[:120])
    assert judge.score(X[120:], labels[120:]) > 0.8
    assert judge.classes_.tolist() == ["cheap", "dear"]
    np.testing.assert_allclose(judge.predict_proba(X).sum(1), 1)


def test_the_published_loop_takes_frames_too():
    X, y = people()
    y = (y - y.mean()) / y.std()
    settings = {"solver": "published", "epochs": 20, "standardise": True, "random_state": 0}
    est = BIAMRegressor(**settings).fit(X[:90], y[:90], X[90:120], y[90:120])
    assert est.score(X[120:], y[120:]) > 0.5


def test_unseen_categories_can_count_as_missing():
    X, y = people()
    est = BIAMRegressor(random_state=0, handle_unknown="missing").fit(X, y)
    strange, gap = X.assign(town="moon"), X.assign(town=None)
    assert np.array_equal(est.predict(strange), est.predict(gap))
    assert not np.array_equal(est.predict(strange), est.predict(X))


def test_columns_may_be_permuted_with_their_names():
    X, y = people()
    order = ["rooms", "owner", "age", "size", "town"]
    first = BIAMRegressor(random_state=0).fit(X, y)
    second = BIAMRegressor(random_state=0).fit(X[order], y)
    np.testing.assert_allclose(first.predict(X), second.predict(X[order]), rtol=1e-6)
    shares = [
        dict(zip(e.feature_names_in_, e.feature_importances_, strict=True)) for e in (first, second)
    ]
    assert shares[0] == pytest.approx(shares[1], rel=1e-4)
    assert sum(shares[0].values()) == pytest.approx(1)
    assert np.ptp(first.feature_importances_) > 0.05


@pytest.mark.parametrize("labels", [[False, True], [3, 8], ["no", "yes"], [-1.0, 1.0]], ids=str)
def test_labels_of_any_kind_come_back(labels):
    split = make_disc_classification(200, 3)
    y, y_meta = (np.array(labels)[part] for part in (split.y_train, split.y_meta))
    for solver in ("exact", "published"):
        est = BIAMClassifier(solver=solver, random_state=0, n_knots=3, epochs=2)
        est.fit(split.X_train, y, split.X_meta, y_meta)
        assert est.classes_.dtype == y.dtype
        assert set(est.predict(split.X_test)) <= set(labels)
        f = est.decision_function(split.X_test)
        assert np.array_equal(est.predict(split.X_test) == labels[1], f > 0)
        np.testing.assert_allclose(est.predict_proba(split.X_test)[:, 1], 1 / (1 + np.exp(-f)))


def test_many_classes_have_a_logit_each():
    data = load_iris()
    names = np.array(["setosa", "versicolor", "virginica"])[data.y]
    est = BIAMClassifier(random_state=0).fit(data.X, names)
    assert est.decision_function(data.X).shape == (150, 3)
    assert est.score(data.X, names) > 0.95


def test_extreme_logits_give_probabilities_all_the_same():
    X = np.linspace(-1, 1, 60)[:, None]
    est = BIAMClassifier(random_state=0).fit(X, (X[:, 0] > 0).astype(int))
    proba = est.predict_proba(1e6 * X)
    assert np.isfinite(proba).all()
    np.testing.assert_allclose(proba.sum(1), 1)


def test_standardisation_frees_the_fit_from_units():
    X, y = load_diabetes().X, np.asarray(load_diabetes().y, float)
    metres = BIAMRegressor(random_state=0).fit(X[:200], y[:200]).predict(X)
    miles = BIAMRegressor(random_state=0).fit(1e3 * X[:200] + 7, 50 * y[:200] - 3)
    np.testing.assert_allclose(miles.predict(1e3 * X + 7), 50 * metres - 3, rtol=1e-5)
    raw = BIAMRegressor(random_state=0, standardise=False).fit(X[:200], y[:200])
    assert (raw.y_centre_, raw.y_scale_) == (0, 1)
    assert (raw.encoder_.scale == 1).all()
    own = BIAMRegressor(**LOOP, epochs=1, random_state=0)
    assert (own.fit(X, y).encoder_.scale == 1).all()
    assert (own.set_params(standardise=True).fit(X, y).encoder_.scale != 1).all()


@pytest.mark.parametrize("n_meta", [0, 60], ids=["no-meta", "meta"])
def test_details_are_in_units_of_the_target(n_meta):
    split = make_additive_regression(300, 3, noise_rate=0.2, missing_rate=0.1)
    X, y = split.X_train, split.y_train
    meta = (split.X_meta, split.y_meta) if n_meta else (None, None)
    moved = None if meta[1] is None else 50 * meta[1] - 3
    options = {"random_state": 0, "n_knots": 5, "pairs": False}
    first = BIAMRegressor(**options).fit(X, y, *meta)
    second = BIAMRegressor(**options).fit(X, 50 * y - 3, meta[0], moved)
    one, other = first.details_, second.details_
    assert other["weighting"] == one["weighting"] == "posterior"
    np.testing.assert_allclose(other["losses"], 2500 * one["losses"], rtol=1e-3)
    assert other["losses"] == pytest.approx((50 * y - 3 - second.predict(X)) ** 2, rel=1e-6)
    expected = {name: pytest.approx(2500 * x, rel=1e-3) for name, x in one["meta_losses"].items()}
    assert other["meta_losses"] == expected
    for name, unit in {
        "mean": 50,
        "scale": 50,
        "gap_scale": 50,
        "share": 1,
        "right_share": 1,
    }.items():
        told = unit * np.array(one["noise"][name])
        np.testing.assert_allclose(other["noise"][name], told, rtol=1e-3, atol=1e-6 * unit)
    assert one["noise"]["scale"][0] == pytest.approx(0.1, rel=0.5), "the noise of the data"
    np.testing.assert_allclose(other["meta_doubts"], one["meta_doubts"], atol=1e-3)


@pytest.mark.parametrize("solver", [{"weighting": "network"}, {"solver": "published"}], ids=str)
def test_patience_stops_earlier(solver):
    split = make_additive_regression(200, 3, noise_rate=0.3)
    parts = split.X_train, split.y_train, split.X_meta, split.y_meta
    settings = {**solver, "epochs": 30, "upper_lr": 1.0, "lower_lr": 0.2, "n_knots": 4}
    short, long = (
        BIAMRegressor(patience=patience, random_state=0, **settings).fit(*parts)
        for patience in (1, None)
    )
    assert short.n_iter_ == len(short.history_) < long.n_iter_ == 30


@pytest.mark.parametrize("solver", ["exact", "published"])
@pytest.mark.parametrize("progress", [True, False])
def test_the_bar_is_silent_where_output_is_no_terminal(solver, progress, capfd, monkeypatch):
    # Without the delay a bar would show at once, if it showed at all.
    for module in ("exact.solver", "published"):
        monkeypatch.setattr(f"biam.solvers.{module}.tqdm", eager_bar)
    split = make_additive_regression(100, 2)
    parts = split.X_train, split.y_train, split.X_meta, split.y_meta
    BIAMRegressor(solver=solver, epochs=3, n_knots=3, progress=progress).fit(*parts)
    assert capfd.readouterr() == ("", "")
    assert eager_bar(total=1).disable is False


def eager_bar(*args, **options):
    from tqdm import tqdm

    options.pop("delay", None)
    return tqdm(*args, **options)


def test_clones_and_pickles():
    X, y = people()
    est = BIAMRegressor(random_state=0, n_knots=6).fit(X, y, X[:20], y[:20])
    twin = clone(est)
    assert twin.get_params() == est.get_params()
    assert not hasattr(twin, "model_")
    back = pickle.loads(pickle.dumps(est))
    assert np.array_equal(back.predict(X), est.predict(X))
    pd.testing.assert_frame_equal(back.shape_functions_, est.shape_functions_)
    assert np.array_equal(twin.fit(X, y, X[:20], y[:20]).predict(X), est.predict(X))


def test_grid_search_with_meta_rows_in_a_pipeline():
    split = make_additive_regression(240, 3, noise_rate=0.3, missing_rate=0.1)
    pipe = make_pipeline(StandardScaler(), BIAMRegressor(random_state=0, epochs=3))
    search = GridSearchCV(pipe, {"biamregressor__n_knots": [2, 6]}, cv=2, error_score="raise")
    search.fit(
        split.X_train,
        split.y_train,
        biamregressor__X_meta=split.X_meta,
        biamregressor__y_meta=split.y_meta,
    )
    best = search.best_estimator_[-1]
    assert search.best_params_ == {"biamregressor__n_knots": 6}
    assert best.details_["meta_losses"].keys() >= {"posterior", "equal"}, "the meta rows arrived"
    assert best.details_["weighting"] == "posterior"
    assert search.score(split.X_test, split.y_test) > 0.6


def test_cross_validation_scores():
    X, y = people()
    assert cross_val_score(BIAMRegressor(random_state=0), X, y, cv=3).min() > 0.6
    labels = (y > np.median(y)).astype(int)
    scores = cross_val_score(BIAMClassifier(random_state=0), X, labels, cv=3, scoring="roc_auc")
    assert scores.min() > 0.85


@pytest.mark.parametrize("kind", [BIAMRegressor, BIAMClassifier])
def test_html_names_the_class(kind):
    assert kind.__name__ in kind()._repr_html_()


def test_sample_weights_lead_the_fit():
    X = np.r_[np.linspace(0, 1, 50), np.linspace(0, 1, 50)][:, None]
    y = np.r_[X[:50, 0], 5 - X[50:, 0]]
    first = np.r_[np.ones(50), np.zeros(50)]
    for weight, target in ((first, y[:50]), (1 - first, y[50:])):
        est = BIAMRegressor(random_state=0).fit(X, y, sample_weight=weight)
        np.testing.assert_allclose(est.predict(X[:50]), target, atol=0.02)


def test_a_constant_column_and_a_constant_target_work():
    X, y = people()
    est = BIAMRegressor(random_state=0).fit(X.assign(one=1.0), y)
    assert est.feature_importances_[-1] == 0
    assert np.array_equal(est.predict(X.assign(one=1.0)), est.predict(X.assign(one=9.0)))
    same = BIAMRegressor(random_state=0).fit(X, np.full(len(X), 3.5))
    np.testing.assert_allclose(same.predict(X), 3.5)
    assert not same.feature_importances_.any()


def test_a_column_without_values_in_the_weighted_rows_works():
    X, y = people()
    weight = X["age"].isna().to_numpy().astype(float)
    est = BIAMRegressor(random_state=0).fit(X, y, sample_weight=weight)
    assert np.isfinite(est.predict(X)).all()
    assert est.feature_importances_[0] < 1e-6 < est.feature_importances_[1]


def test_unfitted_estimators_say_so():
    from sklearn.exceptions import NotFittedError

    for ask in (
        lambda est: est.predict([[1.0]]),
        lambda est: est.explain([[1.0]]),
        lambda est: est.shape_functions_,
        lambda est: est.missing_effects_,
        lambda est: est.interactions_,
        lambda est: est.feature_importances_,
        lambda est: est.complexity_,
        lambda est: est.coefficients_,
        lambda est: est.save("nowhere.biam"),
    ):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            ask(BIAMRegressor())


def test_errors_are_of_the_family():
    with pytest.raises(InvalidInputError):
        BIAMRegressor().fit([["a"], ["b"]], ["u", "v"])
