"""Files of imputers: plain data only, whole or not at all, strangers told apart."""

import numpy as np
import pytest

from biam.exceptions import InvalidInputError, OutputError
from biam.imputation.saving import read, write


def test_there_and_back(tmp_path):
    arrays = {"a": np.arange(3.0), "b": np.array(["x", "y"])}
    write(tmp_path / "f", {"class": "C", "n": [1, None]}, arrays)
    header, found = read(tmp_path / "f")
    assert header == {"format": "biam-imputer-1", "class": "C", "n": [1, None]}
    assert {k: v.tolist() for k, v in found.items()} == {k: v.tolist() for k, v in arrays.items()}
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_what_is_no_plain_data_is_refused_before_a_file_is_touched(tmp_path):
    with pytest.raises(InvalidInputError, match="cannot be saved"):
        write(tmp_path / "f", {"mechanism": len}, {})
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written(tmp_path):
    with pytest.raises(OutputError, match="cannot write"):
        write(tmp_path / "no" / "f", {}, {})


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 broken"])
def test_other_files_are_told_apart(tmp_path, content):
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(InvalidInputError, match=r"was not written by imputer\.save"):
        read(tmp_path / "f")


def test_other_formats_are_told_apart(tmp_path):
    with (tmp_path / "f").open("wb") as file:
        np.savez(file, header=np.array('{"format": "biam-estimator-1"}'))
    with pytest.raises(InvalidInputError, match="expected 'biam-imputer-1'"):
        read(tmp_path / "f")
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "g")
