"""Views of the labels: each wins where it is right, and says what it would have cost."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from biam.datasets.synthetic import (
    add_label_noise,
    make_additive_regression,
    make_disc_classification,
)
from biam.solvers.exact.candidates import LEAST_META, Candidates
from biam.solvers.exact.problem import Problem
from biam.solvers.exact.search import TermSearch


def candidates(train, meta=(None, None), *, n_classes=0, weighting="posterior", pairs=False):
    X, y = train
    problem = Problem.make((X, y, np.ones(len(y))), meta, n_classes, 6, None, "cpu")
    search = TermSearch(False, pairs, problem.gaps, 40)
    return Candidates(problem, search, weighting)


def error(found, fit, X, truth):
    """Root mean squared error in units of the truth's deviation."""
    problem = found.problem
    rows = type(problem.rows)(problem.rows.components, X, np.zeros(len(X), bool))
    f = rows.use(fit.rows.groups).outputs(fit.w).numpy() + fit.noise.offset()
    f = f * problem.scale + problem.centre
    return float(np.sqrt(np.mean((f - truth) ** 2)) / truth.std())


def curve(n, seed=0, *, sd=0.1):
    stream = np.random.default_rng(seed)
    X = stream.uniform(-1, 1, size=(n, 3))
    truth = np.sin(3 * X[:, 0]) + X[:, 1] ** 2
    return X, truth + sd * stream.normal(size=n), truth


def spoiled(y, share, seed=1):
    """A share of the labels replaced by draws from far away."""
    stream = np.random.default_rng(seed)
    wrong = stream.uniform(size=len(y)) < share
    return np.where(wrong, stream.normal(4, 2, size=len(y)), y), wrong


def test_wrong_labels_among_right_ones_are_told_apart():
    X, y, _ = curve(600)
    y, wrong = spoiled(y, 0.3)
    meta = curve(40, 2)[:2]
    fresh, _, truth = curve(500, 3)
    found = candidates((X, y), meta)
    name, fit = found.best()
    assert name == "posterior"
    assert set(found.losses) == {"posterior", "equal", "meta-only"}
    assert found.losses["posterior"] == min(found.losses.values())
    assert error(found, fit, fresh, truth) < 0.1
    assert roc_auc_score(~wrong, fit.noise.weights(fit.f)) > 0.95


@pytest.mark.parametrize("n_classes", [0, 2])
def test_labels_that_mislead_leave_the_meta_rows_alone(n_classes):
    X, y, _ = curve(500)
    meta_X, meta_y, _ = curve(150, 2)
    fresh, _, truth = curve(500, 3)
    # Numbers: a curve of another size, and one too many. Classes: all the wrong way round.
    y = 0.5 * y + 0.3 * X[:, 2]
    if n_classes:
        y, meta_y = (curve(500)[1] < 0.3).astype(float), (meta_y > 0.3).astype(float)
    found = candidates((X, y), (meta_X, meta_y), n_classes=n_classes)
    name, fit = found.best()
    assert name == "meta-only"
    assert found.losses["meta-only"] < found.losses["equal"]
    if not n_classes:
        assert found.losses["meta-only"] < 0.2 * found.losses["posterior"]
        assert error(found, fit, fresh, truth) < 0.1


def random_order(y, stream):
    return stream.permutation(y)


def far_away(y, stream):
    return y + stream.normal(5, 3, size=len(y))


@pytest.mark.parametrize("spoil", [random_order, far_away])
def test_wrong_labels_alone_do_little_more_harm_than_none(spoil):
    errors = []
    for seed in range(3):
        X, y, _ = curve(500, seed)
        meta = curve(150, seed + 20)[:2]
        fresh, _, truth = curve(500, seed + 40)
        found = candidates((X, spoil(y, np.random.default_rng(seed))), meta)
        alone = candidates(meta)
        errors.append([error(c, c.best()[1], fresh, truth) for c in (found, alone)])
        assert found.losses["posterior"] < 0.1 * found.losses["equal"]
    with_them, without = np.mean(errors, 0)
    assert with_them < 1.2 * without < 0.12


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_without_meta_rows_outliers_give_themselves_away(share):
    X, y, _ = curve(600)
    y, wrong = spoiled(y, share)
    fresh, _, truth = curve(500, 3)
    found = candidates((X, y))
    name, fit = found.best()
    assert name == "posterior"
    assert found.losses == {}
    assert error(found, fit, fresh, truth) < 0.1
    assert roc_auc_score(~wrong, fit.noise.weights(fit.f)) > 0.95


def test_the_published_outliers_do_no_harm():
    split = add_label_noise(make_additive_regression(random_state=42), "outlier30")
    test = split.X_test, split.y_test
    for meta in ((None, None), (split.X_meta, split.y_meta)):
        found = candidates((split.X_train, split.y_train), meta)
        name, fit = found.best()
        assert name == "posterior"
        assert error(found, fit, *test) * np.std(split.y_test) < 0.1


@pytest.mark.parametrize("n_classes", [0, 2])
def test_clean_labels_are_all_believed_without_meta_rows(n_classes):
    names = []
    for seed in range(4):
        X, y, truth = curve(400, seed)
        if n_classes:
            chance = 1 / (1 + np.exp(-3 * (truth - 0.3)))
            y = (np.random.default_rng(seed).uniform(size=400) < chance).astype(float)
        names.append(candidates((X, y), n_classes=n_classes).best()[0])
    assert names == ["equal"] * 4


def test_flips_have_to_pay_for_themselves():
    split = make_disc_classification(800, 2, noise_rate=0.3)
    noisy = candidates((split.X_train, split.y_train), n_classes=2)
    meta = split.X_meta, split.y_meta
    judged = candidates((split.X_train, split.y_train), meta, n_classes=2)
    for found in (noisy, judged):
        name, fit = found.best()
        assert name == "posterior"
        weights = fit.noise.weights(fit.f).numpy()
        assert roc_auc_score(~split.mask, weights) > 0.8
    clean = make_disc_classification(800, 2)
    meta = clean.X_meta, clean.y_meta
    assert candidates((clean.X_train, clean.y_train), meta, n_classes=2).best()[0] == "equal"


@pytest.mark.parametrize("n_meta", [2, LEAST_META - 1, LEAST_META])
def test_few_meta_rows_never_stand_alone(n_meta):
    X, y, _ = curve(200)
    found = candidates((X, 0.5 * y + 0.3 * X[:, 2]), curve(n_meta, 2)[:2])
    name, _ = found.best()
    assert ("meta-only" in found.losses) == (n_meta >= LEAST_META)
    assert (name == "meta-only") == (n_meta >= LEAST_META)


def test_equal_weights_can_be_asked_for():
    X, y, _ = curve(300)
    y, _ = spoiled(y, 0.3)
    found = candidates((X, y), curve(50, 2)[:2], weighting="equal")
    name, fit = found.best()
    assert (name, found.losses) == ("equal", {})
    assert len(fit.noise.means) == 1


def test_terms_are_looked_for_in_the_winner():
    stream = np.random.default_rng(0)
    X = stream.normal(size=(600, 3))
    y, _ = spoiled(2 * X[:, 0] * X[:, 1] + 0.1 * stream.normal(size=600), 0.2)
    meta_X = stream.normal(size=(60, 3))
    meta = meta_X, 2 * meta_X[:, 0] * meta_X[:, 1]
    _, fit = candidates((X, y), meta, pairs="auto").best()
    assert (0, 1) in {g.key for g in fit.rows.groups if g.kind == "pair"}


def test_losses_of_meta_rows_are_those_of_folds_without_them():
    X, y, _ = curve(200)
    found = candidates((X, y), curve(80, 2)[:2])
    groups = found.problem.rows.groups
    losses = found._cross_validated(groups)
    assert losses.shape == (80,)
    # Each fold was judged by a fit that had not seen it: above the noise, far below the spread.
    unit = found.problem.scale**2
    assert 0.5 * 0.01 < float(losses.mean()) * unit < 10 * 0.01
    assert torch.equal(losses, found._cross_validated(groups))
    alone = candidates((X, y), curve(1, 2)[:2])
    assert alone._cross_validated(alone.problem.rows.groups).tolist() == [float("inf")]
