"""Table `meta-weight-net`: a small CNN on pictures with wrong labels or a long tail of classes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import numpy as np
import torch
from torch import Tensor

from biam.autobalance.parametric import class_balanced
from biam.baselines.noisy_networks import coteach, early_stopped, gold_matrix, train_reweighted
from biam.bilevel import BilevelOptimizer, BilevelState
from biam.datasets.synthetic import Split
from biam.deep_weighting import weighting_network
from biam.experiments.images import picture_scores, weight_score
from biam.experiments.networks import _inputs, _probabilities, small_cnn
from biam.hypergradient import OneStep
from biam.label_losses import CorrectedCrossEntropy, Focal
from biam.losses import SoftmaxCrossEntropy
from biam.lower import ModuleProblem, Rows
from biam.metrics import spearman
from biam.validation import check_choice

__all__ = ["METHODS", "Task", "pictures"]

CPU = torch.device("cpu")
# Quantiles of the losses at which a learned weight curve is stored.
N_CURVE = 40
# Fine-tuning: these shares of the steps and of the step length.
TUNING_STEPS, TUNING_LR = 0.2, 0.1


@dataclass(frozen=True)
class Task:
    """One split as tensors, with the optimizer that every method trains with.

    Parameters
    ----------
    rows, meta : Rows
    problem : ModuleProblem
        The CNN under cross-entropy.
    optimizer : BilevelOptimizer
        Without an upper learner.
    epochs : int
        On `rows`; as many steps as asked for.
    seed, n_classes : int
    settings : mapping
    """

    rows: Rows
    meta: Rows
    problem: ModuleProblem
    optimizer: BilevelOptimizer
    epochs: int
    seed: int
    n_classes: int
    settings: Mapping[str, Any]

    def start(self, optimizer: BilevelOptimizer | None = None) -> BilevelState:
        """The same parameters for every method of one seed, and the same batches for most."""
        stream = torch.Generator().manual_seed(self.seed)
        return (optimizer or self.optimizer).init(self.problem.initial(), stream)

    def epochs_on(self, rows: Rows, share: float = 1.0) -> int:
        """Epochs on other rows that make this share of the steps."""
        size = self.optimizer.batch_size
        steps = share * self.epochs * ceil(len(self.rows) / size)
        return max(1, round(steps / ceil(len(rows) / size)))

    def train(
        self, problem: ModuleProblem, rows: Rows, w: Tensor | None = None, **changes: Any
    ) -> Tensor:
        """Parameters after plain training."""
        epochs = changes.pop("epochs", None) or self.epochs_on(rows)
        optimizer = replace(self.optimizer, problem=problem, **changes)
        state = self.start(optimizer)
        state = state if w is None else replace(state, lower=w.clone())
        return optimizer.run(state, rows, None, epochs).state.lower


def pictures(
    split: Split, task: str, seed: int, settings: Mapping[str, Any]
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """A small CNN trained by one method on the pictures of `make_image_split`.

    Parameters
    ----------
    split : Split
        From `biam.experiments.images.make_image_split`.
    task : {"classification"}
    seed : int
    settings : mapping
        "method": a key of `METHODS`. "steps": SGD steps, rounded to whole epochs; "batch_size",
        "lower_lr", "clip". Weighting network: "widths", "standardise", "normalise", "upper_lr".
        "gamma" (focal), "beta" (class-balanced), "rate" (co-teaching). "scores": names of metrics.
        "curve_seeds": seeds whose weight curve is kept.

    Returns
    -------
    metrics : dict of str to float
        Scores of the clean test pictures. Meta-Weight-Net: `weight_auroc` where labels are wrong,
        `mean_weight` before normalisation, `weight_slope`: rank correlation of weight and loss.
        CE-early: `best_epoch`.
    curves : list of dict
        Meta-Weight-Net only. "weight": over the loss x.
    """
    method = METHODS[check_choice("method", settings["method"], METHODS)]
    made = _task(split, seed, settings)
    w, extra, curves = method(made, split)
    proba = _probabilities(made.problem, w, _inputs(split, CPU)["test"])
    return picture_scores(split, proba, settings) | extra, curves


Outcome = tuple[Tensor, dict[str, float], list[dict[str, Any]]]


def _ce(task: Task, split: Split) -> Outcome:
    return task.train(task.problem, task.rows), {}, []


def _ce_early(task: Task, split: Split) -> Outcome:
    def judge(w: Tensor) -> float:
        return task.problem.losses(w, task.meta).mean().item()

    w, epoch = early_stopped(task.optimizer, task.start(), task.rows, task.epochs, judge)
    return w, {"best_epoch": float(epoch)}, []


def _meta_only(task: Task, split: Split) -> Outcome:
    return task.train(task.problem, task.meta), {}, []


def _fine_tuned(task: Task, split: Split) -> Outcome:
    w = task.train(task.problem, task.rows)
    changes = {"lower_lr": TUNING_LR * task.optimizer.lower_lr}
    epochs = task.epochs_on(task.meta, TUNING_STEPS)
    return task.train(task.problem, task.meta, w, epochs=epochs, **changes), {}, []


def _focal(task: Task, split: Split) -> Outcome:
    loss = Focal(task.settings.get("gamma", 2.0))
    return task.train(replace(task.problem, loss=loss), task.rows), {}, []


def _class_balanced(task: Task, split: Split) -> Outcome:
    # A class that wrong labels have emptied weighs as one row would.
    counts = torch.bincount(task.rows.y, minlength=task.n_classes).clamp_min(1).float()
    loss = class_balanced(counts, task.settings.get("beta", 0.9999))
    return task.train(replace(task.problem, loss=loss), task.rows), {}, []


def _l2rw(task: Task, split: Split) -> Outcome:
    start, stream = task.problem.initial(), torch.Generator().manual_seed(task.seed)
    w = train_reweighted(task.optimizer, start, task.rows, task.meta, task.epochs, stream)
    return w, {}, []


def _glc(task: Task, split: Split) -> Outcome:
    noisy = task.train(task.problem, task.rows)
    proba = torch.as_tensor(_probabilities(task.problem, noisy, task.meta.inputs)).float()
    matrix = gold_matrix(proba, task.meta.y, task.n_classes)
    loss = CorrectedCrossEntropy(torch.cat([matrix, torch.eye(task.n_classes)], 1))
    both = Rows(
        torch.cat([task.rows.inputs, task.meta.inputs]),
        torch.cat([task.rows.y, task.meta.y + task.n_classes]),
    )
    return task.train(replace(task.problem, loss=loss), both), {}, []


def _coteaching(task: Task, split: Split) -> Outcome:
    other = ModuleProblem(small_cnn(split, task.seed + 1), SoftmaxCrossEntropy()).initial()
    rate = task.settings.get("rate", float(split.mask.mean()))
    starts, stream = (task.problem.initial(), other), torch.Generator().manual_seed(task.seed)
    w, _ = coteach(task.optimizer, starts, task.rows, task.epochs, stream, rate=rate)
    return w, {}, []


def _meta_weight_net(task: Task, split: Split) -> Outcome:
    options = task.settings
    widths = tuple(options.get("widths", (100,)))
    upper = weighting_network(
        widths,
        standardise=options.get("standardise", True),
        normalise=options.get("normalise", True),
    )
    optimizer = replace(
        task.optimizer,
        upper=upper,
        hypergradient=OneStep(task.optimizer.lower_lr),
        upper_lr=options.get("upper_lr", 1.0),
    )
    # A stream of its own, so that the batches are those of a run without the weighting network.
    theta = upper.init(torch.Generator().manual_seed(task.seed + 1))
    state = optimizer.init(
        task.problem.initial(), torch.Generator().manual_seed(task.seed), upper=theta
    )
    state = optimizer.run(state, task.rows, task.meta, task.epochs).state
    losses = task.problem.losses(state.lower, task.rows)
    weights = upper.weights(state.upper, losses)
    raw = replace(upper, normalise=False).weights(state.upper, losses)
    extra = weight_score(split, weights.numpy()) | {
        "mean_weight": raw.mean().item(),
        "weight_slope": spearman(losses.numpy(), weights.numpy()),
    }
    kept = task.seed in options.get("curve_seeds", ())
    return state.lower, extra, _curve(losses.numpy(), weights.numpy()) if kept else []


METHODS: dict[str, Callable[[Task, Split], Outcome]] = {
    "CE": _ce,
    "CE-early": _ce_early,
    "focal": _focal,
    "class-balanced": _class_balanced,
    "fine-tuning": _fine_tuned,
    "meta-only": _meta_only,
    "L2RW": _l2rw,
    "GLC": _glc,
    "co-teaching": _coteaching,
    "MW-Net": _meta_weight_net,
}
"""Ways to train, by name."""


def _task(split: Split, seed: int, settings: Mapping[str, Any]) -> Task:
    inputs = _inputs(split, CPU)
    rows = Rows(inputs["train"], torch.as_tensor(split.y_train))
    meta = Rows(inputs["meta"], torch.as_tensor(split.y_meta))
    problem = ModuleProblem(small_cnn(split, seed), SoftmaxCrossEntropy())
    optimizer = BilevelOptimizer(
        problem,
        lower_lr=settings.get("lower_lr", 0.1),
        clip=settings.get("clip", 5.0),
        batch_size=settings.get("batch_size", 100),
    )
    epochs = max(1, round(settings.get("steps", 600) / ceil(len(rows) / optimizer.batch_size)))
    n_classes = len(split.truth["class_names"])
    return Task(rows, meta, problem, optimizer, epochs, seed, n_classes, settings)


def _curve(losses: np.ndarray, weights: np.ndarray) -> list[dict[str, Any]]:
    order = np.argsort(losses, kind="stable")
    chosen = order[np.linspace(0, len(order) - 1, N_CURVE).round().astype(int)]
    return [
        {"curve": "weight", "x": float(losses[i]), "z": None, "value": float(weights[i])}
        for i in chosen
    ]
