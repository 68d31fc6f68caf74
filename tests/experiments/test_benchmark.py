"""The benchmark times what it says, and compares along the way."""

import time

import pytest
import torch

from biam.datasets.synthetic import make_additive_regression
from biam.experiments.benchmark import cpu_seconds, max_trajectory_difference, measure
from biam.experiments.double_backward import double_backward

SPLIT = make_additive_regression(200, 3, noise_rate=0.3)


def busy(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_median_of_alternating_repeats():
    calls = []
    waits = iter([0.05, 0.01, 0.03])

    def first():
        calls.append("a")
        busy(next(waits))
        return len(calls)

    seconds, last = cpu_seconds({"a": first, "b": lambda: calls.append("b")}, 3)
    assert calls == ["a", "b"] * 3
    assert seconds["a"] == pytest.approx(0.03, abs=0.008)
    assert last == {"a": 5, "b": None}


def test_metrics_of_both_methods():
    settings = {"epochs": 2, "repeats": 1}
    slow = measure(SPLIT, "regression", 42, {**settings, "loop": "double-backward"})
    fast = measure(SPLIT, "regression", 42, {**settings, "loop": "one-step"})
    assert set(slow) == {"cpu_seconds"}
    assert set(fast) == {"cpu_seconds", "ratio", "max_trajectory_difference"}
    assert fast["ratio"] > 1
    assert fast["max_trajectory_difference"] <= 1e-5


@pytest.mark.parametrize("epoch", [1, 4, 6])
def test_a_deviation_at_a_look_is_seen(epoch):
    trajectory = double_backward(SPLIT, epochs=7)
    shifted = trajectory.parameters[epoch]["beta"] = trajectory.parameters[epoch]["beta"].clone()
    shifted[0, 0, 0] += 1.0
    got = max_trajectory_difference(SPLIT, "regression", 42, trajectory, every=5)
    # Looks are after epochs 5 and 7, positions 4 and 6.
    assert (got > 0.9) == (epoch in (4, 6))
    assert torch.isfinite(shifted).all()
