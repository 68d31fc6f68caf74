"""Where a number came from: the code its cell uses, locked versions, commit, machine."""

import ast
import hashlib
import os
import platform
import subprocess
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path

from biam.exceptions import InvalidInputError

__all__ = ["code_hash", "commit", "import_closure", "lock", "machine"]

PACKAGE = Path(__file__).resolve().parents[1]
NUMERIC = ("numpy", "scipy", "scikit-learn", "torch")
SHORT = 12


@cache
def code_hash(roots: tuple[str, ...], package: Path = PACKAGE) -> str:
    """Hash of all modules of the package that the root modules use, short form.

    Comments, docstrings and layout do not count: they change no number.

    Parameters
    ----------
    roots : tuple of str
        Module names, such as "biam.experiments.published".
    package : Path
        Folder of the package.
    """
    digest = hashlib.sha256()
    for name in import_closure(roots, package):
        source = _bare(_path(name, package).read_text(encoding="utf-8"))
        digest.update(f"{name}\n{len(source)}\n{source}".encode())
    return digest.hexdigest()[:SHORT]


def import_closure(roots: Iterable[str], package: Path = PACKAGE) -> tuple[str, ...]:
    """Names of the modules of `biam` that `roots` import, directly or not, themselves included.

    Imports inside functions count. A package's ``__init__`` counts when something is imported from
    the package by name, not when it is only passed on the way to a submodule.

    Parameters
    ----------
    roots : iterable of str
    package : Path
        Folder of the package; its name is the first part of the module names.

    Raises
    ------
    InvalidInputError
        A root is no module of the package.
    """
    found: set[str] = set()
    waiting = list(roots)
    for root in waiting:
        if not _path(root, package).is_file():
            raise InvalidInputError(
                f"root modules must be modules of {package.name}, got {root!r}."
            )
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(_imports(_path(name, package), package))
    return tuple(sorted(found))


@cache
def lock() -> str:
    """Short hash of the versions in use.

    In a checkout, or an editable install of one, it is the hash of `constraints.txt` and begins
    with "constraints-"; elsewhere that file is not at hand, and it is the hash of the installed
    versions of numpy, scipy, scikit-learn and torch, beginning with "versions-".
    """
    constraints = PACKAGE.parent / "constraints.txt"
    if constraints.is_file() and (PACKAGE.parent / "pyproject.toml").is_file():
        return "constraints-" + _digest(constraints.read_text(encoding="utf-8"))
    return "versions-" + _digest("\n".join(f"{n}=={metadata.version(n)}" for n in NUMERIC))


@cache
def commit() -> str:
    """Commit of the checkout `biam` runs from, "-dirty" if the package was changed since.

    "v<version>" where `biam` is installed without its checkout.
    """
    top = _git("rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != PACKAGE.parent:
        return f"v{_version()}"
    head = _git("rev-parse", f"--short={SHORT}", "HEAD") or "no-commit"
    changed = _git("status", "--porcelain", "--", str(PACKAGE))
    return f"{head}-dirty" if changed else head


def machine() -> str:
    """Processor, system and Python in one line."""
    python = platform.python_version()
    return f"{platform.machine()} {platform.system()}, {os.cpu_count()} cores, Python {python}"


def _bare(source: str) -> str:
    """Code alone, written out again from its syntax tree."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_text(body[0]):
            node.body = body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(getattr(node.value, "value", None), str)


def _version() -> str:
    try:
        return metadata.version("biam")
    except metadata.PackageNotFoundError:
        return "0"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:SHORT]


def _git(*arguments: str) -> str | None:
    """Output of a git command in the package's folder; None where it fails or there is no git."""
    try:
        done = subprocess.run(
            ["git", "-C", str(PACKAGE), *arguments],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _path(name: str, package: Path) -> Path:
    """File of a module, or of a package's ``__init__``; may not exist."""
    parts = name.split(".")
    base = package.parent.joinpath(*parts)
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


def _imports(path: Path, package: Path) -> Iterable[str]:
    """Modules of the package that one of its files imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            candidates = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            # The name may be a submodule, or something inside the module.
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            submodules = [name for name in inner if _path(name, package).is_file()]
            candidates = submodules if len(submodules) == len(inner) else [node.module, *submodules]
        else:
            continue
        for name in candidates:
            if name.split(".")[0] == package.name and _path(name, package).is_file():
                yield name
