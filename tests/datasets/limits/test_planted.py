"""Planted pairs: the restated truth is the maker's, and its risks are confirmed by its draws."""

import numpy as np
import pytest
from scipy.special import expit

from biam.datasets.limits.planted import planted_process
from biam.datasets.synthetic import make_planted_pairs

N = 20_000
CASES = [
    (task, mechanism)
    for task in ("regression", "binary")
    for mechanism in (None, "mcar", "mar", "mnar")
]


def rows_with_gaps(process, gaps):
    X = np.zeros((1, 10))
    X[:, list(gaps)] = np.nan
    return X


@pytest.mark.parametrize("seed", [42, 7])
@pytest.mark.parametrize("pairs", [True, False])
def test_truth_is_that_of_the_maker(seed, pairs):
    process = planted_process(pairs=pairs, random_state=seed)
    split = process.split
    for X, y in ((split.X_train, split.y_train), (split.X_test, split.y_test)):
        mean, variance = process.posterior(X)
        # Errors of the maker have deviation 0.1 in raw units, and nothing is left beside them.
        errors = (y - mean) * process.y_scale
        assert errors.std() == pytest.approx(0.1, rel=0.15)
        assert np.abs(errors).max() < 0.45
        assert variance * process.y_scale**2 == pytest.approx(np.full(len(X), 0.01))


def test_constants_standardise_the_training_rows():
    process = planted_process("binary", random_state=7)
    raw = process.split.X_train * process.x_scale + process.x_centre
    assert raw.mean(0) == pytest.approx(process.x_centre, abs=1e-5)
    # All 1,200 rows together are draws of the standard normal.
    assert np.abs(process.x_centre).max() < 4 / np.sqrt(840)
    assert process.x_scale == pytest.approx(np.ones(10), abs=0.1)


def test_class_chances_are_those_of_the_maker():
    # Over many seeds the labels of complete test rows follow the chances.
    gaps = []
    for seed in range(12):
        process = planted_process("binary", random_state=seed)
        p, _ = process.posterior(process.split.X_test)
        y = process.split.y_test
        gaps.append([(y - p).sum(), ((y - p) * p).sum(), (p * (1 - p)).sum()])
    total = np.sum(gaps, axis=0)
    assert abs(total[0]) < 4 * np.sqrt(total[2])
    assert abs(total[1]) < 4 * np.sqrt(total[2])


def test_complete_rows_have_the_sigmoid_of_the_logit():
    process = planted_process("binary")
    x = process.split.X_test * process.x_scale + process.x_centre
    assert process.posterior(process.split.X_test)[0] == pytest.approx(
        expit(process.signal(x)), abs=1e-5
    )


def test_a_missing_linear_effect_costs_its_variance():
    process = planted_process(mechanism="mcar")
    _, variance = process.posterior(rows_with_gaps(process, [3]))
    assert variance[0] * process.y_scale**2 == pytest.approx(1.44 + 0.01, abs=1e-6)


def test_a_missing_square_and_a_missing_product_cost_their_variance():
    process = planted_process(mechanism="mcar")
    scale = process.y_scale**2
    _, square = process.posterior(rows_with_gaps(process, [1]))
    assert square[0] * scale == pytest.approx(2.01, abs=1e-6)
    _, product = process.posterior(rows_with_gaps(process, [4, 5]))
    assert product[0] * scale == pytest.approx(4.01, abs=2e-2)
    X = rows_with_gaps(process, [4])
    X[0, 5] = (1.5 - process.x_centre[5]) / process.x_scale[5]
    _, half = process.posterior(X)
    assert half[0] * scale == pytest.approx(4 * 1.5**2 + 0.01, abs=1e-6)


def test_a_missing_sine_has_the_closed_form():
    process = planted_process(mechanism="mcar")
    X, a = rows_with_gaps(process, [6]), 2.0
    X[0, 7] = (a - process.x_centre[7]) / process.x_scale[7]
    _, variance = process.posterior(X)
    exact = 1.5**2 * (1 - np.exp(-2 * a**2)) / 2
    assert variance[0] * process.y_scale**2 == pytest.approx(exact + 0.01, abs=1e-6)


@pytest.mark.parametrize("seed", [42, 3407])
def test_mnar_values_that_are_missing_are_larger(seed):
    process = planted_process(mechanism="mnar", random_state=seed)
    generator = np.random.default_rng(1)
    x = generator.normal(size=(400_000, 1))
    z = (x - process.x_centre[1]) / process.x_scale[1]
    missing = x[generator.uniform(size=x.shape) < 0.4 * expit(np.abs(z))]
    law = process.missing[1]
    mean, variance = law.moments(law.nodes**2)
    assert mean == pytest.approx((missing**2).mean(), abs=4 * np.sqrt(variance / len(missing)))
    assert mean > 1.1


@pytest.mark.parametrize(("task", "mechanism"), CASES)
def test_risk_is_what_fresh_rows_confirm(task, mechanism):
    process = planted_process(task, corrupt=True, mechanism=mechanism)
    n = N if task == "regression" else 1500
    X, y = process.draw(n, np.random.default_rng(5))
    mean, variance = process.posterior(X)
    surplus = (y - mean) ** 2 - variance
    assert abs(surplus.mean()) < 4 * surplus.std() / np.sqrt(n)
    gaps, seen = np.isnan(X), np.nan_to_num(X)
    known = np.hstack([gaps, seen, seen[:, 4:5] * seen[:, 5:6], seen[:, 6:7] * seen[:, 7:8]])
    scores = (y - mean)[:, None] * (known - known.mean(0))
    spread = np.maximum(scores.std(0), 1e-12)
    assert (np.abs(scores.mean(0)) < 4.5 * spread / np.sqrt(n)).all()


@pytest.mark.parametrize("mechanism", ["mcar", "mar", "mnar"])
def test_fresh_rows_have_the_gaps_of_the_maker(mechanism):
    process = planted_process(mechanism=mechanism)
    X, _ = process.draw(N, np.random.default_rng(0))
    made = np.vstack(
        [make_planted_pairs(mechanism=mechanism, random_state=s).X_train for s in range(12)]
    )
    rates = np.isnan(X).mean(0), np.isnan(made).mean(0)
    assert np.abs(rates[0] - rates[1]).max() < 0.025
    assert rates[0][0] == 0
    squares = np.nanmean(X**2, 0), np.nanmean(made**2, 0)
    assert np.abs(squares[0] - squares[1]).max() < 0.2
