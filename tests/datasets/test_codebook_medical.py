"""Names and labels of the medical sets are complete and fit one another."""

import pytest

from biam.datasets import codebook_medical as codebook

COUNTS = {
    "BREAST_CANCER": 11,
    "FERTILITY": 10,
    "HEART": 14,
    "HEPATITIS": 20,
    "HORSE_COLIC": 28,
    "MAMMOGRAPHIC": 6,
    "PIMA": 9,
}


@pytest.mark.parametrize("name", COUNTS)
def test_columns_are_all_there_and_differ(name):
    columns = getattr(codebook, f"{name}_COLUMNS")
    assert len(columns) == len(set(columns)) == COUNTS[name]


@pytest.mark.parametrize("name", ["FERTILITY", "HEART", "HEPATITIS", "HORSE_COLIC", "MAMMOGRAPHIC"])
def test_labels_belong_to_columns_and_differ(name):
    labels = getattr(codebook, f"{name}_LABELS")
    assert set(labels) < set(getattr(codebook, f"{name}_COLUMNS"))
    for codes in labels.values():
        assert len(set(codes.values())) == len(codes)


def test_columns_with_a_special_part_exist():
    assert set(codebook.PIMA_ZEROS) < set(codebook.PIMA_COLUMNS)
    assert set(codebook.HORSE_COLIC_LEAKING) < set(codebook.HORSE_COLIC_COLUMNS)
    assert len(set(codebook.MSK_FEATURES.values())) == len(codebook.MSK_FEATURES) == 12
