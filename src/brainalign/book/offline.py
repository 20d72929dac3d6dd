"""Sphinx extension: pages that ask the network for nothing."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

# What a page with equations may ask MathJax for: the program, its fonts, rarely used commands, speech.
_MATHJAX_PARTS = ("tex-chtml.js", "output/chtml", "input/tex/extensions", "a11y", "sre")


def setup(app: Sphinx) -> dict[str, Any]:
    """Serve MathJax from the book itself, and leave out the program that would run cells on a remote machine."""
    app.config.mathjax_path = "mathjax/tex-chtml.js"
    app.connect("build-finished", _copy_mathjax)
    for listeners in app.events.listeners.values():
        for listener in list(listeners):
            # These two write the address of a content-delivery network into every page.
            if listener.handler.__module__ == "sphinx_thebe" and listener.handler.__name__ in (
                "init_thebe_core",
                "update_thebe_context",
            ):
                app.disconnect(listener.id)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _copy_mathjax(app: Sphinx, error: Exception | None) -> None:
    if error is not None or app.builder.format != "html":
        return
    source = mathjax_folder()
    target = Path(app.outdir) / "_static" / "mathjax"
    for part in _MATHJAX_PARTS:
        if (source / part).is_dir():
            shutil.copytree(source / part, target / part, dirs_exist_ok=True)
        elif (source / part).is_file():
            (target / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / part, target / part)


def mathjax_folder() -> Path:
    """Folder of the MathJax that the package sphinx-mathjax-offline carries."""
    spec = importlib.util.find_spec("sphinx-mathjax-offline")
    if spec is None or spec.origin is None:
        msg = "the package sphinx-mathjax-offline is not installed: python -m pip install -r requirements.lock"
        raise ModuleNotFoundError(msg)
    return Path(spec.origin).parent / "static" / "mathjax"
