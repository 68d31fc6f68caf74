"""The loop written with autograd and the one of the package walk the same way."""

import numpy as np
import pytest
import torch

from biam.datasets.synthetic import (
    make_additive_regression,
    make_disc_classification,
    make_domain_shift,
)
from biam.experiments.benchmark import max_trajectory_difference
from biam.experiments.double_backward import double_backward
from biam.solvers.published import PublishedSolver

SPLITS = {
    "clean": make_additive_regression(800, 8),
    "noise30_missing20": make_additive_regression(800, 8, noise_rate=0.3, missing_rate=0.2),
    "mnar": make_additive_regression(
        400, 4, noise_rate=0.2, missing_rate=0.25, mechanism="mnar", random_state=7
    ),
    "disc": make_disc_classification(400, 4, noise_rate=0.1, imbalance=0.3, missing_rate=0.1),
    "shift": make_domain_shift(),
}


def one_step(split, task="regression", seed=42, **settings):
    solver = PublishedSolver(progress=False, **settings)
    arrays = (split.X_train, split.y_train, split.X_meta, split.y_meta)
    return solver.fit(*arrays, n_classes=0 if task == "regression" else 2, seed=seed)


@pytest.mark.parametrize("name", ["clean", "noise30_missing20"])
def test_trajectories_agree_over_the_published_run(name):
    trajectory = double_backward(SPLITS[name], epochs=40)
    assert len(trajectory.parameters) == 40
    got = max_trajectory_difference(SPLITS[name], "regression", 42, trajectory)
    assert got <= 1e-5
    # They moved far more than they differ.
    start = double_backward(SPLITS[name], epochs=1).flat()
    assert float((trajectory.flat() - start).abs().max()) > 0.1


@pytest.mark.parametrize("variant", ["BIAM", "BIAM-B", "BIAM-I", "BIAM-H"])
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("mnar", {}),
        ("shift", {"n_knots": 6}),
        ("disc", {"task": "classification", "upper_lr": 0.1, "batch_size": 50}),
    ],
    ids=["mnar", "shift", "disc"],
)
def test_every_variant_agrees(variant, name, settings):
    settings = {"epochs": 3, "seed": 7, "variant": variant, **settings}
    trajectory = double_backward(SPLITS[name], **settings)
    fitted = one_step(SPLITS[name], **settings)
    assert float((trajectory.flat() - fitted.w).abs().max()) <= 1e-5
    if variant != "BIAM-B":
        theta = torch.cat([part.flatten() for part in trajectory.theta[-1]])
        assert float((theta - fitted.details["theta"]).abs().max()) <= 1e-5


def test_losses_agree_step_by_step():
    split = SPLITS["mnar"]
    trajectory = double_backward(split, epochs=3)
    history = one_step(split, epochs=3).history
    for name in ("lower_losses", "meta_losses"):
        per_epoch = np.reshape(getattr(trajectory, name), (3, -1)).mean(1)
        wanted = [record[name.removesuffix("es")] for record in history]
        np.testing.assert_allclose(per_epoch, wanted, rtol=1e-5)


def test_uniform_weights_have_no_upper_problem():
    trajectory = double_backward(SPLITS["mnar"], variant="BIAM-B", epochs=1)
    assert trajectory.meta_losses == []
    assert len(trajectory.lower_losses) == -(-len(SPLITS["mnar"].y_train) // 64)


def test_the_global_stream_stays_where_it_was():
    before = torch.get_rng_state()
    double_backward(SPLITS["mnar"], epochs=1)
    assert torch.equal(before, torch.get_rng_state())
