"""The additive model against Eq. 1 written out, its derivatives against torch's, its symmetries."""

import numpy as np
import pytest
import torch
from torch import nn

from biam.additive import AdditiveModel, ParameterLayout
from biam.basis import Basis, Design
from biam.exceptions import InvalidInputError

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")

N, P, L, R = 12, 4, 5, 3
PAIRS = ((0, 1), (1, 3), (0, 2))
CENTRES = torch.linspace(-1, 2, P * L, dtype=torch.float64)
CASES = {
    "full": {},
    "BIAM-I": {"interactions": False},
    "BIAM2": {"n_ranks": R},
    "BIAM2-I": {"n_ranks": R, "interactions": False},
    "surfaces": {"pairs": PAIRS, "centres": CENTRES},
    "surfaces-I": {"pairs": PAIRS[:2], "interactions": False},
}
TABLES = ("gaps", "complete")
every_model = pytest.mark.parametrize("case", CASES)
every_table = pytest.mark.parametrize("table", TABLES)
every_width = pytest.mark.parametrize("d", [1, 3], ids=["d1", "d3"])
with_and_without_joint = pytest.mark.parametrize("joint", [False, True], ids=["bilinear", "joint"])


def make_table(table):
    g = np.random.default_rng(0)
    X = g.normal(size=(N, P))
    if table == "gaps":
        X[g.uniform(size=X.shape) < 0.3] = np.nan
        assert 5 < np.isnan(X).sum() < 30
    return X


def make(case, d, table="gaps", *, joint=False, seed=1):
    """A model whose parameters are all away from zero, its design, and its parameters."""
    X = make_table(table)
    basis = Basis.fit(make_table("complete"), L, dtype=torch.float64)
    model = AdditiveModel(basis, d, **CASES[case])
    design = model.basis.design(X)
    design = model.join(design) if joint else design
    assert (design.joint is not None) == joint
    return model, design, random_like(model.w, seed)


def random_like(w, seed):
    return torch.randn(w.shape, generator=torch.Generator().manual_seed(seed), dtype=w.dtype)


def equation_1(model, w, X):
    """Outputs by the letter of Eq. 1, on (p, L, d) coefficients and hinges recomputed from `X`."""
    d, c = model.n_outputs, {name: part.numpy() for name, part in model.coefficients(w).items()}
    m = np.isnan(X).astype(float)
    knots = np.stack([f.knots.numpy() for f in model.basis.features])
    h = np.maximum(0, np.nan_to_num(X)[:, :, None] - knots) * (1 - m)[:, :, None]
    f = c["beta0"] + np.einsum("jtd,njt->nd", c["beta"].reshape(P, L, d), h)
    f += np.einsum("jd,nj->nd", c["beta_miss"], m)
    if model.interactions:
        alpha = c["alpha"].reshape(P, L, P, d).transpose(2, 0, 1, 3)
        f += np.einsum("jktd,nj,nkt->nd", alpha, m, h)
    if model.n_ranks:
        u = np.einsum("jtrd,njt->njrd", c["factors"].reshape(P, L, R, d), h)
        gates = c["gates"] * (1 - np.eye(P))[:, :, None]
        f += 0.5 * np.einsum("jkd,njrd,nkrd->nd", gates, u, u)
    centres = model.centres.numpy().reshape(P, L)
    for i, (j, k) in enumerate(model.pairs):
        gamma = c["surfaces"][i * L * L : (i + 1) * L * L].reshape(L, L, d)
        both = (1 - m[:, j]) * (1 - m[:, k])
        f += np.einsum("n,ns,std,nt->nd", both, h[:, j] - centres[j], gamma, h[:, k] - centres[k])
    return f


# Values


@every_model
@every_table
@every_width
@with_and_without_joint
def test_outputs_are_equation_1(case, table, d, joint):
    model, design, w = make(case, d, table, joint=joint)
    expected = equation_1(model, w, make_table(table))
    assert expected.std() > 0.1
    np.testing.assert_allclose(model.outputs(w, design), expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("case", ["BIAM2", "BIAM2-I", "surfaces", "surfaces-I"])
@with_and_without_joint
def test_pairs_can_be_left_out(case, joint):
    model, design, w = make(case, 2, joint=joint)
    zero = w.clone()
    model.coefficients(zero)["gates" if model.n_ranks else "surfaces"].zero_()
    expected = model.outputs(zero, design)
    torch.testing.assert_close(model.outputs(w, design, pairs=False), expected)
    assert not torch.allclose(model.outputs(w, design), expected)


@every_model
@every_width
def test_the_complete_shortcut_changes_nothing(case, d):
    model, design, w = make(case, d, "complete")
    assert design.complete
    slow = Design(design.H, design.M, complete=False)
    v, G = random_like(w, 2), torch.ones(N, d, dtype=torch.float64)
    torch.testing.assert_close(model.outputs(w, design), model.outputs(w, slow))
    torch.testing.assert_close(model.jvp(w, design, v), model.jvp(w, slow, v))
    torch.testing.assert_close(model.vjp(w, design, G), model.vjp(w, slow, G))


@every_model
def test_a_missing_value_acts_through_its_mask_only(case):
    # Column 2 all missing = column 2 without coefficients, plus its missing effects.
    model, _, w = make(case, 1)
    gaps = make_table("complete")
    gaps[:, 2] = np.nan
    zero = w.clone()
    for name, part in model.coefficients(zero).items():
        if name == "gates":
            part[2], part[:, 2] = 0, 0
        elif name == "surfaces":
            for pair, block in zip(model.pairs, model.pair_slices, strict=True):
                part[block] *= 2 not in pair
        elif name == "beta":
            part[2 * L : 3 * L] = 0
        elif name in ("beta_miss", "alpha"):
            part.zero_()
    expected = model.outputs(zero, model.basis.design(make_table("complete")))
    named, design = model.coefficients(w), model.basis.design(gaps)
    expected = expected + named["beta_miss"][2]
    if "alpha" in named:
        expected = expected + design.H[:, 1:] @ named["alpha"][:, 2]
    torch.testing.assert_close(model.outputs(w, design), expected)


# Derivatives


@every_model
@every_table
@every_width
@with_and_without_joint
@pytest.mark.parametrize("pairs", [True, False], ids=["pairs-on", "pairs-off"])
def test_jvp_is_that_of_torch(case, table, d, joint, pairs):
    model, design, w = make(case, d, table, joint=joint)
    v = random_like(w, 2)
    _, expected = torch.func.jvp(lambda w: model.outputs(w, design, pairs=pairs), (w,), (v,))
    torch.testing.assert_close(model.jvp(w, design, v, pairs=pairs), expected)


@every_model
@every_table
@every_width
@with_and_without_joint
@pytest.mark.parametrize("pairs", [True, False], ids=["pairs-on", "pairs-off"])
def test_vjp_is_that_of_autograd_and_the_adjoint_of_jvp(case, table, d, joint, pairs):
    model, design, w = make(case, d, table, joint=joint)
    v, G = random_like(w, 2), random_like(torch.empty(N, d, dtype=torch.float64), 3)
    pulled = model.vjp(w, design, G, pairs=pairs)
    _, pullback = torch.func.vjp(lambda w: model.outputs(w, design, pairs=pairs), w)
    torch.testing.assert_close(pulled, pullback(G)[0])
    forth = (G * model.jvp(w, design, v, pairs=pairs)).sum()
    torch.testing.assert_close(forth, pulled @ v, rtol=1e-10, atol=1e-10)


@every_model
def test_the_module_is_differentiable_in_its_parameters(case):
    model, _, w = make(case, 2)
    X = torch.tensor(make_table("gaps")[:4])

    def outputs(w):
        return torch.func.functional_call(model, {"w": w}, (X,))

    assert torch.autograd.gradcheck(outputs, w.requires_grad_())
    assert torch.autograd.gradgradcheck(outputs, w, fast_mode=True)


@every_model
def test_the_module_trains_with_a_torch_optimizer(case):
    model, _, w = make(case, 1)
    X, y = torch.tensor(make_table("gaps")), torch.arange(float(N), dtype=torch.float64)
    with torch.no_grad():
        model.w.copy_(w / 10)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(20):
        loss = (model(X)[:, 0] - y).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert isinstance(model, nn.Module)


# Symmetries


@pytest.mark.parametrize("case", ["full", "BIAM-I", "BIAM2", "BIAM2-I"])
def test_permuted_features_with_permuted_parameters_give_the_same_outputs(case):
    model, design, w = make(case, 2)
    order = [2, 0, 3, 1]
    columns = np.concatenate([np.arange(j * L, (j + 1) * L) for j in order])
    moved = AdditiveModel(Basis(tuple(model.basis.features[j] for j in order)), 2, **CASES[case])
    there = torch.zeros_like(w)
    target = moved.coefficients(there)
    for name, part in model.coefficients(w).items():
        if name in ("beta", "factors"):
            part = part[columns]
        elif name == "beta_miss":
            part = part[order]
        elif name == "alpha":
            part = part[columns][:, order]
        elif name == "gates":
            part = part[order][:, order]
        target[name].copy_(part)
    expected = model.outputs(w, design)
    permuted = moved.outputs(there, moved.basis.design(make_table("gaps")[:, order]))
    torch.testing.assert_close(permuted, expected)


@pytest.mark.parametrize("case", ["BIAM2", "BIAM2-I"])
def test_the_pair_term_does_not_see_the_order_of_a_pair_nor_the_diagonal(case):
    model, design, w = make(case, 2)
    swapped, bare = w.clone(), w.clone()
    gates = model.coefficients(swapped)["gates"]
    gates.copy_(gates.transpose(0, 1).clone())
    model.coefficients(bare)["gates"][range(P), range(P)] = 9.0
    out = model.outputs(w, design)
    torch.testing.assert_close(model.outputs(swapped, design), out)
    torch.testing.assert_close(model.outputs(bare, design), out)
    assert not torch.equal(swapped, w)


def test_a_surface_seen_from_its_other_feature_is_transposed():
    model, design, w = make("surfaces", 2)
    back = np.arange(P * L).reshape(P, L)[::-1].ravel()
    turned = AdditiveModel(
        Basis(model.basis.features[::-1]),
        2,
        pairs=[(P - 1 - k, P - 1 - j) for j, k in PAIRS],
        centres=CENTRES[back.copy()],
    )
    there = torch.zeros_like(w)
    blocks = model.coefficients(w)["surfaces"].view(len(PAIRS), L, L, 2)
    turned.coefficients(there)["surfaces"].copy_(blocks.transpose(1, 2).reshape(-1, 2))
    only = w.clone()
    model.layout.split(only)["main"].zero_()
    expected = model.outputs(only, design)
    assert expected.std() > 0.1
    seen = turned.outputs(there, turned.basis.design(make_table("gaps")[:, ::-1].copy()))
    torch.testing.assert_close(seen, expected)


def test_centred_surfaces_have_no_part_in_one_feature_alone():
    # On a full grid of two features, averages over either one are zero: the effect is purified.
    x = np.array([0.0, 1.0, 3.0, 4.0])
    X = np.column_stack([g.ravel() for g in np.meshgrid(x, x**2)])
    basis = Basis.fit(X, 3, dtype=torch.float64)
    centres = basis.design(X).H[:, 1:].mean(0)
    model = AdditiveModel(basis, interactions=False, pairs=[(0, 1)], centres=centres)
    w = random_like(model.w, 1)
    surface = model.surface_values(model.coefficients(w)["surfaces"], basis.design(X)).view(4, 4)
    assert surface.std() > 0.1
    for axis in (0, 1):
        torch.testing.assert_close(surface.mean(axis), torch.zeros(4, dtype=torch.float64))


@every_model
@with_and_without_joint
def test_rows_do_not_see_one_another(case, joint):
    model, design, w = make(case, 2, joint=joint)
    whole = model.outputs(w, design)
    parts = [model.outputs(w, cut) for cut in design.batches(5)]
    torch.testing.assert_close(torch.cat(parts), whole)


# Features of unequal width


@pytest.mark.parametrize("interactions", [True, False], ids=["full", "BIAM-I"])
@with_and_without_joint
def test_levels_constant_and_empty_columns_live_beside_hinges(interactions, joint):
    X = make_table("gaps")
    X[:, 0] = np.arange(N) % 3
    X[:, 1], X[:, 3] = np.nan, 7.0
    basis = Basis.fit(X, L, n_levels=[3, 0, 0, 0], dtype=torch.float64)
    assert [len(f.knots) for f in basis.features] == [3, 0, L, 1]
    pairs = [(0, 2), (1, 2), (0, 3)]
    model = AdditiveModel(basis, 2, interactions=interactions, n_ranks=2, pairs=pairs)
    w, design = random_like(model.w, 1), basis.design(X)
    design = model.join(design) if joint else design
    G = random_like(torch.empty(N, 2, dtype=torch.float64), 3)
    _, pullback = torch.func.vjp(lambda w: model.outputs(w, design), w)
    torch.testing.assert_close(model.vjp(w, design, G), pullback(G)[0])
    assert model.outputs(w, design).isfinite().all()


# Layout, joining, initial values


@pytest.mark.parametrize(
    ("case", "d", "size"),
    [
        ("full", 1, (1 + P * L) * (1 + P)),
        ("full", 3, 3 * (1 + P * L) * (1 + P)),
        ("BIAM-I", 1, 1 + P * L + P),
        ("BIAM2", 1, (1 + P * L) * (1 + P) + P * L * R + P * P),
        ("BIAM2-I", 2, 2 * (1 + P * L + P + P * L * R + P * P)),
        ("surfaces", 2, 2 * ((1 + P * L) * (1 + P) + 3 * L * L)),
        ("surfaces-I", 1, 1 + P * L + P + 2 * L * L),
    ],
    ids=["full", "full-d3", "BIAM-I", "BIAM2", "BIAM2-I-d2", "surfaces-d2", "surfaces-I"],
)
def test_the_layout_covers_the_flat_vector_once(case, d, size):
    model, _, w = make(case, d)
    assert model.layout.size == model.w.numel() == size
    marks = torch.arange(float(size))
    named = model.coefficients(marks)
    assert torch.equal(torch.cat([x.reshape(-1) for x in named.values()]).sort().values, marks)
    assert torch.equal(torch.cat([x.reshape(-1) for x in model.layout.split(w).values()]), w)


def test_the_parts_of_a_layout_are_views():
    w = torch.zeros(10)
    ParameterLayout({"a": (2, 3), "b": (4,)}).split(w)["b"].fill_(1)
    assert w.tolist() == [0] * 6 + [1] * 4


@pytest.mark.parametrize("pairs", [[(1, 0)], [(0, P)], [(1, 1)], [(-1, 0)], [(0, 1), (0, 1)]])
def test_pairs_that_are_none_are_refused(pairs):
    with pytest.raises(InvalidInputError, match="pairs must be distinct"):
        AdditiveModel(Basis.fit(make_table("complete"), L), pairs=pairs)


def test_centres_are_a_buffer_of_one_number_per_column():
    basis = Basis.fit(make_table("complete"), L, dtype=torch.float64)
    model = AdditiveModel(basis, pairs=PAIRS, centres=CENTRES)
    assert torch.equal(model.state_dict()["centres"], CENTRES)
    assert not AdditiveModel(basis, pairs=PAIRS).centres.any()
    with pytest.raises(InvalidInputError, match=r"centres must have shape \(20,\)"):
        AdditiveModel(basis, pairs=PAIRS, centres=CENTRES[1:])


@pytest.mark.parametrize("limit", ["JOINT_COLUMNS", "JOINT_ENTRIES"])
def test_a_large_design_stays_apart(limit, monkeypatch):
    model, design, _ = make("full", 1)
    columns = (1 + P * L) * (1 + P)
    least = columns if limit == "JOINT_COLUMNS" else N * columns
    monkeypatch.setattr(f"biam.additive.{limit}", least)
    assert model.join(design).joint.shape == (N, columns)
    monkeypatch.setattr(f"biam.additive.{limit}", least - 1)
    assert model.join(design) is design


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@every_model
def test_initial_values_are_the_published_draws(case, dtype):
    d, basis = 2, Basis.fit(make_table("complete"), L, dtype=dtype)
    model = AdditiveModel(basis, d, generator=torch.Generator().manual_seed(5), **CASES[case])
    torch.manual_seed(5)
    beta = 0.01 * torch.randn(P, L, d)
    factors = 0.1 * torch.randn(P, L, R, d)
    named = model.coefficients()
    assert model.w.dtype == dtype
    assert torch.equal(named.pop("beta").float(), beta.view(-1, d))
    if model.n_ranks:
        assert torch.equal(named.pop("factors").float(), factors.view(-1, R, d))
    assert not any(part.any() for part in named.values())


def test_the_default_type_of_torch_does_not_move_the_draws():
    basis = Basis.fit(make_table("complete"), L)
    first, second = torch.Generator().manual_seed(5), torch.Generator().manual_seed(5)
    usual = AdditiveModel(basis, n_ranks=2, generator=first).w
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.equal(AdditiveModel(basis, n_ranks=2, generator=second).w, usual)
    finally:
        torch.set_default_dtype(torch.float32)
