"""Turn notebooks/*.py (percent format) into executed notebooks, for git and for the book.

The text is the source; papermill is the only executor; every kernel starts in `notebooks/`, as
under Jupyter and nbval. What a reader sees is either stored and committed or made afresh here.

    python book/render.py --write [NAME ...]       execute, normalise, store notebooks/NAME.ipynb
    python book/render.py --check [NAME ...]       stored notebooks agree with their text
    python book/render.py --runnable [NAME ...]    paths of those whose data files are here
    python book/render.py --out _build/source      the book's sources, tables run afresh

A notebook that reads files outside the package names them, relative to the data folder:

    # ---
    # jupyter:
    #   biam:
    #     needs: [adult/adult.data]
    # ---

A picture's alt text stands in the header of its cell: ``# %% alt="Two curves: ..."``.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbformat import NotebookNode

__all__ = ["check", "convert", "execute_all", "missing_data", "normalise", "stage", "write"]

ROOT = Path(__file__).resolve().parents[1]
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
LANGUAGE = {"file_extension": ".py", "name": "python", "pygments_lexer": "ipython3"}
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # Pictures in vector formats carry a date unless this is set.
    "SOURCE_DATE_EPOCH": "0",
}
PAGES = ("*.md", "*.bib", "_ext/*.py")
ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{6,}|<[^<>\n]* 0x[0-9a-fA-F]{6,}>")


def sources(folder: Path, names: list[str] | None = None) -> list[Path]:
    """Return the percent files of `folder`, sorted; unknown names end the program."""
    found = {path.stem: path for path in sorted(folder.glob("*.py"))}
    unknown = sorted(set(names or ()) - set(found))
    if unknown:
        raise SystemExit(f"no such notebook: {unknown}; there are {list(found)}")
    return [found[name] for name in names] if names else list(found.values())


def convert(path: Path) -> NotebookNode:
    """Return the notebook that the percent file `path` describes, without outputs."""
    return normalise(jupytext.read(path))


def normalise(notebook: NotebookNode) -> NotebookNode:
    """Return `notebook` without what changes from run to run or from machine to machine.

    Kernel and language are named alike everywhere, timestamps go, an id is the hash of its cell's
    source, stream outputs of one kind are joined, ``alt`` becomes what myst-nb reads.
    """
    notebook = nbformat.from_dict(json.loads(json.dumps(notebook)))
    kept = {key: value for key, value in notebook.metadata.items() if key == "biam"}
    notebook.metadata = nbformat.from_dict(
        {**kept, "kernelspec": KERNEL, "language_info": LANGUAGE}
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        for key in ("papermill", "execution", "lines_to_next_cell", "lines_to_end_of_cell_marker"):
            cell.metadata.pop(key, None)
        if "alt" in cell.metadata:
            cell.metadata["mystnb"] = {"image": {"alt": cell.metadata.pop("alt")}}
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:10]
        seen[digest] = seen.get(digest, 0) + 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
        if cell.cell_type == "code":
            cell.outputs = join_streams(cell.outputs)
    return notebook


def join_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Join neighbouring stream outputs of one name: where the kernel cuts them is chance."""
    joined: list[NotebookNode] = []
    for output in outputs:
        last = joined[-1] if joined else None
        if (
            last is not None
            and output.output_type == last.output_type == "stream"
            and output.name == last.name
        ):
            last.text += output.text
        else:
            joined.append(output)
    return joined


def store(notebook: NotebookNode, path: Path) -> None:
    """Write by rename, so that a reader never sees half a notebook."""
    nbformat.validate(notebook)
    partial = path.with_name(f".{path.name}.tmp")
    partial.write_text(nbformat.writes(notebook).rstrip("\n") + "\n", encoding="utf-8")
    partial.replace(path)


def execute(path: Path, parameters: dict[str, Any]) -> tuple[str, NotebookNode | None, str]:
    """Run one percent file in its own folder; return its name, the result or None, and the error.

    An error is returned, not raised: papermill's own does not survive the way between processes.
    """
    import papermill

    with tempfile.TemporaryDirectory() as folder:
        plain, done = Path(folder, f"{path.stem}.ipynb"), Path(folder, "done.ipynb")
        store(convert(path), plain)
        unknown = set(parameters) - set(papermill.inspect_notebook(str(plain)))
        if unknown:
            return path.stem, None, f"its parameters cell does not name {sorted(unknown)}"
        try:
            result = papermill.execute_notebook(
                str(plain),
                str(done),
                parameters=parameters,
                kernel_name="python3",
                cwd=str(path.parent),
                progress_bar=False,
            )
        # Whatever a notebook or its kernel does wrong must name the notebook, then stop the build.
        except Exception as error:
            return path.stem, None, f"{type(error).__name__}: {error}"
    return path.stem, normalise(result), ""


def execute_all(
    paths: list[Path], parameters: dict[str, Any], jobs: int = 2
) -> dict[str, NotebookNode]:
    """Run percent files, `jobs` at a time, each in a fresh process with one thread.

    The first failure ends the program with its traceback; what waits is not started.
    """
    os.environ.update(ONE_THREAD)
    done: dict[str, NotebookNode] = {}
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), max_tasks_per_child=1)
    with pool:
        waiting = [pool.submit(execute, path, parameters) for path in paths]
        for future in waiting:
            name, notebook, error = future.result()
            if notebook is None:
                pool.shutdown(cancel_futures=True)
                raise SystemExit(f"\nnotebooks/{name}.py failed\n{error}")
            print(f"executed {name}", file=sys.stderr)
            done[name] = notebook
    return done


def write(folder: Path, names: list[str] | None = None, jobs: int = 2) -> None:
    """Execute with the default parameters and store `folder`/NAME.ipynb."""
    runnable = [path for path in sources(folder, names) if not skipped(path)]
    for name, notebook in execute_all(runnable, {}, jobs).items():
        store(notebook, folder / f"{name}.ipynb")


def missing_data(path: Path) -> list[str]:
    """Return the data files that the percent file needs and that are not here, plain or packed."""
    from biam.datasets import data_home

    needs = jupytext.read(path).metadata.get("biam", {}).get("needs", [])
    return [
        name
        for name in needs
        if not any((data_home() / copy).exists() for copy in (name, f"{name}.gz"))
    ]


def skipped(path: Path) -> bool:
    """Say on stderr which data are absent for `path`; the stored notebook then stands as it is."""
    absent = missing_data(path)
    if absent:
        print(
            f"not re-run: {path.stem} needs {', '.join(absent)} under BIAM_DATA_HOME",
            file=sys.stderr,
        )
    return bool(absent)


def check(folder: Path, names: list[str] | None = None) -> list[str]:
    """Return what is wrong with the stored notebooks: other sources, outputs absent or bad."""
    problems = [
        f"{path.name}: there is no {path.stem}.py"
        for path in sorted(folder.glob("*.ipynb"))
        if not path.with_suffix(".py").exists()
    ]
    for source in sources(folder, names):
        stored = source.with_suffix(".ipynb")
        if not stored.exists():
            problems.append(
                f"{stored.name}: not stored; run: python book/render.py --write {source.stem}"
            )
            continue
        notebook = nbformat.read(stored, as_version=4)
        if cells_of(notebook) != cells_of(convert(source)):
            problems.append(f"{stored.name}: its cells differ from {source.name}")
        problems += [f"{stored.name}: {text}" for text in bad_outputs(notebook)]
    return problems


def cells_of(notebook: NotebookNode) -> list[tuple[str, str, list[str]]]:
    """Return what the text of a notebook fixes: kind, source and tags of each cell."""
    return [
        (cell.cell_type, cell.source.strip(), cell.metadata.get("tags", []))
        for cell in notebook.cells
    ]


def bad_outputs(notebook: NotebookNode) -> list[str]:
    """Return what is wrong with the outputs; nbval passes a notebook without any."""
    outputs = [
        (number, output)
        for number, cell in enumerate(notebook.cells, 1)
        if cell.cell_type == "code"
        for output in cell.outputs
    ]
    problems = [] if outputs else ["no stored outputs"]
    for number, output in outputs:
        if output.output_type == "error":
            problems.append(f"cell {number} ends in {output.ename}")
        if output.get("name") == "stderr":
            problems.append(f"cell {number} writes to stderr: {output.text.strip()[:80]!r}")
        shown = output.get("text", "") + output.get("data", {}).get("text/plain", "")
        if ADDRESS.search(shown):
            problems.append(f"cell {number} shows a memory address, which changes with every run")
    return problems


def stage(root: Path, out: Path, profile: str, jobs: int = 2) -> None:
    """Copy the book's sources to `out`; table notebooks are executed afresh with `profile`."""
    shutil.rmtree(out, ignore_errors=True)
    (out / "notebooks").mkdir(parents=True)
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy2(root / name, out / name)
    shutil.copytree(root / "_static", out / "_static")
    for page in sorted(page for kind in PAGES for page in (root / "book").rglob(kind)):
        target = out / page.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(page, target)
    for stored in sorted((root / "notebooks").glob("*.ipynb")):
        shutil.copy2(stored, out / "notebooks" / stored.name)
    tables = sorted((root / "notebooks").glob("table_*.py"))
    fresh = [path for path in tables if not skipped(path)]
    for name, notebook in execute_all(fresh, {"profile": profile}, jobs).items():
        store(notebook, out / "notebooks" / f"{name}.ipynb")


def main(arguments: list[str] | None = None) -> int:
    """Read the command line; return the exit status."""
    parser = argparse.ArgumentParser(description="Render notebooks/*.py for git and for the book.")
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--write", action="store_true", help="execute and store notebooks/NAME.ipynb")
    mode.add_argument(
        "--check", action="store_true", help="compare stored notebooks with their text"
    )
    mode.add_argument("--runnable", action="store_true", help="print those whose data are here")
    mode.add_argument("--out", type=Path, help="stage the book's sources in this folder")
    parser.add_argument("names", nargs="*", metavar="NAME", help="notebooks, without .py; else all")
    parser.add_argument("--profile", default="smoke", help="given to table notebooks by --out")
    parser.add_argument("--jobs", type=int, default=2, help="notebooks executed at a time")
    parser.add_argument("--root", type=Path, default=ROOT, help="folder of notebooks/ and book/")
    options = parser.parse_args(arguments)
    folder = options.root / "notebooks"
    if options.write:
        write(folder, options.names, options.jobs)
    elif options.out:
        stage(options.root, options.out, options.profile, options.jobs)
    elif options.runnable:
        runnable = [path for path in sources(folder, options.names) if not skipped(path)]
        for path in runnable:
            print(path.with_suffix(".ipynb"))
    else:
        problems = check(folder, options.names)
        print("\n".join(problems) or "stored notebooks agree with their text")
        return 1 if problems else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
