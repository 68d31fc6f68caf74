"""Table `domain-adversarial`: a network with a domain head, on two domains."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from torch import nn

from biam.datasets.grouped import GroupedSplit
from biam.experiments.mitigation import optimizer_for, right_answers
from biam.experiments.strategies import build
from biam.losses import Logistic, Loss, SoftmaxCrossEntropy
from biam.mitigation.dann import DomainNet, learning_rate, proxy_a_distance
from biam.mitigation.smote import embed
from biam.mitigation.training import rows, train
from biam.validation import check_choice

__all__ = ["adapt", "domain_distance", "make_domain_net"]

TRAINED_ON = ("source", "target")


def adapt(
    split: GroupedSplit, task: str, seed: int, settings: Mapping[str, Any]
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """Train on the labels of one domain and score on both.

    All methods of a scenario and seed have the same initial weights, and see as many rows.

    Parameters
    ----------
    split : GroupedSplit
        Groups: 0 source, 1 target.
    task : {"classification"}
    seed : int
    settings : mapping
        "network": "shallow" or "cnn". "labels": "source", or "target" for what could be reached.
        "options": of `biam.mitigation.dann.DomainAdversarial`; ``strength=0`` is the plain network.
        "steps", "batch_size", "optimizer". "decay": lower the learning rate as published.
        "average": share of the last steps whose mean parameters are scored.
        "curve_seeds": seeds for which the answer on a grid is kept (two inputs only).

    Returns
    -------
    metrics : dict of str to float
        `source_accuracy`, `target_accuracy`, `proxy_a_distance` of the features.
    curves : list of dict
        "answer": logit at x, z.
    """
    kind = check_choice("labels", settings.get("labels", "source"), TRAINED_ON)
    domain = split.g_train if kind == "source" else 1 - split.g_train
    mean = split.x_train.mean(0)
    table = rows(split.x_train - mean, split.y_train, domain)
    n_classes = int(split.y_train.max()) + 1
    loss: Loss = Logistic() if n_classes == 2 else SoftmaxCrossEntropy()
    n_outputs = 1 if n_classes == 2 else n_classes
    model = make_domain_net(settings["network"], split.x_train.shape[1:], n_outputs, seed)
    steps, size = settings["steps"], settings.get("batch_size", 0) or len(table.y)
    sampler, objective = build("dann", table, loss, size, steps, settings.get("options", {}))
    optimizer = optimizer_for(model, **settings.get("optimizer", {}))
    rate = learning_rate if settings.get("decay") else None
    train(
        model,
        table,
        sampler,
        objective,
        optimizer,
        steps=steps,
        seed=seed,
        rate=rate,
        average=settings.get("average", 0.0),
    )
    x_test = split.x_test - mean
    right = right_answers(model, x_test, split.y_test)
    values = {
        f"{name}_accuracy": float(right[split.g_test == k].mean())
        for k, name in enumerate(TRAINED_ON)
    }
    features = embed(model.extractor, torch.as_tensor(x_test))
    values["proxy_a_distance"] = domain_distance(features, split.g_test)
    if seed not in settings.get("curve_seeds", ()):
        return values, []
    return values, _answers(model, mean)


def make_domain_net(kind: str, shape: tuple[int, ...], n_outputs: int, seed: int) -> DomainNet:
    """Extractor and two heads, drawn from `seed` alone.

    Parameters
    ----------
    kind : {"shallow", "cnn"}
        "shallow": 15 sigmoid units and two linear heads. "cnn": convolutions of 32 and 48 channels
        with a pool each, a label head of 100-100 units, a domain head of 100. Source: Ganin et al.
        (2016), sections 3 and 5.2.
    shape : tuple of int
        Of one row.
    n_outputs, seed : int
    """
    check_choice("network", kind, ("shallow", "cnn"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if kind == "shallow":
            extractor = nn.Sequential(nn.Linear(shape[0], 15), nn.Sigmoid())
            return DomainNet(extractor, nn.Linear(15, n_outputs), nn.Linear(15, 1))
        extractor = nn.Sequential(
            *(nn.Conv2d(shape[0], 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(32, 48, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
            nn.Flatten(),
        )
        n_features = 48 * (shape[1] // 4) * (shape[2] // 4)
        label = nn.Sequential(
            *(nn.Linear(n_features, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU()),
            nn.Linear(100, n_outputs),
        )
        domain = nn.Sequential(nn.Linear(n_features, 100), nn.ReLU(), nn.Linear(100, 1))
        return DomainNet(extractor, label, domain)


def domain_distance(features: NDArray[np.floating], domain: NDArray[np.integer]) -> float:
    """Proxy A-distance by a logistic regression, trained on every other row, scored on the rest.

    Parameters
    ----------
    features : ndarray, shape (n, k)
    domain : ndarray of {0, 1}, shape (n,)
    """
    scale = features.std(0)
    z = (features - features.mean(0)) / np.where(scale > 0, scale, 1.0)
    judge = LogisticRegression(C=0.1, max_iter=200).fit(z[::2], domain[::2])
    # Worse than chance is chance.
    return max(0.0, proxy_a_distance(1 - judge.score(z[1::2], domain[1::2])))


@torch.no_grad()
def _answers(model: nn.Module, mean: NDArray[np.floating]) -> list[dict[str, Any]]:
    """The logit on a grid over the two inputs."""
    across, up = np.meshgrid(np.linspace(-2, 3, 41), np.linspace(-1.75, 2.25, 33))
    points = np.column_stack([across.ravel(), up.ravel()])
    f = model(torch.as_tensor(points - mean, dtype=torch.float32))[:, 0].numpy()
    return [
        {"curve": "answer", "x": float(x), "z": float(z), "value": float(value)}
        for (x, z), value in zip(points, f, strict=True)
    ]
