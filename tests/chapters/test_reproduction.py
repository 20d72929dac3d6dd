"""Executed chapters can be made again: what their marked cells print is compared with a run at the defaults.

`make verify-pairs` runs this. A run that `make book` has left is taken; where there is none, the chapter is executed.
"""

from __future__ import annotations

import re

import nbformat
import pytest
from nbformat import NotebookNode

from brainalign.book.pages import assemble_page, page_record
from brainalign.catalogue.entries import MissingDataError
from brainalign.runs.declared import look_up
from brainalign.runs.execution import run_chapter
from brainalign.runs.registry import all_chapters

CHECKED = "nbval-check-output"  # the name by which `pytest --nbval-lax` knows such cells, too
# What differs from run to run: seconds, addresses, and digits that depend on the processor.
VARYING = ((r"\d+\.?\d* s\b", "SECONDS"), (r"0x[0-9a-fA-F]+", "ADDRESS"), (r"(?<=\.\d{9})\d+", "..."))


def printed(cell: NotebookNode) -> str:
    """All text that a cell shows, as stream or as result, without what differs from run to run."""
    texts = []
    for output in cell.outputs:
        shown = [output.text] if output.output_type == "stream" else list(output.get("data", {}).items())
        texts += [text if isinstance(text, str) else text[1] for text in shown if _is_text(text)]
    joined = "".join(texts)
    for pattern, word in VARYING:
        joined = re.sub(pattern, word, joined)
    return joined


def _is_text(shown: str | tuple[str, str]) -> bool:
    return isinstance(shown, str) or shown[0] in ("text/plain", "text/html", "text/markdown")


def differences(committed: NotebookNode, fresh: NotebookNode) -> list[tuple[str, str]]:
    """What marked cells printed when they were committed and now, where that is not the same."""

    def marked(notebook: NotebookNode) -> list[NotebookNode]:
        return [cell for cell in notebook.cells if CHECKED in cell.metadata.get("tags", [])]

    pairs = zip(map(printed, marked(committed)), map(printed, marked(fresh)), strict=True)
    return [(before, now) for before, now in pairs if before != now]


@pytest.mark.pairs
@pytest.mark.parametrize("chapter", all_chapters(), ids=lambda chapter: chapter.name)
def test_committed_pair_is_reproduced(chapter):
    committed = chapter.read_pair()
    try:
        absent = set(look_up(chapter.parameters.from_values(chapter.name, {})).absent)
        if lost := absent - set(page_record(committed)["absent"]):
            pytest.skip(f"optional data of the committed page is not here: {', '.join(sorted(lost))}")
        run = run_chapter(chapter).run
    except MissingDataError as error:
        pytest.skip(f"its data is not here: {error}")
    assert differences(committed, assemble_page(chapter, run.notebook(), run.manifest)) == []


def notebook(text: str, *, data: dict[str, str] | None = None) -> NotebookNode:
    outputs = [nbformat.v4.new_output("stream", name="stdout", text=text)]
    if data:
        outputs.append(nbformat.v4.new_output("execute_result", data=data))
    cell = nbformat.v4.new_code_cell("...", metadata={"tags": [CHECKED]}, outputs=outputs)
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("free()"), cell])


@pytest.mark.parametrize(("now", "is_same"), [("1.235", True), ("1.236", False), ("", False)])
def test_a_changed_digit_in_a_marked_cell_is_noticed(now, is_same):
    assert (differences(notebook("1.235"), notebook(now)) == []) is is_same


def test_tables_are_compared_and_pictures_and_times_are_not():
    before = notebook("took 3.1 s", data={"text/html": "<td>1</td>", "image/png": "abc"})
    assert differences(before, notebook("took 4 s", data={"text/html": "<td>1</td>", "image/png": "xyz"})) == []
    assert differences(before, notebook("took 4 s", data={"text/html": "<td>2</td>", "image/png": "abc"}))


def test_a_marked_cell_that_is_gone_is_noticed():
    with pytest.raises(ValueError, match="shorter"):
        differences(notebook("1"), nbformat.v4.new_notebook())
