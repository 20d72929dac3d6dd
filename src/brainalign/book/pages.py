"""Putting a page together: prose of today, outputs of the run, and where they come from."""

from __future__ import annotations

import copy
from typing import Any

from nbformat import NotebookNode

from brainalign.runs.chapter import RECORD, Chapter, code_cells
from brainalign.runs.manifest import Manifest

_KEPT = (
    "run_id", "key", "chapter", "profile", "parameters", "changed_parameters", "started", "seconds",
    "peak_memory_bytes", "versions", "hardware", "device", "threads", "notices", "stages", "data", "absent", "commit",
    "command",
)  # fmt: skip


def assemble_page(chapter: Chapter, executed: NotebookNode, manifest: Manifest) -> NotebookNode:
    """A notebook for readers: the chapter's text as it is now, with the outputs of a run of the same code.

    Parameters
    ----------
    chapter : Chapter
        Its text notebook gives prose, code, captions and alt texts.
    executed : NotebookNode
        The run's notebook; its code is equal to the chapter's, because the run key holds the code.
    manifest : Manifest
        The run's manifest; what a reader needs of it goes into the notebook's metadata.

    Returns
    -------
    NotebookNode
        With outputs, without execution times (they would differ from run to run).
    """
    page = chapter.read_source()
    for number, (cell, run_cell) in enumerate(zip(code_cells(page), code_cells(executed), strict=True), 1):
        cell.outputs = copy.deepcopy(run_cell.outputs)
        cell.execution_count = number
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = number
    _show_changed_parameters(page, manifest.changed_parameters)
    for number, cell in enumerate(page.cells):
        cell.id = f"{chapter.name}-{number}"  # ids drawn at random would change with every build
    page.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        RECORD: {name: getattr(manifest, name) for name in _KEPT},
    }
    return page


def page_record(notebook: NotebookNode) -> dict[str, Any] | None:
    """Where a page's outputs come from; None for a notebook that no run made."""
    return notebook.metadata.get(RECORD)


def _show_changed_parameters(page: NotebookNode, changed: dict[str, Any]) -> None:
    for cell in page.cells:
        if changed and "parameters" in cell.metadata.get("tags", []):
            lines = [f"# changed for this run: {name} = {value!r}" for name, value in changed.items()]
            cell.source = "\n".join([cell.source, "", *lines])
