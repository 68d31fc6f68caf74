"""The planted concepts: what matters, what does not, and which damage touches which rows."""

import numpy as np
import pytest

from biam.datasets.synthetic_concepts import (
    CONCEPT_GROUPS,
    CONCEPT_PRODUCTS,
    _concepts,
    _log_odds,
    make_concept_classification,
)
from biam.exceptions import InvalidInputError


def test_planted_products_and_no_others():
    z = np.random.default_rng(0).normal(size=(1, 4))

    def mixed(j, k, h=0.1):
        steps = [(a, b) for a in (h, -h) for b in (h, -h)]
        values = []
        for a, b in steps:
            moved = z.copy()
            moved[0, j] += a
            moved[0, k] += b
            values.append(_log_odds(moved)[0] * np.sign(a * b))
        return sum(values) / (4 * h * h)

    found = {(j, k) for j in range(4) for k in range(j + 1, 4) if abs(mixed(j, k)) > 1e-6}
    assert found == set(CONCEPT_PRODUCTS)


def test_a_concept_moves_with_its_group_alone_and_the_idle_ones_do_nothing():
    X = np.random.default_rng(0).normal(size=(5, 12))
    for c, group in enumerate(CONCEPT_GROUPS):
        moved = X.copy()
        moved[:, list(group)] += 0.5
        change = (_concepts(moved) != _concepts(X)).any(0)
        assert change.tolist() == [k == c for k in range(4)]
    moved = X.copy()
    moved[:, [8, 9, 10, 11]] += 3.0
    assert (_log_odds(_concepts(moved)) == _log_odds(_concepts(X))).all()


def test_damage_is_on_the_training_rows():
    clean = make_concept_classification(400, random_state=3)
    noisy = make_concept_classification(400, noise_rate=0.4, random_state=3)
    rare = make_concept_classification(400, imbalance=0.1, random_state=3)
    for split in (noisy, rare):
        assert (split.y_test == clean.y_test).all() and (split.X_meta == clean.X_meta).all()
    assert noisy.mask.sum() == 160 and (noisy.truth["y_clean"] == clean.y_train).all()
    counts = np.bincount(rare.y_train)
    assert counts.min() / counts.max() == pytest.approx(0.1, abs=0.01)
    assert 0.3 < clean.y_train.mean() < 0.7 and len(clean.y_meta) == 100


def test_sizes_are_checked():
    with pytest.raises(InvalidInputError, match="n_meta"):
        make_concept_classification(n_meta=3)
