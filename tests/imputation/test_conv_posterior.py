"""Means and draws of hidden pixels agree."""

import torch

from biam.imputation.conv import PictureModel
from biam.imputation.conv_posterior import drawn_pictures, mean_pictures
from biam.imputation.conv_training import Pictures, draw_pictures
from biam.imputation.levels import Levels


def test_draws_have_the_posterior_mean():
    torch.manual_seed(0)
    model = PictureModel(Levels(-1.0, 1.0, 3, 0.2, lambda x: 8 * (0.2 - x)), 2, 1)
    torch.nn.init.normal_(model.decoder[0].weight)
    x = torch.rand(3, 4, 4) * 2 - 1
    masked = torch.zeros(1, 4, 4)
    masked[:, :2] = 1
    seen = (x < 0.2).float()
    pictures = Pictures(x * seen, seen, masked)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        draws = draw_pictures(model, pictures, 500, generator, same_noise=True)
    mean = mean_pictures(model.levels, pictures, draws)
    drawn = drawn_pictures(model.levels, pictures, draws, 4000, generator)
    assert drawn.shape == (4000, 3, 4, 4)
    gone = ((1 - seen) * masked) > 0
    assert gone.any()
    torch.testing.assert_close(drawn.mean(0)[gone], mean[gone], atol=0.06, rtol=0)
    # Where high values hide, a hidden one is higher than one that is merely unseen.
    with torch.no_grad():
        free = model.levels.centre.max()
    assert (mean[gone] > 0.2).all() and (mean[gone] < free + 1).all()
