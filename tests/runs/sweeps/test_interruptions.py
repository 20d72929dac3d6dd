"""A real scheduler, real workers and real kernels, of which some are killed."""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from brainalign.runs.grids import make_grid
from brainalign.runs.sweeps.clusters import running_client
from brainalign.runs.sweeps.driver import SweepInterruptedError, prepare, run_sweep
from brainalign.runs.sweeps.record import read_record
from tests.runs.sweeps.cases import ROOT, THREE, marks, wait_for
from tests.runs.tiny import tiny_chapter

pytestmark = pytest.mark.processes


@pytest.fixture
def processes(marking):
    """A scheduler and two workers, each a process of its own on the loopback."""
    environment, file = {**os.environ, "PYTHONPATH": str(ROOT)}, marking.base / "scheduler.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment}
    common = [sys.executable, "-m", "dask"]
    names = ("scheduler", "worker", "worker")
    options = ("--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(file))
    alone = ("--no-nanny", "--nthreads", "1", "--local-directory", str(marking.base / "scratch"))
    started = [
        subprocess.Popen(
            [
                *common,
                name,
                *options,
                *(("--port", "0", "--dashboard-address", "127.0.0.1:0") if name == "scheduler" else alone),
            ],
            **quiet,
        )
        for name in names
    ]
    wait_for(file.is_file)
    yield started, json.loads(file.read_text(encoding="utf-8"))["address"]
    for process in started:
        process.kill()
        process.wait()


def test_a_killed_worker_and_a_lost_scheduler_lose_no_finished_run(marking, processes):
    (scheduler, *_), address = processes

    def kill_the_first_worker():
        wait_for(lambda: marks(marking))
        kernel = psutil.Process(int(marks(marking)[0].stem.partition("-")[2]))
        kernel.parent().kill()

    sweep = prepare(tiny_chapter(), make_grid({"product": {"n": [1, 2]}}))
    with ThreadPoolExecutor(1) as killer, running_client(address, patience=5) as client:
        client.wait_for_workers(2)
        killed = killer.submit(kill_the_first_worker)
        record = run_sweep(sweep, client)
        killed.result()
    assert [run.state for run in record.runs.values()] == ["done"] * 2
    # Only what the killed worker was at was executed again.
    assert sorted(len(marks(marking, n)) for n in (1, 2)) == [1, 2]

    def kill_the_scheduler():
        wait_for(lambda: marks(marking, 3))
        scheduler.kill()

    more = prepare(tiny_chapter(), THREE)
    assert len(more.pending) == 1
    with ThreadPoolExecutor(1) as killer, running_client(address, patience=2) as client:
        killer.submit(kill_the_scheduler)
        with pytest.raises(SweepInterruptedError, match=r"^the scheduler was lost with 1 runs to do"):
            run_sweep(more, client)
    states = [run.state for run in read_record(marking.store, more.record.id).runs.values()]
    assert states == ["done", "done", "pending"]


def test_a_lost_scheduler_is_told_in_one_sentence_and_not_by_the_libraries(marking, processes, monkeypatch):
    (scheduler, *workers), address = processes
    for worker in workers:
        worker.kill()
    said = io.StringIO()
    logger = logging.getLogger("distributed")
    monkeypatch.setattr(logger, "handlers", [logging.StreamHandler(said)])
    sweep = prepare(tiny_chapter(), THREE)
    with ThreadPoolExecutor(1) as killer, running_client(address, patience=3) as client:
        killer.submit(lambda: (time.sleep(1), scheduler.kill()))
        with pytest.raises(SweepInterruptedError, match="the scheduler was lost with"):
            run_sweep(sweep, client)
    assert said.getvalue() == ""


DRIVER = """
from brainalign.runs.grids import make_grid
from brainalign.runs.sweeps.clusters import local_client
from brainalign.runs.sweeps.driver import prepare, run_sweep
from tests.runs.tiny import tiny_chapter

if __name__ == "__main__":
    with local_client(1) as client:
        run_sweep(prepare(tiny_chapter(), make_grid({"product": {"n": {"from": 1, "to": 3}}})), client)
"""


def test_a_killed_driver_loses_no_finished_run_and_the_second_start_continues(marking, client):
    program = marking.base / "drive.py"
    program.write_text(DRIVER, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    driver = subprocess.Popen([sys.executable, str(program)], env=environment, stderr=subprocess.DEVNULL)
    wait_for(lambda: marking.store.good_runs("tiny"))
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    finished = {run.manifest.run_id for run in marking.store.good_runs("tiny")}
    sweep = prepare(tiny_chapter(), THREE)
    assert finished
    assert set(sweep.pending) == set(sweep.record.runs) - finished
    run_sweep(sweep, client)
    assert len(marking.store.good_runs("tiny")) == 3
    for run in sweep.record.runs.values():
        if run.key[:12] in finished:
            assert len(marks(marking, run.values["n"])) == 1
