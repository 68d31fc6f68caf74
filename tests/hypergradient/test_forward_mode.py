"""Forward mode: the number of reverse mode, to rounding, at one sweep per upper parameter."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from biam.exceptions import InvalidInputError
from biam.hypergradient import ForwardMode, Unrolled
from biam.weighting import RowWeights, WeightingNetwork

spectra = st.lists(st.floats(0.2, 5), min_size=1, max_size=5)
few = settings(max_examples=15)


class Counting:
    """A problem that counts Hessian products."""

    def __init__(self, problem):
        self.problem, self.products = problem, 0

    def linearise(self, w, rows):
        here = self.problem.linearise(w, rows)
        product = here.hessian_vector

        def counted(*args, **options):
            self.products += 1
            return product(*args, **options)

        here.hessian_vector = counted
        return here


def network_weights(seed, n_hidden=3):
    g = torch.Generator().manual_seed(seed)
    network = WeightingNetwork(n_hidden)
    theta = torch.randn(3 * n_hidden + 1, generator=g, dtype=torch.float64)
    return network.linearise(theta, torch.rand(12, generator=g, dtype=torch.float64))


@few
@given(
    spectrum=spectra, seed=st.integers(0, 96), n_steps=st.integers(1, 8), share=st.floats(0, 1.9)
)
def test_forward_mode_is_reverse_mode_to_rounding(quadratic, spectrum, seed, n_steps, share):
    learned = network_weights(seed)
    case = quadratic(spectrum, seed, learned.weights, learned=learned)
    lr, lower = share / case.top, case.lower(case.optimum + 1)
    reverse, at = Unrolled(n_steps, lr).gradient(lower, case.upper)
    forward, judged = ForwardMode(n_steps, lr).gradient(lower, case.upper)
    torch.testing.assert_close(forward, reverse, rtol=1e-11, atol=1e-13)
    assert torch.equal(judged.losses, at.losses)
    assert forward.shape == (10,)


def test_a_start_of_its_own_and_fixed_weights(quadratic):
    learned = network_weights(1)
    case = quadratic([0.3, 1.0, 4.0], nu=learned.weights, learned=learned)
    fixed = torch.linspace(0.2, 2, 12, dtype=torch.float64)
    lower, start = case.lower(fixed=fixed), case.optimum - 2
    forward, _ = ForwardMode(6, 0.2, start).gradient(lower, case.upper)
    reverse, _ = Unrolled(6, 0.2, start).gradient(lower, case.upper)
    torch.testing.assert_close(forward, reverse, rtol=1e-11, atol=1e-13)
    assert forward.norm() > 1e-3


@pytest.mark.parametrize("n_steps", [1, 2, 5])
@pytest.mark.parametrize("n_hidden", [1, 4])
def test_products_are_proportional_to_the_upper_parameters(quadratic, n_steps, n_hidden):
    learned = network_weights(0, n_hidden)
    case = quadratic([0.3, 1.0, 4.0], nu=learned.weights, learned=learned)
    counts = []
    for make in (ForwardMode, Unrolled):
        case.problem = Counting(case.problem)
        make(n_steps, 0.2).gradient(case.lower(), case.upper)
        counts.append(case.problem.products)
        case.problem = case.problem.problem
    # The first step starts from a derivative of zero, the last one needs no product backwards.
    assert counts == [(3 * n_hidden + 1) * (n_steps - 1), n_steps - 1]


def test_one_weight_per_row(quadratic):
    nu = torch.linspace(0.3, 1.5, 12, dtype=torch.float64)
    case = quadratic([0.3, 1.0, 4.0], nu=nu, learned=RowWeights(nu))
    forward, _ = ForwardMode(4, 0.2).gradient(case.lower(), case.upper)
    expected = case.unrolled(case.optimum, 4, 0.2)
    torch.testing.assert_close(forward, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("wrong", [{"n_steps": 0}, {"lr": -0.1}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(InvalidInputError, match=next(iter(wrong))):
        ForwardMode(**wrong)
