"""The book: its version, configuration and sources, and the check of the built pages."""

from importlib.metadata import version
from pathlib import Path

import pytest
import yaml
from check_html import absent_pages, check_html, check_version, page_problems, toc_entries

ROOT = Path(__file__).resolve().parents[1]
TOC = ROOT / "_toc.yml"
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))


@pytest.fixture
def book(tmp_path):
    """A built book of two small pages without fault, and its table of contents."""
    toc = tmp_path / "_toc.yml"
    toc.write_text(
        "format: jb-book\nroot: book/index\nparts:\n  - chapters:\n      - file: notebooks/one\n"
    )
    html = tmp_path / "html"
    for name in ("index", "book/index", "notebooks/one"):
        page = html / f"{name}.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(
            '<html><head><script src="_static/a.js"></script></head><body>'
            '<a href="https://example.org/read.js">read</a>'
            '<img src="_images/0a.png" alt="A curve that rises"></body></html>'
        )
    return html, toc


def test_jupyter_book_is_version_1():
    assert check_version(version("jupyter-book")) == []


def test_jupyter_book_2_is_a_problem():
    assert check_version("2.1.7") == ["jupyter-book is 2.1.7, the book needs 1.x"]


@pytest.mark.parametrize("entry", toc_entries(TOC))
def test_every_entry_has_its_source(entry):
    assert any((ROOT / f"{entry}{kind}").is_file() for kind in (".md", ".ipynb"))


def test_toc_names_no_entry_twice():
    entries = toc_entries(TOC)
    assert len(entries) == len(set(entries)) > 5


def test_every_notebook_is_in_the_toc():
    stems = {
        path.with_suffix("").relative_to(ROOT).as_posix() for path in ROOT.glob("notebooks/*.py")
    }
    assert stems <= set(toc_entries(TOC))


def test_the_book_executes_nothing_and_reads_only_the_toc():
    assert CONFIG["execute"]["execute_notebooks"] == "off"
    assert CONFIG["only_build_toc_files"] is True


def test_mathjax_is_inside_the_repository():
    script = ROOT / "_static" / CONFIG["sphinx"]["config"]["mathjax_path"]
    assert script.is_file()
    assert (script.parent / "LICENSE").is_file()
    assert list((script.parent / "output/chtml/fonts/woff-v2").glob("*.woff"))


def test_a_good_book_has_no_problem(book):
    assert check_html(*book) == []


def test_a_removed_page_is_found(book):
    html, toc = book
    (html / "notebooks/one.html").unlink()
    assert absent_pages(html, toc) == ["notebooks/one.html: not built"]
    assert check_html(html, toc) == ["notebooks/one.html: not built"]


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ('<script src="https://cdn.jsdelivr.net/npm/mathjax@3"></script>', "<script> loads https"),
        ('<script src="//unpkg.com/thebe"></script>', "<script> loads //unpkg"),
        (
            '<script>const URL = "https://unpkg.com/thebe@0.8.2/lib/index.js"</script>',
            "script names",
        ),
        ('<link rel="stylesheet" href="https://fonts.example/a.css">', "<link> loads"),
        ("<style>@import url(https://fonts.example/a)</style>", "style loads"),
        ('<img src="https://img.example/a.png" alt="A badge">', "<img> loads"),
        ('<iframe src="https://video.example/1"></iframe>', "<iframe> loads"),
        ('<img src="_images/a.png">', "picture without alt text"),
        ('<img src="_images/a.png" alt="">', "picture without alt text"),
        ('<img src="_images/a.png" alt="../_images/a.png">', "picture without alt text"),
    ],
)
def test_each_fault_of_a_page_is_found(book, tag, said):
    html, toc = book
    page = html / "notebooks/one.html"
    page.write_text(page.read_text().replace("<body>", f"<body>{tag}"))
    assert [text.startswith(said) for text in page_problems(page)] == [True]
    assert len(check_html(html, toc)) == 1


def test_a_style_file_that_loads_from_elsewhere_is_found(book):
    html, toc = book
    (html / "a.css").write_text("@font-face { src: url(https://fonts.example/a.woff2) }")
    assert check_html(html, toc) == ["a.css: style loads https://fonts.example/a.woff2"]
