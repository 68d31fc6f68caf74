"""Say what is wrong with the built book: absent pages, foreign loads, pictures without words.

python book/check_html.py _build/html [--toc _toc.yml]
"""

import argparse
import re
import sys
from html.parser import HTMLParser
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

__all__ = ["absent_pages", "check_html", "check_version", "page_problems", "toc_entries"]

FOREIGN = re.compile(r"^\s*(https?:)?//", re.IGNORECASE)
# An address in a script loads something when it ends like a program, style or font, or when its
# host is one that serves them.
LOADED_BY_TEXT = re.compile(
    r"""(?:https?:)?//[^\s"'`()<>]*(?:\.m?js|\.css|\.woff2?|cdn|unpkg)[^\s"'`()<>]*""",
    re.IGNORECASE,
)
LOADED_BY_STYLE = re.compile(r"""(?:@import|url\()\s*["']?\s*((?:https?:)?//[^"')\s]+)""")
SOURCES = {"script", "img", "source", "iframe", "video", "audio", "embed", "track", "input"}
RELATIONS = {"stylesheet", "preload", "modulepreload", "icon", "preconnect", "prefetch", "manifest"}
PICTURE_FILE = re.compile(r"\.(png|svg|jpe?g|gif|webp)$", re.IGNORECASE)


class Page(HTMLParser):
    """Collect from one page what it loads and its pictures without words."""

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[str] = []
        self.inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one opening tag."""
        given: dict[str, Any] = {key: value or "" for key, value in attrs}
        self.inside = tag if tag in ("script", "style") else ""
        address = ""
        if tag in SOURCES:
            address = given.get("src", "")
        elif tag == "object":
            address = given.get("data", "")
        elif tag == "link" and RELATIONS & set(given.get("rel", "").lower().split()):
            address = given.get("href", "")
        if FOREIGN.match(address):
            self.problems.append(f"<{tag}> loads {address.strip()}")
        if tag == "img" and not says_something(given.get("alt", ""), given.get("src", "")):
            self.problems.append(f"picture without alt text: {given.get('src', '')[:80]}")

    def handle_endtag(self, tag: str) -> None:
        """Leave a script or style."""
        self.inside = ""

    def handle_data(self, data: str) -> None:
        """Look for addresses in scripts and styles written into the page."""
        if self.inside == "script":
            self.problems += [f"script names {found}" for found in LOADED_BY_TEXT.findall(data)]
        elif self.inside == "style":
            self.problems += [f"style loads {found}" for found in LOADED_BY_STYLE.findall(data)]


def says_something(alt: str, source: str) -> bool:
    """Return whether `alt` is words: Sphinx writes the file's name where none were given."""
    alt = alt.strip()
    return bool(alt) and alt != source and not PICTURE_FILE.search(alt)


def page_problems(path: Path) -> list[str]:
    """Return what is wrong with one page."""
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page.problems


def toc_entries(path: Path) -> list[str]:
    """Return the root and every file of a `_toc.yml`, in order."""
    entries: list[str] = []

    def walk(node: Any) -> None:
        if isinstance(node, list):
            for child in node:
                walk(child)
        elif isinstance(node, dict):
            entries.extend(node[key] for key in ("root", "file") if key in node)
            for key in ("parts", "chapters", "sections", "entries", "subtrees"):
                walk(node.get(key))

    walk(yaml.safe_load(path.read_text(encoding="utf-8")))
    return entries


def absent_pages(html: Path, toc: Path) -> list[str]:
    """Return the entries of `toc` without a page, and index.html if it is not there."""
    return [
        f"{name}.html: not built"
        for name in ["index", *toc_entries(toc)]
        if not (html / f"{name}.html").is_file()
    ]


def check_version(found: str) -> list[str]:
    """Return a problem unless `found` is Jupyter Book 1: version 2 ends well with an empty book."""
    return [] if found.startswith("1.") else [f"jupyter-book is {found}, the book needs 1.x"]


def check_html(html: Path, toc: Path) -> list[str]:
    """Return everything wrong with the built book in `html`, page by page."""
    problems = absent_pages(html, toc)
    for path in sorted(html.rglob("*.html")):
        problems += [f"{path.relative_to(html)}: {text}" for text in page_problems(path)]
    for path in sorted(html.rglob("*.css")):
        found = LOADED_BY_STYLE.findall(path.read_text(encoding="utf-8"))
        problems += [f"{path.relative_to(html)}: style loads {address}" for address in found]
    return problems


def main(arguments: list[str] | None = None) -> int:
    """Print the problems; return 1 if there is one."""
    parser = argparse.ArgumentParser(description="Check the built book.")
    parser.add_argument("html", type=Path)
    parser.add_argument("--toc", type=Path, default=Path(__file__).parents[1] / "_toc.yml")
    options = parser.parse_args(arguments)
    problems = check_version(version("jupyter-book")) + check_html(options.html, options.toc)
    print("\n".join(problems) or f"{options.html}: complete, offline, every picture has words")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
