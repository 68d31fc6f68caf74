"""The terms in NumPy: Eq. 1 written out, derivatives, the adjoint, and the order of parameters."""

import numpy as np
import pytest
import torch

from biam.additive import AdditiveModel
from biam.basis import Basis
from biam.kernel.terms import MainTerms, PairTerms
from biam.lower import Rows

P, L, R, N = 4, 5, 3, 30
RANKS = {"main": 0, "pairs": R}
every_model = pytest.mark.parametrize("n_ranks", RANKS.values(), ids=RANKS)
outputs = pytest.mark.parametrize("d", [1, 2, 3])
both_gaps = pytest.mark.parametrize("gaps", [0, 0.3], ids=["complete", "gaps"])


def make(d, n_ranks, gaps, *, pairs=True):
    """Terms, one batch of all rows, random parameters, and the model they came from."""
    g = np.random.default_rng(5)
    X = g.normal(size=(N, P))
    X[g.uniform(size=X.shape) < gaps] = np.nan
    model = AdditiveModel(Basis.fit(X, L, dtype=torch.float64), d, n_ranks=n_ranks)
    rows = Rows(model.join(model.basis.design(X)), torch.zeros(N))
    terms = PairTerms(model, [rows], pairs=pairs) if n_ranks else MainTerms(model)
    (batch,) = terms.batches(terms.table(rows), N)
    return terms, batch, g.normal(size=model.layout.size), model, rows


def shaped(slope):
    """Outputs are flat when there is one."""
    return slope[:, 0] if slope.shape[1] == 1 else slope


def pairs_written_out(model, w, H):
    """sum_{j<k} (gamma_jk + gamma_kj) / 2 sum_r u_jr(x_j) u_kr(x_k), by loops."""
    parts = {name: x.numpy() for name, x in model.coefficients(torch.from_numpy(w)).items()}
    f = np.zeros((len(H), model.n_outputs))
    values = [
        np.einsum("nt,trd->nrd", H[:, c], parts["factors"][c.start - 1 : c.stop - 1])
        for c in model.basis.slices
    ]
    for j in range(P):
        for k in range(j + 1, P):
            gate = (parts["gates"][j, k] + parts["gates"][k, j]) / 2
            f += gate * (values[j] * values[k]).sum(1)
    return f


@outputs
@both_gaps
def test_pairs_are_the_formula_of_the_paper(d, gaps):
    terms, batch, w, model, rows = make(d, R, gaps)
    waiting, *_ = make(d, R, gaps, pairs=False)
    v = terms.inward(w)
    main, both = (t.linearise(v, batch)[0].reshape(N, d) for t in (waiting, terms))
    expected = pairs_written_out(model, w, rows.inputs.H.numpy())
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(both - main, expected, atol=1e-11)
    plain = model.outputs(torch.from_numpy(w), rows.inputs, pairs=False)
    np.testing.assert_allclose(main, plain, atol=1e-11)


@outputs
@every_model
@both_gaps
@pytest.mark.parametrize("pairs", [True, False], ids=["open", "waiting"])
def test_push_is_the_derivative_and_pull_its_adjoint(d, n_ranks, gaps, pairs):
    terms, batch, w, model, _ = make(d, n_ranks, gaps, pairs=pairs)
    g = np.random.default_rng(6)
    w, v, slope = terms.inward(w), g.normal(size=len(w)), shaped(g.normal(size=(N, d)))
    _, tape = terms.linearise(w, batch)
    along = terms.push(tape, v)
    # A cubic in w: two central differences, extrapolated, are exact.
    one, two = (
        (terms.linearise(w + h * v, batch)[0] - terms.linearise(w - h * v, batch)[0]) / (2 * h)
        for h in (0.5, 1.0)
    )
    np.testing.assert_allclose(along, (4 * one - two) / 3, atol=1e-9)
    back = terms.pull(tape, slope)
    assert back.shape == (model.layout.size,)
    assert (along * slope).sum() == pytest.approx(back @ v, rel=1e-10)


@outputs
@pytest.mark.parametrize("pairs", [True, False], ids=["open", "waiting"])
def test_the_pullback_is_that_of_the_model(d, pairs):
    terms, batch, w, model, rows = make(d, R, 0.3, pairs=pairs)
    slope = np.random.default_rng(7).normal(size=(N, d))
    _, tape = terms.linearise(terms.inward(w), batch)
    found = terms.outward(terms.pull(tape, shaped(slope)))
    given = torch.from_numpy(w), rows.inputs, torch.from_numpy(slope)
    np.testing.assert_allclose(found, model.vjp(*given, pairs=pairs), atol=1e-11)
    if not pairs:
        named = model.coefficients(torch.from_numpy(found))
        assert not named["factors"].any()
        assert not named["gates"].any()


@outputs
@both_gaps
def test_the_order_of_the_parameters_goes_there_and_back(d, gaps):
    terms, batch, w, model, rows = make(d, R, gaps)
    assert (terms.outward(terms.inward(w)) == w).all()
    assert sorted(terms.inward(np.arange(len(w)))) == list(range(len(w)))
    # Complete tables lose their missing effects and interactions: ones and basis columns stay.
    assert batch.J.shape[1] == int(rows.inputs.joint.any(0).sum())
    assert gaps or batch.J.shape[1] <= 1 + model.basis.n_columns


@every_model
def test_batches_cut_the_rows_in_order(n_ranks):
    terms, whole, w, _, rows = make(1, n_ranks, 0.3)
    order = np.random.default_rng(8).permutation(N)
    batches = terms.batches(terms.table(rows), 8, order)
    assert [len(batch.y) for batch in batches] == [8, 8, 8, 6]
    v = terms.inward(w)
    parts = [terms.linearise(v, batch)[0] for batch in batches]
    np.testing.assert_allclose(np.concatenate(parts), terms.linearise(v, whole)[0][order])
