"""Fewer meta rows are a part of more, and wrong ones are counted exactly."""

import numpy as np
import pytest

from biam.exceptions import InvalidInputError
from biam.experiments.ablations import make_meta_variant
from biam.experiments.blocks import make_noisy_regression


@pytest.mark.parametrize("n_meta", [1, 5, 240])
def test_meta_rows_are_the_first_ones(n_meta):
    base, part = make_noisy_regression("outlier30"), make_meta_variant(n_meta=n_meta)
    assert np.array_equal(part.X_meta, base.X_meta[:n_meta])
    assert np.array_equal(part.y_meta, base.y_meta[:n_meta])
    assert np.array_equal(part.y_train, base.y_train)
    assert not part.truth["meta_mask"].any()


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5])
def test_wrong_meta_rows_are_as_many_as_asked_for(rate):
    clean, dirty = make_meta_variant(), make_meta_variant(meta_noise_rate=rate)
    wrong = dirty.truth["meta_mask"]
    assert wrong.sum() == round(240 * rate)
    assert np.array_equal(clean.y_meta != dirty.y_meta, wrong)
    # A higher rate spoils the same rows and more.
    assert (make_meta_variant(meta_noise_rate=0.5).truth["meta_mask"] >= wrong).all()


@pytest.mark.parametrize("options", [{"n_meta": 0}, {"n_meta": 241}, {"meta_noise_rate": 1.5}])
def test_impossible_sizes_are_refused(options):
    with pytest.raises(InvalidInputError):
        make_meta_variant(**options)
