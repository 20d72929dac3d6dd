"""Text notebooks, their executed pairs and their parameter models say the same."""

from __future__ import annotations

import ast
import re

import papermill
import pytest

from brainalign.book.building import pages_of_toc
from brainalign.book.pages import page_record
from brainalign.catalogue.locations import project_root
from brainalign.runs.chapter import Chapter, code_cells
from brainalign.runs.manifest import scrub
from brainalign.runs.registry import all_chapters

chapters = pytest.mark.parametrize("chapter", all_chapters(), ids=lambda chapter: chapter.name)

CHECKED = "nbval-check-output"
LONGEST_CELL = 20  # lines; beyond that a page is read as code and not as a text


def parameter_cell(chapter: Chapter) -> str:
    cells = [c for c in code_cells(chapter.read_source()) if "parameters" in c.metadata.get("tags", [])]
    assert len(cells) == 1, f"{chapter.name} has {len(cells)} cells tagged parameters"
    return cells[0].source


def test_every_notebook_is_a_chapter_and_every_chapter_is_in_the_book():
    stems = {path.stem for path in (project_root() / "notebooks").glob("*.md")}
    assert stems == {chapter.stem for chapter in all_chapters()}
    assert {chapter.docname for chapter in all_chapters()} <= set(pages_of_toc(project_root() / "_toc.yml"))


def test_numbers_of_files_are_those_of_the_pages_in_the_order_of_the_book():
    stems = [chapter.stem for chapter in all_chapters()]
    assert stems == sorted(stems)
    assert [int(stem.partition("_")[0]) for stem in stems] == list(range(1, len(stems) + 1))
    assert [stem.partition("_")[2] for stem in stems] == [chapter.name for chapter in all_chapters()]


@chapters
def test_parameter_cell_repeats_names_defaults_and_help_of_the_model(chapter):
    cell = parameter_cell(chapter)
    typed = {
        statement.target.id: ast.literal_eval(statement.value)
        for statement in ast.parse(cell).body
        if isinstance(statement, ast.AnnAssign)
    }
    helps = dict(re.findall(r"^(\w+): [^#]+#\s*(.+)$", cell, flags=re.MULTILINE))
    fields = chapter.parameters.model_fields
    assert typed == {name: field.default for name, field in fields.items()}
    assert list(typed) == list(fields)
    assert helps == {name: field.description for name, field in fields.items()}


@chapters
def test_parameter_cell_is_seen_whole_by_papermill(chapter):
    seen = papermill.inspect_notebook(str(chapter.pair_path))
    assert set(seen) == set(chapter.parameters.model_fields)
    assert {name: found["help"] for name, found in seen.items()} == {
        name: field.description for name, field in chapter.parameters.model_fields.items()
    }


@chapters
def test_executed_pair_is_in_step_with_its_text(chapter):
    source, pair = chapter.read_source(), chapter.read_pair()
    assert [(cell.cell_type, cell.source) for cell in pair.cells] == [
        (cell.cell_type, cell.source) for cell in source.cells
    ], f"run: brainalign book --save-pairs ({chapter.stem})"
    assert [cell.metadata for cell in pair.cells] == [cell.metadata for cell in source.cells]


@chapters
def test_executed_pair_was_made_by_a_run_at_the_defaults(chapter):
    record = page_record(chapter.read_pair())
    assert record["chapter"] == chapter.name
    assert record["changed_parameters"] == {}
    assert record["parameters"] == chapter.parameters().model_dump(mode="json")
    assert "origin" not in record


@chapters
def test_executed_pair_holds_outputs_and_no_error(chapter):
    cells = code_cells(chapter.read_pair())
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert not [output.text for output in outputs if output.get("name") == "stderr"]
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 2


@chapters
def test_marked_cells_have_stored_outputs(chapter):
    """nbval passes a marked cell without stored output, whatever it prints."""
    marked = [cell for cell in code_cells(chapter.read_pair()) if CHECKED in cell.metadata.get("tags", [])]
    assert len(marked) >= 2
    assert all(cell.outputs and cell.execution_count for cell in marked)


@chapters
def test_executed_pair_names_no_folder_of_the_machine(chapter):
    text = chapter.pair_path.read_text(encoding="utf-8")
    assert scrub(text) == text
    # Not inside the letters and digits of a picture, where any such word turns up sooner or later.
    assert not re.findall(r"(?<![\w+/])/(?:home|Users|root|tmp)/\w+", text)


@chapters
def test_figures_have_caption_name_and_alt_text(chapter):
    # A table is text, and carries its label itself.
    picture = re.compile(r"^show_(?!table\()\w+\(", re.MULTILINE)
    drawn = [cell for cell in code_cells(chapter.read_source()) if picture.search(cell.source)]
    assert drawn
    for cell in drawn:
        described = cell.metadata["mystnb"]
        assert len(described["figure"]["caption"]) > 20
        assert described["figure"]["name"].startswith("fig-")
        assert 40 < len(described["image"]["alt"]) < 300


@chapters
def test_cells_are_short_and_define_nothing_that_belongs_in_the_package(chapter):
    for cell in code_cells(chapter.read_source()):
        if "parameters" not in cell.metadata.get("tags", []):  # those have a line each
            assert len(cell.source.splitlines()) <= LONGEST_CELL, cell.source
    definitions = [d for c in code_cells(chapter.read_source()) for d in re.findall(r"^(?:def|class) ", c.source, re.M)]
    assert len(definitions) <= 1  # one, where defining it is the lesson


@chapters
def test_every_recorded_number_has_one_name_and_every_glued_name_is_recorded(chapter):
    outputs = [output for cell in code_cells(chapter.read_pair()) for output in cell.outputs]
    recorded = [output.metadata["scrapbook"]["name"] for output in outputs if "scrapbook" in output.get("metadata", {})]
    glued = re.findall(r"\{glue:text\}`(\w+)", "\n".join(cell.source for cell in chapter.read_source().cells))
    assert len(recorded) == len(set(recorded))
    assert set(glued) <= set(recorded)
    assert glued
