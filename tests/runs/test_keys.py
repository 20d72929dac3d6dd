"""The key: what changes it, what does not, and how the difference is told."""

from __future__ import annotations

import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest

import brainalign
from brainalign.catalogue.entries import ChecksumError, MissingDataError
from brainalign.runs import keys
from brainalign.runs.keys import RunKey
from brainalign.runs.registry import all_chapters
from brainalign.runs.sources import source_behind
from brainalign.runs.syntax import read_cells


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package whose sources may be edited."""
    copied = tmp_path / "copy" / "brainalign"
    shutil.copytree(Path(brainalign.__file__).parent, copied, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(brainalign, "__file__", str(copied / "__init__.py"))
    return copied


def add_line(path, line="ONE_MORE = 1"):
    path.write_text(path.read_text(encoding="utf-8") + f"{line}\n", encoding="utf-8")


def imported_modules(cells):
    return set(source_behind(read_cells(cells)[1]))


def changed_parts(now, then):
    return [name for name, part in asdict(now).items() if part != asdict(then)[name]]


def test_the_same_project_has_the_same_key(tiny):
    first = tiny.key()
    assert tiny.key() == first
    assert tiny.key().digest == first.digest
    assert first.differences(tiny.key()) == []
    assert len(first.digest) == 64


def test_key_names_everything_the_numbers_depend_on(tiny):
    key = tiny.key(n="4")
    assert list(key.code) == ["cell 1", "cell 2", "cell 3", "cell 4"]
    assert key.parameters == {
        "n": 4, "scale": 1.0, "kind": "sum", "sizes": [100], "note": "plain", "loud": False, "device": "auto"
    }  # fmt: skip
    assert set(key.source) >= {
        "brainalign",
        "brainalign.catalogue",
        "brainalign.catalogue.entries",
        "brainalign.catalogue.locations",
        "brainalign.runs",
        "brainalign.runs.recording",
    }
    assert set(key.source).isdisjoint({"brainalign.cli", "brainalign.runs.execution", "brainalign.topology"})
    assert list(key.lock) == ["requirements.lock"]
    assert list(key.data) == ["tiny-table/data/tiny.csv"]


def test_digest_does_not_depend_on_the_order_of_names(tiny):
    key = tiny.key()
    turned = RunKey(**{name: dict(reversed(part.items())) for name, part in asdict(key).items()})
    assert turned.digest == key.digest


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("notebooks/01_tiny.md", "Prose on which no number depends.", "Other prose.\n\n## And a heading"),
        ("notebooks/01_tiny.md", "And some more prose.\n\n", ""),
        ("notebooks/01_tiny.md", 'record("note", note)\n', 'record("note", note)   \n'),
        ("notebooks/01_tiny.md", "# how many rows are read", "# how many"),
        ("notebooks/01_tiny.md", 'record("n_rows", len(table))', 'record(\n    "n_rows",\n    len(table))'),
        ("data/other.csv", "z,0", "z,1"),
        ("data/catalogue.yml", "title: Five numbers", "title: 5 numbers"),
        ("pyproject.toml", "tiny", "small"),
        ("_toc.yml", "jb-book", "jb-article"),
    ],
)
def test_what_no_number_depends_on_does_not_change_the_key(tiny, path, old, new):
    before = tiny.key()
    tiny.edit(path, old, new)
    assert tiny.key().differences(before) == []
    assert tiny.key().digest == before.digest


@pytest.mark.parametrize(
    ("path", "old", "new", "part", "line"),
    [
        ("notebooks/01_tiny.md", ".head(n)", ".tail(n)", "code", "code: cell 2"),
        ("notebooks/01_tiny.md", 'record("note", note)\n', "", "code", "code: cell 3"),
        ("notebooks/01_tiny.md", ":tags: [parameters]", ":tags: []", "code", "code: cell 1"),
        ("notebooks/01_tiny.md", ":tags: [parameters]", ":tags: [parameters, skip-execution]", "code", "code: cell 1"),
        ("requirements.lock", "numpy==2.0.0", "numpy==2.0.1", "lock", "lock: requirements.lock"),
        ("data/tiny.csv", "c,3.5", "c,3.6", "data", "data: tiny-table/data/tiny.csv"),
    ],
)
def test_a_change_of_a_file_changes_its_part_only(tiny, path, old, new, part, line):
    before, text = tiny.key(), (tiny.root / path).read_text(encoding="utf-8")
    tiny.edit(path, old, new)
    now = tiny.key()
    assert changed_parts(now, before) == [part]
    assert now.differences(before) == [line]
    assert now.digest != before.digest
    (tiny.root / path).write_text(text, encoding="utf-8")
    assert tiny.key().digest == before.digest


def test_a_cell_more_or_less_is_told(tiny):
    before = tiny.key()
    tiny.edit("notebooks/01_tiny.md", "And some more prose.", "```{code-cell} ipython3\nextra = 1\n```")
    now = tiny.key()
    assert now.differences(before) == ["code: cell 3, cell 4, cell 5 (new)"]
    assert before.differences(now) == ["code: cell 3, cell 4, cell 5 (gone)"]


def test_a_changed_parameter_is_told_with_both_values(tiny):
    before, now = tiny.key(), tiny.key(n="4", sizes="100,200", note="a -> b")
    assert changed_parts(now, before) == ["parameters"]
    assert now.differences(before) == ["parameters: n 3 -> 4, sizes [100] -> [100, 200], note plain -> a -> b"]
    assert before.differences(now) == ["parameters: n 4 -> 3, sizes [100, 200] -> [100], note a -> b -> plain"]


@pytest.mark.parametrize(
    ("file", "module"),
    [
        ("runs/recording.py", "brainalign.runs.recording"),
        ("catalogue/locations.py", "brainalign.catalogue.locations"),  # imported by the catalogue, not by the chapter
        ("catalogue/__init__.py", "brainalign.catalogue"),  # run because a module of the package is imported
        ("catalogue/files.py", "brainalign.catalogue.files"),
    ],
)
def test_a_line_in_a_module_that_is_imported_changes_the_source_only(tiny, package, file, module):
    before = tiny.key()
    add_line(package / file)
    assert changed_parts(tiny.key(), before) == ["source"]
    assert tiny.key().differences(before) == [f"source: {module}"]


@pytest.mark.parametrize("file", ["cli/__init__.py", "runs/execution.py", "runs/opening.py", "topology/graphs.py"])
def test_a_line_in_a_module_that_is_not_imported_changes_nothing(tiny, package, file):
    before = tiny.key()
    add_line(package / file)
    assert tiny.key() == before


def test_several_changes_are_told_part_by_part(tiny):
    before = tiny.key()
    tiny.edit("requirements.lock", "2.0.0", "3.0.0")
    tiny.edit("data/tiny.csv", "1.5", "1.6")
    assert tiny.key(n=9).differences(before) == [
        "parameters: n 3 -> 9",
        "lock: requirements.lock",
        "data: tiny-table/data/tiny.csv",
    ]


def test_of_many_changes_the_first_six_are_named(tiny):
    key = tiny.key()
    many = replace(key, code={f"cell {i}": "x" for i in range(1, 10)})
    assert many.differences(key) == [
        "code: cell 1, cell 2, cell 3, cell 4, cell 5 (new), cell 6 (new) and 3 more",
    ]


def test_a_file_that_cannot_be_trusted_stops_the_key(tiny):
    tiny.pin("other content")
    with pytest.raises(ChecksumError, match=r"tiny-table: data/tiny\.csv is not the file"):
        tiny.key()
    (tiny.root / "data" / "tiny.csv").unlink()
    with pytest.raises(MissingDataError, match=r"tiny-table: the file data/tiny\.csv is"):
        tiny.key()


# What a chapter imports


RECORDING = {"brainalign", "brainalign.runs", "brainalign.runs.recording"}


@pytest.mark.parametrize(
    "cell",
    [
        "import brainalign.runs.recording",
        "import brainalign.runs.recording as r, os",
        "from brainalign.runs import recording",
        "from brainalign.runs.recording import record",
        "from brainalign.runs.recording import *",
        "def later():\n    from brainalign.runs.recording import record",
        "%matplotlib inline\nfrom brainalign.runs.recording import record",
        "%%time\nfrom brainalign.runs.recording import record",
        "!echo hello\nif True:\n    %time\nfrom brainalign.runs.recording import record",
        "from brainalign.runs.recording import record\nx = (5\n% 3)",
    ],
)
def test_every_way_to_import_is_seen(cell):
    assert imported_modules([cell]) == RECORDING


@pytest.mark.parametrize(
    "cell",
    ["", "import numpy as np", "from . import recording", "%%bash\necho 'import brainalign.cli'", "not python at all",
     "text = 'import brainalign.cli'", "import brainalignment.cli", "# import brainalign.cli"],
)  # fmt: skip
def test_what_imports_nothing_of_the_package_counts_nothing(cell):
    assert imported_modules([cell]) == set()


def test_imports_of_all_cells_are_put_together():
    cells = ["from brainalign.runs.recording import record", "import brainalign.catalogue.locations"]
    assert imported_modules(cells) == imported_modules(cells[:1]) | imported_modules(cells[1:])
    assert imported_modules(cells) > RECORDING


def test_modules_that_are_imported_by_others_are_seen():
    found = imported_modules(["from brainalign.topology import graph_metrics"])
    assert {"brainalign.topology", "brainalign.topology.metrics", "brainalign.topology.paths"} <= found
    assert "brainalign.topology.nulls" not in found  # the package only passes its names on
    assert not {name for name in found if name.startswith(("brainalign.figures", "brainalign.runs", "brainalign.cli"))}


@pytest.mark.parametrize("chapter", all_chapters(), ids=lambda chapter: chapter.name)
def test_no_chapter_depends_on_the_command_line_or_the_engine(chapter, monkeypatch):
    monkeypatch.delenv("BRAINALIGN_PROJECT", raising=False)
    found = imported_modules([cell.source for cell in keys.code_cells(chapter.read_source())])
    assert "brainalign.runs.opening" in found
    assert found.isdisjoint({"brainalign.cli", "brainalign.runs.execution", "brainalign.runs.store"})
