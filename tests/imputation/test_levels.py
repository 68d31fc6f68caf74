"""Grey levels: chances add up to one, integrals are those of the normal law."""

import pytest
import torch

from biam.imputation.levels import Levels


def grey(x):
    """Grey is seen, black and white are hidden."""
    return 10 * (0.5 - x.abs())


def sides(x):
    """The same as `grey` about one half, and steeper on the right."""
    return 8 * (0.3 - x)


GRID = torch.linspace(-4, 4, 20_001, dtype=torch.float64)
STEP = float(GRID[1] - GRID[0])


def density(levels):
    r = (GRID[:, None] - levels.centre) / levels.scale
    return torch.exp(-0.5 * r * r) / levels.scale / (2 * torch.pi) ** 0.5


@pytest.fixture
def levels():
    return Levels(-1.0, 1.0, 3, 0.05, grey).double()


@pytest.mark.parametrize("mechanism", [grey, sides])
def test_seen_and_hidden_have_chance_one_together(mechanism):
    levels = Levels(-1.0, 1.0, 3, 0.05, mechanism).double()
    x, one = GRID.view(-1, 1, 1), torch.ones(len(GRID), 1, 1, dtype=torch.float64)
    seen = levels.log_terms(x, one, one)[:, :, 0, 0].exp().sum(0) * STEP
    hidden = levels.log_terms(x[:1], 0 * one[:1], one[:1])[0, :, 0, 0].exp()
    torch.testing.assert_close(seen + hidden, torch.ones_like(seen), atol=2e-3, rtol=0)


def test_what_a_hidden_pixel_is_on_average(levels):
    weights = density(levels) * torch.sigmoid(-grey(GRID))[:, None]
    expected = (weights * GRID[:, None]).sum(0) / weights.sum(0)
    torch.testing.assert_close(levels.hidden_mean(), expected, atol=2e-3, rtol=0)
    level = torch.arange(3).repeat_interleave(20_000).view(3, -1)
    drawn = levels.draw(level, torch.Generator().manual_seed(0)).mean(1)
    torch.testing.assert_close(drawn, expected, atol=0.02, rtol=0)


def test_outside_the_region_of_gaps_a_missing_pixel_says_nothing(levels):
    x = torch.full((1, 2, 2), 0.9, dtype=torch.float64)
    masked = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]], dtype=torch.float64)
    terms = levels.log_terms(x, torch.zeros_like(x), masked)
    assert (terms[..., 1] == 0).all() and (terms[..., 0] < 0).all()
    seen = levels.log_terms(x, torch.ones_like(x), masked)
    plain = Levels(-1.0, 1.0, 3, 0.05).double().log_terms(x, torch.ones_like(x), masked)
    torch.testing.assert_close(seen[..., 1], plain[..., 1])
    stays = torch.nn.functional.logsigmoid(grey(x[0, 0, 0]))
    torch.testing.assert_close(seen[..., 0], plain[..., 0] + stays)


def test_gradients_of_the_terms(levels):
    x = torch.tensor([[[-0.8, 0.2], [0.4, 1.0]]], dtype=torch.float64)
    seen = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]], dtype=torch.float64)
    names = ("centre", "raw_scale")

    def terms(*values):
        given = dict(zip(names, values, strict=True))
        arguments = (x, seen, torch.ones_like(x))
        return torch.func.functional_call(
            _Terms(levels), {f"levels.{k}": v for k, v in given.items()}, arguments
        )

    start = [getattr(levels, name).detach().clone().requires_grad_() for name in names]
    assert torch.autograd.gradcheck(terms, start)


class _Terms(torch.nn.Module):
    def __init__(self, levels):
        super().__init__()
        self.levels = levels

    def forward(self, *arguments):
        return self.levels.log_terms(*arguments)
