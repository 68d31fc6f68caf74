"""`BilevelOptimizer`: init / step / run over any lower problem, upper learner and hypergradient.

Settings live in the optimizer; everything that changes lives in a `BilevelState`, so a run that is
cut, saved and resumed ends bit for bit where an undisturbed one does. One step is the three-step
loop of the paper: real lower step, look-ahead, upper step. Source: BIAM protocol, section 3.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from biam.exceptions import InvalidInputError
from biam.hypergradient import Hypergradient, LowerRisk, OneStep, UpperRisk
from biam.kernel import EpochKernel, StepSettings
from biam.lower import LowerProblem, Rows
from biam.penalties import UpperPenalty
from biam.validation import check_number
from biam.weighting import UpperLearner

__all__ = ["BilevelOptimizer", "BilevelResult", "BilevelState", "StepInfo"]


@dataclass(frozen=True)
class BilevelState:
    """All that changes during a run.

    Parameters
    ----------
    lower : Tensor, shape (n_parameters,)
        Parameters of the lower model, w.
    upper : Tensor, shape (n_upper,)
        Parameters of the upper learner, theta.
    rng : Tensor of uint8
        State of the random stream at the start of the present epoch.
    epoch, batch : int
        Where the run stands: finished epochs, and finished batches of the present one.
    """

    lower: Tensor
    upper: Tensor
    rng: Tensor
    epoch: int = 0
    batch: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain tensors and ints, for `torch.save`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> "BilevelState":
        """Inverse of `to_dict`."""
        return cls(**state)


_Epoch = tuple[BilevelState, list[float], list[float]]


class StepInfo(NamedTuple):
    """What one step saw: weighted lower loss, meta loss at the look-ahead, weights of the batch.

    With uniform weights the last two are None.
    """

    lower_loss: float
    meta_loss: float | None
    weights: Tensor | None


@dataclass(frozen=True)
class BilevelResult:
    """Outcome of `BilevelOptimizer.run`.

    Parameters
    ----------
    status : {"finished", "stopped", "diverged"}
        All epochs done, stopped by the callback, or parameters that are not finite.
    state : BilevelState
    history : list of dict
        Per epoch: `epoch`, `lower_loss`, `meta_loss` (means over the batches).
    """

    status: str
    state: BilevelState
    history: list[dict[str, float]] = field(default_factory=list)


@dataclass(frozen=True)
class BilevelOptimizer:
    """Plain SGD on both levels with one hypergradient per mini-batch.

    Parameters
    ----------
    problem : LowerProblem
    upper : UpperLearner, optional
        None trains with uniform weights (BIAM-B): only the real lower step is made.
    hypergradient : Hypergradient, optional
        Default `OneStep(lower_lr)`.
    lower_lr, upper_lr : float
    clip : float
        Largest norm of the real lower step's gradient, and of theta's gradient.
    batch_size : int
    lr_scale : Tensor, shape (n_parameters,), optional
        Multiplies `lower_lr` in the real lower step only (the gates of BIAM2).
    upper_clip : float, optional
        Largest norm of theta's gradient, where it is not `clip`.
    upper_penalty : UpperPenalty, optional
        Added to the meta loss, on the learned weights of the batch: `WeightEntropy`.
    lower_noise, upper_noise : float
        Standard deviation of the normal noise added to each entry of a level's clipped gradient.
        Source: Neelakantan et al. (2015). Drawn from the stream of the state, so that a resumed
        run meets the same noise.
    """

    problem: LowerProblem
    upper: UpperLearner | None = None
    hypergradient: Hypergradient | None = None
    lower_lr: float = 0.05
    upper_lr: float = 0.01
    clip: float = 1.0
    batch_size: int = 64
    lr_scale: Tensor | None = None
    upper_clip: float | None = None
    upper_penalty: UpperPenalty | None = None
    lower_noise: float = 0.0
    upper_noise: float = 0.0

    def __post_init__(self) -> None:
        """Refuse noise below zero."""
        check_number("lower_noise", self.lower_noise, low=0.0)
        check_number("upper_noise", self.upper_noise, low=0.0)

    def init(
        self, lower: Tensor, generator: torch.Generator, *, upper: Tensor | None = None
    ) -> BilevelState:
        """State at the start.

        Parameters
        ----------
        lower : Tensor, shape (n_parameters,)
            Initial parameters of the lower model.
        generator : torch.Generator
            CPU generator: draws theta (unless `upper` is given), then orders the batches.
        upper : Tensor, optional
            Initial parameters of the upper learner.
        """
        if upper is None:
            upper = lower.new_zeros(0)
            if self.upper is not None:
                upper = self.upper.init(generator).to(lower)
        return BilevelState(lower.detach().clone(), upper, generator.get_state())

    @torch.inference_mode()
    def step(
        self, state: BilevelState, rows: Rows, meta: Rows | None
    ) -> tuple[BilevelState, StepInfo]:
        """One mini-batch: real lower step, look-ahead, upper step. The input state is unchanged.

        The new state holds inference tensors: clone them before differentiating through them.

        Parameters
        ----------
        state : BilevelState
        rows : Rows
            Training batch.
        meta : Rows or None
            Meta batch; not used with uniform weights.
        """
        problem = self.problem.at_epoch(state.epoch)
        w, theta = state.lower, state.upper
        here = problem.linearise(w, rows)
        weights = rows.weight
        if self.upper is not None:
            weights = _product(self.upper.linearise(theta, here.losses).weights, rows.weight)
        noise = self._noise(state)
        gradient = here.gradient(weights)
        length = self.lower_lr * _shrink(gradient, self.clip)
        step = gradient if self.lr_scale is None else gradient * self.lr_scale
        w = torch.sub(w, step, alpha=length)
        if self.lower_noise:
            drawn = _normal(w, noise)
            drawn = drawn if self.lr_scale is None else drawn * self.lr_scale
            w = torch.sub(w, drawn, alpha=self.lower_lr * self.lower_noise)
        risk = here.losses.sum() if weights is None else torch.dot(weights, here.losses)
        meta_loss = None
        if self.upper is not None:
            theta, meta_loss = self._upper_step(problem, w, theta, rows, meta)
            if self.upper_noise:
                drawn = _normal(theta, noise)
                theta = torch.sub(theta, drawn, alpha=self.upper_lr * self.upper_noise)
        state = BilevelState(w, theta, state.rng, state.epoch, state.batch + 1)
        return state, StepInfo(risk.item() / len(rows), meta_loss, weights)

    def run(
        self,
        state: BilevelState,
        rows: Rows,
        meta: Rows | None,
        n_epochs: int,
        *,
        callback: Callable[[BilevelState, dict[str, float]], bool | None] | None = None,
    ) -> BilevelResult:
        """Train until `n_epochs` epochs are done in all, counting those of `state`.

        Parameters
        ----------
        state : BilevelState
            From `init`, or from an earlier run: mid-epoch states go on with the same batches.
        rows, meta : Rows
            All training rows and all meta rows.
        n_epochs : int
        callback : callable, optional
            Called after each epoch with the state and the epoch's history; True stops the run.

        Raises
        ------
        InvalidInputError
            An upper learner but no meta rows.
        """
        if self.upper is not None and (meta is None or len(meta) == 0):
            raise InvalidInputError(
                "the upper problem needs meta rows, got none: pass clean rows, or use uniform "
                "weights (upper=None)."
            )
        epoch = self._epoch_runner(rows, meta)
        history: list[dict[str, float]] = []
        while state.epoch < n_epochs:
            state, lower_losses, meta_losses = epoch(state)
            record = {"epoch": state.epoch, "lower_loss": _mean(lower_losses)}
            if self.upper is not None:
                record["meta_loss"] = _mean(meta_losses)
            history.append(record)
            if not bool(state.lower.isfinite().all() & state.upper.isfinite().all()):
                return BilevelResult("diverged", state, history)
            if callback is not None and callback(state, record):
                return BilevelResult("stopped", state, history)
        return BilevelResult("finished", state, history)

    def _epoch_runner(self, rows: Rows, meta: Rows | None) -> Callable[[BilevelState], _Epoch]:
        settings = StepSettings(
            self.lower_lr, self.upper_lr, self.clip, self.batch_size, self.lr_scale
        )
        case = (self.problem, self.upper, self.hypergradient, rows, meta, settings)
        plain = self.upper_clip is None and self.upper_penalty is None
        if self.lower_noise or self.upper_noise or not plain or not EpochKernel.applies(*case):
            meta_batches = [None] if meta is None else meta.batches(self.batch_size)
            return lambda state: self._epoch(state, rows, meta_batches)
        kernels: dict[bool, EpochKernel] = {}

        def by_kernel(state: BilevelState) -> _Epoch:
            problem = self.problem.at_epoch(state.epoch)
            if problem.pairs not in kernels:
                kernels[problem.pairs] = EpochKernel(problem, self.upper, rows, meta, settings)
            return self._kernel_epoch(state, kernels[problem.pairs])

        return by_kernel

    def _kernel_epoch(self, state: BilevelState, kernel: EpochKernel) -> _Epoch:
        order, rng = self._order(state, len(kernel.table.y))
        w, theta, *losses = kernel.run(
            state.lower.numpy(), state.upper.numpy(), order.numpy(), state.batch
        )
        lower, upper = torch.from_numpy(w), torch.from_numpy(theta)
        return BilevelState(lower, upper, rng, state.epoch + 1, 0), *losses

    def _epoch(self, state: BilevelState, rows: Rows, meta_batches: list[Rows | None]) -> _Epoch:
        order, rng = self._order(state, len(rows))
        batches = rows.take(order.to(rows.y.device)).batches(self.batch_size)
        lower_losses, meta_losses = [], []
        # The published loop takes the meta batches in order from the start of every epoch.
        for i in range(state.batch, len(batches)):
            state, info = self.step(state, batches[i], meta_batches[i % len(meta_batches)])
            lower_losses.append(info.lower_loss)
            meta_losses.append(info.meta_loss)
        # Copies made here are plain tensors again, not those of `step`'s inference mode.
        state = BilevelState(state.lower.clone(), state.upper.clone(), rng, state.epoch + 1, 0)
        return state, lower_losses, meta_losses

    def _upper_step(
        self, problem: LowerProblem, w: Tensor, theta: Tensor, rows: Rows, meta: Rows
    ) -> tuple[Tensor, float]:
        hypergradient = self.hypergradient or OneStep(self.lower_lr)
        ahead = problem.linearise(w, rows)
        learned = self.upper.linearise(theta, ahead.losses)
        upper = UpperRisk(problem, meta)
        lower = LowerRisk(problem, rows, learned, w, ahead)
        gradient, judged = hypergradient.gradient(lower, upper)
        if self.upper_penalty is not None:
            gradient = gradient + learned.vjp(self.upper_penalty.gradient(learned.weights))
        clip = self.clip if self.upper_clip is None else self.upper_clip
        length = self.upper_lr * _shrink(gradient, clip)
        return torch.sub(theta, gradient, alpha=length), upper.value(judged)

    def _noise(self, state: BilevelState) -> torch.Generator | None:
        """The stream of one step's noise: a function of the epoch's stream and the batch."""
        if not (self.lower_noise or self.upper_noise):
            return None
        _, stream = self._order(state, 1)
        epoch = torch.Generator()
        epoch.set_state(stream)
        seed = torch.empty((), dtype=torch.int64).random_(generator=epoch)
        return torch.Generator().manual_seed((int(seed) + state.batch) % 2**63)

    def _order(self, state: BilevelState, n: int) -> tuple[Tensor, Tensor]:
        """Row order of the present epoch and the random state after it was drawn.

        Three 64-bit draws an epoch: the two that data loaders of the meta and the training rows
        would make (unused), and the seed of the permutation.
        """
        stream = torch.Generator()
        stream.set_state(state.rng)
        draws = [torch.empty((), dtype=torch.int64).random_(generator=stream) for _ in range(3)]
        shuffle = torch.Generator().manual_seed(int(draws[-1]))
        return torch.randperm(n, generator=shuffle), stream.get_state()


def _shrink(gradient: Tensor, norm: float) -> float:
    """Factor to at most this norm, as in `torch.nn.utils.clip_grad_norm_`."""
    return min(1.0, norm / (torch.linalg.vector_norm(gradient).item() + 1e-6))


def _normal(like: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal draws on the CPU, as a tensor like another one."""
    return torch.randn(like.shape, generator=generator).to(like)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else float("nan")


def _product(learned: Tensor, fixed: Tensor | None) -> Tensor:
    return learned if fixed is None else learned * fixed
