"""Epochs have G times the largest or the smallest group, in equal shares."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from biam.exceptions import UnknownNameError
from biam.mitigation.resampling import EvenEpochs

SIZES = st.lists(st.integers(1, 15), min_size=1, max_size=4)


def epoch(sizes, mode, seed=0, size=7):
    groups = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    parts = list(EvenEpochs(groups, mode, size).epoch(torch.Generator().manual_seed(seed)))
    assert all(len(part) == size for part in parts[:-1])
    return groups, torch.cat(parts)


@given(SIZES, st.integers(0, 5))
def test_over_sampling_fills_up_and_loses_no_row(sizes, seed):
    groups, places = epoch(sizes, "over", seed)
    assert torch.bincount(groups[places]).tolist() == [max(sizes)] * len(sizes)
    assert set(places.tolist()) == set(range(len(groups)))


@given(SIZES, st.integers(0, 5))
def test_under_sampling_cuts_down_and_repeats_no_row(sizes, seed):
    groups, places = epoch(sizes, "under", seed)
    assert torch.bincount(groups[places]).tolist() == [min(sizes)] * len(sizes)
    assert len(set(places.tolist())) == len(places)


def test_every_epoch_is_another_choice():
    _, first = epoch([30, 5], "under", 1)
    _, second = epoch([30, 5], "under", 2)
    assert set(first.tolist()) != set(second.tolist())


def test_unknown_mode():
    with pytest.raises(UnknownNameError, match="did you mean 'over'"):
        EvenEpochs(torch.tensor([0]), "ovr", 3)
