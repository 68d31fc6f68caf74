"""Table `images`: a small CNN with the weighting network of the additive model over it.

It is trained by the same loop as the published additive model, `BilevelOptimizer` with one-step
hypergradients; only the lower model is another. That is Meta-Weight-Net (Shu et al. 2019), at a
size that two cores can train.
"""

from collections.abc import Mapping
from math import ceil
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from biam.bilevel import BilevelOptimizer, BilevelState
from biam.datasets.synthetic import Split
from biam.experiments.images import picture_scores, suspect_curves, weight_score
from biam.hypergradient import OneStep
from biam.losses import SoftmaxCrossEntropy
from biam.lower import ModuleProblem, Rows
from biam.validation import check_choice
from biam.weighting import WeightingNetwork

__all__ = ["network", "small_cnn"]

# Pictures up to this side keep it in the first layer.
SMALL_SIDE = 16
N_WEIGHTS = 25

Array = NDArray[Any]


def network(
    split: Split, task: str, seed: int, settings: Mapping[str, Any]
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """A small CNN on the pictures, by plain SGD, with or without the weighting network.

    Methods of one seed start from the same CNN and, on the same rows, see the same batches.

    Parameters
    ----------
    split, task, seed :
        As in `biam.experiments.images.additive`.
    settings : mapping
        "rows": "train", "meta" or "both", what the CNN is trained on. "weighted": train the
        weighting network on the meta rows. "steps": SGD steps, rounded to whole epochs.
        "batch_size", "lower_lr", "upper_lr", "clip", "n_hidden". "device": "auto" takes a GPU if
        there is one. "scores", "curve_seeds": as in `additive`.

    Returns
    -------
    metrics : dict of str to float
    curves : list of dict
        Weighted only. "weight": the weight, over the loss x, at quantiles of the training rows'
        losses. "suspect": as in `additive`.
    """
    chosen = check_choice("rows", settings.get("rows", "train"), ("train", "meta", "both"))
    device = _device(settings.get("device", "auto"))
    inputs = _inputs(split, device)
    train, meta = (_rows(inputs[p], y) for p, y in _labels(split))
    rows = {"train": train, "meta": meta, "both": _joined(train, meta)}[chosen]
    problem = ModuleProblem(small_cnn(split, seed), SoftmaxCrossEntropy())
    optimizer = _optimizer(problem, settings)
    state = _start(optimizer, problem, seed, device)
    epochs = max(1, round(settings.get("steps", 600) / ceil(len(rows) / optimizer.batch_size)))
    state = optimizer.run(state, rows, meta if optimizer.upper else None, epochs).state
    metrics = picture_scores(split, _probabilities(problem, state.lower, inputs["test"]), settings)
    if optimizer.upper is None:
        return metrics, []
    losses = problem.losses(state.lower, train)
    weights = optimizer.upper.weights(state.upper, losses).cpu().numpy()
    metrics |= weight_score(split, weights)
    if seed not in settings.get("curve_seeds", ()):
        return metrics, []
    return metrics, _weight_curves(losses.cpu().numpy(), weights) + suspect_curves(weights)


def small_cnn(split: Split, seed: int) -> nn.Module:
    """Two convolutions (16 and 32 channels, ReLU) and a linear layer; drawn from `seed` alone."""
    side, *_ = shape = split.truth["shape"]
    channels, n_classes = (*shape, 1)[2], len(split.truth["class_names"])
    stride = 1 if side <= SMALL_SIDE else 2
    end = ceil(ceil(side / stride) / 2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(channels, 16, 2 * stride + 1, stride=stride, padding=stride),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * end * end, n_classes),
        )


def _weight_curves(losses: Array, weights: Array) -> list[dict[str, Any]]:
    order = np.argsort(losses, kind="stable")
    chosen = order[np.linspace(0, len(order) - 1, N_WEIGHTS).round().astype(int)]
    return [
        {"curve": "weight", "x": float(losses[i]), "z": None, "value": float(weights[i])}
        for i in chosen
    ]


def _device(name: str) -> torch.device:
    found = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(found if name == "auto" else name)


def _inputs(split: Split, device: torch.device) -> dict[str, Tensor]:
    """Pictures of every part, channels first, standardised by the training pixels."""
    train = split.truth["images_train"]
    mean, std = train.mean(), train.std()
    inputs = {}
    for part in ("train", "meta", "test"):
        images = split.truth[f"images_{part}"]
        images = images[:, None] if images.ndim == 3 else np.moveaxis(images, 3, 1)
        inputs[part] = torch.as_tensor((images - mean) / std, dtype=torch.float32).to(device)
    return inputs


def _labels(split: Split) -> tuple[tuple[str, Array], tuple[str, Array]]:
    return ("train", split.y_train), ("meta", split.y_meta)


def _rows(inputs: Tensor, y: Array) -> Rows:
    return Rows(inputs, torch.as_tensor(y).to(inputs.device))


def _joined(first: Rows, second: Rows) -> Rows:
    return Rows(torch.cat([first.inputs, second.inputs]), torch.cat([first.y, second.y]))


def _optimizer(problem: ModuleProblem, settings: Mapping[str, Any]) -> BilevelOptimizer:
    lower_lr = settings.get("lower_lr", 0.1)
    upper = WeightingNetwork(settings.get("n_hidden", 10)) if settings.get("weighted") else None
    return BilevelOptimizer(
        problem,
        upper,
        OneStep(lower_lr),
        lower_lr=lower_lr,
        upper_lr=settings.get("upper_lr", 1.0),
        clip=settings.get("clip", 5.0),
        batch_size=settings.get("batch_size", 100),
    )


def _start(
    optimizer: BilevelOptimizer, problem: ModuleProblem, seed: int, device: torch.device
) -> BilevelState:
    lower, stream = problem.initial().to(device), torch.Generator().manual_seed(seed)
    if optimizer.upper is None:
        return optimizer.init(lower, stream)
    # A stream of its own, so that the batches are those of a run without the weighting network.
    theta = optimizer.upper.init(torch.Generator().manual_seed(seed + 1)).to(device)
    return optimizer.init(lower, stream, upper=theta)


@torch.inference_mode()
def _probabilities(problem: ModuleProblem, w: Tensor, inputs: Tensor) -> Array:
    named = problem.named(w)
    outputs = [torch.func.functional_call(problem.module, named, (x,)) for x in inputs.split(1000)]
    return torch.cat(outputs).double().softmax(1).cpu().numpy()
