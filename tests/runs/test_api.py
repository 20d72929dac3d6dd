"""Chapters from Python."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import ClassVar

import pytest

import brainalign
from brainalign.runs import api, execution, progress
from brainalign.runs.errors import UsageError
from brainalign.runs.registry import all_chapters
from brainalign.runs.sources import as_uses, source_behind
from brainalign.runs.store import ChapterFailedError

pytestmark = pytest.mark.processes

OPTIONS = {"profile", "force", "cell_timeout", "run_timeout", "store", "chapter"}


@pytest.fixture(autouse=True)
def no_folders_of_the_user(monkeypatch):
    for name in ("NILEARN_DATA", "HF_HUB_CACHE", "HF_XET_CACHE"):
        monkeypatch.setenv(name, "/nowhere")  # set, so that it is left alone and comes back


def test_a_run_is_made_once_and_has_its_results_at_hand(ran):
    handle = brainalign.run("tiny")
    assert (handle.reused, handle.results["total"], handle.manifest.chapter) == (True, 7.5, "tiny")
    assert handle.tables["rows"]["value"].tolist() == [1.5, 2.5, 3.5]
    assert handle.folder.parent == ran.runs / "tiny"
    assert repr(handle) == f"<run tiny/{handle.manifest.run_id}, reused, {len(handle.results)} results>"
    assert "<td>total</td><td>7.5</td>" in handle._repr_html_()


class Bars:
    """Progress bars that only note what they are told."""

    told: ClassVar[list] = []

    def __init__(self, *_, **options):
        self.told[:] = [options["disable"]]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def add_task(self, *_, **__):
        return 0

    def update(self, _, completed, total):
        self.told.append((completed, total))


def test_in_a_notebook_with_its_event_loop_a_run_is_made_under_a_bar(ran, monkeypatch):
    monkeypatch.setattr(progress, "Progress", Bars)
    monkeypatch.setattr(api, "Console", lambda: SimpleNamespace(is_terminal=False, is_jupyter=True))

    async def cell():
        return brainalign.run("tiny", n=2, kind="mean")

    # In a thread of its own: the browser of other tests keeps a loop running in this one.
    with ThreadPoolExecutor(1) as thread:
        handle = thread.submit(asyncio.run, cell()).result()
    assert (handle.reused, handle.results["n_rows"]) == (False, 2)
    assert handle.manifest.changed_parameters == {"n": 2, "kind": "mean"}
    assert "executed in" in repr(handle)
    is_disabled, *steps = Bars.told
    assert not is_disabled
    assert steps[-1] == (len(steps), len(steps))


def test_showing_a_run_shows_headings_and_outputs(ran, monkeypatch, capsys):
    handle, shown = brainalign.run("tiny"), []
    with monkeypatch.context() as replaced:
        replaced.setattr(api, "display", lambda output: shown.append(output._repr_mimebundle_()))
        handle.show()
    assert shown[0]["text/markdown"] == "# Does it work at all?"
    assert any("working in <project>" in data["text/plain"] for data in shown)
    assert not any("7.5" in str(data) for data in shown)  # what is pasted into the prose is no output
    handle.show()  # without a notebook: as text
    assert capsys.readouterr().out.startswith("# Does it work at all?\n")


def test_what_is_wrong_is_told(ran):
    with pytest.raises(UsageError, match=r"'tinny'.*'tiny'"):
        brainalign.run("tinny")
    with pytest.raises(UsageError, match=r"'nn'.*'n'"):
        brainalign.run("tiny", nn=3)


def test_a_chapter_that_fails_raises_with_its_error(ran, monkeypatch):
    def fail(*_):
        msg = "no luck"
        raise RuntimeError(msg)

    monkeypatch.setattr(execution, "execute_notebook", fail)
    with pytest.raises(ChapterFailedError, match=r"^tiny failed: RuntimeError: no luck"):
        brainalign.run("tiny", force=True)


def test_no_parameter_of_a_chapter_has_the_name_of_an_option():
    assert {chapter.name for chapter in all_chapters() if OPTIONS & set(chapter.parameters.model_fields)} == set()


def test_importing_the_package_is_light_and_no_chapter_depends_on_the_runner():
    program = "import sys, brainalign; print(sorted(m for m in sys.modules if m.startswith('brainalign.')))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert "brainalign.runs.api" not in source_behind(as_uses(["brainalign.runs.recording.record"]))
    assert set(brainalign.__all__) == {"RunHandle", "compare_layers", "run"}
    with pytest.raises(AttributeError, match=r"no attribute 'rum'"):
        _ = brainalign.rum
