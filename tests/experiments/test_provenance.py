"""The origin of a number: which code counts, and what happens when it changes."""

import re
import subprocess

import pytest

from biam.exceptions import InvalidInputError
from biam.experiments import provenance
from biam.experiments.provenance import PACKAGE, code_hash, commit, import_closure, lock, machine

ROOT = "biam.experiments.published"


@pytest.fixture
def package(tmp_path):
    """A package where a imports b inside a function, b imports pkg.c; d is nobody's."""
    folder = tmp_path / "tiny"
    (folder / "pkg").mkdir(parents=True)
    sources = {
        "a.py": "def f():\n    from tiny import b\n    return b\n",
        "b.py": "import os\nimport numpy.linalg\nfrom tiny.pkg.c import x\n",
        "pkg/__init__.py": "from tiny.d import y\n",
        "pkg/c.py": "x = 1\n",
        "d.py": "y = 1\n",
        "e.py": "from tiny.pkg import y\n",
    }
    for name, source in sources.items():
        (folder / name).write_text(source)
    return folder


def test_closure_follows_imports_into_functions(package):
    assert import_closure(["tiny.a"], package) == ("tiny.a", "tiny.b", "tiny.pkg.c")


def test_closure_takes_a_package_from_which_a_name_comes(package):
    assert import_closure(["tiny.e"], package) == ("tiny.d", "tiny.e", "tiny.pkg")


def test_closure_of_the_published_table_is_what_it_runs():
    closure = import_closure([ROOT])
    wanted = {"biam.kernel", "biam.bilevel", "biam.solvers.published", "biam.metrics", ROOT}
    assert wanted <= set(closure)
    # Other tables and the surroundings must not make its cells stale.
    unwanted = {"biam.cli", "biam.experiments.runner", "biam.experiments.catalogue"}
    assert not (unwanted | {"biam.experiments.double_backward"}) & set(closure)


def test_roots_must_exist():
    with pytest.raises(InvalidInputError, match="root modules must be modules of biam"):
        import_closure(["biam.nothing"])


def test_hash_changes_with_any_module_of_the_closure(package):
    fresh = code_hash.__wrapped__
    before = fresh(("tiny.a",), package)
    (package / "d.py").write_text("y = 2\n")
    assert fresh(("tiny.a",), package) == before
    (package / "pkg/c.py").write_text("x = 2\n")
    assert fresh(("tiny.a",), package) != before


def test_hash_does_not_depend_on_line_ends(package):
    hashes = set()
    for source in (b"x = 1\ny = 2\n", b"x = 1\r\ny = 2\r\n"):
        (package / "d.py").write_bytes(source)
        hashes.add(code_hash.__wrapped__(("tiny.d",), package))
    assert len(hashes) == 1


def test_lock_of_a_checkout_is_its_constraints():
    assert re.fullmatch(r"constraints-[0-9a-f]{12}", lock())
    assert (PACKAGE.parent / "constraints.txt").is_file()


def test_without_a_checkout_lock_and_commit_are_versions(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path / "site-packages" / "biam")
    (tmp_path / "site-packages" / "biam").mkdir(parents=True)
    assert re.fullmatch(r"versions-[0-9a-f]{12}", lock.__wrapped__())
    assert re.fullmatch(r"v[\w.]+", commit.__wrapped__())


def test_commit_says_when_the_package_was_changed(tmp_path, monkeypatch):
    package = tmp_path / "biam"
    package.mkdir()
    (package / "m.py").write_text("x = 1\n")
    git = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run([*git, *arguments], check=True, timeout=30)
    monkeypatch.setattr(provenance, "PACKAGE", package.resolve())
    assert re.fullmatch(r"[0-9a-f]{12}", commit.__wrapped__())
    (package / "m.py").write_text("x = 2\n")
    assert re.fullmatch(r"[0-9a-f]{12}-dirty", commit.__wrapped__())


def test_a_package_inside_another_checkout_is_not_of_its_commit(tmp_path, monkeypatch):
    package = tmp_path / "venv" / "biam"
    package.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True, timeout=30)
    monkeypatch.setattr(provenance, "PACKAGE", package.resolve())
    assert commit.__wrapped__().startswith("v")


def test_machine_is_one_line():
    assert "cores" in machine()
    assert "\n" not in machine()


def test_hash_does_not_depend_on_comments_docstrings_and_layout(package):
    hashes = set()
    for source in (
        "def f(x):\n    return x + 1\n",
        '"""Module."""\n\ndef f(x):\n    """Add one."""\n    # Why.\n    return (x\n      + 1)\n',
    ):
        (package / "d.py").write_text(source)
        hashes.add(code_hash.__wrapped__(("tiny.d",), package))
    assert len(hashes) == 1
