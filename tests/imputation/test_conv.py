"""Networks of pictures: what moves in, moves out."""

import pytest
import torch

from biam.imputation.conv import STRIDE, PictureModel
from biam.imputation.levels import Levels


@pytest.fixture
def model():
    torch.manual_seed(0)
    return PictureModel(Levels(-1.0, 1.0, 3, 0.05), 2, 2)


def test_encoder_and_decoder_move_with_the_picture(model):
    # Far from the rim, which is the only thing that tells a place from another.
    x = torch.randn(1, 120, 120)
    by = 2 * STRIDE
    masked = torch.zeros_like(x)
    with torch.no_grad():
        here = model.encode(x, torch.ones_like(x), masked)[0]
        there = model.encode(x.roll((by, -by), (1, 2)), torch.ones_like(x), masked)[0]
        inner = slice(12, 18)
        moved = here.roll((2, -2), (2, 3))
        torch.testing.assert_close(there[..., inner, inner], moved[..., inner, inner])
        z = here[None]
        out = model.log_levels(z)
        out_moved = model.log_levels(z.roll((2, -2), (3, 4)))
        deep = slice(48, 72)
        torch.testing.assert_close(
            out_moved[..., deep, deep], out.roll((by, -by), (3, 4))[..., deep, deep]
        )


def test_decoder_gives_chances_of_levels_for_each_pixel(model):
    out = model.log_levels(torch.randn(3, 5, 2, 2, 4))
    assert out.shape == (3, 5, 3, 8, 16)
    torch.testing.assert_close(out.exp().sum(2), torch.ones(3, 5, 8, 16))


def test_encoder_does_not_see_hidden_values(model):
    seen = (torch.rand(2, 8, 8) > 0.5).float()
    x, masked = torch.randn(2, 8, 8), torch.ones(1, 8, 8)
    a = model.encode(x, seen, masked)
    b = model.encode(torch.where(seen > 0, x, 7.0), seen, masked)
    assert all(torch.equal(p, q) for p, q in zip(a, b, strict=True))
    other = model.encode(x, seen, 0 * masked)
    assert not torch.allclose(a[0], other[0])
