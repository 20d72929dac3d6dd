"""Sweeps: what is skipped, tried again, shared with others, and kept in the record."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from filelock import FileLock

from brainalign import devices
from brainalign.catalogue.entries import MissingDataError
from brainalign.runs import execution
from brainalign.runs.errors import StoreError, UsageError
from brainalign.runs.grids import make_grid
from brainalign.runs.sweeps import worker
from brainalign.runs.sweeps.driver import prepare, run_sweep
from brainalign.runs.sweeps.record import SweepJournal, read_record, record_path
from tests.runs.sweeps.cases import THREE
from tests.runs.tiny import manifest, put, tiny_chapter

pytestmark = pytest.mark.processes


def start(client, grid=THREE, **options):
    endings = []
    sweep = prepare(tiny_chapter(), grid, **options)
    run_sweep(sweep, client, on_ending=lambda run, run_id, executed: endings.append((run.values, run.state, executed)))
    return sweep, endings


# What is run, and what is not


def test_every_run_of_a_grid_is_executed_once_and_never_again(tiny, client, executed):
    two = make_grid({"product": {"n": [1, 2], "scale": [2.0]}})
    sweep, endings = start(client, two)
    assert sorted(executed) == [1, 2]
    assert sorted(values["n"] for values, state, new in endings if state == "done" and new) == [1, 2]
    assert len(tiny.store.good_runs("tiny")) == 2

    again, endings = start(client, two)
    assert (again.pending, endings, len(executed)) == ([], [], 2)
    assert again.record == read_record(tiny.store, sweep.record.id[:4])


def test_runs_that_others_have_made_are_skipped(tiny, client, executed):
    put(tiny.store, manifest(tiny.key(n=2), started="2020-01-01T00:00:00+00:00", seconds=7.0))
    sweep, endings = start(client)
    assert sorted(executed) == [1, 3]
    assert [run.seconds for run in sweep.record.runs.values() if run.values == {"n": 2}] == [7.0]
    assert len(endings) == 2


def test_points_with_the_same_parameters_are_one_run(tiny, client, executed):
    sweep, _ = start(client, make_grid({"product": {"n": [4, "4"]}}))
    assert (len(sweep.record.runs), executed) == (1, [4])


def test_a_worker_without_the_device_says_so(tiny, client, executed, monkeypatch):
    monkeypatch.setattr(devices, "_devices_here", lambda: ["cpu"])
    sweep, _ = start(client, make_grid({"product": {"n": [4]}, "values": {"device": "cuda"}}))
    (run,) = sweep.record.runs.values()
    assert (run.state, executed) == ("failed", [])
    assert "device = 'cuda' is not on this machine; there are: cpu" in run.error


def test_a_failure_is_kept_with_its_error_and_tried_again_only_when_asked(tiny, client, executed):
    executed.broken = frozenset({2})
    sweep, _ = start(client)
    failed = [run for run in sweep.record.runs.values() if run.state == "failed"]
    assert [(run.values, run.error) for run in failed] == [({"n": 2}, "RuntimeError: no luck with 2")]
    assert (tiny.runs / "tiny" / f"{failed[0].key[:12]}-failed" / "manifest.json").is_file()

    executed.broken = frozenset()
    again, _ = start(client)
    assert (again.pending, again.record.count("failed"), len(executed)) == ([], 1, 3)
    mended, _ = start(client, retry_failed=True)
    assert (mended.record.count("done"), sorted(executed)) == (3, [1, 2, 2, 3])


def test_a_failure_that_left_no_run_is_remembered_by_the_record(tiny, client, executed, monkeypatch):
    def die(*_, **__):
        msg = "no space left"
        raise MemoryError(msg)

    with monkeypatch.context() as broken:
        broken.setattr(worker, "execute_run", die)
        sweep, _ = start(client)
    assert {run.error for run in sweep.record.runs.values()} == {"MemoryError: no space left"}
    assert prepare(tiny_chapter(), THREE).pending == []
    assert len(prepare(tiny_chapter(), THREE, retry_failed=True).pending) == 3


def test_nothing_starts_before_every_value_and_file_is_right(tiny):
    with pytest.raises(UsageError, match=r"^tiny: n = 101 is not allowed"):
        prepare(tiny_chapter(), make_grid({"product": {"n": [1, 101]}}))
    (tiny.root / "data" / "tiny.csv").unlink()
    with pytest.raises(MissingDataError, match=r"Mend it with: git checkout"):
        prepare(tiny_chapter(), THREE)
    assert not tiny.runs.exists()


def test_what_was_changed_since_the_start_is_not_run_under_the_old_key(tiny, client, executed):
    sweep = prepare(tiny_chapter(), THREE)
    tiny.edit("notebooks/01_tiny.md", 'record("note", note)', 'record("note", note + "!")')
    run_sweep(sweep, client)
    assert executed == []
    assert all("copy of the project" in run.error for run in sweep.record.runs.values())
    assert len(prepare(tiny_chapter(), THREE).pending) == 3  # their keys are others now


def test_a_notebook_that_never_ends_is_stopped(tiny, client, monkeypatch):
    monkeypatch.setenv("TINY_BEHAVIOUR", "hang")
    sweep = prepare(tiny_chapter(), make_grid({"product": {"n": [1]}}))
    (run,) = run_sweep(sweep, client, timeouts={"run_timeout": 2}).runs.values()
    assert (run.state, run.error.split(":")[0]) == ("failed", "RunTimeoutError")


def test_limits_of_time_reach_the_run(tiny, client, monkeypatch):
    seen = []
    monkeypatch.setattr(execution, "execute_notebook", lambda *given: seen.append(given[3].seconds_left(None)))
    for limit in ("cell_timeout", "run_timeout"):
        run_sweep(
            prepare(tiny_chapter(), make_grid({"values": {"note": limit}, "product": {"n": [1]}})),
            client,
            timeouts={limit: 70},
        )
    assert seen[0] == 70
    assert 0 < seen[1] < 70


# With others on the same store


def test_two_sweeps_at_once_run_every_key_once_and_keep_both_records(tiny, client, executed):
    executed.seconds = 0.2
    grids = [make_grid({"product": {"n": {"from": first, "to": first + 3}}}) for first in (1, 3)]
    sweeps = [prepare(tiny_chapter(), grid) for grid in (*grids, grids[0])]
    with ThreadPoolExecutor(3) as drivers:
        list(drivers.map(lambda sweep: run_sweep(sweep, client), sweeps))
    assert sorted(executed) == [1, 2, 3, 4, 5, 6]
    for sweep in sweeps:
        assert [run.state for run in read_record(tiny.store, sweep.record.id).runs.values()] == ["done"] * 4
    assert list((tiny.runs / "sweeps" / "locks").iterdir()) == []


def test_a_run_that_somebody_is_at_is_left_for_later(tiny, executed):
    sweep = prepare(tiny_chapter(), THREE)
    task = sweep.task(sweep.pending[0], 1, {})
    folder = tiny.runs / "sweeps" / "locks"
    folder.mkdir(parents=True)
    with FileLock(folder / f"tiny-{task.run_id}.lock"):
        assert worker.execute(task, 0).state == "busy"
    assert worker.execute(task, 0).state == "done"
    again = worker.execute(task, -1)
    assert (again.state, again.executed, executed) == ("done", False, [1])


def test_what_failed_for_another_sweep_meanwhile_is_not_tried_again(tiny, executed):
    sweep = prepare(tiny_chapter(), THREE)
    task = sweep.task(sweep.pending[0], 1, {})
    error = {"kind": "ValueError", "text": "no luck", "cell": 3, "source": "", "traceback": ""}
    written = manifest(tiny.key(n=1), status="failed", error=error, started="2099-01-01T00:00:00+00:00")
    put(tiny.store, written, name=f"{task.run_id}-failed")
    ending = worker.execute(task, 0)
    assert (ending.state, ending.executed, ending.error, executed) == ("failed", False, "ValueError: no luck", [])


def test_threads_that_a_sweep_was_asked_for_reach_the_run(tiny, monkeypatch):
    asked = []

    def note(one, _):
        asked.append(one.n_threads)
        raise StoreError

    monkeypatch.setattr(worker, "execute_run", note)
    sweep = prepare(tiny_chapter(), THREE)
    worker.execute(sweep.task(sweep.pending[0], 3, {}), 0)
    assert asked == [3]


def test_the_records_are_no_chapter_to_the_store(tiny, client, executed):
    start(client)
    with pytest.raises(UsageError, match=r"^there is no run 'sweeps'\. The latest are"):
        tiny.store.open("sweeps")
    assert tiny.store.open("tiny").manifest.chapter == "tiny"


# The record


def test_a_journal_adds_to_what_another_driver_has_written(tiny):
    sweep = prepare(tiny_chapter(), THREE)
    mine, theirs = (
        SweepJournal(tiny.store, sweep.record),
        SweepJournal(tiny.store, prepare(tiny_chapter(), THREE).record),
    )
    mine.begin()
    theirs.begin()
    ids = sweep.pending
    for journal, run_id in ((mine, ids[0]), (theirs, ids[1])):
        journal.note(run_id, sweep.record.runs[run_id].model_copy(update={"state": "done", "seconds": 1.0}))
        journal.flush()
    states = [run.state for run in read_record(tiny.store, sweep.record.id).runs.values()]
    assert states == ["done", "done", "pending"]
    assert not list(tiny.runs.rglob("*.partial*"))


def test_a_second_start_keeps_what_the_record_says_has_ended(tiny):
    sweep, later = prepare(tiny_chapter(), THREE), prepare(tiny_chapter(), THREE)
    first, second, _ = sweep.pending
    journal = SweepJournal(tiny.store, sweep.record)
    journal.begin()
    journal.note(first, sweep.record.runs[first].model_copy(update={"state": "failed", "error": "no luck"}))
    journal.flush()
    later.record.runs[second] = later.record.runs[second].model_copy(update={"state": "done", "seconds": 1.0})
    later.save()
    states = [run.state for run in read_record(tiny.store, sweep.record.id).runs.values()]
    assert states == ["failed", "done", "pending"]


def test_a_record_that_cannot_be_read_costs_nothing_but_itself(tiny, client, executed):
    sweep, _ = start(client)
    record_path(tiny.store, sweep.record.id).write_text("half of", encoding="utf-8")
    again, _ = start(client)
    assert (again.record.count("done"), len(executed)) == (3, 3)


def test_a_sweep_that_is_not_there_is_refused(tiny, client, executed):
    with pytest.raises(UsageError, match=r"^'abc' is no sweep\. Sweeps here are"):
        read_record(tiny.store, "abc")
    sweep, _ = start(client)
    with pytest.raises(UsageError, match=rf"^'' is no sweep\. Sweeps here are: {sweep.record.id}\."):
        read_record(tiny.store, "")
