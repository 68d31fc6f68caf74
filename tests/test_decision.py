"""Rules for classes: the best on average, by brute force and by closed form."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, f1_score

from biam import BIAMClassifier, load
from biam.decision import OBJECTIVES, decide, decision_rule, shifted_weights
from biam.exceptions import UnknownNameError

SEEDS = st.integers(0, 2**31)


def table(seed, n=40, k=3, rare=False):
    """Probabilities of rows, sharp and blunt ones; the last class is rare if asked for."""
    stream = np.random.default_rng(seed)
    proba = stream.dirichlet(np.full(k, stream.choice([0.3, 1.0, 3.0])), n)
    proba *= np.r_[np.ones(k - 1), 0.2 if rare else 1.0]
    return proba / proba.sum(1, keepdims=True)


def expected_f1(proba, said, weight=None):
    """Macro-F1 of expected counts: 2 TP / (said + there), class by class."""
    weight = np.ones(len(proba)) if weight is None else weight
    scores = []
    for c in range(proba.shape[1]):
        hit = (weight * proba[:, c])[said == c].sum()
        scores.append(2 * hit / (weight[said == c].sum() + weight @ proba[:, c]))
    return np.mean(scores)


def told(proba, objective, weight=None):
    return decide(proba, decision_rule(proba, objective, weight))


def test_no_assignment_of_two_classes_has_more_expected_f1_than_the_best_threshold():
    for seed in range(20):
        proba = table(seed, 8, 2)
        every = (np.array(said) for said in itertools.product(range(2), repeat=8))
        best = max(expected_f1(proba, said) for said in every)
        assert best == pytest.approx(best_threshold(proba), abs=1e-12)


def best_threshold(proba, weight=None):
    cuts = np.r_[-1, np.sort(proba[:, 1])]
    return max(expected_f1(proba, (proba[:, 1] > cut).astype(int), weight) for cut in cuts)


@pytest.mark.parametrize("rare", [False, True])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_two_classes_have_the_best_of_all_thresholds(rare, weighted):
    for seed in range(25):
        proba = table(seed, 60, 2, rare)
        weight = np.random.default_rng(seed).exponential(size=60) if weighted else None
        found = expected_f1(proba, told(proba, "f1_macro", weight), weight)
        assert found == pytest.approx(best_threshold(proba, weight), abs=1e-12)


@pytest.mark.parametrize("rare", [False, True])
def test_no_assignment_of_three_classes_is_better(rare):
    for seed in range(12):
        proba = table(seed, 6, 3, rare)
        every = (np.array(said) for said in itertools.product(range(3), repeat=6))
        best = max(expected_f1(proba, said) for said in every)
        assert expected_f1(proba, told(proba, "f1_macro")) == pytest.approx(best, abs=1e-12)


@settings(max_examples=25)
@given(seed=SEEDS, k=st.integers(2, 4), rare=st.booleans())
def test_macro_f1_is_never_below_that_of_the_simpler_rules(seed, k, rare):
    proba = table(seed, 40, k, rare)
    found = expected_f1(proba, told(proba, "f1_macro"))
    for simple in ("accuracy", "balanced_accuracy"):
        assert found >= expected_f1(proba, told(proba, simple)) - 1e-12


@pytest.mark.parametrize("k", [2, 3])
def test_no_assignment_has_more_expected_balanced_accuracy(k):
    for seed in range(10):
        proba = table(seed, 6, k, rare=True)

        def recall(said, proba=proba):
            return np.mean([proba[said == c, c].sum() / proba[:, c].sum() for c in range(k)])

        every = (np.array(said) for said in itertools.product(range(k), repeat=6))
        best = max(recall(said) for said in every)
        assert recall(told(proba, "balanced_accuracy")) == pytest.approx(best, abs=1e-12)


@given(seed=SEEDS, k=st.integers(2, 5))
def test_balanced_accuracy_divides_by_the_prevalence(seed, k):
    proba = table(seed, k=k)
    weight = np.random.default_rng(seed).exponential(size=40)
    share = weight @ proba / weight.sum()
    expected = (proba / share).argmax(1)
    assert np.array_equal(told(proba, "balanced_accuracy", weight), expected)
    assert decision_rule(proba, "balanced_accuracy", weight)[0] == pytest.approx(1 / share)


@pytest.mark.parametrize("objective", ["log_loss", "accuracy"])
@given(seed=SEEDS, k=st.integers(2, 5))
def test_accuracy_says_the_most_likely_class(objective, seed, k):
    proba = table(seed, k=k)
    rule = decision_rule(proba, objective)
    assert rule.tolist() == [[1] * k, [0] * k]
    assert np.array_equal(decide(proba, rule), proba.argmax(1))


@pytest.mark.parametrize("objective", OBJECTIVES)
@settings(max_examples=15)
@given(seed=SEEDS)
def test_the_order_of_rows_and_of_classes_says_nothing(objective, seed):
    proba = table(seed, rare=True)
    stream = np.random.default_rng(seed)
    weight, rows, classes = stream.exponential(size=40), stream.permutation(40), [2, 0, 1]
    said = told(proba, objective, weight)
    assert np.array_equal(told(proba[rows], objective, weight[rows]), said[rows])
    turned = told(proba[:, classes], objective, weight)
    if objective != "f1_macro":
        assert np.array_equal(np.array(classes)[turned], said)
    # A search from class to class may end at another rule where the classes come in other order.
    before, after = (
        expected_f1(p, s, weight) for p, s in ((proba, said), (proba[:, classes], turned))
    )
    assert after == pytest.approx(before, abs=0.02)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_whole_weights_are_repeated_rows(objective):
    proba = table(3, rare=True)
    times = np.random.default_rng(0).integers(1, 4, 40)
    rule = decision_rule(proba, objective, times.astype(float))
    repeated = decision_rule(np.repeat(proba, times, 0), objective)
    np.testing.assert_allclose(rule, repeated, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(decision_rule(proba, objective, 7.0 * times), rule, rtol=1e-9)


def test_a_class_that_is_never_likely_does_not_break_the_rule():
    proba = np.column_stack([table(0, 40, 2), np.zeros(40)])
    for objective in OBJECTIVES:
        rule = decision_rule(proba, objective)
        assert np.isfinite(rule).all()
        assert 2 not in decide(proba, rule)


def test_unknown_objectives_are_refused():
    with pytest.raises(
        UnknownNameError, match="unknown objective 'f1_micro': did you mean 'f1_macro'"
    ):
        decision_rule(table(0), "f1_micro")


# Shifted classes


@given(seed=SEEDS, k=st.integers(2, 4))
def test_rows_of_known_class_get_the_shares_of_the_meta_rows(seed, k):
    stream = np.random.default_rng(seed)
    of = np.r_[np.arange(k), stream.integers(0, k, 50)]
    proba, meta = np.eye(k)[of], table(seed, 30, k)
    weight = shifted_weights(proba, meta)
    np.testing.assert_allclose(np.average(proba, 0, weight), meta.mean(0), rtol=1e-9)
    assert weight.mean() == pytest.approx(1)


@given(seed=SEEDS, k=st.integers(2, 4))
def test_the_same_shares_leave_all_rows_alike(seed, k):
    proba = table(seed, 40, k)
    rows = np.random.default_rng(seed).permutation(40)
    np.testing.assert_allclose(shifted_weights(proba, proba[rows]), 1, rtol=1e-9)


@pytest.mark.parametrize("meta_share", [0.2, 0.5, 0.8])
def test_shifted_rows_count_as_meta_rows_would(meta_share):
    # One feature of two normal classes; training rows hold them half and half, meta rows do not.
    stream = np.random.default_rng(0)
    shares = []
    for share, n in ((0.5, 60_000), (meta_share, 60_000)):
        x = stream.normal(size=n) + 1.5 * (stream.uniform(size=n) < share)
        odds = meta_share / (1 - meta_share) * np.exp(1.5 * x - 1.5**2 / 2)
        shares.append(np.column_stack([1 / (1 + odds), odds / (1 + odds)]))
    train, meta = shares
    assert meta.mean(0)[1] == pytest.approx(meta_share, abs=0.01)
    told = np.average(train, 0, shifted_weights(train, meta))
    np.testing.assert_allclose(told, meta.mean(0), atol=0.02)


# In the classifier


def rare_classes(n=900, seed=0):
    """Two classes, one of them rare and never likely."""
    stream = np.random.default_rng(seed)
    X = stream.normal(size=(n, 2))
    chance = 1 / (1 + np.exp(2.2 - 1.2 * X[:, 0] - np.sin(2 * X[:, 1])))
    return X, np.where(stream.uniform(size=n) < chance, "rare", "common")


@pytest.fixture(scope="module", name="fitted")
def fitted_fixture():
    X, y = rare_classes()
    options = {"random_state": 0, "n_knots": 5, "pairs": False}
    return {
        objective: BIAMClassifier(objective=objective, **options).fit(X[:600], y[:600])
        for objective in ("auto", *OBJECTIVES)
    }


def test_the_objective_changes_the_classes_and_not_the_probabilities(fitted):
    X, _ = rare_classes()
    proba = fitted["auto"].predict_proba(X)
    for objective, est in fitted.items():
        assert np.array_equal(est.predict_proba(X), proba)
        assert est.decision_rule_.shape == (2, 2)
        assert np.array_equal(est.predict(X), est.classes_[decide(proba, est.decision_rule_)])
        rule = decision_rule(proba[:600], "log_loss" if objective == "auto" else objective)
        np.testing.assert_allclose(est.decision_rule_, rule, rtol=1e-9)
    assert np.array_equal(fitted["auto"].predict(X), fitted["accuracy"].predict(X))


def test_each_objective_is_best_at_its_own_score_on_fresh_rows(fitted):
    X, y = rare_classes(6000, 1)
    said = {objective: est.predict(X) for objective, est in fitted.items()}
    scores = {
        "accuracy": {name: np.mean(y == part) for name, part in said.items()},
        "balanced_accuracy": {n: balanced_accuracy_score(y, part) for n, part in said.items()},
        "f1_macro": {n: f1_score(y, part, average="macro") for n, part in said.items()},
    }
    for objective, by_rule in scores.items():
        assert by_rule[objective] > max(by_rule.values()) - 0.01
    for objective in ("balanced_accuracy", "f1_macro"):
        assert scores[objective][objective] > scores[objective]["accuracy"] + 0.05


def test_the_rule_survives_saving(fitted, tmp_path):
    X, _ = rare_classes()
    for objective, est in fitted.items():
        est.save(tmp_path / "est")
        back = load(tmp_path / "est")
        assert np.array_equal(back.decision_rule_, est.decision_rule_)
        assert np.array_equal(back.predict(X), est.predict(X))
        assert back.objective == objective


def test_meta_rows_lend_their_class_shares():
    X, y = rare_classes(1200)
    # Meta rows with as many rare rows as common ones.
    order = np.argsort(y == "common", kind="stable")
    meta = np.r_[order[:80], order[-80:]]
    train = np.setdiff1d(np.arange(1200), meta)
    options = {"random_state": 0, "n_knots": 5, "pairs": False, "objective": "f1_macro"}
    est = BIAMClassifier(**options).fit(X[train], y[train], X[meta], y[meta])
    proba, of_meta = est.predict_proba(X[train]), est.predict_proba(X[meta])
    rule = decision_rule(proba, "f1_macro", shifted_weights(proba, of_meta))
    np.testing.assert_allclose(est.decision_rule_, rule, rtol=1e-9)
    assert not np.allclose(rule, decision_rule(proba, "f1_macro"))


@pytest.mark.parametrize("objective", ["balanced_accuracy", "f1_macro"])
def test_rows_of_no_weight_have_no_say_in_the_rule(objective):
    X, y = rare_classes(600)
    weight = (np.arange(600) < 400).astype(float)
    X[400:] += 1.5
    options = {"random_state": 0, "n_knots": 5, "pairs": False, "objective": objective}
    weighted = BIAMClassifier(**options).fit(X, y, sample_weight=weight)
    without = BIAMClassifier(**options).fit(X[:400], y[:400])
    np.testing.assert_allclose(weighted.decision_rule_, without.decision_rule_, rtol=1e-3)
    assert np.mean(weighted.predict(X[:400]) == without.predict(X[:400])) > 0.995


def test_three_classes_have_a_rule_too():
    stream = np.random.default_rng(0)
    X = stream.normal(size=(300, 2))
    y = np.digitize(X[:, 0] + 0.7 * stream.normal(size=300), [-0.5, 1.5])
    options = {"random_state": 0, "n_knots": 4, "epochs": 5}
    est = BIAMClassifier(objective="f1_macro", **options).fit(X, y)
    plain = BIAMClassifier(**options).fit(X, y)
    proba = est.predict_proba(X)
    assert est.decision_rule_.shape == (2, 3)
    assert np.array_equal(est.predict(X), decide(proba, est.decision_rule_))
    assert np.array_equal(plain.predict(X), proba.argmax(1))
