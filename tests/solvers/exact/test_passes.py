"""Passes over chunks: sums over all rows, whatever the chunks; a sample's fit moved to all rows."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
import torch

from biam.chunks import ArrayChunks, Chunks
from biam.solvers.exact import ExactSolver, passes
from biam.solvers.exact.evidence import _Live, maximise
from biam.solvers.exact.flips import Flips
from biam.solvers.exact.mixture import Mixture
from biam.solvers.exact.problem import Problem

N, SAMPLE = 1500, 400
CLASSES = {"regression": 0, "logistic": 2}


@pytest.fixture(autouse=True)
def small_sample(monkeypatch):
    monkeypatch.setattr(passes, "MOST_ROWS", SAMPLE)


def noise_of(problem):
    if problem.binary:
        rates = torch.tensor([0.1, 0.2], dtype=torch.float64)
        return Flips(problem.labels, rates)
    parts = ([0.0, 5.0], [0.3, 1.0], [0.8, 0.2])
    return Mixture(problem.labels, *(torch.tensor(x, dtype=torch.float64) for x in parts))


def sampled(exact, kind, n_meta=60):
    """All training rows, the problem of a sample, and its fit."""
    X, y = exact.table(CLASSES[kind], n=N + n_meta)
    train, meta = (X[n_meta:], y[n_meta:], np.ones(N)), (X[:n_meta], y[:n_meta])
    rows = passes.sampled_rows(N, 0)
    part = tuple(each[rows] for each in train)
    meta = meta if n_meta else (None, None)
    problem = Problem.make(part, meta, CLASSES[kind], 6, [0, 0, 0, 3], "cpu")
    return train, problem, maximise(problem.rows, noise_of(problem), max_iter=8)


def slope_of(problem, fit):
    """Gradient of the log posterior of the coefficients in use, relative to its terms."""
    A = torch.cat([block for _, block in problem.rows.use(fit.rows.groups).blocks()]).double()
    noise = fit.noise.on(problem.labels)
    f = A @ fit.w
    noise.weights(f)
    precision, residual, _ = noise.working(f)
    stiffness = torch.cat([g.stiffness for g in fit.rows.groups])
    sizes = torch.tensor([len(g) for g in fit.rows.groups])
    penalty = torch.cat([torch.zeros(1), fit.penalties.repeat_interleave(sizes) * stiffness])
    alive = fit.w != 0
    pulls = (A * (precision * residual)[:, None])[:, alive]
    return ((pulls.sum(0) - (penalty * fit.w)[alive]).abs() / pulls.abs().sum(0)).max()


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("n_meta", [0, 60])
def test_coefficients_go_to_where_the_slope_of_all_rows_is_none(exact, kind, n_meta, monkeypatch):
    train, problem, fit = sampled(exact, kind, n_meta)
    monkeypatch.setattr(passes, "STEPS", 40)
    monkeypatch.setattr(passes, "LITTLE_GAIN", 0.0)
    monkeypatch.setattr(_Live, "adapt", lambda *_: 0.0)
    moved = passes.refined(fit, problem, ArrayChunks(*train, size=170))
    everything = problem.of(*train)
    assert slope_of(everything, moved) < 1e-4 < 1e-2 < slope_of(everything, fit)
    torch.testing.assert_close(moved.f, problem.rows.outputs(moved.w), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", CLASSES)
def test_the_size_of_the_chunks_does_not_matter(exact, kind):
    train, problem, fit = sampled(exact, kind)
    fits, lists = [], []
    for size in (10, 170, N):
        chunks = ArrayChunks(*train, size=size)
        fits.append(passes.refined(fit, problem, chunks))
        lists.append(passes.told(fits[0], problem, "posterior", chunks))
    for other, told in zip(fits[1:], lists[1:], strict=True):
        for name in ("w", "V", "penalties", "edf", "f"):
            first, second = getattr(fits[0], name), getattr(other, name)
            torch.testing.assert_close(first, second, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(told, lists[0], rtol=1e-9, atol=1e-12)
    assert fits[0].history[-1]["lower_loss"] > 0
    assert not torch.equal(fits[0].penalties, fit.penalties)


@pytest.mark.parametrize("kind", CLASSES)
def test_work_can_be_sent_away_and_takes_no_rows_along(exact, kind):
    train, problem, fit = sampled(exact, kind)
    light = passes._light(problem.use(fit.rows.groups))
    work = passes._Normal(light, passes._unlabelled(fit.noise), fit.w)
    sent = pickle.dumps(work)
    chunk = tuple(part[:50] for part in train)
    for here, there in zip(work(0, *chunk), pickle.loads(sent)(0, *chunk), strict=True):
        np.testing.assert_array_equal(here, there)
    assert len(light.rows) == len(light.labels.y) == 60
    assert len(sent) < 100_000


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("name", ["posterior", "equal", "meta-only"])
def test_weights_and_losses_are_those_of_the_noise_model(exact, kind, name):
    train, problem, fit = sampled(exact, kind)
    chunks, offset = ArrayChunks(*train, size=170), fit.noise.offset()
    weights, losses = passes.told(fit, problem, name, chunks, offset, 1.5)
    everything = problem.of(*train)
    noise, f = fit.noise.on(everything.labels), everything.rows.outputs(fit.w)
    expected = {"equal": torch.ones(N), "meta-only": torch.zeros(N)}.get(name, noise.weights(f))
    np.testing.assert_allclose(weights, expected, rtol=1e-9, atol=1e-12)
    unit = 1 if problem.binary else problem.scale**2
    expected = noise.losses(offset + 1.5 * f)[:N] * unit
    np.testing.assert_allclose(losses, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("n_meta", [0, 60])
def test_a_large_table_is_fitted_from_arrays_as_from_chunks(exact, kind, n_meta):
    X, y = exact.table(CLASSES[kind], n=N + n_meta)
    options = {"n_classes": CLASSES[kind], "n_levels": [0, 0, 0, 3]}
    meta = (X[:n_meta], y[:n_meta]) if n_meta else (None, None)
    X, y = X[n_meta:], y[n_meta:]
    solver = ExactSolver(n_knots=6, progress=False, max_upper_rows=300)
    whole = solver.fit(X, y, *meta, **options)
    ends = [*range(0, N, 400), N]
    made = [(X[a:b], y[a:b], np.ones(b - a)) for a, b in pairwise(ends)]
    chunks = Chunks(lambda: made)
    parts = solver.fit_chunks(chunks, chunks.take(passes.sampled_rows(N, 0)), *meta, **options)
    np.testing.assert_allclose(parts.w, whole.w, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(parts.weights, whole.weights, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(parts.details["losses"], whole.details["losses"], atol=1e-6)
    assert len(whole.weights) == N


@pytest.mark.parametrize("kind", CLASSES)
def test_all_rows_have_their_say(exact, kind, monkeypatch):
    X, y = exact.table(CLASSES[kind], n=N, pair=0.0)
    options = {"weighting": "equal", "pairs": False, "interactions": False}
    options["n_classes"] = CLASSES[kind]
    f = exact.outputs(exact.fit(X, y, **options), X)
    rows = passes.sampled_rows(N, 0)
    sample = exact.outputs(exact.fit(X[rows], y[rows], **options), X)
    monkeypatch.setattr(passes, "MOST_ROWS", N)
    held = exact.outputs(exact.fit(X, y, **options), X)
    assert np.std(f - held) < 0.7 * np.std(sample - held)


def test_samples_hold_small_tables_whole_and_large_ones_once():
    assert np.array_equal(passes.sampled_rows(500, 0), np.arange(500))
    rows = passes.sampled_rows(501, 0)
    assert len(rows) == SAMPLE and (np.diff(rows) > 0).all() and rows.max() <= 500
    assert np.array_equal(rows, passes.sampled_rows(501, 0))
    assert not np.array_equal(rows, passes.sampled_rows(501, 1))
