"""The structure search: gates, weighting network and additive model learned together.

Lower problem: a ridge model on whole groups of columns (`StructuredBasis`) with weighted rows.
Upper problem, on the meta rows: which groups to keep (`GroupGates`, score function) and how to
weigh the training rows (`WeightingNetwork`, one differentiable lower step). All sampled structures
move as one batched program (`LowerProblem`).
Source: BIAM protocol, section 6.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from biam.exceptions import InvalidInputError
from biam.losses import Logistic, Loss, SquaredError
from biam.solvers.structured_basis import Group, StructuredBasis
from biam.solvers.structured_lower import LowerProblem, Rows
from biam.structure import GroupGates
from biam.validation import check_choice, check_integer, check_number

__all__ = ["StructureFit", "StructureSearch"]

LOSSES: Mapping[str, Loss] = {"regression": SquaredError(), "classification": Logistic()}

# Structures remembered; the oldest go first. Late in the search a handful come back all the time.
_CACHE = 1024


@dataclass(frozen=True)
class StructureFit:
    """What the search found.

    Parameters
    ----------
    basis : StructuredBasis
    probabilities : ndarray, shape (n_groups,)
    selected : ndarray of bool, shape (n_groups,)
    w : ndarray, shape (1 + n_columns,)
        Intercept, then the columns; zero in groups that were dropped.
    weights : ndarray, shape (n_train,)
        Learned weights of the training rows.
    history : list of dict
        Per epoch "epoch", "tune_risk", "meta_risk", "expected_groups", "groups".
    """

    basis: StructuredBasis
    probabilities: np.ndarray
    selected: np.ndarray
    w: np.ndarray
    weights: np.ndarray
    history: list[dict[str, float]]

    @property
    def groups(self) -> list[Group]:
        """The groups that were kept."""
        return [g for g, kept in zip(self.basis.groups, self.selected, strict=True) if kept]

    def decision(self, X: np.ndarray) -> np.ndarray:
        """Predicted target, or the log-odds of class 1; shape (n,)."""
        return self.w[0] + self.basis.design(X) @ self.w[1:]


@dataclass(frozen=True)
class StructureSearch:
    """Settings of the search; `fit` runs it.

    Parameters
    ----------
    task : {"regression", "classification"}
        Squared error, or the logistic loss of classes 0 and 1.
    n_structures : int
        Structures sampled per step: even, at least 4.
    inner_steps : int
        Lower steps of each structure before its meta risk is taken; the last is differentiated.
    lower_lr, structure_lr, weight_lr : float
        Plain gradient steps below, Adam for both upper learners.
    ridge : float
    epochs, batch_size : int
        One step per mini-batch of training rows; the meta rows are always taken together.
    patience : int
        Epochs without a better tuning risk before the search ends. The risk is that of the expected
        model: the kept groups alone flicker while gates cross one half.
    refit_steps : int
        Lower steps of the kept groups on training and meta rows, meta rows of weight one.
    start : float, optional
        Probability of every gate at the start, in (0, 1); default the prior.
    gates : GroupGates
        Prior and prices of the structure.
    n_knots, min_support : int
        As in `StructuredBasis.fit`.
    random_state : int

    Raises
    ------
    UnknownNameError
        An unknown task.
    InvalidInputError
        A setting outside its range.
    """

    task: str = "regression"
    n_structures: int = 8
    inner_steps: int = 5
    lower_lr: float = 1e-2
    structure_lr: float = 1e-2
    weight_lr: float = 1e-3
    ridge: float = 1e-4
    epochs: int = 200
    batch_size: int = 64
    patience: int = 20
    refit_steps: int = 100
    start: float | None = None
    gates: GroupGates = field(default_factory=GroupGates)
    n_knots: int = 8
    min_support: int = 20
    random_state: int = 0

    def __post_init__(self) -> None:
        check_choice("task", self.task, LOSSES)
        if check_integer("n_structures", self.n_structures, low=4) % 2:
            raise InvalidInputError(f"n_structures must be even, got {self.n_structures}.")
        for name in ("inner_steps", "epochs", "patience"):
            check_integer(name, getattr(self, name), low=1)
        check_integer("batch_size", self.batch_size, low=2)
        for name in ("refit_steps", "random_state"):
            check_integer(name, getattr(self, name))
        for name in ("lower_lr", "structure_lr", "weight_lr"):
            check_number(name, getattr(self, name), low=0.0, open_low=True)
        check_number("ridge", self.ridge, low=0.0)
        if self.start is not None:
            check_number("start", self.start, low=0.0, high=1.0 - 1e-12, open_low=True)

    def fit(
        self,
        X: np.ndarray,
        y: np.ndarray,
        X_meta: np.ndarray,
        y_meta: np.ndarray,
        X_tune: np.ndarray,
        y_tune: np.ndarray,
    ) -> StructureFit:
        """Search on the training rows, judged on the meta rows, stopped by the tuning rows.

        Parameters
        ----------
        X, X_meta, X_tune : ndarray, shape (n_rows, n_features)
            NaN is missing.
        y, y_meta, y_tune : ndarray, shape (n_rows,)
            Numbers, or classes 0 and 1.

        Raises
        ------
        InvalidInputError
            Rows and targets that do not match, targets with gaps, classes other than 0 and 1.
        """
        basis = StructuredBasis.fit(X, self.n_knots, self.min_support)
        given = {"train": (X, y), "meta": (X_meta, y_meta), "tune": (X_tune, y_tune)}
        parts = [_rows(basis, name, *part, self.task) for name, part in given.items()]
        with torch.inference_mode():
            return _Search(self, basis, *parts).run()


def _rows(basis: StructuredBasis, name: str, X: np.ndarray, y: np.ndarray, task: str) -> Rows:
    y = np.asarray(y, dtype=float)
    if y.shape != (len(X),) or len(y) == 0 or not np.isfinite(y).all():
        raise InvalidInputError(
            f"the {name} targets must be {len(X)} finite numbers, one per row and at least one, "
            f"got shape {y.shape}; drop rows without a target."
        )
    if task == "classification" and not np.isin(y, (0.0, 1.0)).all():
        raise InvalidInputError(f"the {name} targets must be 0 and 1, got {np.unique(y)[:5]}.")
    B = np.concatenate([np.ones((len(X), 1)), basis.design(X)], 1)
    return Rows(torch.from_numpy(B).float(), torch.from_numpy(y).float())


class _Search:
    """One run: phi (gates), theta (weighting network), w (shared lower parameters)."""

    def __init__(
        self, setting: StructureSearch, basis: StructuredBasis, train: Rows, meta: Rows, tune: Rows
    ) -> None:
        self.setting, self.basis = setting, basis
        self.train, self.meta, self.tune = train, meta, tune
        self.lower = LowerProblem(LOSSES[setting.task], setting.lower_lr, setting.ridge)
        self.generator = torch.Generator().manual_seed(setting.random_state)
        n = len(basis.groups)
        self.owner = torch.from_numpy(np.repeat(np.arange(n), np.array(basis.sizes, dtype=int)))
        start = setting.gates.prior if setting.start is None else setting.start
        self.phi = torch.full((n,), start).logit()
        self.theta = self.lower.network.init(self.generator)
        self.w = torch.zeros(train.B.shape[1])
        self.upper = torch.optim.Adam(
            [
                {"params": [self.phi], "lr": setting.structure_lr},
                {"params": [self.theta], "lr": setting.weight_lr},
            ]
        )
        self.cache: OrderedDict[bytes, Tensor] = OrderedDict()

    def run(self) -> StructureFit:
        setting, history = self.setting, []
        best, found, waited = float("inf"), self._copy(), 0
        for epoch in range(setting.epochs):
            history.append(self._epoch(epoch))
            risk = history[-1]["tune_risk"]
            if risk < best:
                best, found, waited = risk, self._copy(), 0
            else:
                waited += 1
            if waited >= setting.patience:
                break
        self.phi, self.theta, self.w = found
        return self._finish(history)

    def step(self, rows: Rows) -> float:
        """Sample, descend below, move both upper learners, then the shared lower parameters."""
        setting, gates = self.setting, self.setting.gates
        z = gates.sample(self.phi, setting.n_structures, self.generator)
        Z = self._columns(z)
        keys = [bytes(structure) for structure in z.to(torch.uint8).numpy()]
        W = torch.stack([self.cache.get(key, self.w) for key in keys]) * Z
        W, risk = self.lower.descend(self.theta, W, Z, rows, setting.inner_steps)
        self._remember(keys, W)
        risks, into_theta = self.lower.upper(risk, W, Z, rows, self.meta)
        self.phi.grad = gates.score_gradient(self.phi, z, risks) + gates.penalty_gradient(self.phi)
        self.theta.grad = into_theta
        self.upper.step()
        # The real step: the expected risk over the same structures, at the new weights.
        shared = self.w * Z
        risk = self.lower.weigh(self.theta, shared, rows)
        gradient = self.lower.gradient(risk, shared, Z, rows)
        self.w = self.w - setting.lower_lr * gradient.mean(0)
        return risks.mean().item()

    def _remember(self, keys: list[bytes], W: Tensor) -> None:
        for key, row in zip(keys, W, strict=True):
            self.cache[key] = row
            self.cache.move_to_end(key)
        while len(self.cache) > _CACHE:
            self.cache.popitem(last=False)

    def _columns(self, z: Tensor) -> Tensor:
        """Structures, shape (S, G), as columns that are on, shape (S, 1 + n_columns)."""
        return torch.cat([torch.ones(len(z), 1), z[:, self.owner]], 1)

    def _kept(self) -> tuple[Tensor, Tensor]:
        """Columns and shared parameters of the groups that are kept, both (1, 1 + n_columns)."""
        Z = self._columns(self.setting.gates.keep(self.phi)[None].float())
        return Z, self.w * Z

    def _expected(self) -> Tensor:
        """Mean over the structures of the parameters that are on, shape (1, 1 + n_columns)."""
        return self.w * self._columns(torch.sigmoid(self.phi)[None])

    def _copy(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.phi.clone(), self.theta.clone(), self.w.clone()

    def _epoch(self, epoch: int) -> dict[str, float]:
        order = torch.randperm(len(self.train.y), generator=self.generator)
        batches = order.split(self.setting.batch_size)
        meta = [self.step(self.train.take(rows)) for rows in batches]
        return {
            "epoch": epoch,
            "tune_risk": self.lower.losses(self._expected(), self.tune)[0].mean().item(),
            "meta_risk": float(np.mean(meta)),
            "expected_groups": self.setting.gates.expected_count(self.phi).item(),
            "groups": int(self.setting.gates.keep(self.phi).sum()),
        }

    def _finish(self, history: list[dict[str, float]]) -> StructureFit:
        Z, W = self._kept()
        train, meta = self.train, self.meta
        both = Rows(torch.cat([train.B, meta.B]), torch.cat([train.y, meta.y]))
        for _ in range(self.setting.refit_steps):
            risk = self.lower.weigh(self.theta, W, train).extended(self.lower.losses(W, meta)[1])
            W = W - self.setting.lower_lr * self.lower.gradient(risk, W, Z, both)
        return StructureFit(
            self.basis,
            torch.sigmoid(self.phi).double().numpy(),
            self.setting.gates.keep(self.phi).numpy(),
            W[0].double().numpy(),
            self.lower.weigh(self.theta, W, train).weights[0].double().numpy(),
            history,
        )
