"""Names and labels are complete and fit one another."""

import re

import pytest

from biam.datasets import codebook


@pytest.mark.parametrize(
    ("columns", "count"),
    [
        (codebook.ABALONE_COLUMNS, 9),
        (codebook.ADULT_COLUMNS, 15),
        (codebook.AUTO_MPG_COLUMNS, 9),
        (codebook.CALIFORNIA_COLUMNS, 9),
        (codebook.CONCRETE_COLUMNS, 9),
        (codebook.GERMAN_COLUMNS, 21),
        (codebook.HELOC_COLUMNS, 24),
        (codebook.TAIWAN_COLUMNS, 24),
    ],
    ids=["abalone", "adult", "auto-mpg", "california", "concrete", "german", "heloc", "taiwan"],
)
def test_columns_are_all_there_and_differ(columns, count):
    assert len(set(columns)) == len(columns)
    assert len(columns) in (count, count + 1)


def test_german_codes_name_their_own_attribute():
    assert set(codebook.GERMAN_LABELS) < set(codebook.GERMAN_COLUMNS)
    for position, column in enumerate(codebook.GERMAN_COLUMNS, start=1):
        codes = codebook.GERMAN_LABELS.get(column, {})
        assert all(re.fullmatch(rf"A{position}\d0?", code) for code in codes)
        assert len(set(codes.values())) == len(codes)


def test_taiwan_labels_belong_to_columns_and_differ():
    assert set(codebook.TAIWAN_LABELS) <= set(codebook.TAIWAN_COLUMNS)
    for codes in codebook.TAIWAN_LABELS.values():
        assert len(set(codes.values())) == len(codes)


def test_heloc_codes_are_the_three_special_ones():
    assert set(codebook.HELOC_CODES) == {-7, -8, -9}
