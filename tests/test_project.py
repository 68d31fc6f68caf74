"""The house keeps its shape: layers, sizes, mirrored tests, light import, one version."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "biam"
MODULES = sorted(PACKAGE.rglob("*.py"))

# From the bottom up: a module imports from lines above its own, or from its own folder.
LAYERS = (
    {"exceptions"},
    {"validation"},
    {"chunks", "table", "targets"},
    {"frames", "scanning"},
    {"parquet"},
    {"basis", "losses", "label_losses", "penalties", "metrics"},
    {"corruption", "decision", "relevance"},
    {"datasets"},
    {"additive", "concepts", "flip_weights", "weighting"},
    {"lean"},
    {"deep_weighting", "prediction", "taylor"},
    {"lower"},
    {"hypergradient"},
    {"kernel"},
    {"bilevel", "structure", "callbacks"},
    {"autobalance"},
    {"solvers"},
    {"reading"},
    {"explain", "explain_concepts", "export", "persistence"},
    {"named", "readable"},
    {"chunked"},
    {"base"},
    {"baselines", "estimators", "imputation", "mitigation"},
    {"concept_files"},
    {"batm"},
    {"experiments", "plotting"},
    {"cli"},
    {"__init__", "__main__"},
)
LAYER_OF = {name: level for level, names in enumerate(LAYERS) for name in names}
ONLY_IN = {
    "matplotlib": {"plotting"},
    "seaborn": {"plotting"},
    "pandas": {"datasets", "experiments", "explain", "explain_concepts", "plotting"},
}
MAX_FILE, MAX_FUNCTION = 400, 60


def name_of(path: Path) -> str:
    """Return the room a file belongs to: its folder below biam, or its own name."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def imported(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield each module imported anywhere in `tree`, inside functions too, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative imports hide the layer"
            if node.module == "biam":
                yield from ((f"biam.{alias.name}", node.lineno) for alias in node.names)
            else:
                yield node.module or "", node.lineno


def upward_imports(source: str, room: str) -> list[str]:
    """Return the imports in `source`, a module of `room`, that do not point down."""
    found = []
    for target, line in imported(ast.parse(source)):
        parts = target.split(".")
        if parts[0] != "biam":
            continue
        other = parts[1] if len(parts) > 1 and parts[1] in LAYER_OF else "__init__"
        if other != room and LAYER_OF[other] >= LAYER_OF[room]:
            found.append(f"line {line}: {room} imports {target}")
    return found


def long_functions(source: str) -> list[str]:
    """Return the functions of more than MAX_FUNCTION lines, docstrings not counted."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = (node.end_lineno or 0) - node.lineno + 1
            first = node.body[0]
            if ast.get_docstring(node, clean=False) is not None:
                size -= (first.end_lineno or 0) - first.lineno + 1
            if size > MAX_FUNCTION:
                found.append(f"{node.name}: {size} lines")
    return found


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_module_has_a_layer(path):
    assert name_of(path) in LAYER_OF, "put the new module into LAYERS, and into the house's page"


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_imports_point_down(path):
    assert upward_imports(path.read_text(encoding="utf-8"), name_of(path)) == []


@pytest.mark.parametrize(
    ("source", "room", "count"),
    [
        ("from biam.bilevel import x", "additive", 1),
        ("def f():\n    from biam import estimators", "bilevel", 1),
        ("from biam import BIAMRegressor", "experiments", 1),
        ("import biam.losses\nfrom biam.datasets.base import Dataset", "datasets", 0),
        ("from biam.taylor import x", "additive", 1),
    ],
)
def test_upward_imports_are_found(source, room, count):
    assert len(upward_imports(source, room)) == count


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_heavy_packages_stay_in_their_rooms(path):
    tops = {target.split(".")[0] for target, _ in imported(ast.parse(path.read_text("utf-8")))}
    astray = {top for top, rooms in ONLY_IN.items() if top in tops and name_of(path) not in rooms}
    assert astray == set()


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if not path.stem.startswith("_")],
    ids=relative,
)
def test_module_has_a_test_file(path):
    inside = path.relative_to(PACKAGE)
    assert (ROOT / "tests" / inside.parent / f"test_{inside.name}").is_file()


@pytest.mark.parametrize(
    "path",
    [
        p
        for folder in ("biam", "book", "notebooks", "tests")
        for p in sorted((ROOT / folder).rglob("*.py"))
    ],
    ids=relative,
)
def test_files_and_functions_are_short(path):
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= MAX_FILE
    assert long_functions(source) == []


def test_long_functions_are_found_without_their_docstrings():
    body = "    x = 1\n" * 59
    assert long_functions(f'def f():\n    """One.\n\n    Two.\n    """\n{body}') == []
    assert long_functions(f"def f():\n{body}    x = 2\n") == ["f: 61 lines"]


def test_import_is_light_and_changes_nothing():
    code = """
import random, sys, warnings
import numpy as np
before = repr(np.random.get_state()), random.getstate(), list(warnings.filters)
import biam
after = repr(np.random.get_state()), random.getstate(), list(warnings.filters)
assert before == after, "import biam changed global state"
heavy = {"torch", "pandas", "matplotlib", "seaborn", "sklearn", "scipy"} & set(sys.modules)
assert not heavy, f"import biam loads {sorted(heavy)}"
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_public_names_are_the_promised_ones():
    import biam

    assert set(biam.__all__) == {"BIAMClassifier", "BIAMRegressor", "__version__", "load"}


def test_one_version_everywhere():
    import biam

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert biam.__version__ == project["version"] == str(citation["version"])


def test_readme_commands_are_targets():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):(?!=)", makefile, flags=re.MULTILINE))
    readme = (ROOT / "README.md").read_text("utf-8")
    code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", readme, flags=re.DOTALL))
    commands = set(re.findall(r"\bmake ([a-z][a-z-]*)", code))
    assert {"book", "test"} <= commands <= targets


def test_constraints_pin_what_the_extras_ask_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    asked = project["dependencies"] + [
        line for lines in project["optional-dependencies"].values() for line in lines
    ]
    names = {re.split(r"[\[<>=!~ ]", line)[0].lower() for line in asked} - {"biam"}
    pinned = {
        line.split("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines()
    }
    assert names <= pinned
