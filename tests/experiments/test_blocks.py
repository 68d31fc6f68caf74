"""The noisy regressions of E1 and E4 are the clean one with noise on the training labels alone."""

import numpy as np
import pytest

from biam.datasets.synthetic import LABEL_NOISE
from biam.exceptions import UnknownNameError
from biam.experiments.blocks import make_noisy_regression


@pytest.mark.parametrize("family", LABEL_NOISE)
def test_noise_moves_training_labels_and_nothing_else(family):
    clean = make_noisy_regression("clean", n_samples=200, random_state=7)
    noisy = make_noisy_regression(family, n_samples=200, random_state=7)
    for name in ("X_train", "X_meta", "y_meta", "X_test", "y_test"):
        assert np.array_equal(getattr(clean, name), getattr(noisy, name))
    changed = clean.y_train != noisy.y_train
    assert np.array_equal(changed, noisy.mask)
    assert changed.any()


def test_blocks_have_streams_of_their_own():
    one, four = (make_noisy_regression("outlier50", block=b, n_samples=200) for b in ("e1", "e4"))
    assert not np.array_equal(one.y_train, four.y_train)


def test_unknown_families_are_refused():
    with pytest.raises(UnknownNameError, match="did you mean 'outlier30'"):
        make_noisy_regression("outlier3")
