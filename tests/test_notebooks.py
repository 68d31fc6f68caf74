"""The notebooks hold no logic, match their stored outputs, and are rendered alike every time."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat
import papermill
import pytest
from render import bad_outputs, check, convert, missing_data, normalise

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.py"))
MAX_LINES = 12

SMALL = """# %% [markdown]
# # A small notebook

# %% tags=["parameters"]
profile = "smoke"

# %% alt="Nothing, drawn"
print(profile, 1 + 1)
"""


def code_cells(path):
    return [cell for cell in jupytext.read(path).cells if cell.cell_type == "code"]


def plain(source):
    """The cell as Python: commands to the notebook and to the shell left out."""
    return "\n".join(
        line for line in source.splitlines() if not line.lstrip().startswith(("%", "!"))
    )


def rendered(folder, *options):
    """Run book/render.py on `folder` in a process of its own, where papermill may warn."""
    command = [sys.executable, str(ROOT / "book/render.py"), "--root", str(folder), *options]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=300, env={**os.environ, "NO_COLOR": "1"}
    )


@pytest.fixture
def small(tmp_path):
    """A folder like the repository with one small table notebook."""
    (tmp_path / "notebooks").mkdir()
    path = tmp_path / "notebooks/table_small.py"
    path.write_text(SMALL)
    for name in ("_config.yml", "_toc.yml"):
        (tmp_path / name).write_text("")
    (tmp_path / "_static").mkdir()
    (tmp_path / "book").mkdir()
    return tmp_path


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_definitions(path):
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    trees = [ast.parse(plain(cell.source)) for cell in code_cells(path)]
    found = [node.name for tree in trees for node in ast.walk(tree) if isinstance(node, kinds)]
    assert found == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_cells_are_short(path):
    sizes = [
        sum(bool(line.strip()) for line in cell.source.splitlines()) for cell in code_cells(path)
    ]
    assert max(sizes) <= MAX_LINES


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_exactly_one_parameters_cell(path):
    tagged = [cell for cell in code_cells(path) if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1


@pytest.mark.parametrize(
    "path",
    [path for path in NOTEBOOKS if path.stem.startswith("table_")],
    ids=lambda path: path.stem,
)
def test_table_notebooks_have_a_profile(path):
    tagged = [cell for cell in code_cells(path) if "parameters" in cell.metadata.get("tags", [])]
    assigned = {
        node.id for node in ast.walk(ast.parse(tagged[0].source)) if isinstance(node, ast.Name)
    }
    assert "profile" in assigned


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_stored_notebook_agrees_with_its_text(path):
    assert check(FOLDER, [path.stem]) == []


def test_no_stored_notebook_without_text():
    assert [text for text in check(FOLDER) if "there is no" in text] == []


def test_alt_text_reaches_what_the_book_reads(small):
    cell = convert(small / "notebooks/table_small.py").cells[-1]
    assert cell.metadata["mystnb"]["image"]["alt"] == "Nothing, drawn"


def test_normalised_twice_is_normalised_once(small):
    once = convert(small / "notebooks/table_small.py")
    assert nbformat.writes(normalise(once)) == nbformat.writes(once)


def test_equal_cells_get_different_ids():
    cells = [nbformat.v4.new_code_cell("1") for _ in range(3)]
    ids = [cell.id for cell in normalise(nbformat.v4.new_notebook(cells=cells)).cells]
    assert len(set(ids)) == 3


def test_chance_cuts_in_a_stream_are_joined():
    parts = [nbformat.v4.new_output("stream", name="stdout", text=text) for text in ("a", "b")]
    cell = nbformat.v4.new_code_cell("1", outputs=parts)
    outputs = normalise(nbformat.v4.new_notebook(cells=[cell])).cells[0].outputs
    assert [output.text for output in outputs] == ["ab"]


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (None, "no stored outputs"),
        (
            nbformat.v4.new_output("error", ename="ValueError", evalue=""),
            "cell 1 ends in ValueError",
        ),
        (
            nbformat.v4.new_output("stream", name="stderr", text="hm"),
            "cell 1 writes to stderr: 'hm'",
        ),
        (
            nbformat.v4.new_output("execute_result", data={"text/plain": "<A at 0x7f01234567>"}),
            "cell 1 shows a memory address, which changes with every run",
        ),
    ],
    ids=["none", "error", "stderr", "address"],
)
def test_bad_outputs_are_found(output, said):
    cell = nbformat.v4.new_code_cell("1", outputs=[output] if output else [])
    assert bad_outputs(nbformat.v4.new_notebook(cells=[cell])) == [said]


def test_missing_data_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("BIAM_DATA_HOME", str(tmp_path))
    path = tmp_path / "a.py"
    path.write_text(
        "# ---\n# jupyter:\n#   biam:\n"
        "#     needs: [x/here.csv, x/packed.csv, x/gone.csv]\n# ---\n\n# %%\n1\n"
    )
    (tmp_path / "x").mkdir()
    (tmp_path / "x/here.csv").touch()
    (tmp_path / "x/packed.csv.gz").touch()
    assert missing_data(path) == ["x/gone.csv"]


def test_write_then_change_then_check(small):
    stored = small / "notebooks/table_small.ipynb"
    assert rendered(small, "--write").returncode == 0
    first = stored.read_bytes()
    assert rendered(small, "--write", "table_small").returncode == 0
    assert stored.read_bytes() == first
    assert b"smoke 2" in first
    assert b"papermill" not in first
    assert check(small / "notebooks") == []
    (small / "notebooks/table_small.py").write_text(SMALL.replace("1 + 1", "1 + 2"))
    assert check(small / "notebooks") == ["table_small.ipynb: its cells differ from table_small.py"]


def test_stage_runs_tables_with_the_profile(small):
    done = rendered(small, "--out", str(small / "staged"), "--profile", "quick")
    assert done.returncode == 0, done.stderr
    assert "quick 2" in (small / "staged/notebooks/table_small.ipynb").read_text()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("1 + 1", "1 / 0", "ZeroDivisionError"),
        ('profile = "smoke"', 'size = "smoke"', "its parameters cell does not name ['profile']"),
    ],
    ids=["failing cell", "unknown parameter"],
)
def test_a_notebook_that_cannot_run_stops_the_build(small, old, new, said):
    (small / "notebooks/table_small.py").write_text(SMALL.replace(old, new))
    done = rendered(small, "--out", str(small / "staged"))
    assert done.returncode == 1
    assert "notebooks/table_small.py failed" in done.stderr
    assert said in done.stderr


@pytest.mark.parametrize("scheme", ["s3://", "gs://", "abs://", "adl://"])
def test_output_paths_may_be_in_a_bucket(scheme):
    from papermill.iorw import papermill_io

    assert scheme in {prefix for prefix, _ in papermill_io._handlers}


def test_a_notebook_is_written_where_papermill_is_told(tmp_path):
    from papermill.iorw import papermill_io

    stored = {}

    class Bucket:
        def write(self, text, path):
            stored[path] = text

        def read(self, path):
            return stored[path]

        def listdir(self, path):
            return list(stored)

        def pretty_path(self, path):
            return path

    source = tmp_path / "small.ipynb"
    cell = nbformat.v4.new_code_cell("x = 1", metadata={"tags": ["parameters"]})
    shown = nbformat.v4.new_code_cell("print(x)")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell, shown]), source)
    papermill_io.register("bucket://", Bucket())
    options = {"kernel_name": "python3", "language": "python", "progress_bar": False}
    papermill.execute_notebook(source, "bucket://there/out.ipynb", {"x": 7}, **options)
    assert '"7\\n"' in stored["bucket://there/out.ipynb"]
