"""OccamNet: a CNN with early exits that prefers the first one that suffices.

At the size of small pictures. Source: Shrestha, Kafle & Kanan (2022), arXiv 2204.02426, and the
authors' code for the losses.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from biam.losses import SoftmaxCrossEntropy
from biam.mitigation.training import Batch
from biam.validation import check_integer

__all__ = ["Exits", "OccamLoss", "OccamNet", "suppression", "trunk"]

WIDTHS = (16, 32, 48, 64)


class Exits(NamedTuple):
    """What the exits of a network say, a list entry per exit.

    Parameters
    ----------
    logits : list of Tensor, shape (n, K)
        Means of the class activation maps over the picture.
    gates : list of Tensor, shape (n,)
        Logit of the chance that this exit is right.
    maps : list of Tensor, shape (n, K, h, w)
    """

    logits: list[Tensor]
    gates: list[Tensor]
    maps: list[Tensor]


def trunk(channels: int, widths: Sequence[int] = WIDTHS) -> nn.ModuleList:
    """Blocks of a small CNN: 3 x 3 convolution, batch norm, ReLU; all but the first halve sides."""
    blocks, before = [], channels
    for k, width in enumerate(widths):
        conv = nn.Conv2d(before, width, 3, stride=1 if k == 0 else 2, padding=1, bias=False)
        blocks.append(nn.Sequential(conv, nn.BatchNorm2d(width), nn.ReLU()))
        before = width
    return nn.ModuleList(blocks)


class _Exit(nn.Module):
    """Two convolutions, a 1 x 1 to class activation maps, and a gate on detached features."""

    def __init__(self, width: int, n_classes: int) -> None:
        super().__init__()
        hidden = max(8, width // 4)
        self.features = nn.Sequential(
            nn.Conv2d(width, hidden, 3, padding=1),
            nn.BatchNorm2d(hidden),
            nn.ReLU(),
            nn.Conv2d(hidden, hidden, 3, padding=1),
            nn.ReLU(),
        )
        self.maps = nn.Conv2d(hidden, n_classes, 1)
        self.gate = nn.Sequential(nn.Linear(hidden, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        z = self.features(x)
        return self.maps(z), self.gate(z.mean((2, 3)).detach())[:, 0]


class OccamNet(nn.Module):
    """Blocks with an exit after each; called, it gives the outputs of the first that is sure.

    Exit 0 is cut off from the blocks and never answers: it is there to find the rows that a biased
    classifier gets right. Of the others the first whose gate is at least one half answers, else
    the last.

    Parameters
    ----------
    channels, n_classes : int
    widths : sequence of int
        Channels of the blocks, at least two.
    """

    def __init__(self, channels: int, n_classes: int, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        check_integer("number of blocks", len(widths), low=2)
        self.blocks = trunk(channels, widths)
        self.ends = nn.ModuleList([_Exit(width, n_classes) for width in widths])

    def exits(self, x: Tensor) -> Exits:
        """What all exits say, for pictures (n, channels, h, w)."""
        found = Exits([], [], [])
        for k, (block, end) in enumerate(zip(self.blocks, self.ends, strict=True)):
            x = block(x)
            maps, gate = end(x.detach() if k == 0 else x)
            for kept, value in zip(found, (maps.mean((2, 3)), gate, maps), strict=True):
                kept.append(value)
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the exit that answers, shape (n, K)."""
        found = self.exits(x)
        which = self.answering(found)
        return torch.stack(found.logits, 1)[torch.arange(len(x)), which]

    @staticmethod
    def answering(found: Exits) -> Tensor:
        """Number of the exit that answers for each row, from 1, shape (n,)."""
        sure = torch.stack(found.gates, 1) >= 0
        sure[:, 0] = False
        sure[:, -1] = True
        return sure.long().argmax(1)


def suppression(maps: Tensor, y: Tensor) -> Tensor:
    """KL(uniform, softmax over classes) where the map of the true class is below its mean.

    Parameters
    ----------
    maps : Tensor, shape (n, K, h, w)
    y : Tensor of int64, shape (n,)

    Returns
    -------
    Tensor
        Mean over these places, per row, then over the rows.
    """
    own = maps[torch.arange(len(y)), y]
    below = (own < own.mean((1, 2), keepdim=True)).to(maps.dtype)
    n_classes = maps.shape[1]
    uniform = maps.new_tensor(1 / n_classes)
    divergence = uniform.log() - maps.log_softmax(1).mean(1)
    return ((divergence * below).sum((1, 2)) / below.sum((1, 2)).clamp_min(1)).mean()


@dataclass
class OccamLoss:
    """Sum over the exits of output, gate and suppression losses.

    Output of exit i: mean of (a_i / running largest a_i + 0.1) l_i, where a_0 = p_true^3, which
    makes exit 0 a biased classifier, and a_i = 1 - gate_{i-1}: what an earlier exit is sure of
    counts less. Gate: cross-entropy to "this exit is right on this row", both answers of equal
    weight. A gate stops learning anew which rows are right when the mean accuracy of its exit over
    the classes passes its threshold; from then on it keeps what it remembers of each row.

    Parameters
    ----------
    n_rows : int
        Rows of the training table: answers are remembered by `Batch.index`.
    thresholds : sequence of float
        One per exit.
    suppress : float
        Weight of the suppression loss.
    """

    n_rows: int
    thresholds: Sequence[float] = (0.5, 0.6, 0.7, 0.8)
    suppress: float = 0.1
    power: float = 3.0
    loss: SoftmaxCrossEntropy = field(default_factory=SoftmaxCrossEntropy)

    def __post_init__(self) -> None:
        check_integer("n_rows", self.n_rows, low=1)
        n_exits = len(self.thresholds)
        self.largest = [0.0] * n_exits
        self.frozen = [False] * n_exits
        self.right = torch.zeros(n_exits, self.n_rows, dtype=torch.bool)
        self.labels = torch.full((self.n_rows,), -1)

    def __call__(self, model: OccamNet, batch: Batch) -> Tensor:
        """The sum; remembers which exits were right."""
        found = model.exits(batch.x)
        self.labels[batch.index] = batch.y
        total = batch.x.new_zeros(())
        for i, (logits, gate, maps) in enumerate(zip(*found, strict=True)):
            losses = self.loss.value(logits, batch.y)
            with torch.no_grad():
                weight = self._weight(i, losses, found.gates)
                target = self._target(i, logits, batch)
            total = total + (weight * losses).mean() + _balanced_gate(gate, target)
            total = total + self.suppress * suppression(maps, batch.y)
        return total

    def _weight(self, i: int, losses: Tensor, gates: list[Tensor]) -> Tensor:
        a = (-losses).exp() ** self.power if i == 0 else 1 - gates[i - 1].sigmoid()
        self.largest[i] = max(self.largest[i], float(a.max()))
        return a / max(self.largest[i], 1e-12) + 0.1

    def _target(self, i: int, logits: Tensor, batch: Batch) -> Tensor:
        """Is exit i right on these rows; remembered, no longer learned, once it is good enough."""
        if not self.frozen[i]:
            self.right[i, batch.index] = logits.argmax(1) == batch.y
            seen = self.labels >= 0
            y = self.labels[seen]
            hits = torch.bincount(y, self.right[i][seen].double())
            counts = torch.bincount(y)
            mean = (hits / counts.clamp_min(1))[counts > 0].mean()
            # Not before every row has been seen once.
            self.frozen[i] = bool(seen.all() and mean >= self.thresholds[i])
        return self.right[i, batch.index]


def _balanced_gate(gate: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy in which both answers weigh the same."""
    losses = functional.binary_cross_entropy_with_logits(
        gate, target.to(gate.dtype), reduction="none"
    )
    parts = [losses[target == value].mean() for value in (True, False) if (target == value).any()]
    return torch.stack(parts).mean()
