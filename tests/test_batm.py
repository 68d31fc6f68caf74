"""The scikit-learn surface of BATM: its contract, groups, weights, files, refusals."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import estimator_checks_generator

from biam.batm import BATMClassifier, BATMRegressor, load
from biam.datasets.synthetic import make_additive_regression
from biam.exceptions import InvalidInputError

FAST = {"epochs": 12, "hidden": (8,), "n_ranks": 4, "lower_lr": 0.03, "batch_size": 32}
SHUFFLED = "check_sample_weight_equivalence_on_dense_data"
# Runs only where SCIPY_ARRAY_API was set before SciPy was imported.
ELSEWHERE = "check_array_api_input"


def name_of(check):
    return getattr(check, "func", check).__name__


def identify(value):
    return type(value).__name__ if hasattr(value, "fit") else name_of(value)


@pytest.mark.parametrize(
    ("est", "check"),
    [
        pair
        for est in (BATMRegressor(**FAST), BATMClassifier(**FAST))
        for pair in estimator_checks_generator(est)
        if name_of(pair[1]) != ELSEWHERE
    ],
    ids=identify,
)
def test_scikit_learn_contract(est, check):
    if name_of(check) == SHUFFLED:
        # Batches are drawn at random, and a row of weight two is in one of them, not in two.
        with pytest.raises(AssertionError, match="not equivalent"):
            check(est)
    else:
        check(est)


def people(n=160, *, seed=0):
    """A table with numbers, text and gaps, and a target that uses products."""
    g = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "age": g.uniform(20, 60, n),
            "town": g.choice(["north", "south", "west"], n),
            "rooms": g.integers(1, 6, n),
        }
    )
    side = X["town"].map({"north": -1.0, "south": 1.0, "west": 0.5}).to_numpy()
    y = side * (X["age"].to_numpy() - 40) / 10 + X["rooms"].to_numpy()
    X.loc[::10, "age"] = np.nan
    X.loc[1::10, "town"] = None
    return X, y


@pytest.fixture(scope="module")
def judge():
    X, y = people()
    labels = np.where(y > np.median(y), "dear", "cheap")
    groups = {"who": ["age", "rooms"], "where": ["town"]}
    est = BATMClassifier(groups=groups, **FAST, random_state=0)
    return est.fit(X[:120], labels[:120], X[120:140], labels[120:140]), X, labels


@pytest.mark.parametrize("kind", [BATMRegressor, BATMClassifier])
def test_saved_and_loaded_predicts_the_same(kind, judge, tmp_path):
    est, X, _ = judge
    if kind is BATMRegressor:
        X, y = people()
        est = kind(groups="auto", **FAST, random_state=1).fit(X, y)
    est.save(tmp_path / "model.biam")
    read = load(tmp_path / "model.biam")
    assert type(read) is kind and (read.predict(X) == est.predict(X)).all()
    assert read.monomials_.equals(est.monomials_) and read.concepts_.equals(est.concepts_)
    assert read.shape_functions_.equals(est.shape_functions_)
    assert (read.weights_ == est.weights_).all() and read.history_ == est.history_
    assert list(tmp_path.iterdir()) == [tmp_path / "model.biam"]
    assert clone(read).get_params()["n_ranks"] == 4


def test_wrong_labels_weigh_less():
    split = make_additive_regression(900, 4, noise_rate=0.3, noise_loc=3.0, random_state=0)
    est = BATMRegressor(random_state=0, epochs=15, batch_size=128, lower_lr=0.02, hidden=(8,))
    est.fit(split.X_train, split.y_train, split.X_meta, split.y_meta)
    assert est.weights_[split.mask].mean() < 0.5 * est.weights_[~split.mask].mean()
    plain = clone(est).set_params(weighting="equal")
    plain.fit(split.X_train, split.y_train, split.X_meta, split.y_meta)
    assert (plain.weights_ == 1).all()
    assert est.score(split.X_test, split.y_test) > plain.score(split.X_test, split.y_test) + 0.02


def test_meta_rows_that_do_not_train_only_say_when_to_stop():
    X, y = people()
    ends = [
        BATMRegressor(weighting="equal", meta_folds=1, **FAST | options, random_state=0).fit(
            X, y, *meta
        )
        for options in ({"patience": None}, {})
        for meta in ((), (X[:20], y[:20] + 5))
    ]
    assert all((est.weights_ == 1).all() for est in ends)
    never, meant, _, stopped = (est.predict(X) for est in ends)
    assert (never == meant).all() and (never != stopped).any()


def test_groups_become_concepts(judge):
    est, X, _ = judge
    assert est.concept_names_ == ["who", "where"] and est.groups_ == [["age", "rooms"], ["town"]]
    z = est.concept_values(X)
    moved = X.assign(town="north")
    assert z.shape == (160, 2) and (est.concept_values(moved)[:, 0] == z[:, 0]).all()
    assert (est.concept_values(moved)[:, 1] != z[:, 1]).any()


def test_probabilities_of_two_and_three_classes(judge):
    est, X, labels = judge
    proba = est.predict_proba(X)
    np.testing.assert_allclose(proba.sum(1), 1)
    assert (est.classes_[proba.argmax(1)] == est.predict(X)).all()
    three = np.where(X["rooms"] > 3, "many", labels)
    est = BATMClassifier(**FAST, random_state=0).fit(X, three)
    assert est.decision_function(X).shape == (160, 3) and est.score(X, three) > 0.6


def test_targets_may_be_in_any_units():
    X, y = people()
    a, b = (BATMRegressor(**FAST, random_state=0).fit(X, t).predict(X) for t in (y, 100 * y + 7))
    np.testing.assert_allclose(100 * a + 7, b, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"order": 4}, "order"),
        ({"groups": "correlated"}, "groups"),
        ({"groups": [["age"]]}, "leaves out 'town'"),
        ({"encoder": "none"}, "encoder='none'"),
        ({"normalise": "mean"}, "normalise"),
        ({"hidden": "64"}, "hidden"),
        ({"held_out": 0.9}, "held_out"),
        ({"weighting": "some"}, "weighting"),
        ({"standardise_losses": "rows"}, "standardise_losses"),
        ({"meta_folds": 0}, "meta_folds"),
        ({"averaging": 2.0}, "averaging"),
    ],
)
def test_bad_parameters_are_named(options, words):
    X, y = people(60)
    with pytest.raises(InvalidInputError, match=words):
        BATMRegressor(**FAST | options).fit(X, y)


def test_files_of_other_models_are_refused(tmp_path):
    from biam import BIAMRegressor

    X, y = people(60)
    BIAMRegressor(random_state=0, pairs=False).fit(X, y).save(tmp_path / "other.biam")
    with pytest.raises(InvalidInputError, match=r"biam\.load"):
        load(tmp_path / "other.biam")


def test_parameter_count():
    X, y = people()
    est = BATMRegressor(**FAST | {"encoder": "none", "epochs": 1}, groups=[["rooms"]])
    est.fit(X[["rooms"]], y)
    # One concept, one output, order 2, rank 4: 1 + 2*4 + 4*3 + 16 + 64.
    assert est.n_parameters_ == 101


@pytest.mark.parametrize("encoder", ["mlp", "exu"])
def test_checkpointing_changes_no_number(encoder, tmp_path):
    data = make_additive_regression(200, 3, noise_rate=0.3)
    rows = data.X_train, data.y_train, data.X_meta, data.y_meta
    settings = FAST | {"encoder": encoder, "random_state": 0}
    plain, lean = BATMRegressor(**settings), BATMRegressor(**settings, checkpointing=True)
    for est in (plain, lean):
        est.fit(*rows)
    # Rows of this table are one block: the sums are the same ones in the same order.
    np.testing.assert_array_equal(lean.predict(data.X_test), plain.predict(data.X_test))
    np.testing.assert_array_equal(lean.weights_, plain.weights_)
    lean.save(tmp_path / "m")
    again = load(tmp_path / "m")
    assert again.checkpointing and again.model_.checkpointing
    np.testing.assert_array_equal(again.predict(data.X_test), lean.predict(data.X_test))


def test_bfloat16_fits_nearly_as_float32_does():
    data = make_additive_regression(300, 3, noise_rate=0.3)
    rows = data.X_train, data.y_train, data.X_meta, data.y_meta
    settings = FAST | {"epochs": 30, "random_state": 0}
    full = BATMRegressor(**settings).fit(*rows)
    half = BATMRegressor(**settings, precision="bf16").fit(*rows)
    assert half.w_.dtype == full.w_.dtype and not np.array_equal(half.w_, full.w_)
    errors = [np.mean((e.predict(data.X_test) - data.y_test) ** 2) for e in (half, full)]
    assert errors[0] < 1.1 * errors[1] < 0.5 * np.var(data.y_test)
    apart = np.mean((half.predict(data.X_test) - full.predict(data.X_test)) ** 2)
    assert apart < 0.02 * np.var(data.y_test)
    assert np.corrcoef(half.weights_, full.weights_)[0, 1] > 0.98


@pytest.mark.parametrize("options", [{"precision": "half"}, {"checkpointing": "yes"}])
def test_options_that_save_memory_are_checked(options, monkeypatch):
    monkeypatch.setattr("biam.solvers.taylor.Training", lambda *_: pytest.fail("work began"))
    X, y = people()
    with pytest.raises(InvalidInputError, match=next(iter(options))):
        BATMRegressor(**FAST, **options).fit(X, y)
