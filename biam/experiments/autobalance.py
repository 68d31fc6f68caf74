"""Table `autobalance`: a small network under fixed losses, and under a loss that was searched."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from biam.autobalance.design import LossDesign
from biam.autobalance.groups import Balanced, Blend, EqualOdds, Objective, Plain, WorstGroup
from biam.autobalance.lower import Training
from biam.autobalance.parametric import (
    STARTS,
    ExpectedError,
    LossFamily,
    ParametricCrossEntropy,
    interpolated,
    plain,
)
from biam.autobalance.policies import ClassPolicies, PolicyDesign
from biam.autobalance.search import AutoBalance, Design, Judge, Searched
from biam.datasets.synthetic import Split
from biam.experiments.long_tails import Case, prepare, validation_part
from biam.hypergradient import Implicit
from biam.losses import Loss
from biam.lower import ModuleProblem, Rows
from biam.validation import check_choice

__all__ = ["OBJECTIVES", "balance", "error_scores", "network"]

VALIDATION_SHARE = 0.2
# Length of the vectors whose angle is a class score: the "s" of Cao et al. (2019).
COSINE_SCALE = 30.0
OBJECTIVES = {
    "plain": Plain,
    "balanced": Balanced,
    "DEO": EqualOdds,
    "worst": WorstGroup,
}
"""Objectives of the validation rows by name; "blend" is balanced error and one more."""


def balance(
    split: Split, task: str, seed: int, settings: Mapping[str, Any]
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """One network trained from scratch on all training rows, with a fixed or a searched loss.

    All methods of one seed start from the same parameters and see the same batches.

    Parameters
    ----------
    split : Split
        See `prepare`.
    task : {"classification"}
    seed : int
    settings : mapping
        "loss": name in `STARTS`, and "loss_options" of it. "learn": parts of the loss to search
        for, from that start; without it the loss is fixed. "cluster": classes of like size that
        share a number, see `interpolated`. "squash", "search": see `LossFamily` and `AutoBalance`;
        "solve": options of `Implicit`. "validation_share": of the rows of each class, kept aside
        during the search, default a fifth. "objective": a name in `OBJECTIVES`;
        "blend": share of it beside `Balanced`; "judge": "cross-entropy" or "expected-error".
        "policies": names of `OPERATIONS`; each class then has its own policy, searched for unless
        "search_policies" is False, which leaves them even.
        "hidden": widths of the network; "cosine": score classes by angles (LDAM). "training": see
        `Training`. "group": see `prepare`. "curve_seeds": seeds whose curves are kept.

    Returns
    -------
    metrics : dict of str to float
        See `error_scores`.
    curves : list of dict
        Searched only. "offset", "scale", "weight": of class x in group z. "policy": share of
        operation z in class x. "objective": over the lower steps x.
    """
    case = prepare(split, settings)
    module = network(case.rows.inputs.shape[1], case.shape[1], seed, settings)
    start = STARTS[check_choice("loss", settings["loss"], STARTS)]
    loss = start(case.counts, **settings.get("loss_options", {}))
    problem = ModuleProblem(module, loss)
    training = Training(**settings.get("training", {}))
    design, searching = _design(loss, case, split, settings)
    theta, history = design.init(), []
    if searching:
        theta, _, history = _search(problem, case, design, training, seed, settings)
    stream = _stream(seed + 1)
    w = training.run(
        design.problem(problem, theta),
        case.rows,
        problem.initial(),
        _stream(seed),
        redraw=lambda rows: design.batch(theta, rows, stream),
    )
    kept = searching and seed in settings.get("curve_seeds", ())
    curves = _curves(design, theta, history) if kept else []
    return error_scores(_outputs(problem, w, case.test), case), curves


def network(n_features: int, n_classes: int, seed: int, settings: Mapping[str, Any]) -> nn.Module:
    """Linear layers with ReLU between them, drawn from `seed` alone.

    Parameters
    ----------
    n_features, n_classes, seed : int
    settings : mapping
        "hidden": widths. "cosine": the last layer gives 30 times the cosine between the last hidden
        layer and a vector per class.
    """
    widths = [n_features, *settings.get("hidden", (32,))]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers: list[nn.Module] = []
        for n_in, n_out in pairwise(widths):
            layers += [nn.Linear(n_in, n_out), nn.ReLU()]
        head = _Cosine if settings.get("cosine") else nn.Linear
        return nn.Sequential(*layers, head(widths[-1], n_classes))


def error_scores(f: Tensor, case: Case) -> dict[str, float]:
    """Errors of the test rows at raw outputs.

    Parameters
    ----------
    f : Tensor, shape (n_test, K)
    case : Case

    Returns
    -------
    dict of str to float
        `balanced_error`, the mean over the classes; `error`, over the rows; `worst_class_error`.
        With groups `deo`, the sum over the classes of the difference between the groups, and
        `worst_group_error`, the largest mean over the classes of one group.
    """
    n_groups, n_classes = case.shape
    group, label = case.test.y // n_classes, case.test.y % n_classes
    wrong = (f.argmax(1) != label).double()
    by_class = torch.stack([wrong[label == k].mean() for k in range(n_classes)])
    scores = {
        "balanced_error": by_class.mean().item(),
        "error": wrong.mean().item(),
        "worst_class_error": by_class.max().item(),
    }
    if n_groups == 1:
        return scores
    cells = torch.stack(
        [
            torch.stack([wrong[(group == g) & (label == k)].mean() for k in range(n_classes)])
            for g in range(n_groups)
        ]
    )
    spread = cells.amax(0) - cells.amin(0)
    return scores | {
        "deo": spread.sum().item(),
        "worst_group_error": cells.mean(1).max().item(),
    }


class _Cosine(nn.Module):
    """Scores by the angle to one vector per class. Source: Cao et al. (2019), LDAM."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(functional.normalize(torch.randn(n_out, n_in)))

    def forward(self, x: Tensor) -> Tensor:
        return COSINE_SCALE * functional.normalize(x) @ functional.normalize(self.weight).T


def _design(
    loss: ParametricCrossEntropy, case: Case, split: Split, settings: Mapping[str, Any]
) -> tuple[Design, bool]:
    """What may be searched for, and whether it is."""
    if "policies" in settings:
        names, side = tuple(settings["policies"]), tuple(split.truth["shape"])
        policies = ClassPolicies(case.shape[1], names, side)
        return PolicyDesign(policies), settings.get("search_policies", True)
    learn = tuple(settings.get("learn", ()))
    spread = interpolated(case.counts, settings["cluster"]) if "cluster" in settings else None
    family = LossFamily(loss, learn or ("offset",), settings.get("squash", True), spread)
    # Without parts to learn the family is never asked for anything but its start.
    return LossDesign(family), bool(learn)


def _search(
    problem: ModuleProblem,
    case: Case,
    design: Design,
    training: Training,
    seed: int,
    settings: Mapping[str, Any],
) -> Searched:
    share = settings.get("validation_share", VALIDATION_SHARE)
    first, second = validation_part(case.rows, share, seed)
    judge = Judge(problem, second, case.shape, _objective(settings), _judged_by(case, settings))
    implicit = Implicit(**{"n_steps": 5, "damping": 0.01, **settings.get("solve", {})})
    search = AutoBalance(design, training, implicit, **settings.get("search", {}))
    return search.search(judge, first, problem.initial(), _stream(seed))


def _objective(settings: Mapping[str, Any]) -> Objective:
    name = check_choice("objective", settings.get("objective", "balanced"), OBJECTIVES)
    objective = OBJECTIVES[name]()
    return Blend(Balanced(), objective, settings["blend"]) if "blend" in settings else objective


def _judged_by(case: Case, settings: Mapping[str, Any]) -> Loss:
    name = settings.get("judge", "cross-entropy")
    check_choice("judge", name, ("cross-entropy", "expected-error"))
    return plain(case.counts) if name == "cross-entropy" else ExpectedError(case.shape[1])


def _curves(design: Design, theta: Tensor, history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if isinstance(design, PolicyDesign):
        found = {"policy": design.policies.policy(theta).T}
    else:
        loss = design.family.loss(theta)
        found = {part: getattr(loss, part) for part in ("weight", "offset", "scale")}
    parts = [
        {"curve": part, "x": float(k), "z": float(row), "value": float(value)}
        for part, values in found.items()
        for (row, k), value in np.ndenumerate(values.numpy())
    ]
    return parts + [
        {"curve": "objective", "x": float(step["step"]), "z": None, "value": step["objective"]}
        for step in history
    ]


def _stream(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@torch.inference_mode()
def _outputs(problem: ModuleProblem, w: Tensor, rows: Rows) -> Tensor:
    named = problem.named(w)
    return torch.func.functional_call(problem.module, named, (rows.inputs,))
