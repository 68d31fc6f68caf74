"""Labels: rows can be taken; what every model of them tells is said of the right rows."""

import pytest
import torch

from biam.solvers.exact.flips import Flips
from biam.solvers.exact.labels import Labels
from biam.solvers.exact.mixture import Mixture


def labels(n=12, n_meta=4):
    stream = torch.Generator().manual_seed(0)
    y = torch.randint(0, 2, (n,), generator=stream).double()
    fixed = torch.rand(n, generator=stream, dtype=torch.float64)
    gaps = torch.randint(0, 2, (n, 3), generator=stream).double()
    return Labels(y, torch.arange(n) >= n - n_meta, fixed, gaps)


def test_every_field_follows_the_rows_taken():
    given, rows = labels(), torch.tensor([11, 0, 0, 5])
    part = given.take(rows)
    for name in ("y", "trusted", "fixed", "gaps"):
        assert torch.equal(getattr(part, name), getattr(given, name)[rows])
    assert part.gaps.shape == (4, 3)


def test_rows_can_be_taken_by_a_mask():
    given = labels()
    assert torch.equal(given.take(given.trusted).y, given.y[-4:])


@pytest.mark.parametrize("n_meta", [0, 4, 12])
@pytest.mark.parametrize("make", [Flips.plain, lambda given: Mixture.plain(given, 0.7)])
def test_losses_are_told_of_training_rows_and_of_meta_rows_left_out(make, n_meta):
    given = labels(n_meta=n_meta)
    noise = make(given)
    f, spread = torch.linspace(-1, 1, 12).double(), torch.full((12,), 0.1).double()
    told = noise.progress(f, spread)
    expected = {}
    if n_meta < 12:
        expected["lower_loss"] = float(noise.losses(f)[: 12 - n_meta].mean())
    if n_meta:
        expected["meta_loss"] = float(noise.left_out(f, spread)[12 - n_meta :].mean())
        assert expected["meta_loss"] > float(noise.losses(f)[12 - n_meta :].mean())
    assert told == pytest.approx(expected)
