"""The parametric cross-entropy: derivatives, special cases by their own formulas, invariances."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.func import grad, jacrev
from torch.nn import functional

from biam.autobalance.parametric import (
    STARTS,
    ExpectedError,
    LossFamily,
    ParametricCrossEntropy,
    class_balanced,
    class_temperatures,
    clustered,
    interpolated,
    label_margins,
    logit_adjusted,
    plain,
    weighted,
)
from biam.exceptions import InvalidInputError, UnknownNameError
from biam.losses import SoftmaxCrossEntropy

N, K, G = 30, 4, 2
COUNTS = torch.tensor([400.0, 90.0, 25.0, 4.0], dtype=torch.float64)
near = {"rtol": 1e-9, "atol": 1e-11}
seeds = st.integers(0, 99)


def draw(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def any_loss(seed=0):
    """A loss with all parameters drawn, over two groups."""
    weight, offset, scale, margin = draw(4, G, K, seed=seed)
    return ParametricCrossEntropy(weight.exp(), offset, scale, margin)


def batch(seed=0, n_codes=G * K):
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(0, n_codes, (N,), generator=generator)
    return 3 * draw(N, K, seed=seed + 1), y, draw(N, K, seed=seed + 2)


@pytest.mark.parametrize("loss", [any_loss(), ExpectedError(K)], ids=["parametric", "expected"])
def test_derivatives_are_those_of_the_value(loss):
    f, y, v = batch()

    def row(f, y):
        return loss.value(f[None], y[None])[0]

    slopes = torch.stack([grad(row)(*pair) for pair in zip(f, y, strict=True)])
    torch.testing.assert_close(loss.gradient(f, y), slopes, **near)
    bends = torch.stack([jacrev(grad(row))(*pair) for pair in zip(f, y, strict=True)])
    torch.testing.assert_close(loss.curvature(f, y, v), torch.einsum("nij,nj->ni", bends, v))


def test_value_is_the_stated_sum_over_the_other_classes():
    loss, (f, y, _) = any_loss(3), batch(3)
    for i in range(N):
        g, c = int(y[i]) // K, int(y[i]) % K
        z = loss.scale[g] * f[i] + loss.offset[g]
        others = sum(torch.exp(z[k] - z[c] + loss.margin[g, c]) for k in range(K) if k != c)
        stated = loss.weight[g, c] * torch.log1p(others)
        torch.testing.assert_close(loss.value(f, y)[i], stated, **near)


def test_expected_error_is_the_chance_of_a_wrong_draw():
    f, y, _ = batch(5)
    p = f.softmax(1)
    wrong = torch.stack([p[i].sum() - p[i, y[i] % K] for i in range(N)])
    torch.testing.assert_close(ExpectedError(K).value(f, y), wrong, **near)


def test_special_cases_are_the_published_formulas():
    f, y, _ = batch(7, K)
    share, rows = COUNTS / COUNTS.sum(), torch.arange(N)
    forms = {
        "CE": functional.cross_entropy(f, y, reduction="none"),
        "weighted": functional.cross_entropy(f, y, reduction="none") / (K * share[y]),
        "LA": functional.cross_entropy(f + share.log(), y, reduction="none"),
        "CDT": functional.cross_entropy(f * (COUNTS / 400) ** 0.2, y, reduction="none"),
    }
    moved = f.clone()
    moved[rows, y] -= 0.5 * (4 / COUNTS[y]) ** 0.25
    forms["LDAM"] = functional.cross_entropy(moved, y, reduction="none")
    for name, values in forms.items():
        torch.testing.assert_close(STARTS[name](COUNTS).value(f, y), values, **near)


@given(beta=st.floats(0, 0.99999))
def test_class_balanced_weights_are_of_mean_one_and_between_its_limits(beta):
    weight = class_balanced(COUNTS, beta).weight[0]
    assert (weight @ COUNTS / COUNTS.sum()).item() == pytest.approx(1)
    ratio = (weight[3] / weight[0]).item()
    assert 1 - 1e-9 <= ratio <= 100 + 1e-6


def test_class_balanced_limits():
    torch.testing.assert_close(class_balanced(COUNTS, 0.0).weight, plain(COUNTS).weight)
    torch.testing.assert_close(class_balanced(COUNTS, 1.0).weight, weighted(COUNTS).weight)
    torch.testing.assert_close(
        class_balanced(COUNTS, 1 - 1e-9).weight, weighted(COUNTS).weight, rtol=1e-4, atol=0
    )


@pytest.mark.parametrize("name", STARTS)
def test_even_classes_need_no_design(name):
    """With equal sizes every special case but the margin is the ordinary loss."""
    even, (f, y, _) = torch.full((K,), 7.0, dtype=torch.float64), batch(1, K)
    loss = STARTS[name](even) if name != "LDAM" else label_margins(even, 0.0)
    torch.testing.assert_close(loss.value(f, y), SoftmaxCrossEntropy().value(f, y), **near)


@given(seed=seeds, tau=st.floats(0.1, 3))
def test_logit_adjustment_is_consistent(seed, tau):
    """Its gradient vanishes at the adjusted posterior: f + tau log pi = log P(y | x)."""
    posterior = draw(1, K, seed=seed).softmax(1)
    loss = logit_adjusted(COUNTS, tau)
    f = posterior.log() - loss.offset
    slopes = loss.gradient(f.expand(K, K), torch.arange(K))
    torch.testing.assert_close(posterior @ slopes, torch.zeros(1, K).double(), **near)


def test_a_small_scale_costs_a_rare_class_more_in_the_end():
    """CDT: with the same logits ahead, rows of rare classes keep a larger loss."""
    f = 5 * torch.eye(K, dtype=torch.float64)
    values = class_temperatures(COUNTS, 0.5).value(f, torch.arange(K))
    assert (values.diff() > 0).all()


@given(seed=seeds, shift=st.floats(-5, 5))
def test_offsets_that_move_together_change_nothing(seed, shift):
    family, (f, y, _) = LossFamily(any_loss(seed), ("offset", "weight")), batch(seed)
    theta = family.init()
    moved = theta.clone()
    moved[: G * K] += shift
    losses = [family.loss(t).value(f, y) for t in (theta, moved)]
    torch.testing.assert_close(*losses)
    before, after = (family.recentred(t) for t in (theta, moved))
    torch.testing.assert_close(before, after)
    offsets = family.loss(after).offset
    torch.testing.assert_close(offsets.mean(1), torch.zeros(G).double(), **near)
    ratio = family.loss(after).value(f, y) / losses[0]
    torch.testing.assert_close(ratio, ratio[:1].expand(N))


@pytest.mark.parametrize("squash", [True, False])
@pytest.mark.parametrize("learn", [("offset",), ("scale", "margin"), ("weight", "offset", "scale")])
def test_a_family_begins_at_its_start(learn, squash):
    start, (f, y, _) = any_loss(), batch()
    start = ParametricCrossEntropy(
        start.weight, start.offset, start.scale.sigmoid(), start.margin.abs()
    )
    family = LossFamily(start, learn, squash)
    assert family.init().shape == (len(learn) * G * K,)
    torch.testing.assert_close(family.loss(family.init()).value(f, y), start.value(f, y))


def test_the_sigmoid_reads_a_scale_of_one_as_nearly_one():
    squashed, bare = (LossFamily(plain(COUNTS), ("scale",), s) for s in (True, False))
    torch.testing.assert_close(
        squashed.loss(squashed.init()).scale, torch.full((1, K), 0.999).double()
    )
    assert torch.equal(bare.loss(bare.init()).scale, torch.ones(1, K).double())


@pytest.mark.parametrize("squash", [True, False])
@pytest.mark.parametrize("spread", [None, clustered(COUNTS.expand(2, 4), 3)])
def test_pull_is_the_difference_of_directional_slopes(squash, spread):
    family = LossFamily(any_loss(2), ("weight", "offset", "scale", "margin"), squash, spread)
    f, y, df = batch(2)
    theta, row = draw(4 * family.n_free, seed=4), draw(N, seed=5).abs()
    found = family.pull(theta, f, y, df, row)

    def risk(theta, step):
        return (row * family.loss(theta).value(f + step * df, y)).mean()

    eps = 1e-4
    for j in range(len(theta)):
        step = eps * torch.eye(len(theta), dtype=torch.float64)[j]
        corners = [risk(theta + a * step, b * eps) for a, b in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
        slope = (corners[0] - corners[1] - corners[2] + corners[3]) / (4 * eps**2)
        torch.testing.assert_close(found[j], slope, rtol=1e-4, atol=1e-6)


@given(size=st.integers(1, 9), n=st.integers(2, 12))
def test_spreads_are_averages_in_order_of_size(size, n):
    counts = torch.arange(1, n + 1).double()
    steps, lines = clustered(counts, size), interpolated(counts, size)
    assert steps.shape == lines.shape == (n, -(-n // size))
    for spread in (steps, lines):
        torch.testing.assert_close(spread.sum(1), torch.ones(n).double())
        assert (spread >= 0).all()
    free = torch.arange(steps.shape[1]).double()
    # The rarest class comes first in counts and last in the order.
    assert ((lines @ free).diff() <= 1e-12).all()
    assert (steps @ free)[-1] == 0


def test_single_clusters_are_no_clusters():
    counts = torch.tensor([[5.0, 9.0], [2.0, 7.0]])
    order = counts.reshape(-1).argsort(descending=True)
    torch.testing.assert_close(clustered(counts, 1)[order], torch.eye(4))
    torch.testing.assert_close(interpolated(counts, 1)[order], torch.eye(4))


def test_wrong_settings_are_said():
    with pytest.raises(UnknownNameError, match="offset"):
        LossFamily(plain(COUNTS), ("ofset",))
    with pytest.raises(InvalidInputError, match="once"):
        LossFamily(plain(COUNTS), ("offset", "offset"))
    with pytest.raises(InvalidInputError, match="4 rows"):
        LossFamily(plain(COUNTS), spread=torch.ones(3, 2))
    with pytest.raises(InvalidInputError, match="above zero"):
        plain(torch.tensor([3, 0]))
    one = torch.ones(1, 3)
    with pytest.raises(InvalidInputError, match="one shape"):
        ParametricCrossEntropy(one, one, torch.ones(1, 2), one)
