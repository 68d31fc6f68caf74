"""The Taylor polynomial in Tucker form: counts, the dense tensor, derivatives, start, dropping."""

from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from biam.exceptions import InvalidInputError
from biam.penalties import group_lasso_prox
from biam.taylor import TaylorHead, TaylorModel

GROUPS = ((0, 1, 2), (3,), (4, 1))


def normal(shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def head_and_parts(C=4, d=2, order=3, r=3, seed=0):
    head = TaylorHead(C, d, order, r)
    return head, {name: normal(s, seed + i) for i, (name, s) in enumerate(head.shapes.items())}


def model_and_w(**options):
    model = TaylorModel(GROUPS, 2, hidden=(5, 4), generator=torch.Generator(), **options)
    w = model.w.detach().double()
    return model, w + 0.3 * normal(w.shape, 3)


def test_published_count():
    # 9 concepts, 2 outputs, order 2, rank 8: the count that the authors print, and the bias.
    assert TaylorHead(9, 2, 2, 8).n_parameters == 824 + 2


@given(C=st.integers(1, 5), d=st.integers(1, 3), order=st.integers(1, 3), r=st.integers(1, 4))
def test_count_is_the_formula(C, d, order, r):
    count = d + order * d * r + C * r * order * (order + 1) // 2
    count += sum(r ** (k + 1) for k in range(1, order + 1))
    assert TaylorHead(C, d, order, r).n_parameters == count


@settings(deadline=None)
@given(C=st.integers(1, 4), d=st.integers(1, 2), order=st.integers(1, 3), r=st.integers(1, 3))
def test_dense_tensors_give_the_factored_output(C, d, order, r):
    head, parts = head_and_parts(C, d, order, r)
    z = normal((5, C), 9)
    f = parts["bias"].expand(5, -1)
    for tensor in head.dense(parts):
        term = tensor.expand(5, *tensor.shape)
        while term.ndim > 2:
            term = (term * z.view(5, *[1] * (term.ndim - 2), C)).sum(-1)
        f = f + term
    torch.testing.assert_close(head.trace(parts, z).f, f)


def test_monomials_are_the_polynomial_without_repetitions():
    head, parts = head_and_parts()
    z, merged = normal((7, 4), 9), head.monomials(parts)
    assert len(merged) == 1 + 4 + 10 + 20
    f = sum(c * z[:, list(which)].prod(1, keepdim=True) for which, c in merged.items())
    torch.testing.assert_close(f, head.trace(parts, z).f)


@pytest.mark.parametrize("encoder", ["mlp", "exu"])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_gradcheck(encoder, order):
    model, w = model_and_w(encoder=encoder, order=order, n_ranks=2)
    X = normal((4, 5), 5)
    assert torch.autograd.gradcheck(lambda w: model.trace(w, X).f, w.requires_grad_())
    slope, pull, v = normal((4, 2), 6), normal((4, 3), 7), normal(w.shape, 8)
    trace = model.trace(w, X)
    (expected,) = torch.autograd.grad((trace.f * slope).sum() + (trace.z * pull).sum(), w)
    with torch.no_grad():
        here = model.trace(w, X)
        torch.testing.assert_close(here.vjp(slope, pull), expected)
        torch.testing.assert_close((here.jvp(v) * slope).sum(), here.vjp(slope) @ v)


def test_taylor_start_is_a_linear_model():
    head = TaylorHead(5, 2, 3, 4)
    parts = head.initial(torch.Generator().manual_seed(0))
    dense = head.dense(parts)
    assert dense[0].abs().min() > 0 and not dense[1].any() and not dense[2].any()
    z = normal((3, 5)).float()
    torch.testing.assert_close(head.trace(parts, z).f, z @ dense[0].T)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_products_start_with_variance_one(k):
    # Over draws of the factors and of z: E prod_j (I_j z)_a^2 = 1, the reason for the spread.
    head, C = TaylorHead(6, 1, 3, 2000), 6
    stream = torch.Generator().manual_seed(1)
    spread = head.n_concepts, head.order
    assert spread == (6, 3)
    shape = (head.order * (head.order + 1) // 2, head.n_ranks, C)
    small = TaylorHead(C, 1, 3, 8)
    inputs = torch.cat([small.initial(stream)["inputs"] for _ in range(250)], 1)
    assert inputs.shape == shape
    z = torch.randn((500, C), generator=stream)
    factors = torch.einsum("nc,jrc->njr", z, inputs[head.factors(k)])
    assert factors.prod(1).square().mean().item() == pytest.approx(1, rel=0.15)


def test_published_start_takes_the_rank_axis():
    own = TaylorHead(6, 1, 3, 8).initial(torch.Generator().manual_seed(0))["inputs"]
    slip = TaylorHead(6, 1, 3, 8).initial(torch.Generator().manual_seed(0), published=True)
    ratio = (slip["inputs"] / own)[:, 0, 0]
    expected = [(6 / 8) ** 0.5] + [(48 / 80) ** 0.25] * 2
    third = (8 * 10 * 12) ** -0.125 / (6 * 8 * 10) ** (-1 / 6)
    torch.testing.assert_close(ratio, torch.tensor(expected + [third] * 3))


def test_shrinking_is_the_group_lasso_of_whole_concepts():
    model, w = model_and_w(order=2, n_ranks=2)
    before = model.layout.split(w)["inputs"].clone()
    after = model.layout.split(model.shrink(w, 0.1))["inputs"]
    for c in range(3):
        torch.testing.assert_close(after[..., c], group_lasso_prox(before[..., c], 0.1))
    assert torch.equal(model.layout.split(w)["inputs"], before)


def test_a_concept_at_zero_is_out_of_the_polynomial():
    model, w = model_and_w(order=3, n_ranks=2)
    norms = model.layout.split(w)["inputs"].norm(dim=(0, 1))
    weakest = int(norms.argmin())
    step = float(norms.sort().values[:2].mean()) / (6 * 2) ** 0.5
    shrunk = model.shrink(w, step)
    X = normal((6, 5), 4)
    moved = X.clone()
    own = [
        j for j in GROUPS[weakest] if all(j not in g for i, g in enumerate(GROUPS) if i != weakest)
    ]
    moved[:, own] += 2.0
    assert own and torch.equal(model.trace(shrunk, X).f, model.trace(shrunk, moved).f)
    assert not torch.allclose(model.trace(w, X).f, model.trace(w, moved).f)
    merged = model.head.monomials(model.layout.split(shrunk))
    assert all(not c.any() for which, c in merged.items() if weakest in which)


def test_order_of_concepts_does_not_matter():
    head, parts = head_and_parts()
    z, turn = normal((5, 4), 2), torch.tensor([2, 0, 3, 1])
    turned = parts | {"inputs": parts["inputs"][:, :, turn]}
    torch.testing.assert_close(head.trace(turned, z[:, turn]).f, head.trace(parts, z).f)


def test_module_and_functional_form_agree():
    model, w = model_and_w()
    X = normal((5, 5), 1)
    model.double().w.data.copy_(w)
    assert torch.equal(model(X), model.trace(w, X).f)
    assert model.n_parameters < len(w) and model.layout.size == len(w)


@pytest.mark.parametrize("bad", [{"order": 0}, {"order": 4}, {"n_ranks": 0}, {"n_concepts": 0}])
def test_sizes_that_cannot_be_are_refused(bad):
    with pytest.raises(InvalidInputError, match=next(iter(bad))):
        TaylorHead(**{"n_concepts": 3, **bad})


def test_orders_have_places_of_their_own():
    head = TaylorHead(2, 1, 3, 2)
    places = [range(6)[head.factors(k)] for k in head.orders]
    assert [list(p) for p in places] == [[0], [1, 2], [3, 4, 5]]
    assert len(list(product(*places))) == 6
