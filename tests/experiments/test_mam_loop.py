"""The MAM loop against automatic differentiation, torch's optimisers and torch's loaders."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import BSpline
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from biam.experiments.mam_loop import (
    MAM,
    BernsteinDesign,
    group_prox,
    group_prox_vjp,
    mean_loss,
    shuffled_batches,
)
from biam.penalties import group_lasso_prox


def problem(task, n=50, columns=6, seed=0):
    g = np.random.default_rng(seed)
    Z, Z_meta = (np.column_stack([g.normal(size=(n, columns)), np.ones(n)]) for _ in range(2))
    signal, noise = Z[:, 0] - Z[:, 4], g.standard_t(2, n)
    y, y_meta = signal + noise, Z_meta[:, 0] - Z_meta[:, 4]
    if task == "classification":
        y, y_meta = (y > 0).astype(np.int64), (y_meta > 0).astype(np.int64)
    return Z, y, Z_meta, y_meta


def loss(f, y):
    if y.dtype.is_floating_point:
        return (f[:, 0] - y) ** 2
    return cross_entropy(f, y, reduction="none")


def by_autograd(model, Z, y, Z_meta, y_meta, seed):
    """The same training with torch: layers, loaders, Adam, double backward. Coefficients, theta."""

    def loader(*tensors):
        stream = torch.Generator().manual_seed(seed)
        data = TensorDataset(*map(torch.as_tensor, tensors))
        return DataLoader(data, model.batch_size, shuffle=True, generator=stream)

    def shrunk(W, step):
        groups = W.view(len(W), -1, model.degree + 1)
        norms = groups.norm(dim=2, keepdim=True)
        return (groups * (1 - step / norms).clamp(min=0)).view_as(W)

    torch.manual_seed(seed)
    d = 1 if y.dtype.kind == "f" else 2
    layer = torch.nn.Linear(Z.shape[1] - 1, d)
    network = torch.nn.Sequential(
        torch.nn.Linear(1, model.n_hidden),
        torch.nn.ReLU(),
        torch.nn.Linear(model.n_hidden, 1),
        torch.nn.Sigmoid(),
    )
    layer, network = layer.double(), network.double()
    adam = torch.optim.Adam(network.parameters(), model.upper_lr, weight_decay=model.weight_decay)
    train, meta = loader(Z, y), loader(Z_meta, y_meta)
    W, b = layer.weight, layer.bias
    for epoch in range(model.epochs):
        lr = model.lower_lr
        lr *= 0.1 if epoch >= model.epochs // 2 else 1
        lr *= 0.1 if epoch >= int(0.8 * model.epochs) else 1
        judges = iter(meta)
        for A, t in train:
            try:
                B, u = next(judges)
            except StopIteration:
                judges = iter(meta)
                B, u = next(judges)
            cost = loss(A[:, :-1] @ W.T + b, t)
            weights = torch.ones_like(cost)
            if epoch >= model.warm_up:
                nu = network(cost.detach()[:, None])[:, 0]
                risk = (nu * cost).mean()
                gW, gb = torch.autograd.grad(risk, (W, b), create_graph=True)
                ahead = shrunk(W - lr * gW, lr * model.penalty), b - lr * gb
                adam.zero_grad()
                loss(B[:, :-1] @ ahead[0].T + ahead[1], u).mean().backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), model.clip)
                adam.step()
                weights = network(cost.detach()[:, None])[:, 0].detach()
            layer.zero_grad()
            (weights * loss(A[:, :-1] @ W.T + b, t)).mean().backward()
            torch.nn.utils.clip_grad_norm_(layer.parameters(), model.clip)
            with torch.no_grad():
                W.sub_(lr * W.grad)
                b.sub_(lr * b.grad)
                W.copy_(shrunk(W, lr * model.penalty))
    theta = torch.cat([p.detach().view(-1) for p in network.parameters()])
    return torch.cat([W, b[:, None]], 1).detach().numpy(), theta.numpy()


@pytest.mark.parametrize("task", ["regression", "classification"])
@pytest.mark.parametrize("n_meta", [50, 20])
def test_trajectory_is_that_of_double_backward(task, n_meta):
    Z, y, Z_meta, y_meta = problem(task)
    part = Z_meta[:n_meta], y_meta[:n_meta]
    # A strong penalty and a tight clip, so that both matter.
    model = MAM(epochs=10, penalty=0.3, batch_size=20, n_hidden=7, upper_lr=0.05, clip=0.8)
    *_, last = model.fit(Z, y, *part, seed=3)
    C, theta = by_autograd(model, Z, y, *part, seed=3)
    np.testing.assert_allclose(last.C, C, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(last.theta, theta, rtol=1e-8, atol=1e-10)


def test_uniform_weights_are_a_warm_up_that_never_ends():
    case = problem("regression")
    # One batch an epoch: the order of its rows is without effect.
    settings = {"epochs": 6, "batch_size": 50, "lower_lr": 0.01}
    warm = list(MAM(**settings, warm_up=6).fit(*case, seed=1))
    erm = list(MAM(**settings, uniform=True).fit(*case, seed=1))
    np.testing.assert_allclose(erm[-1].C, warm[-1].C, rtol=1e-10)
    np.testing.assert_array_equal(warm[0].theta, warm[-1].theta)
    assert not np.allclose(list(MAM(**settings).fit(*case, seed=1))[-1].C, erm[-1].C, rtol=1e-4)


def test_uniform_weights_go_on_with_the_loader_that_mam_has_used():
    case = problem("regression")
    settings = {"batch_size": 20, "lower_lr": 0.01}
    stream = torch.Generator().manual_seed(1)
    for _ in range(3):
        list(shuffled_batches(stream, 50, 20))
    first = next(MAM(**settings, epochs=3, uniform=True).fit(*case, seed=1))
    Z, y = case[:2]
    C, _ = MAM().initial(6, regression=True, seed=1)
    model = MAM(**settings)
    for rows in shuffled_batches(stream, 50, 20):
        g = 2 * ((Z[rows] @ C[0] - y[rows]) @ Z[rows])[None] / len(rows)
        C = model.prox(C - 0.01 * g * min(1, 5 / np.linalg.norm(g)), 0.01)
    # The public settings let the norm that clips be 1e-6 too large.
    np.testing.assert_allclose(first.C, C, rtol=1e-5)


def test_same_seed_same_bits_and_another_seed_another_model():
    case = problem("classification")
    model = MAM(epochs=4, batch_size=20)
    first, again, other = (list(model.fit(*case, seed=seed))[-1] for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.C, again.C)
    np.testing.assert_array_equal(first.theta, again.theta)
    assert not np.allclose(first.C, other.C)


@pytest.mark.parametrize("n", [40, 50])
def test_batches_are_those_of_a_torch_loader(n):
    ours, theirs = (torch.Generator().manual_seed(9) for _ in range(2))
    loader = DataLoader(torch.arange(n), 20, shuffle=True, generator=theirs)
    for _ in range(3):
        epoch = list(shuffled_batches(ours, n, 20))
        for rows, wanted in zip(epoch, loader, strict=True):
            np.testing.assert_array_equal(rows, wanted.numpy())


@given(st.integers(0, 10_000), st.floats(0.01, 3.0))
def test_prox_is_group_soft_thresholding(seed, step):
    W = np.random.default_rng(seed).normal(size=(2, 4, 3))
    shrunk = group_prox(W, step)
    for group, found in zip(W.reshape(-1, 3), shrunk.reshape(-1, 3), strict=True):
        wanted = group_lasso_prox(torch.as_tensor(group), step / np.sqrt(3)).numpy()
        np.testing.assert_allclose(found, wanted, atol=1e-9)


@given(st.integers(0, 10_000), st.floats(0.01, 3.0))
def test_prox_pullback_is_its_jacobian(seed, step):
    W, v = np.random.default_rng(seed).normal(size=(2, 2, 4, 3))
    h = 1e-6
    away = abs(np.linalg.norm(W, axis=2, keepdims=True) - step) > 1e-4
    slope = (group_prox(W + h * v, step) - group_prox(W - h * v, step)) / (2 * h)
    found = group_prox_vjp(W, step, v)
    np.testing.assert_allclose(found * away, slope * away, rtol=1e-5, atol=1e-6)


def test_design_spans_polynomials_and_is_white():
    X = np.random.default_rng(2).uniform(-1, 1, (80, 3))
    design = BernsteinDesign.fit(X, 4)
    blocks = design(X).reshape(80, 3, 5)
    for j in range(3):
        np.testing.assert_allclose(blocks[:, j].T @ blocks[:, j] / 80, np.eye(5), atol=1e-9)
        x = X[:, j]
        raw = BSpline.design_matrix(x, [x.min()] * 5 + [x.max()] * 5, 4).toarray()
        fitted = blocks[:, j] @ np.linalg.lstsq(blocks[:, j], raw, rcond=None)[0]
        np.testing.assert_allclose(fitted, raw, atol=1e-9)


def test_design_is_zero_outside_the_training_range_and_keeps_a_constant_feature():
    X = np.column_stack([np.linspace(0, 1, 9), np.full(9, 2.0)])
    design = BernsteinDesign.fit(X, 2)
    blocks = design(np.array([[1.001, 2.0], [-0.001, 2.1]])).reshape(2, 2, 3)
    assert (blocks[:, 0] == 0).all()
    assert (blocks[1, 1] == 0).all()
    np.testing.assert_allclose((blocks[0, 1] ** 2).sum(), 1.0)


def test_mean_loss_is_that_of_torch():
    for task, d in (("regression", 1), ("classification", 2)):
        Z, y, *_ = problem(task)
        C = np.random.default_rng(1).normal(size=(d, Z.shape[1]))
        wanted = loss(torch.as_tensor(Z @ C.T), torch.as_tensor(y)).mean()
        assert mean_loss(C, Z, y) == pytest.approx(float(wanted), rel=1e-12)
