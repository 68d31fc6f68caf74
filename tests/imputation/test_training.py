"""Training: the bound rises, the schedule ends when nothing is gained, trouble is told."""

import numpy as np
import pytest
import torch

from biam.exceptions import BIAMError
from biam.imputation.columns import Layout
from biam.imputation.mask_models import SelfMask
from biam.imputation.training import Schedule, _Batches, _rate, mean_bound, train

LAYOUT = Layout(("gaussian",) * 3, (1, 1, 1))


def rows(n=60, seed=0):
    x = torch.randn(n, 3, generator=torch.Generator().manual_seed(seed)) * 0.1 + 2.0
    return x, torch.ones(n, 3)


def test_the_bound_rises(linear_gaussian):
    model, (x, seen) = linear_gaussian().model, rows()
    generator = torch.Generator().manual_seed(0)
    before = mean_bound(model, x, seen, 20, generator)
    run = train(model, x, seen, Schedule(max_steps=150, lr=0.02, warm_up=10), generator)
    assert mean_bound(model, x, seen, 20, generator) > before + 1
    assert [record["step"] for record in run.history] == [50, 100, 150]
    assert run.history[-1]["bound"] > run.history[0]["bound"]
    assert (run.status, run.n_steps) == ("max_steps", 150)


def test_no_gain_begins_the_cool_down(linear_gaussian):
    # A rate this small gains nothing: one window sets the best, two wait, then a third of the way.
    schedule = Schedule(max_steps=4000, lr=1e-9, patience=2, batch_size=60)
    run = train(linear_gaussian().model, *rows(), schedule, torch.Generator().manual_seed(0))
    assert run.status == "converged"
    assert 150 <= run.history[-1]["step"] == run.n_steps < 1000
    rates = [record["lr"] for record in run.history]
    assert rates[0] < 1e-9 and rates[-1] < 0.1e-9


def test_the_mask_comes_in_later_and_nothing_is_waited_for_before(linear_gaussian):
    model, (x, seen) = linear_gaussian(mask_model=SelfMask([0], LAYOUT)).model, rows()
    seen[::2, 0] = 0
    schedule = Schedule(max_steps=400, lr=1e-9, patience=2, batch_size=60, mask_after=220)
    run = train(model, x * seen, seen, schedule, torch.Generator().manual_seed(0))
    bounds = [record["bound"] for record in run.history]
    # The mask of one column with a slope of zero costs log 2.
    assert bounds[3] - bounds[4] == pytest.approx(np.log(2), abs=0.15)
    # Windows end at 250, 300 and 350: the last two gain nothing.
    assert run.status == "max_steps" and run.n_steps == 400
    model = linear_gaussian(mask_model=SelfMask([0], LAYOUT)).model
    before = model.mask_model.raw_slope.clone()
    options = {"max_steps": 60, "lr": 0.1, "warm_up": 1}
    train(model, x * seen, seen, Schedule(**options, mask_after=60), torch.Generator())
    assert torch.equal(model.mask_model.raw_slope, before)
    train(model, x * seen, seen, Schedule(**options, mask_after=30), torch.Generator())
    assert not torch.equal(model.mask_model.raw_slope, before)


def test_rate_rises_stays_and_falls_to_zero():
    schedule = Schedule(lr=1.0, warm_up=10)
    rates = [_rate(schedule, step, 30, 40) for step in range(1, 41)]
    assert rates[:10] == pytest.approx(np.arange(1, 11) / 10)
    assert rates[10:30] == [1.0] * 20
    assert rates[30:] == pytest.approx(np.arange(10, 0, -1) / 11)


def test_held_out_rows_are_judged(linear_gaussian):
    schedule = Schedule(max_steps=100, warm_up=10)
    run = train(linear_gaussian().model, *rows(), schedule, torch.Generator(), rows(20, 1))
    assert all(np.isfinite(record["validation_bound"]) for record in run.history)


def test_a_bound_that_is_no_number_stops_with_advice(linear_gaussian):
    x, seen = rows()
    x[3, 1] = torch.nan
    with pytest.raises(BIAMError, match="bound became nan by step 50: try a smaller lr"):
        train(linear_gaussian().model, x, seen, Schedule(max_steps=100), torch.Generator())


def test_every_row_comes_once_an_epoch_in_batches_of_even_size():
    x = torch.arange(10.0)[:, None]
    batches = _Batches(x, torch.ones(10, 1), 4, torch.Generator().manual_seed(0))
    parts = [batches.next()[0] for _ in range(6)]
    assert batches.per_epoch == 3 and sorted(map(len, parts[:3])) == [2, 4, 4]
    for epoch in (parts[:3], parts[3:]):
        assert torch.equal(torch.cat(epoch).sort(0).values, x)
    assert not torch.equal(parts[0], parts[3])
