"""The faults that the book lists, each made to happen: nothing half is kept, and what went wrong is said."""

from __future__ import annotations

import errno
import json
import os
import re
import time
from datetime import datetime, timedelta
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from papermill.engines import NotebookExecutionManager
from papermill.translators import translate_parameters

from brainalign.runs import engine, execution
from brainalign.runs.errors import StoreError, StoreWarning
from brainalign.runs.execution import run_chapter
from brainalign.runs.manifest import checksum_of
from brainalign.runs.store import ChapterFailedError
from tests.runs.tiny import BEHAVIOUR, manifest, put

pytestmark = pytest.mark.processes


@pytest.fixture
def no_kernel(monkeypatch):
    """Replace papermill: the notebook comes out as it went in."""

    def copy(source, target, **_):
        Path(target.format()).write_bytes(Path(source.format()).read_bytes())

    monkeypatch.setattr(engine.papermill, "execute_notebook", copy)


# The disk is full


@pytest.mark.usefixtures("no_kernel")
@pytest.mark.parametrize("written", ["nothing", "half"])
def test_a_full_disk_while_the_manifest_is_written(ran, monkeypatch, written):
    before, write = ran.bytes_of_runs(), Path.write_text

    def full(self, text, **options):
        if self.name != "manifest.json":
            return write(self, text, **options)
        if written == "half":
            write(self, text[: len(text) // 2], **options)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(StoreError, match=r"^the run of tiny cannot be kept in"):
        run_chapter(ran.chapter, force=True)
    monkeypatch.undo()
    assert ran.bytes_of_runs() == before


@pytest.mark.usefixtures("no_kernel")
def test_a_store_that_cannot_be_written(tiny):
    tiny.runs.write_text("a file where a folder should be", encoding="utf-8")
    with pytest.raises(StoreError, match=r"cannot be kept in .*: Not a directory"):
        run_chapter(tiny.chapter)


def test_a_full_disk_while_the_chapter_writes_makes_a_failed_run(ran, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(engine.papermill, "execute_notebook", full)
    with pytest.raises(ChapterFailedError, match="No space left on device"):
        run_chapter(ran.chapter, force=True)
    assert ran.store.find("tiny", ran.key()).results()["total"] == 7.5


@pytest.mark.usefixtures("no_kernel")
def test_a_full_disk_while_the_notebook_is_saved(ran, monkeypatch):
    before, write = ran.bytes_of_runs(), nbformat.write

    def full(notebook, path, **options):
        if Path(path).name != "notebook.ipynb":
            return write(notebook, path, **options)
        Path(path).write_text("{", encoding="utf-8")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(execution.nbformat, "write", full)
    with pytest.raises(StoreError, match=r"^the run of tiny cannot be kept in .*: No space left on device"):
        run_chapter(ran.chapter, force=True)
    monkeypatch.undo()
    assert ran.bytes_of_runs() == before


@pytest.mark.parametrize("written", ["", '{"cells": [', "no notebook"])
def test_a_notebook_that_was_cut_off_makes_a_failed_run(ran, monkeypatch, written):
    def half(_, target, **__):
        Path(target.format()).write_text(written, encoding="utf-8")

    monkeypatch.setattr(engine.papermill, "execute_notebook", half)
    with pytest.raises(ChapterFailedError, match="CutOffNotebook: its notebook was cut off") as raised:
        run_chapter(ran.chapter, force=True)
    assert [path.name for path in raised.value.run.folder.iterdir()] == ["manifest.json"]
    assert ran.store.find("tiny", ran.key()).results()["total"] == 7.5


# The clock goes backwards


def test_a_clock_that_goes_backwards(ran, monkeypatch):
    first = ran.store.open("tiny").manifest
    hours = iter(range(100_000))

    def earlier(_=None):
        return datetime(2001, 1, 1) - timedelta(hours=next(hours))

    monkeypatch.setattr(NotebookExecutionManager, "now", earlier)
    monkeypatch.setattr(execution, "now", lambda: f"{earlier().isoformat()}+00:00")
    outcome = run_chapter(ran.chapter, {"n": 2})
    made = outcome.run.manifest
    assert made.started < first.started
    assert made.seconds > 0
    assert len(made.cell_seconds) == 5
    assert all(seconds >= 0 for seconds in made.cell_seconds)
    # Runs are found by their key and not by their date, so neither is lost or taken for the other.
    assert run_chapter(ran.chapter, {"n": 2}).reused
    assert run_chapter(ran.chapter).run.manifest == first
    assert len(ran.store.good_runs("tiny")) == 2


# A notebook that never ends


def test_a_run_that_takes_too_long_is_stopped(ran, monkeypatch):
    monkeypatch.setenv(BEHAVIOUR, "hang")
    before, began = ran.bytes_of_runs(), time.monotonic()
    with pytest.raises(ChapterFailedError, match="RunTimeoutError: the run was stopped after"):
        run_chapter(ran.chapter, force=True, run_timeout=6, cell_timeout=100)
    assert time.monotonic() - began < 60  # the cell alone would sleep for 120
    assert before.items() <= ran.bytes_of_runs().items()
    assert ran.store.open("tiny").manifest.error["kind"] == "RunTimeoutError"


def test_the_time_of_a_run_is_what_is_left_for_its_cells(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(engine.time, "monotonic", lambda: clock[0])
    watch = engine.CellWatch(cell_timeout=10, run_timeout=25)
    left = []
    for second in (0, 12, 20, 25, 30):
        clock[0] = float(second)
        left.append(watch.seconds_left(None))
    assert left == [10, 10, 5, 0.001, 0.001]
    assert engine.CellWatch().seconds_left(None) is None
    assert engine.CellWatch(cell_timeout=7).seconds_left(None) == 7


# Values that look like code


@given(
    st.text(st.characters(codec="utf-8"))
    | st.sampled_from(['"); raise SystemExit  #', "'''\n1/0\n'''", "{{ n }}", "{n!r}", "%run x", "\\", "\\\n", '\\"""'])
)
def test_a_value_that_looks_like_code_is_injected_literally(text):
    cell = translate_parameters("python3", "python", {"note": text}, "# Parameters")
    found: dict = {}
    exec(compile(cell, "the cell", "exec"), {"__builtins__": {}}, found)
    assert found == {"note": text}


# A store of another version, or edited by hand


def newer(folder):
    path = folder / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content.pop("checksum")
    content["schema_version"], content["what_is_new"] = 3, {"deep": 1}
    path.write_text(json.dumps({**content, "checksum": checksum_of(content)}), encoding="utf-8")


def test_a_store_that_a_newer_version_wrote_is_said_and_left_alone(tiny, monkeypatch):
    monkeypatch.setattr(engine.papermill, "execute_notebook", None)
    store = tiny.store
    newer(put(store, manifest(tiny.key())))
    put(store, manifest(tiny.key(n=4)))
    before = tiny.bytes_of_runs()
    with pytest.warns(StoreWarning, match=r"written by a newer version \(layout 3"):
        assert [run.manifest.key for run in store.good_runs("tiny")] == [tiny.key(n=4).digest]
    with pytest.raises(StoreError, match=r"written by a newer version .* Update the"):
        run_chapter(tiny.chapter)
    assert tiny.bytes_of_runs() == before


@pytest.mark.usefixtures("no_kernel")
def test_a_manifest_that_was_edited_by_hand_is_said_and_the_chapter_runs_again(ran):
    path = ran.store.open("tiny").folder / "manifest.json"
    text = path.read_text(encoding="utf-8")
    assert text.count('"cores": ') == 1
    path.write_text(text.replace('"cores": ', '"cores": 1'), encoding="utf-8")
    with pytest.warns(StoreWarning, match="does not fit its own checksum"):
        outcome = run_chapter(ran.chapter)
    assert not outcome.reused
    assert outcome.reasons == ["there is no earlier run"]
    assert ran.store.find("tiny", ran.key()) is not None


# The table itself


def test_every_fault_of_the_book_has_its_test():
    root = Path(__file__).parents[2]
    table = (root / "book" / "runs.md").read_text(encoding="utf-8").split("## What can go wrong")[1]
    rows = [line for line in table.splitlines() if line.startswith("| ")][2:]
    named = [re.search(r"\| `(test_\w+)` \|$", row) for row in rows]
    assert len(rows) > 15
    assert [row for row, found in zip(rows, named, strict=True) if found is None] == []
    sources = [path.read_text(encoding="utf-8") for path in (root / "tests").rglob("test_*.py")]
    counts = {
        name: sum(len(re.findall(rf"^def {name}\(", source, re.MULTILINE)) for source in sources)
        for name in (found.group(1) for found in named)
    }
    assert counts == dict.fromkeys(counts, 1)
    assert len(counts) == len(rows)
