"""Sphinx extension: pages load nothing from elsewhere, and MathJax only beside formulas."""

from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

__all__ = ["setup"]


def drop_eager_mathjax(app: Sphinx, config: Config) -> None:
    """Take MathJax off the list of scripts of every page.

    Jupyter Book adds every script below `_static` to that list; sphinx.ext.mathjax loads it,
    deferred, where it is needed.
    """
    config.html_js_files = [
        script for script in config.html_js_files if "mathjax" not in str(script)
    ]


def drop_thebe(app: Sphinx) -> None:
    """Disconnect sphinx-thebe, which Jupyter Book always switches on.

    It writes a foreign address and a stranger's repository into every page, for a button that
    this book does not show.
    """
    for listeners in app.events.listeners.values():
        listeners[:] = [
            listener for listener in listeners if listener.handler.__module__ != "sphinx_thebe"
        ]


def setup(app: Sphinx) -> dict[str, Any]:
    """Register both steps."""
    app.connect("config-inited", drop_eager_mathjax)
    app.connect("builder-inited", drop_thebe)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
