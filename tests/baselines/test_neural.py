"""NAM: additive exactly, its own seed, weights, early stopping, many classes."""

import numpy as np
import pytest
import torch
from torch import nn

from biam.baselines.neural import NAMClassifier, NAMRegressor

G = np.random.default_rng(0)
X = G.uniform(-1, 1, (200, 3))
Y = np.sin(3 * X[:, 0]) + X[:, 1] ** 2


def test_prediction_is_the_sum_of_its_shapes():
    model = NAMRegressor(epochs=5).fit(X, Y)
    np.testing.assert_array_equal(model.predict(X), (model.bias_ + model.shapes(X).sum(1))[:, 0])
    # A shape depends on its own column alone.
    other = X.copy()
    other[:, 1:] = 9
    np.testing.assert_array_equal(model.shapes(other)[:, 0], model.shapes(X)[:, 0])


def test_nets_agree_with_torch_layers():
    model = NAMRegressor(epochs=1, width=4).fit(X, Y)
    sizes = [int(np.prod(shape)) for shape in model._shapes]
    parts = [p.view(s) for p, s in zip(model._theta.split(sizes), model._shapes, strict=True)]
    for j in range(3):
        layers = [nn.Linear(1, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1)]
        with torch.no_grad():
            for layer, (w, b) in zip(
                layers[::2], zip(parts[:6:2], parts[1:6:2], strict=True), strict=True
            ):
                layer.weight.copy_(w[j].T)
                layer.bias.copy_(b[j, 0])
            found = nn.Sequential(*layers)(torch.as_tensor(X[:, [j]], dtype=torch.float32))
        np.testing.assert_allclose(model.shapes(X)[:, j], found.numpy(), atol=1e-6)


def test_it_learns_and_leaves_global_seeds_alone():
    before = torch.get_rng_state()
    model = NAMRegressor(epochs=120, batch_size=32).fit(X, Y)
    assert np.mean((model.predict(X) - Y) ** 2) < 0.1 * Y.var()
    assert torch.equal(torch.get_rng_state(), before)


def test_zero_weights_remove_rows():
    weight = np.arange(len(X)) < 100
    spoiled = np.where(weight, Y, 1e3)
    common = {"epochs": 20, "batch_size": 400}
    one, two = (NAMRegressor(**common).fit(X, y, weight.astype(float)) for y in (Y, spoiled))
    np.testing.assert_array_equal(one.predict(X), two.predict(X))


def test_early_stopping_keeps_the_best_epoch():
    noise = G.normal(size=60)
    model = NAMRegressor(validation=0.3, lr=0.05, batch_size=16).fit(X[:60], noise)
    assert model.n_iter_ < 300


@pytest.mark.parametrize("n_classes", [2, 3])
def test_classes(n_classes):
    y = np.digitize(X[:, 0], np.linspace(-1, 1, n_classes + 1)[1:-1])
    model = NAMClassifier(epochs=150, batch_size=32).fit(X, y)
    proba = model.predict_proba(X)
    assert proba.shape == (200, n_classes)
    np.testing.assert_allclose(proba.sum(1), 1)
    assert np.mean(model.predict(X) == y) > 0.9
    logits = model.bias_ + model.shapes(X).sum(1)
    if n_classes == 2:
        np.testing.assert_allclose(np.log(proba[:, 1] / proba[:, 0]), logits[:, 0], atol=1e-6)
