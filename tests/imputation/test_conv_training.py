"""The bound of pictures against brute force, its gradients, holes that hide what they should."""

import pytest
import torch

from biam.exceptions import BIAMError
from biam.imputation.bound import bound
from biam.imputation.conv import PictureModel
from biam.imputation.conv_training import (
    Lessons,
    Pictures,
    draw_pictures,
    moved,
    train_pictures,
    with_holes,
)
from biam.imputation.levels import Levels

LESSONS = Lessons(
    n_samples=2, lr=1e-3, batch_size=4, max_steps=3, max_shift=1, hole_weight=1.0, progress=False
)


def grey(x):
    return 40 * (0.5 - x.abs())


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def single():
    """One latent number for a picture of 4 x 4 pixels: its likelihood is an integral on a line."""
    torch.manual_seed(3)
    model = PictureModel(Levels(-1.0, 1.0, 3, 0.3, grey), 2, 1).double()
    torch.nn.init.normal_(model.decoder[0].weight)
    x = torch.linspace(-1, 1, 16, dtype=torch.float64).view(1, 4, 4)
    masked = torch.zeros_like(x)
    masked[..., 2:, :] = 1
    seen = 1 - masked * (x.abs() > 0.5).double()
    return model, Pictures(x * seen, seen, masked)


def test_the_bound_is_below_the_likelihood_and_reaches_it(single):
    model, pictures = single
    z = torch.linspace(-8, 8, 4001, dtype=torch.float64)
    with torch.no_grad():
        log_p = model.log_levels(z.view(-1, 1, 1, 1, 1)) + model.levels.log_terms(*pictures)
        log_p = torch.logsumexp(log_p, 2).flatten(2).sum(-1)[:, 0]
        prior = torch.distributions.Normal(0.0, 1.0).log_prob(z)
        exact = torch.logsumexp(log_p + prior, 0) + (z[1] - z[0]).log()
        log_w = draw_pictures(model, pictures, 40_000, generator()).log_weights
        values = [float(bound(part).mean()) for k in (1, 10, 1000) for part in [log_w.view(k, -1)]]
    assert values == sorted(values)
    assert values[0] < values[1] < float(exact) + 1e-3
    assert values[2] == pytest.approx(float(exact), abs=0.02)


def test_gradients_of_the_bound_against_differences(single):
    model, pictures = single
    parameters = [*model.decoder.parameters(), *model.levels.parameters()]

    def value():
        return bound(draw_pictures(model, pictures, 5, generator(1)).log_weights).mean()

    value().backward()
    eps = 1e-6
    for parameter in parameters:
        flat, slope = parameter.data.view(-1), parameter.grad.view(-1)
        for place in {0, len(flat) - 1}:
            before = float(flat[place])
            ends = []
            for sign in (1, -1):
                flat[place] = before + sign * eps
                ends.append(float(value().detach()))
            flat[place] = before
            assert float(slope[place]) == pytest.approx(
                (ends[0] - ends[1]) / (2 * eps), abs=1e-5, rel=1e-4
            )


def test_a_picture_moves_by_whole_pixels():
    x = torch.arange(12.0).view(1, 3, 4)
    there = moved(x, 1, -2)
    assert torch.equal(there[0, 1:, :2], x[0, :2, 2:])
    assert there.sum() == x[0, :2, 2:].sum()
    assert torch.equal(moved(x, 0, 0), x) and moved(x, 5, 0).sum() == 0


@pytest.mark.parametrize("mechanism", [grey, None])
def test_holes_hide_what_the_mask_would(mechanism):
    model = PictureModel(Levels(-1.0, 1.0, 3, 0.1, mechanism), 2, 1)
    x = torch.rand((50, 8, 8), generator=generator()) * 2 - 1
    masked = torch.zeros(1, 8, 8)
    masked[:, 3:5, 3:5] = 1
    seen = 1 - masked * (x.abs() > 0.5)
    pictures = Pictures(x * seen, seen, masked)
    batch = Pictures(*pictures[:2], masked.expand_as(x))
    holes = with_holes(model, batch, pictures, generator())
    fresh = (seen - holes.seen) > 0
    assert fresh.any() and not (holes.seen > seen).any()
    assert (holes.masked[fresh] == 1).all() and (holes.x[fresh] == 0).all()
    assert (holes.masked >= batch.masked).all()
    magnitude = x[fresh].abs()
    # The rule hides by the value; another row's mask does not.
    assert (magnitude > 0.35).all() if mechanism else (magnitude < 0.35).any()


def test_training_raises_the_bound_and_stops_on_infinity(single):
    model, pictures = single
    model, pictures = model.float(), Pictures(*(part.float() for part in pictures))
    lessons = Lessons(**{**vars(LESSONS), "max_steps": 200, "lr": 0.01})
    history = train_pictures(model, pictures, lessons, generator())
    assert history[-1]["bound"] > history[0]["bound"] + 1
    assert [record["step"] for record in history] == [50, 100, 150, 200]
    with torch.no_grad():
        model.levels.centre[0] = torch.nan
    with pytest.raises(BIAMError, match="smaller lr"):
        train_pictures(model, pictures, LESSONS, generator())
