"""Table `mitigation`: a network trained with one strategy, scored by group on the test rows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from biam.datasets.grouped import GroupedSplit
from biam.experiments.group_scores import group_scores, odds_difference
from biam.experiments.strategies import build
from biam.losses import Logistic, Loss, SoftmaxCrossEntropy
from biam.mitigation.dann import DomainNet
from biam.mitigation.occam import with_dropout
from biam.mitigation.occamnet import OccamNet, trunk
from biam.mitigation.training import rows, train
from biam.validation import check_choice

__all__ = ["fitted", "make_network", "optimizer_for", "outputs", "right_answers", "strategy"]

Array = NDArray[Any]


def strategy(
    split: GroupedSplit, task: str, seed: int, settings: Mapping[str, Any]
) -> dict[str, float]:
    """Train with one strategy and score the last model; nothing is chosen on test rows.

    Parameters
    ----------
    split : GroupedSplit
    task : {"classification"}
    seed : int
        Of initial weights and batches.
    settings : mapping
        "strategy", "options": see `biam.experiments.strategies.build`; "tuned": options by
        strategy, for the scenario, "options" come on top. "network", "also": keywords of
        `make_network`, of scenario and method. "optimizer", "decay": keywords of `optimizer_for`,
        likewise. "steps", "batch_size" (0 = all rows). "by": "attribute" makes the groups that the
        strategy sees g mod 2. "odds": also the `deo` of groups 2 y + a. "answers": also which exit
        of an OccamNet answers. "delayed": with "steps" and "options" of the scenario's "late".

    Returns
    -------
    dict of str to float
        `group_scores` of the test rows, `train_accuracy`, `train_worst_group`, `train_loss`.
    """
    model, loss = fitted(split, seed, settings)
    right = right_answers(model, split.x_test, split.y_test)
    values = group_scores(right, split.g_test)
    if settings.get("odds"):
        values["deo"] = odds_difference(right, split.g_test)
    seen = right_answers(model, split.x_train, split.y_train)
    values["train_accuracy"] = float(seen.mean())
    values["train_worst_group"] = group_scores(seen, split.g_train)["worst_group"]
    f = outputs(model, split.x_train)
    values["train_loss"] = loss.value(f, torch.as_tensor(split.y_train)).mean().item()
    if settings.get("answers") and isinstance(model, OccamNet):
        values |= _answering(model, split)
    return values


def fitted(split: GroupedSplit, seed: int, settings: Mapping[str, Any]) -> tuple[nn.Module, Loss]:
    """The trained network of `strategy`, and its loss."""
    groups = split.g_train % 2 if settings.get("by") == "attribute" else split.g_train
    table = rows(split.x_train, split.y_train, groups)
    n_classes = int(max(split.y_train.max(), split.y_test.max())) + 1
    loss: Loss = Logistic() if n_classes == 2 else SoftmaxCrossEntropy()
    shape, n_outputs = split.x_train.shape[1:], 1 if n_classes == 2 else n_classes
    network = {**settings.get("network", {}), **settings.get("also", {})}
    model = make_network(shape, n_outputs, seed, **network)
    late = settings["late"] if settings.get("delayed") else {}
    steps, size = late.get("steps", settings["steps"]), settings.get("batch_size", 0)
    size = size or len(table.y)
    name = settings.get("strategy", "erm")
    options = {**settings.get("tuned", {}).get(name, {}), **settings.get("options", {})}
    options |= late.get("options", {})
    sampler, objective = build(name, table, loss, size, steps, options)
    optimizer = optimizer_for(model, **settings.get("optimizer", {}), **settings.get("decay", {}))
    train(model, table, sampler, objective, optimizer, steps=steps, seed=seed)
    return model, loss


def make_network(
    shape: tuple[int, ...],
    n_outputs: int,
    seed: int,
    *,
    kind: str = "mlp",
    hidden: tuple[int, ...] = (),
    dropout: float = 0.0,
    domain_head: bool = False,
    xavier: bool = False,
    widths: tuple[int, ...] = (16, 32, 48, 64),
) -> nn.Module:
    """A network with initial weights drawn from `seed` alone.

    Parameters
    ----------
    shape : tuple of int
        Of one row: (p,), or (channels, h, w) for the two CNNs.
    n_outputs, seed : int
    kind : {"mlp", "cnn", "occam-net"}
        "cnn" is the trunk of the OccamNet with one exit: mean over the picture, linear.
    hidden : tuple of int
        Widths of the MLP, ReLU; none = linear.
    dropout : float
        After every ReLU of the MLP or block of the CNN.
    domain_head : bool
        Put a linear domain classifier beside the last layer of the MLP.
    xavier : bool
        Uniform Glorot weights and no bias at first, as the Colored-MNIST code has it.
    widths : tuple of int
        Channels of the CNNs.
    """
    check_choice("network", kind, ("mlp", "cnn", "occam-net"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if kind == "occam-net":
            return OccamNet(shape[0], n_outputs, widths)
        if kind == "cnn":
            return _cnn(shape[0], n_outputs, widths, dropout)
        model = _mlp(shape, n_outputs, tuple(hidden))
        if xavier:
            for layer in model:
                if isinstance(layer, nn.Linear):
                    nn.init.xavier_uniform_(layer.weight)
                    nn.init.zeros_(layer.bias)
        if domain_head:
            return DomainNet(model[:-1], model[-1], nn.Linear(model[-1].in_features, 1))
    return with_dropout(model, dropout) if dropout else model


def optimizer_for(
    model: nn.Module,
    name: str = "sgd",
    lr: float = 0.1,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
) -> torch.optim.Optimizer:
    """Plain SGD or Adam over all parameters."""
    if check_choice("optimizer", name, ("sgd", "adam")) == "adam":
        return torch.optim.Adam(model.parameters(), lr, weight_decay=weight_decay)
    return torch.optim.SGD(model.parameters(), lr, weight_decay=weight_decay, momentum=momentum)


@torch.no_grad()
def outputs(model: nn.Module, x: Array | Tensor, size: int = 1000) -> Tensor:
    """Outputs of the model in evaluation mode, shape (n, d)."""
    model.eval()
    x = torch.as_tensor(x, dtype=torch.float32)
    return torch.cat([model(part) for part in x.split(size)])


def right_answers(model: nn.Module, x: Array | Tensor, y: Array) -> NDArray[np.bool_]:
    """Is the most probable class the true one, shape (n,)."""
    f = outputs(model, x)
    guess = (f[:, 0] > 0).long() if f.shape[1] == 1 else f.argmax(1)
    return guess.numpy() == y


def _mlp(shape: tuple[int, ...], n_outputs: int, hidden: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Flatten()] if len(shape) > 1 else []
    before = int(np.prod(shape))
    for width in hidden:
        layers += [nn.Linear(before, width), nn.ReLU()]
        before = width
    return nn.Sequential(*layers, nn.Linear(before, n_outputs))


def _cnn(channels: int, n_outputs: int, widths: tuple[int, ...], dropout: float) -> nn.Module:
    blocks: list[nn.Module] = list(trunk(channels, widths))
    if dropout:
        blocks = [nn.Sequential(block, nn.Dropout(dropout)) for block in blocks]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(widths[-1], n_outputs)]
    return nn.Sequential(*blocks, *head)


@torch.no_grad()
def _answering(model: OccamNet, split: GroupedSplit) -> dict[str, float]:
    """Mean number of the exit that answers, by group of the test rows."""
    x = torch.as_tensor(split.x_test)
    which = torch.cat([OccamNet.answering(model.exits(part)) for part in x.split(1000)]).numpy()
    return {f"exit_g{g}": float(which[split.g_test == g].mean()) for g in np.unique(split.g_test)}
