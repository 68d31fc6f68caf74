"""Concept encoders that take less: products in bfloat16, activations made anew on the way back.

Derivatives of the encoders are written out, so what has to be remembered for them is known. With
`checkpointing` it is the rows and the concepts: blocks of rows go through the networks once more
when a derivative is asked for, and their activations are forgotten again. Source: Chen et al.
(2016), "Training deep nets with sublinear memory cost", arXiv 1604.06174.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from biam.concepts import ConceptEncoders, Parts
from biam.exceptions import InvalidInputError
from biam.validation import check_choice

__all__ = ["BLOCK", "PRECISIONS", "LeanEncoders", "check_precision"]

PRECISIONS = ("float32", "bf16")
"""Types of the numbers that are multiplied."""

BLOCK = 4096
"""Rows whose activations are held at once."""


@dataclass(frozen=True)
class LeanEncoders(ConceptEncoders):
    """`ConceptEncoders` that take less memory, or less time where bfloat16 is fast.

    Parameters
    ----------
    groups, hidden, kind
        As in `ConceptEncoders`.
    precision : {"float32", "bf16"}
        "bf16": torch's autocast to bfloat16, in which products of matrices have eight bits of
        precision and sums more. Parameters, concepts and gradients stay what they are. Float64 is
        left alone, and so is all that is computed in it: predictions.
    checkpointing : bool
        Remember the concepts and no activation. Gradients are the same.
    """

    precision: str = "float32"
    checkpointing: bool = False

    def __post_init__(self) -> None:
        """Refuse precisions that there are not."""
        super().__post_init__()
        check_choice("precision", self.precision, PRECISIONS)
        if not isinstance(self.checkpointing, bool):
            raise InvalidInputError(
                f"checkpointing must be True or False, got {self.checkpointing!r}."
            )

    def trace(self, parts: Parts, X: Tensor) -> Any:
        """Concepts of the rows and the way back."""
        return _LeanTrace(self, parts, X)

    def plain(self, parts: Parts, X: Tensor) -> Any:
        """The same, remembering all activations."""
        return super().trace(parts, X)


class _LeanTrace:
    """Concepts z, shape (n, C), of the type of X."""

    def __init__(self, encoders: LeanEncoders, parts: Parts, X: Tensor) -> None:
        check_precision(encoders.precision, X.device)
        self.encoders, self.parts, self.X = encoders, parts, X
        self.size = BLOCK if encoders.checkpointing else max(1, len(X))
        self.kept = None if encoders.checkpointing else list(self._anew())
        self.z = torch.cat([trace.z for trace in self._traces()]).to(X.dtype)

    def jvp(self, change: Parts) -> Tensor:
        """Change of z along a change of the parameters, shape (n, C)."""
        with self._cast():
            return torch.cat([trace.jvp(change) for trace in self._traces()]).to(self.z.dtype)

    def vjp(self, slope: Tensor) -> Parts:
        """Gradient of sum(slope * z), by part; `slope` has shape (n, C)."""
        total: Parts = {}
        for trace, cut in zip(self._traces(), slope.split(self.size), strict=True):
            with self._cast():
                part = trace.vjp(cut)
            for name, gradient in part.items():
                gradient = gradient.to(self.parts[name].dtype)
                total[name] = total[name] + gradient if name in total else gradient
        return total

    def _traces(self) -> Iterator[Any]:
        return self._anew() if self.kept is None else iter(self.kept)

    def _anew(self) -> Iterator[Any]:
        for X in self.X.split(self.size):
            with self._cast():
                trace = self.encoders.plain(self.parts, X)
            yield trace

    def _cast(self) -> AbstractContextManager[Any]:
        if self.encoders.precision == "float32":
            return nullcontext()
        return torch.autocast(self.X.device.type, torch.bfloat16)


def check_precision(precision: str, device: torch.device) -> None:
    """Refuse a precision that a device does not have.

    Parameters
    ----------
    precision : {"float32", "bf16"}
    device : torch.device

    Raises
    ------
    InvalidInputError
        "bf16" on a device without it.
    """
    if precision != "bf16":
        return
    known = torch.amp.is_autocast_available(device.type)
    if not known or (device.type == "cuda" and not torch.cuda.is_bf16_supported()):
        raise InvalidInputError(
            f"precision='bf16' needs a device with bfloat16, which {str(device)!r} has not: use "
            "precision='float32', or the CPU."
        )
