"""Execution: a chapter becomes a run, whole or not at all."""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time

import nbformat
import pandas as pd
import pytest

from brainalign.catalogue.files import USE_LOG, MissingDataError
from brainalign.catalogue.locations import project_root
from brainalign.runs import engine, execution
from brainalign.runs.errors import UsageError
from brainalign.runs.execution import repeat_command, run_chapter
from brainalign.runs.recording import RUN_FOLDER
from brainalign.runs.stages import STAGE_LOG
from brainalign.runs.store import ChapterFailedError
from tests.runs.tiny import BEHAVIOUR, USER, TinyParameters

pytestmark = pytest.mark.processes

AWKWARD = 'it\'s a "test" {n} {{ n }} {% raw %} $HOME `n`\n\ttwo lines \\ \\n ünïcödé Ω 🧠 = <b> # --n 5'


@pytest.fixture
def no_kernel(monkeypatch):
    def refuse(*_, **__):
        msg = "a kernel was started"
        raise AssertionError(msg)

    monkeypatch.setattr(engine.papermill, "execute_notebook", refuse)


def run_folders(tiny):
    return sorted(path.name for path in (tiny.runs / "tiny").iterdir())


def sources(notebook, tag):
    return [cell.source for cell in notebook.cells if tag in cell.metadata.get("tags", [])]


# A good run


def test_first_run_is_kept_whole(executed):
    (run,) = executed.store.good_runs("tiny")
    assert run.folder.name == run.manifest.key[:12] == run.manifest.run_id
    files = sorted(str(path.relative_to(run.folder)) for path in run.folder.rglob("*") if path.is_file())
    assert files == ["manifest.json", "notebook.ipynb", "results.json", "tables/rows.parquet"]
    assert run_folders(executed) == [run.folder.name]
    assert run.results() == {"n_rows": 3, "total": 7.5, "note": "plain", "hash_seed": "0"}
    assert pd.read_parquet(run.folder / "tables" / "rows.parquet")["value"].tolist() == [1.5, 2.5, 3.5]


def test_manifest_tells_what_was_run_and_on_what(ran):
    manifest = ran.store.open("tiny").manifest
    assert manifest.schema_version == 2
    assert manifest.key == ran.key().digest
    assert manifest.key_parts == ran.key().__dict__
    assert (manifest.chapter, manifest.profile, manifest.status, manifest.error) == ("tiny", "default", "ok", None)
    assert manifest.parameters == TinyParameters().model_dump()
    assert manifest.changed_parameters == {}
    digest = hashlib.sha256((ran.root / "data" / "tiny.csv").read_bytes()).hexdigest()
    assert manifest.data == [{"file": "tiny-table/data/tiny.csv", "sha256": digest, "licence": "CC0-1.0"}]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", manifest.started)
    assert {"python", "brainalign", "numpy", "pandas", "papermill"} <= set(manifest.versions)
    assert manifest.hardware["cores"] >= 1
    assert manifest.hardware["memory_bytes"] > 2**28
    assert manifest.hardware["processor"]
    assert isinstance(manifest.hardware["gpus"], list)
    assert manifest.command == "brainalign run tiny"
    assert manifest.commit is None  # the miniature project is no git checkout


def test_manifest_tells_times_and_memory(executed):
    manifest = executed.store.open("tiny").manifest
    assert len(manifest.cell_seconds) == 4
    assert 0 < sum(manifest.cell_seconds) < manifest.seconds < 100
    assert 10 * 2**20 < manifest.peak_memory_bytes < 20 * 2**30


def test_manifest_has_the_checksum_of_every_other_file(executed):
    run = executed.store.open("tiny")
    files = [path for path in run.folder.rglob("*") if path.is_file() and path.name != "manifest.json"]
    sums = {str(path.relative_to(run.folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert run.manifest.outputs == sums


def test_no_name_of_user_machine_or_folder_is_kept(executed):
    folder = executed.store.open("tiny").folder
    for name in ("manifest.json", "notebook.ipynb", "results.json"):
        text = (folder / name).read_text(encoding="utf-8")
        for secret in (USER, str(executed.root), str(executed.runs), str(executed.base), f"home/{getpass.getuser()}"):
            assert secret not in text, (name, secret)
        assert not re.search(rf"\b{re.escape(socket.gethostname())}\b", text), name
    notebook = executed.store.open("tiny").notebook()
    assert notebook.cells[-1].outputs[0].text == "working in <project> of ~\n"
    assert notebook.cells[-1].outputs[1].data["text/plain"] == "PosixPath('<project>/shown')"


def test_notebook_is_valid_and_executed_in_order(executed):
    notebook = executed.store.open("tiny").notebook()
    nbformat.validate(notebook)
    assert [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"] == [1, 2, 3, 4]
    assert sources(notebook, "injected-parameters") == []


@pytest.mark.usefixtures("no_kernel")
def test_a_run_is_reused_when_nothing_changed(ran):
    before, said = ran.bytes_of_runs(), []
    started = time.monotonic()
    outcome = run_chapter(ran.chapter, on_start=said.append)
    assert time.monotonic() - started < 1
    assert outcome.reused
    assert outcome.reasons == []
    assert said == []
    assert outcome.run.results()["total"] == 7.5
    assert ran.bytes_of_runs() == before


@pytest.mark.usefixtures("no_kernel")
def test_a_run_is_reused_for_the_same_values_in_another_form(ran):
    assert run_chapter(ran.chapter, {"n": "3", "sizes": "100", "scale": "1"}).reused
    ran.edit("notebooks/01_tiny.md", "And some more prose.", "And other prose.")
    assert run_chapter(ran.chapter).reused


def test_a_changed_parameter_executes_again_and_arrives_as_it_was_given(ran):
    before, reasons, cells = ran.bytes_of_runs(), [], []
    outcome = run_chapter(
        ran.chapter,
        {"note": AWKWARD, "n": "2", "sizes": "[100]"},
        on_start=reasons.extend,
        on_cell=lambda done, total: cells.append((done, total)),
    )
    run = outcome.run
    assert not outcome.reused
    assert reasons == outcome.reasons == [f"parameters: n 3 -> 2, note plain -> {AWKWARD}"]
    assert run.results() == {"n_rows": 2, "total": 4.0, "note": AWKWARD, "hash_seed": "0"}
    assert run.manifest.changed_parameters == {"n": 2, "note": AWKWARD}
    (injected,) = sources(run.notebook(), "injected-parameters")
    namespace = {}
    exec(injected, namespace)
    assert {name: value for name, value in namespace.items() if name != "__builtins__"} == {"n": 2, "note": AWKWARD}
    assert len(run.manifest.cell_seconds) == 5
    assert [done for done, _ in cells] == list(range(1, len(run.notebook().cells) + 1))
    assert {total for _, total in cells} == {len(run.notebook().cells)}
    assert before.items() <= ran.bytes_of_runs().items()
    assert run_folders(ran) == sorted([run.folder.name, ran.key().digest[:12]])
    assert shlex.split(run.manifest.command) == ["brainalign", "run", "tiny", "-p", "n", "2", "-p", "note", AWKWARD]


def test_a_forced_run_executes_again_with_the_same_results(ran):
    first = ran.store.open("tiny")
    environment, started = dict(os.environ), first.manifest.started
    outcome = run_chapter(ran.chapter, force=True)
    assert not outcome.reused
    assert outcome.reasons == ["asked to execute again"]
    assert outcome.run.folder == first.folder
    assert outcome.run.results() == {"n_rows": 3, "total": 7.5, "note": "plain", "hash_seed": "0"}
    assert outcome.run.manifest.started >= started
    same = {"results.json", "tables/rows.parquet"}
    assert {outcome.run.manifest.outputs[name] for name in same} == {first.manifest.outputs[name] for name in same}
    assert run_folders(ran) == [first.folder.name]
    assert dict(os.environ) == environment


# A failed run


def failing_run(tiny, behaviour, monkeypatch, **options):
    """Run with a behaviour that is no part of the key, and return the failed run."""
    monkeypatch.setenv(BEHAVIOUR, behaviour)
    before, environment = tiny.bytes_of_runs(), dict(os.environ)
    with pytest.raises(ChapterFailedError) as failed:
        run_chapter(tiny.chapter, force=True, **options)
    run, good = failed.value.run, tiny.key().digest[:12]
    assert before.items() <= tiny.bytes_of_runs().items()
    assert run_folders(tiny) == [good, f"{good}-failed"]
    assert dict(os.environ) == environment
    assert run.folder.name == f"{good}-failed"
    assert run.manifest.status == "failed"
    assert run.manifest.key == tiny.key().digest
    assert USER not in (run.folder / "manifest.json").read_text(encoding="utf-8")
    assert USER not in (run.folder / "notebook.ipynb").read_text(encoding="utf-8")
    assert json.loads((run.folder / "manifest.json").read_text(encoding="utf-8"))["status"] == "failed"
    assert {path.name for path in run.folder.iterdir()} <= {
        "manifest.json", "notebook.ipynb", "results.json", "tables"
    }  # fmt: skip
    assert tiny.store.find("tiny", tiny.key()).results()["total"] == 7.5
    return run, str(failed.value)


def test_a_chapter_that_raises_is_kept_with_its_error_and_the_good_run_stays(ran, monkeypatch):
    run, text = failing_run(ran, "raise", monkeypatch)
    error = run.manifest.error
    assert text == "tiny failed: ValueError: no luck in <project>"
    assert (error["kind"], error["text"], error["cell"]) == ("ValueError", "no luck in <project>", 4)
    assert error["source"].startswith('behaviour = os.environ.get("TINY_BEHAVIOUR", "")\n')
    assert "no luck in <project>" in error["traceback"]
    assert "\x1b" not in error["traceback"]
    assert run.results()["total"] == 7.5
    assert run.manifest.data[0]["file"] == "tiny-table/data/tiny.csv"
    assert ran.store.open("tiny").manifest.status == "failed"  # the latest

    monkeypatch.delenv(BEHAVIOUR)
    monkeypatch.setattr(engine.papermill, "execute_notebook", None)
    assert run_chapter(ran.chapter).reused


def test_a_cell_that_hangs_is_stopped(ran, monkeypatch):
    started = time.monotonic()
    run, _ = failing_run(ran, "hang", monkeypatch, cell_timeout=3)
    assert time.monotonic() - started < 30
    assert run.manifest.error["kind"] == "CellTimeoutError"
    assert "3 seconds" in run.manifest.error["text"]
    assert "time.sleep(120)" in run.manifest.error["text"]


def test_a_chapter_that_reads_undeclared_data_fails_and_says_so(ran, monkeypatch):
    run, _ = failing_run(ran, "other data", monkeypatch)
    assert run.manifest.error["kind"] == "UndeclaredData"
    assert run.manifest.error["text"] == (
        "the chapter read tiny-other, which it does not declare, so a change of it would go unnoticed. "
        "Add it to data in its front matter."
    )


# What never becomes a run; papermill is replaced, so no kernel is needed


def replaced(monkeypatch, action):
    """Let papermill do something else, with the environment that a kernel would get."""

    def execute(source, target, **options):
        with pytest.MonkeyPatch.context() as within:
            for name, value in options["order"].environment.items():
                within.setenv(name, value)
            action(source.format(), target.format(), options)

    monkeypatch.setattr(engine.papermill, "execute_notebook", execute)


@pytest.mark.parametrize("values", [{"n": "0"}, {"nn": "1"}])
@pytest.mark.usefixtures("no_kernel")
def test_a_wrong_value_is_refused_before_anything_starts(tiny, values):
    with pytest.raises(UsageError):
        run_chapter(tiny.chapter, values)
    assert not tiny.runs.exists()


@pytest.mark.usefixtures("no_kernel")
def test_missing_data_is_told_before_anything_starts(tiny):
    (tiny.root / "data" / "tiny.csv").unlink()
    with pytest.raises(MissingDataError, match=r"tiny\.csv is missing from the project"):
        run_chapter(tiny.chapter)
    assert not tiny.runs.exists()


def test_an_interrupted_run_leaves_nothing_behind(ran, monkeypatch):
    before, environment, seen = ran.bytes_of_runs(), dict(os.environ), []

    def interrupt(_, target, __):
        seen.append({name: os.environ[name] for name in (RUN_FOLDER, USE_LOG, "PYTHONHASHSEED")})
        with open(target, "w", encoding="utf-8") as stream:
            stream.write("half")
        raise KeyboardInterrupt

    replaced(monkeypatch, interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_chapter(ran.chapter, {"n": "4"})
    assert seen[0]["PYTHONHASHSEED"] == "0"
    assert seen[0][RUN_FOLDER].startswith(str(ran.runs / "tiny" / "."))
    assert ran.bytes_of_runs() == before
    assert dict(os.environ) == environment


def test_data_that_vanishes_while_the_chapter_runs_leaves_nothing_behind(ran, monkeypatch):
    before = ran.bytes_of_runs()
    replaced(monkeypatch, lambda *_: (ran.root / "data" / "tiny.csv").unlink())
    with pytest.raises(MissingDataError):
        run_chapter(ran.chapter, {"n": "4"})
    assert ran.bytes_of_runs() == before


def test_data_that_changes_while_the_chapter_runs_makes_a_failed_run(ran, monkeypatch):
    replaced(monkeypatch, lambda *_: (ran.root / "data" / "tiny.csv").write_text("value\n9.5\n", encoding="utf-8"))
    with pytest.raises(ChapterFailedError, match=r"ChangedData: tiny-table/data/tiny\.csv"):
        run_chapter(ran.chapter, {"n": "4"})


def test_a_kernel_that_dies_makes_a_failed_run(ran, monkeypatch):
    def die(*_):
        msg = f"Kernel died in {ran.root}"
        raise RuntimeError(msg)

    replaced(monkeypatch, die)
    with pytest.raises(ChapterFailedError, match=r"^tiny failed: RuntimeError") as failed:
        run_chapter(ran.chapter, {"n": "4"})
    assert failed.value.run.manifest.error["cell"] is None
    assert failed.value.run.manifest.cell_seconds == []
    assert {path.name for path in failed.value.run.folder.iterdir()} == {"manifest.json"}


def test_the_kernel_gets_only_what_differs_from_the_parameter_cell(tiny, monkeypatch):
    seen = []

    def note(source, target, options):
        seen.append(options)
        notebook = nbformat.read(source, as_version=4)
        nbformat.write(notebook, target)

    replaced(monkeypatch, note)
    outcome = run_chapter(tiny.chapter, {"n": "3", "kind": "mean"}, profile="smoke", cell_timeout=7)
    assert seen[0]["parameters"] == {"sizes": [200], "kind": "mean"}
    assert 6 < seen[0]["watch"].seconds_left(None) <= 7
    assert outcome.run.manifest.profile == "smoke"
    assert outcome.run.manifest.command == "brainalign run tiny -p kind mean -p sizes 200"


def test_variables_that_were_set_before_come_back(tiny, monkeypatch):
    monkeypatch.setenv("PYTHONHASHSEED", "42")
    monkeypatch.setenv(RUN_FOLDER, "/of/somebody/else")
    seen = []
    replaced(monkeypatch, lambda *_: seen.append(os.environ["PYTHONHASHSEED"]))
    run_chapter(tiny.chapter)
    assert seen == ["0"]
    assert os.environ["PYTHONHASHSEED"] == "42"
    assert os.environ[RUN_FOLDER] == "/of/somebody/else"


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"n": 5},
        {"note": AWKWARD},
        {"note": "-p"},
        {"sizes": [100, 200]},
        {"loud": True, "scale": 0.1},
        {"note": ""},
    ],
)
def test_the_command_of_a_manifest_asks_for_the_same_parameters(tiny, values):
    parameters = TinyParameters(**values)
    words = shlex.split(repeat_command(tiny.chapter, parameters))
    assert words[:3] == ["brainalign", "run", "tiny"]
    assert words[3::3] == ["-p"] * len(values)
    given = dict(zip(words[4::3], words[5::3], strict=True))
    assert TinyParameters.from_values("tiny", given) == parameters


# What the kernel says of itself


def test_the_manifest_holds_what_the_kernel_logged_and_the_logs_are_gone(tiny, monkeypatch):
    device = {"asked": "auto", "used": "cuda:0", "name": "a card"}

    def log(_, target, __):
        nbformat.write(nbformat.v4.new_notebook(), target)
        for entry in ({"device": {"used": "cpu"}}, {"notice": "halved"}, {"device": device}, {"notice": "again"}):
            with open(os.environ[execution.DEVICE_LOG], "a", encoding="utf-8") as stream:
                stream.write(json.dumps(entry) + "\n")
        with open(os.environ[STAGE_LOG], "a", encoding="utf-8") as stream:
            stream.write(json.dumps({"name": "a", "key": "0", "origin": "read"}) + "\n")
        assert "BRAINALIGN_RECOMPUTE" not in os.environ

    replaced(monkeypatch, log)
    run = run_chapter(tiny.chapter).run
    assert run.manifest.device == device
    assert run.manifest.notices == ["halved", "again"]
    assert run.manifest.stages == [{"name": "a", "key": "0", "origin": "read"}]
    assert {path.name for path in run.folder.iterdir()} == {"manifest.json", "notebook.ipynb"}
    assert tiny.store.open("tiny").manifest == run.manifest


def test_a_forced_run_computes_its_stages_anew(tiny, monkeypatch):
    seen = []
    replaced(monkeypatch, lambda *_: seen.append(os.environ.get("BRAINALIGN_RECOMPUTE")))
    run_chapter(tiny.chapter, force=True)
    assert seen == ["1"]
    assert "BRAINALIGN_RECOMPUTE" not in os.environ


STAGED = """\
from brainalign.runs.stages import stage

rows = stage("rows", {"table": table}, lambda: table[["value"]])
record("n_rows", len(rows))
"""


def test_a_run_that_was_stopped_goes_on_from_its_stages(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINALIGN_STAGES", str(tmp_path / "stages"))
    tiny.edit("notebooks/01_tiny.md", 'record("n_rows", len(table))\n', STAGED)
    monkeypatch.setenv(BEHAVIOUR, "raise")
    with pytest.raises(ChapterFailedError) as failed:
        run_chapter(tiny.chapter)
    assert [(one["name"], one["origin"]) for one in failed.value.run.manifest.stages] == [("rows", "computed")]
    monkeypatch.delenv(BEHAVIOUR)
    run = run_chapter(tiny.chapter).run
    assert [(one["name"], one["origin"]) for one in run.manifest.stages] == [("rows", "read")]
    assert run.results()["n_rows"] == 3


# Threads


PROBE = """\
import os, json, torch, numba
print(json.dumps([torch.get_num_threads(), numba.get_num_threads(), os.environ["OPENBLAS_NUM_THREADS"]]))
"""


@pytest.mark.parametrize("n_threads", [1, 3])
def test_libraries_of_a_kernel_use_as_many_threads_as_the_engine_says(n_threads):
    with engine.kernel_environment(engine.thread_environment(n_threads)) as added:
        environment = {**os.environ, "OMP_NUM_THREADS": "7", **added}
        done = subprocess.run(
            [sys.executable, "-c", PROBE], env=environment, capture_output=True, text=True, check=True
        )
    assert json.loads(done.stdout) == [n_threads, n_threads, str(n_threads)]


def test_a_kernel_gets_one_thread_by_default_and_the_manifest_tells(executed):
    (run,) = executed.store.good_runs("tiny")
    assert run.manifest.threads == 1


def test_fewer_than_one_thread_is_refused(tiny, no_kernel):
    with pytest.raises(UsageError, match="0 threads"):
        run_chapter(tiny.chapter, store=tiny.store, n_threads=0)


def test_no_notebook_decides_about_threads():
    sources = [path for path in (project_root() / "notebooks").glob("*.md") if "set_num_threads" in path.read_text()]
    assert sources == []
