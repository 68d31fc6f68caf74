"""Targets of the rows, and what every model of them tells on the way."""

from dataclasses import dataclass

from torch import Tensor

__all__ = ["TINY", "Judged", "Labels"]

TINY = 1e-300


@dataclass
class Labels:
    """Targets of the rows, and which of them are trusted.

    Parameters
    ----------
    y : Tensor, shape (n,)
    trusted : Tensor of bool, shape (n,)
        Meta rows.
    fixed : Tensor, shape (n,)
        Fixed sample weights.
    gaps : Tensor, shape (n, g)
        1 where a feature that has gaps is missing.
    """

    y: Tensor
    trusted: Tensor
    fixed: Tensor
    gaps: Tensor

    def take(self, rows: Tensor) -> "Labels":
        """Some of the rows."""
        return Labels(self.y[rows], self.trusted[rows], self.fixed[rows], self.gaps[rows])


class Judged:
    """Losses of the meta rows, for models with `labels`, `losses` and `left_out`."""

    def progress(self, f: Tensor, spread: Tensor) -> dict[str, float]:
        """Mean loss of the training rows, and of the meta rows left out, if any."""
        trusted = self.labels.trusted
        told = {}
        if not bool(trusted.all()):
            told["lower_loss"] = float(self.losses(f)[~trusted].mean())
        if bool(trusted.any()):
            told["meta_loss"] = float(self.left_out(f, spread)[trusted].mean())
        return told

    def judged(self, f: Tensor, spread: Tensor) -> Tensor:
        """Losses by which candidates are compared: of the rows left out, shape (n,)."""
        return self.left_out(f, spread)
