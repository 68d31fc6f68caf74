"""Errors are errors, costs are ratios: the benchmark of the hypergradient methods."""

import pytest
import torch

from biam.datasets.synthetic import make_additive_regression, make_disc_classification
from biam.exceptions import UnknownNameError
from biam.experiments.hypergradients import RECORDS, at_minimum, make_record, measure
from biam.hypergradient import Implicit, OneStep, Truncated, Unrolled

SPLITS = {
    "regression": make_additive_regression(150, 2, noise_rate=0.3, missing_rate=0.2),
    "classification": make_disc_classification(150, 2, noise_rate=0.3, missing_rate=0.2),
}
SETTINGS = {"l2": 0.05, "repeats": 1}
every_task = pytest.mark.parametrize("task", SPLITS)


@pytest.fixture(scope="module", params=SPLITS)
def case(request):
    return at_minimum(SPLITS[request.param], request.param, 0, SETTINGS["l2"])


def tried(task, record, **options):
    return measure(SPLITS[task], task, 0, {**SETTINGS, "record": record, "options": options})


def test_the_lower_level_is_solved_for_the_weights(case):
    lower = case.lower
    assert lower.here.gradient(lower.weights).abs().max() < 1e-12
    assert lower.weights.std() > 0.01
    # The step is the longest that no direction overshoots.
    v, H = torch.ones_like(lower.w), lower.here.hessian_vector
    for _ in range(200):
        v = H(v / v.norm(), lower.weights)
    assert 1 / case.lr == pytest.approx(v.norm().item(), rel=1e-3)
    assert 0 < case.mu <= 1 / case.lr


def test_the_exact_gradient_is_the_slope_of_minima_solved_again(case):
    # Along theta itself: the weights move, the lower level is solved anew.
    lower, upper = case.lower, case.upper
    directions, values = lower.directions(), []
    along = directions.T @ case.exact / case.exact.norm()
    for sign in (1, -1):
        weights = lower.weights + sign * 1e-4 * along
        w = lower.w
        for _ in range(6):
            here = lower.problem.linearise(w, lower.rows)
            H = torch.stack([here.hessian_vector(e, weights) for e in torch.eye(len(w)).double()])
            w = w - torch.linalg.solve(H, here.gradient(weights))
        values.append(upper.value(upper.judge(w)))
    slope = (values[0] - values[1]) / 2e-4
    assert slope == pytest.approx(case.exact.norm().item(), rel=1e-5)


@every_task
def test_errors_fall_with_the_steps_and_the_dense_solve_has_none(task):
    cg = [tried(task, "Implicit", solve="cg", n_steps=k)["relative_error"] for k in (2, 10, 60)]
    assert cg == sorted(cg, reverse=True)
    assert cg[-1] < 1e-6
    assert tried(task, "Implicit", solve="dense")["relative_error"] < 1e-9
    long, short = (tried(task, "Truncated", n_steps=k)["relative_error"] for k in (500, 5))
    assert long < short


@every_task
def test_what_is_measured(task):
    values = tried(task, "Truncated", n_steps=40)
    assert set(values) == {"relative_error", "cosine", "milliseconds", "ratio"}
    assert -1 <= values["cosine"] <= 1 + 1e-12
    assert values["ratio"] > 3
    assert values["milliseconds"] > 0


def test_records_by_name(case):
    assert make_record("OneStep", {}, case) == OneStep(case.lr)
    assert make_record("Truncated", {"n_steps": 3}, case) == Truncated(3, case.lr)
    assert make_record("Implicit", {"solve": "cg"}, case) == Implicit("cg")
    zero = make_record("Unrolled", {"n_steps": 3, "start": "zero"}, case)
    assert isinstance(zero, Unrolled)
    assert not zero.start.any()
    assert len(RECORDS) == 6
    with pytest.raises(UnknownNameError, match="did you mean 'OneStep'"):
        make_record("OneStepp", {}, case)
