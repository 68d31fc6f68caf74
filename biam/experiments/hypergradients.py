"""Table `benchmark`, hypergradient methods: the error of each against what it costs.

The additive model is fitted to its lower minimum on weighted rows. There the hypergradient is known
exactly, from the dense Hessian, so every method has an error. Its cost is a ratio to one-step in
the same run: the two take turns on one thread, and are timed by the processor's clock.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from biam.additive import AdditiveModel
from biam.basis import Basis
from biam.datasets.synthetic import Split
from biam.experiments.benchmark import cpu_seconds
from biam.hypergradient import (
    FiniteDifference,
    ForwardMode,
    Hypergradient,
    Implicit,
    LowerRisk,
    OneStep,
    Truncated,
    Unrolled,
    UpperRisk,
)
from biam.losses import SoftmaxCrossEntropy, SquaredError
from biam.lower import AdditiveProblem, Rows
from biam.penalties import CoefficientPenalty
from biam.solvers.fitted import one_thread
from biam.validation import check_choice
from biam.weighting import RowWeights, WeightingNetwork

__all__ = ["Case", "at_minimum", "make_record", "measure"]

RECORDS: dict[str, Callable[..., Hypergradient]] = {
    "OneStep": OneStep,
    "Truncated": Truncated,
    "Unrolled": Unrolled,
    "ForwardMode": ForwardMode,
    "FiniteDifference": FiniteDifference,
    "Implicit": Implicit,
}
NEWTON_STEPS = 20
# A look costs a fraction of a millisecond: so many make one reading of the clock.
READING = 0.02


class Case(NamedTuple):
    """A lower risk at its minimum, the upper risk, the longest safe step, the true gradient.

    The step is one over the largest eigenvalue of the lower Hessian, whose smallest is `mu`; the
    gradient is that of the upper risk in theta, shape (n_upper,).
    """

    lower: LowerRisk
    upper: UpperRisk
    lr: float
    mu: float
    exact: Tensor


def measure(split: Split, task: str, seed: int, settings: Mapping[str, Any]) -> dict[str, float]:
    """Error and cost of one method.

    Parameters
    ----------
    split : Split
    task : {"regression", "classification"}
    seed : int
        Of the weighting network.
    settings : mapping
        `record`: name of the class; `options`: its settings, `lr` left out; `l2`: strength of the
        ridge; `repeats`.

    Returns
    -------
    dict of str to float
        `relative_error`, norm of the error over the norm of the exact gradient; `cosine`, of the
        angle between the two; `milliseconds`; `ratio`, to the milliseconds of one-step.
    """
    with one_thread():
        case = at_minimum(split, task, seed, settings["l2"])
        method = make_record(settings["record"], settings.get("options", {}), case)
        found, _ = method.gradient(case.lower, case.upper)
        looks = {"one-step": OneStep(case.lr), "method": method}
        milliseconds = _milliseconds(case, looks, settings["repeats"])
    exact = case.exact
    return {
        "relative_error": float((found - exact).norm() / exact.norm()),
        "cosine": float(torch.nn.functional.cosine_similarity(found, exact, dim=0)),
        "milliseconds": milliseconds["method"],
        "ratio": milliseconds["method"] / milliseconds["one-step"],
    }


def at_minimum(split: Split, task: str, seed: int, l2: float) -> Case:
    """The lower level solved for the weights of a fresh weighting network.

    Parameters
    ----------
    split : Split
    task : {"regression", "classification"}
    seed : int
    l2 : float
        Strength of the ridge on all coefficients.
    """
    regression = check_choice("task", task, ("regression", "classification")) == "regression"
    basis = Basis.fit(split.X_train, dtype=torch.float64)
    model = AdditiveModel(
        basis,
        1 if regression else len(set(split.y_train.tolist())),
        interactions=False,
        generator=torch.Generator().manual_seed(seed),
    )
    strength = torch.full_like(model.w.detach(), l2)
    loss = SquaredError() if regression else SoftmaxCrossEntropy()
    problem = AdditiveProblem(model, loss, CoefficientPenalty(strength, 0 * strength))
    kind = torch.float64 if regression else torch.int64
    rows, meta = (
        Rows(model.join(basis.design(X)), torch.as_tensor(y).to(kind))
        for X, y in ((split.X_train, split.y_train), (split.X_meta, split.y_meta))
    )
    uniform = RowWeights(torch.ones(len(rows), dtype=torch.float64))
    w = _solved(LowerRisk(problem, rows, uniform, model.w.detach()))
    network = WeightingNetwork()
    theta = network.init(torch.Generator().manual_seed(seed), dtype=torch.float64)
    learned = network.linearise(theta, problem.linearise(w, rows).losses)
    lower = LowerRisk(problem, rows, learned, _solved(LowerRisk(problem, rows, learned, w)))
    upper = UpperRisk(problem, meta)
    hessian = _hessian(lower)
    values = torch.linalg.eigvalsh(hessian)
    exact, _ = Implicit(lambda b: torch.linalg.solve(hessian, b)).gradient(lower, upper)
    return Case(lower, upper, 1 / values[-1].item(), values[0].item(), exact)


def make_record(name: str, options: Mapping[str, Any], case: Case) -> Hypergradient:
    """A hypergradient by the name of its class, with the longest safe step where it takes one.

    Parameters
    ----------
    name : str
    options : mapping
        Other settings; "start": "zero" begins at w = 0 instead of the minimum.
    case : Case
    """
    options = dict(options)
    if options.get("start") == "zero":
        options["start"] = torch.zeros_like(case.lower.w)
    lr = {} if name == "Implicit" else {"lr": case.lr}
    return RECORDS[check_choice("record", name, RECORDS)](**lr, **options)


def _hessian(lower: LowerRisk) -> Tensor:
    columns = torch.eye(len(lower.w)).to(lower.w)
    return torch.stack([lower.here.hessian_vector(e, lower.weights) for e in columns])


def _solved(lower: LowerRisk) -> Tensor:
    """The minimum of a convex lower risk, by Newton's method."""
    for _ in range(NEWTON_STEPS):
        slope = lower.here.gradient(lower.weights)
        if slope.abs().max() < 1e-13:
            break
        w = lower.w - torch.linalg.pinv(_hessian(lower), hermitian=True) @ slope
        lower = LowerRisk(lower.problem, lower.rows, lower.learned, w)
    return lower.w


def _milliseconds(
    case: Case, methods: Mapping[str, Hypergradient], repeats: int
) -> dict[str, float]:
    """Processor milliseconds of one gradient, linearisation of the batch included."""
    lower = case.lower

    def look(method: Hypergradient) -> None:
        fresh = LowerRisk(lower.problem, lower.rows, lower.learned, lower.w)
        method.gradient(fresh, case.upper)

    once, _ = cpu_seconds({n: lambda m=m: look(m) for n, m in methods.items()}, 1)
    counts = {name: max(1, round(READING / max(t, 1e-6))) for name, t in once.items()}
    loops = {
        n: lambda m=m, count=counts[n]: [look(m) for _ in range(count)] for n, m in methods.items()
    }
    seconds, _ = cpu_seconds(loops, repeats)
    return {name: 1e3 * seconds[name] / counts[name] for name in methods}
