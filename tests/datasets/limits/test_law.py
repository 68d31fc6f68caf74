"""Quadrature against closed forms: moments, tilted laws, averages of the sigmoid."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import norm

from biam.datasets.limits.law import Law, merged, normal_law, sigmoid_mean, uniform_law


@given(st.floats(-5, 5), st.floats(0.1, 5), st.integers(0, 9))
def test_uniform_law_is_exact_for_polynomials(low, width, degree):
    law = uniform_law(low, low + width)
    exact = ((low + width) ** (degree + 1) - low ** (degree + 1)) / ((degree + 1) * width)
    mean, _ = law.moments(law.nodes**degree)
    assert mean == pytest.approx(exact, rel=1e-9, abs=1e-9)


@given(st.floats(-0.5, 0.5), st.floats(-4, 4))
def test_normal_law_has_the_characteristic_function(kink, a):
    law = normal_law(kink)
    mean, variance = law.moments(np.cos(a * law.nodes))
    square = (1 + np.exp(-2 * a**2)) / 2
    assert mean == pytest.approx(np.exp(-(a**2) / 2), abs=1e-7)
    assert variance == pytest.approx(square - np.exp(-(a**2)), abs=1e-7)


@pytest.mark.parametrize("kink", [0.0, 0.13])
def test_tilted_normal_is_that_of_adaptive_integration(kink):
    def chance(x):
        return expit(np.abs(x - kink) / 0.9)

    law = normal_law(kink)
    tilted = law.given(chance(law.nodes))
    parts = ((-8, kink), (kink, 8))
    total = sum(quad(lambda x: chance(x) * norm.pdf(x), *part)[0] for part in parts)
    second = sum(quad(lambda x: x**2 * chance(x) * norm.pdf(x), *part)[0] for part in parts)
    assert tilted.weights.sum() == pytest.approx(1, abs=1e-12)
    assert tilted.moments(law.nodes**2)[0] == pytest.approx(second / total, abs=1e-9)


def test_tilted_uniform_has_the_textbook_mean():
    law = uniform_law(0, 1)
    mean, variance = law.given(law.nodes).moments(law.nodes)
    assert (mean, variance) == (pytest.approx(2 / 3), pytest.approx(1 / 18))


def test_merging_keeps_mass_and_mean_and_nearly_the_rest():
    law = normal_law()
    values, weights = np.outer(law.nodes, law.nodes), np.outer(law.weights, law.weights)
    small = merged(values, weights, 0.05)
    assert len(small.nodes) < values.size / 3
    assert small.weights.sum() == pytest.approx(1)
    mean, variance = small.moments(small.nodes)
    assert mean == pytest.approx(0, abs=1e-9)
    assert variance == pytest.approx(1, abs=1e-3)


def brute(laws, row):
    """Average over all combinations of nodes, as the definition says."""
    total, weight = np.zeros(1), np.ones(1)
    for law in laws:
        nodes = np.broadcast_to(law.nodes, (len(law.weights), 3))[:, row]
        total = np.add.outer(total, nodes).ravel()
        weight = np.multiply.outer(weight, law.weights).ravel()
    return weight @ expit(total)


@pytest.mark.parametrize("kinds", ["o", "of", "ofs", "offs", "ss", "fff"])
def test_sigmoid_mean_is_the_average_over_all_nodes(kinds):
    generator = np.random.default_rng(len(kinds))
    shapes = {"o": (1, 3), "f": (5, 3), "s": (4, 1)}
    laws = []
    for kind in kinds:
        nodes = 2 * generator.normal(size=shapes[kind])
        weights = generator.uniform(size=len(nodes))
        laws.append(Law(nodes, weights / weights.sum()))
    expected = [brute(laws, row) for row in range(3)]
    n = 3 if set(kinds) != {"s"} else 1
    assert sigmoid_mean(laws) == pytest.approx(expected[:n], abs=1e-5)


def test_sigmoid_mean_of_an_even_law_is_one_half():
    law = normal_law()
    assert sigmoid_mean([Law(law.nodes[:, None], law.weights)]) == pytest.approx([0.5], abs=1e-6)


def test_sigmoid_mean_does_not_depend_on_the_blocks(monkeypatch):
    generator = np.random.default_rng(0)
    laws = [Law(generator.normal(size=(6, 50)), np.full(6, 1 / 6)) for _ in range(2)]
    whole = sigmoid_mean(laws)
    monkeypatch.setattr("biam.datasets.limits.law._CHUNK", 36 * 7)
    assert sigmoid_mean(laws) == pytest.approx(whole, abs=1e-14)
