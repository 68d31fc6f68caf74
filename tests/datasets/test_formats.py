"""ARFF with all its quirks, gzip, and workbooks made here and read back."""

import gzip
import io
import sys

import pandas as pd
import pytest

from biam.datasets.formats import read_arff, read_bytes, read_xls, read_xlsx
from biam.exceptions import DataMissingError, MissingExtraError

ARFF = """\
% a comment
@relation toy

@attribute 'age' numeric
@attribute Mcg real[0.0,88.0]
@attribute sign {yes, no,never}
@inputs age, Mcg
@DATA
48,\t1.5, no
?,2,\tyes
7 ,<null>,?

"""


def test_arff_cuts_blanks_and_knows_gaps():
    table = read_arff(io.StringIO(ARFF))
    assert table.columns.tolist() == ["age", "Mcg", "sign"]
    assert table["age"].fillna(-1).tolist() == [48.0, -1.0, 7.0]
    assert table["Mcg"].fillna(-1).tolist() == [1.5, 2.0, -1.0]
    assert table["sign"].tolist()[:2] == ["no", "yes"]
    assert table["sign"].cat.categories.tolist() == ["yes", "no"]
    assert table["sign"].isna().tolist() == [False, False, True]


def test_arff_from_a_packed_file(tmp_path):
    path = tmp_path / "toy.arff.gz"
    path.write_bytes(gzip.compress(ARFF.encode()))
    assert read_bytes(path) == ARFF.encode()
    pd.testing.assert_frame_equal(read_arff(path), read_arff(io.StringIO(ARFF)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<html>moved</html>", "must be an ARFF file"),
        ("@data\n1,2", "must be an ARFF file"),
        ("@attribute a real\n@data\n1\n1,2", r"must have 1 values in each row, got 2 in \['1'"),
    ],
)
def test_what_is_no_arff_is_refused(text, message):
    with pytest.raises(DataMissingError, match=message):
        read_arff(io.StringIO(text))


def test_workbook_is_read_back_with_its_gaps(tmp_path):
    table = pd.DataFrame({"a": ["x", "unk", "NA"], "b": [1.5, None, 2.0]})
    path = tmp_path / "toy.xlsx"
    with pd.ExcelWriter(path) as book:
        pd.DataFrame({"c": [1]}).to_excel(book, sheet_name="first", index=False)
        table.to_excel(book, sheet_name="second", index=False)
    got = read_xlsx(path, sheet="second", gaps=["unk"])
    assert got["a"].fillna("gap").tolist() == ["x", "gap", "NA"]
    assert got["b"].fillna(-1).tolist() == [1.5, -1.0, 2.0]
    assert read_xlsx(path).columns.tolist() == ["c"]


@pytest.mark.parametrize(("reader", "package"), [(read_xlsx, "openpyxl"), (read_xls, "xlrd")])
def test_missing_reader_names_the_extra(monkeypatch, tmp_path, reader, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf"book.xls needs {package}.*biam\[excel\]"):
        reader(tmp_path / "book.xls")
