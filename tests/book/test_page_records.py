"""Pages: prose of today, outputs of the run."""

from __future__ import annotations

import json

import nbformat
import pytest

from brainalign.book.directives import _few
from brainalign.book.pages import assemble_page, page_record
from brainalign.runs.chapter import code_cells


def page_of(tiny):
    run = tiny.store.open("tiny")
    return assemble_page(tiny.chapter, run.notebook(), run.manifest)


def cells_with(notebook, tag):
    return [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


def test_prose_comes_from_the_source_and_outputs_from_the_run(ran):
    ran.edit("notebooks/01_tiny.md", "Prose on which no number depends.", "Prose of today.")
    page = page_of(ran)
    nbformat.validate(page)
    source, executed = ran.chapter.read_source(), ran.store.open("tiny").notebook()
    assert [(cell.cell_type, cell.source) for cell in page.cells] == [
        (cell.cell_type, cell.source) for cell in source.cells
    ]
    assert "Prose of today." in page.cells[0].source
    outputs = [[output.output_type for output in cell.outputs] for cell in code_cells(page)]
    assert outputs == [[], [], ["display_data"] * 4, ["stream", "execute_result"]]
    for made, ran_cell in zip(code_cells(page), code_cells(executed), strict=True):
        assert [output.get("data") for output in made.outputs] == [output.get("data") for output in ran_cell.outputs]


def test_page_has_no_times_and_counts_its_cells_from_one(ran):
    page = page_of(ran)
    assert [cell.execution_count for cell in code_cells(page)] == [1, 2, 3, 4]
    assert code_cells(page)[-1].outputs[-1].execution_count == 4
    assert [cell.id for cell in page.cells] == [f"tiny-{number}" for number in range(len(page.cells))]
    for cell in page.cells:
        assert set(cell.metadata) <= {"tags"}
    assert set(page.metadata) == {"kernelspec", "language_info", "brainalign"}


def test_the_same_run_gives_the_same_bytes(ran):
    assert nbformat.writes(page_of(ran)) == nbformat.writes(page_of(ran))


def test_page_keeps_where_its_outputs_come_from(ran):
    record, manifest = page_record(page_of(ran)), ran.store.open("tiny").manifest
    assert record["key"] == manifest.key
    assert record["parameters"] == manifest.parameters
    assert record["data"] == manifest.data
    assert record["command"] == "brainalign run tiny"
    assert set(record) == set(type(manifest).model_fields) - {
        "schema_version", "key_parts", "status", "error", "cell_seconds", "outputs",
    }  # fmt: skip
    json.dumps(record)


def test_a_notebook_that_no_run_made_has_no_record(ran):
    assert page_record(ran.chapter.read_source()) is None


def test_changed_parameters_are_shown_in_their_cell(ran):
    run = ran.store.open("tiny")
    executed = run.notebook()
    injected = nbformat.v4.new_code_cell("n = 4", metadata={"tags": ["injected-parameters"]})
    executed.cells.insert(2, injected)
    manifest = run.manifest.model_copy(update={"changed_parameters": {"n": 4, "note": 'a "b"'}})
    page = assemble_page(ran.chapter, executed, manifest)
    (shown,) = cells_with(page, "parameters")
    assert cells_with(page, "injected-parameters") == []
    assert shown.source.splitlines()[-2:] == [
        "# changed for this run: n = 4",
        "# changed for this run: note = 'a \"b\"'",
    ]
    assert shown.source.startswith(code_cells(ran.chapter.read_source())[0].source)
    assert [cell.execution_count for cell in code_cells(page)] == [1, 2, 3, 4]


def test_a_run_of_other_code_is_refused(ran):
    run = ran.store.open("tiny")
    ran.edit("notebooks/01_tiny.md", "And some more prose.", "```{code-cell} ipython3\nextra = 1\n```")
    with pytest.raises(ValueError, match="zip"):
        assemble_page(ran.chapter, run.notebook(), run.manifest)


def test_outputs_of_the_run_are_not_shared_with_the_page(ran):
    run = ran.store.open("tiny")
    executed = run.notebook()
    page = assemble_page(ran.chapter, executed, run.manifest)
    code_cells(page)[-1].outputs[0].text = "changed"
    assert code_cells(executed)[-1].outputs[0].text != "changed"


@pytest.mark.parametrize(("n", "text"), [(1, "`m0`"), (5, "`m0`, `m1`, `m2`, `m3`, `m4`"), (7, "`m4` and 2 more")])
def test_of_many_absent_models_a_few_are_named(n, text):
    assert _few([f"m{i}" for i in range(n)]).endswith(text)
