"""Sphinx extension: figures of plotly on the book's pages, drawn by a script of the book and over a picture."""

from __future__ import annotations

import html
import json
import shutil
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

# The name that `brainalign.figures.interactive` has for it; typed again, because rooms of one layer know nothing of
# each other.
PLOTLY_MIME = "application/vnd.plotly.v1+json"

LIBRARY, LOADER = "plotly.min.js", "interactive.js"
_CLASS = "interactive-figure"

_FRAGMENT = """<div class="{kind}">
<img class="still" src="data:image/png;base64,{picture}" alt="{alt}">
<div class="moving" role="group" aria-label="{alt}" hidden></div>
<p class="note" role="status" hidden></p>
<script type="application/json">{figure}</script>
</div>"""


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension: figures become HTML, pages that have one load the script, the library is copied once."""
    app.connect("source-read", _write_figures)
    app.connect("html-page-context", _load_script)
    app.connect("build-finished", _copy_library)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def figure_as_html(bundle: dict[str, Any], alt: str) -> str:
    """A figure as a piece of a page.

    Parameters
    ----------
    bundle : dict
        Output of a notebook cell by mime type, with the figure and its picture.
    alt : str
        What the picture shows, for readers who do not see it.

    Returns
    -------
    str
        HTML with the picture, and the figure as data that the book's script draws in its place. The data is written
        so that nothing in it can end the element.
    """
    figure = json.dumps(bundle[PLOTLY_MIME], separators=(",", ":")).replace("<", "\\u003c")
    picture = "".join(bundle["image/png"].split())
    return _FRAGMENT.format(kind=_CLASS, picture=picture, alt=html.escape(alt, quote=True), figure=figure)


def _write_figures(app: Sphinx, _docname: str, source: list[str]) -> None:
    if PLOTLY_MIME not in source[0]:
        return
    try:
        notebook = json.loads(source[0])
    except json.JSONDecodeError:  # a page of prose that names the type
        return
    for cell in notebook["cells"]:
        alt = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "")
        for bundle in (output.get("data", {}) for output in cell.get("outputs", [])):
            if PLOTLY_MIME in bundle and app.builder.format == "html":
                bundle["text/html"] = figure_as_html(bundle, alt)
            bundle.pop(PLOTLY_MIME, None)  # where no script runs, as in a PDF, the picture is left alone
    source[0] = json.dumps(notebook)


def _load_script(app: Sphinx, _pagename: str, _template: str, context: dict[str, Any], _doctree: Any) -> None:
    if f'class="{_CLASS}"' in (context.get("body") or ""):
        app.add_js_file(LOADER, loading_method="defer")


def _copy_library(app: Sphinx, error: Exception | None) -> None:
    if error is not None or app.builder.format != "html":
        return
    with as_file(files("plotly") / "package_data" / LIBRARY) as library:
        shutil.copyfile(library, Path(app.outdir) / "_static" / LIBRARY)
