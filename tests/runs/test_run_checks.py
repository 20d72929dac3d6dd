"""What is checked again before a run is kept, and what a kernel does not take from around it."""

from __future__ import annotations

import compileall
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import brainalign
from brainalign.runs import execution
from brainalign.runs.errors import UsageError
from brainalign.runs.execution import run_chapter
from brainalign.runs.store import ChapterFailedError

FIRST = "from pathlib import Path\n"  # in the cell of the tiny chapter that imports


def failing(project, text, **values):
    with pytest.raises(ChapterFailedError, match=text) as failed:
        run_chapter(project.chapter, values)
    assert project.store.find("tiny", project.key(**values)) is None
    return failed.value.run.manifest.error


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package that kernels import, whose sources may be edited."""
    copied = tmp_path / "copy" / "brainalign"
    shutil.copytree(Path(brainalign.__file__).parent, copied, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(brainalign, "__file__", str(copied / "__init__.py"))
    monkeypatch.setattr("brainalign.runs.kernel.__file__", str(copied / "runs" / "kernel.py"))
    return copied


def test_a_cell_edited_while_the_chapter_runs_keeps_the_run_out(tiny):
    edit = f"Path({str(tiny.source)!r}).write_text(Path({str(tiny.source)!r}).read_text().replace('scale *', '2 *'))\n"
    tiny.edit("notebooks/01_tiny.md", FIRST, FIRST + edit)
    assert failing(tiny, "ChangedCode: code: cell 2, cell 3 changed")["kind"] == "ChangedCode"


def test_source_edited_while_the_chapter_runs_keeps_the_run_out(tiny, package):
    path = package / "runs" / "recording.py"
    edit = f"with open({str(path)!r}, 'a') as stream:\n    stream.write('EXTRA = 1\\n')\n"
    tiny.edit("notebooks/01_tiny.md", FIRST, FIRST + edit)
    assert failing(tiny, r"source: brainalign\.runs\.recording changed while")["kind"] == "ChangedCode"


def test_a_comment_written_while_the_chapter_runs_changes_nothing(tiny, package):
    path = package / "runs" / "recording.py"
    edit = f"with open({str(path)!r}, 'a') as stream:\n    stream.write('# a comment\\n')\n"
    tiny.edit("notebooks/01_tiny.md", FIRST, FIRST + edit)
    assert run_chapter(tiny.chapter).run.manifest.status == "ok"


def test_a_package_installed_while_the_chapter_runs_keeps_the_run_out(tiny, monkeypatch):
    versions = iter([{"numpy": "2.0.0"}, {"numpy": "2.0.1"}])
    monkeypatch.setattr(execution, "software_versions", lambda: next(versions))
    assert failing(tiny, "the installed version of numpy changed")["kind"] == "ChangedCode"


def test_a_cell_that_lost_its_tag_is_refused_before_anything_starts(tiny):
    tiny.edit("notebooks/01_tiny.md", ":tags: [parameters]", ":tags: []")
    with pytest.raises(UsageError, match="0 code cells with the tag 'parameters'"):
        run_chapter(tiny.chapter, {"n": 4})
    assert not tiny.runs.exists()


def test_values_that_are_not_those_asked_for_keep_the_run_out(tiny):
    said = "import json, os\nwith open(os.environ['BRAINALIGN_PARAMETER_LOG'], 'a') as stream:\n"
    said += "    used = dict(n=3, scale=scale, kind=kind, sizes=sizes, note=note, loud=loud, device=device)\n"
    said += "    stream.write(json.dumps(used) + '\\n')\n"
    tiny.edit("notebooks/01_tiny.md", FIRST, FIRST + said)
    assert failing(tiny, "computed with n 3, not 4", n=4)["kind"] == "OtherParameters"
    assert run_chapter(tiny.chapter, {"n": 3}).run.manifest.status == "ok"


def test_a_file_of_the_project_opened_past_the_catalogue_keeps_the_run_out(tiny):
    tiny.edit("notebooks/01_tiny.md", FIRST, f"{FIRST}text = open('data/other.csv').read()\n")
    error = failing(tiny, r"UndeclaredData: the chapter read data/other\.csv")
    assert error["kind"] == "UndeclaredData"


def test_nobodys_start_up_files_run_in_a_kernel(tiny, tmp_path, monkeypatch):
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    wrong = "import builtins\nbuiltins.sum = lambda *_: 0\nbuiltins.SPOILT = True\n"
    (startup / "00-spoil.py").write_text(wrong, encoding="utf-8")
    (tmp_path / "python.py").write_text(wrong, encoding="utf-8")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "python.py"))
    tiny.edit("notebooks/01_tiny.md", 'record("note", note)\n', 'record("spoilt", "SPOILT" in dir(__builtins__))\n')
    assert run_chapter(tiny.chapter).run.results()["spoilt"] is False


def test_an_edit_that_keeps_size_and_time_changes_the_key_and_is_what_runs(tiny, package):
    module = package / "arrays.py"
    module.write_text("ANSWER = 41\n", encoding="utf-8")
    asks = "from brainalign.arrays import ANSWER\nrecord('answer', ANSWER)\n"
    tiny.edit("notebooks/01_tiny.md", 'record("note", note)\n', asks)
    compileall.compile_dir(package, quiet=2)  # bytecode that Python would take for that of the edited module
    first = run_chapter(tiny.chapter)
    stat = module.stat()
    module.write_text("ANSWER = 42\n", encoding="utf-8")
    os.utime(module, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    second = run_chapter(tiny.chapter)
    assert (first.run.results()["answer"], second.run.results()["answer"]) == (41, 42)
    assert second.reasons == ["source: brainalign.arrays"]
    assert not second.reused


def test_runs_of_several_threads_keep_to_themselves(tiny):
    before, folder = dict(os.environ), os.getcwd()
    with ThreadPoolExecutor(3) as threads:
        runs = list(threads.map(lambda n: run_chapter(tiny.chapter, {"n": n}).run, (1, 2, 3)))
    assert [run.results()["n_rows"] for run in runs] == [1, 2, 3]
    assert [run.manifest.parameters["n"] for run in runs] == [1, 2, 3]
    assert dict(os.environ) == before
    assert os.getcwd() == folder
    assert all(run.manifest.peak_memory_bytes > 0 for run in runs)
