"""Where workers come from, and how the progress of a sweep is told."""

from __future__ import annotations

from io import StringIO

import dask
import dask_jobqueue
import pytest
from rich.console import Console

from brainalign.runs.errors import UsageError
from brainalign.runs.sweeps import clusters
from brainalign.runs.sweeps.clusters import local_client, running_client, slurm_client, visible_gpus
from brainalign.runs.sweeps.driver import prepare
from brainalign.runs.sweeps.progress import Pace, sweep_progress
from tests.runs.sweeps.cases import THREE
from tests.runs.tiny import tiny_chapter

# Workers


def test_a_local_worker_has_a_gpu_of_its_own(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4, 6")
    assert visible_gpus() == ["4", "6"]
    environments = [clusters._nanny(gpu)["options"]["env"] for gpu in visible_gpus()]
    assert environments == [{"CUDA_VISIBLE_DEVICES": "4"}, {"CUDA_VISIBLE_DEVICES": "6"}]
    with (
        pytest.raises(UsageError, match=r"^3 workers need as many GPUs"),
        local_client(3),
    ):
        pass
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(clusters, "hardware", lambda: {"gpus": ["card, 1", "card, 1"]})
    assert visible_gpus() == ["0", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert visible_gpus() == []


def test_a_scheduler_that_does_not_answer_is_told():
    with (
        pytest.raises(UsageError, match=r"^no scheduler answers at"),
        running_client("tcp://127.0.0.1:9", patience=0.2),
    ):
        pass


def test_slurm_needs_to_be_told_the_memory_of_a_job():
    with pytest.raises(UsageError, match=r"jobqueue\.yaml"), slurm_client(2):
        pass


def test_a_slurm_job_has_one_worker_with_one_thread_of_dask(monkeypatch):
    seen = []

    class Cluster(dask_jobqueue.SLURMCluster):
        def adapt(self, **given):
            seen.append((given, self.job_script()))

    monkeypatch.setattr(dask_jobqueue, "SLURMCluster", Cluster)
    with dask.config.set({"jobqueue.slurm.memory": "8GB", "jobqueue.slurm.queue": "gpu"}), slurm_client(5, n_threads=4):
        pass
    given, script = seen[0]
    assert given == {"minimum_jobs": 5, "maximum_jobs": 5}
    assert "--cpus-per-task=4" in script
    assert "--nthreads 1 " in script
    assert "#SBATCH -p gpu" in script


# Progress


def test_the_pace_counts_what_was_executed_and_not_what_was_looked_up():
    times = iter([0.0, 10.0, 30.0, 60.0])
    pace = Pace(10, clock=lambda: next(times))
    pace.step(executed=False)
    assert str(pace) == "9 left"
    pace.step(executed=True)
    pace.step(executed=True)
    assert str(pace) == "4.0 runs per minute, 2 min left"
    for _ in range(7):
        pace.step(executed=True)
    assert str(pace) == "9.0 runs per minute"


def test_progress_is_plain_lines_when_nobody_watches(tiny):
    record = prepare(tiny_chapter(), THREE).record
    text = StringIO()
    with sweep_progress(Console(file=text, width=200), record) as progress:
        for run_id, state in zip(list(record.runs), ("done", "failed"), strict=False):
            run = record.runs[run_id].model_copy(update={"state": state, "seconds": 1.5, "error": "ValueError: no"})
            progress.ended(run, run_id, True)
    lines = text.getvalue().splitlines()
    ids = list(record.runs)
    assert lines[0].startswith(f"[1/3] {ids[0]} (n = 1) done in 1.5 s; ")
    assert lines[1].startswith(f"[2/3] {ids[1]} (n = 2) failed: ValueError: no; ")
    assert "\x1b" not in text.getvalue()


def test_in_a_terminal_the_bar_says_it_and_only_failures_are_lines(tiny):
    record = prepare(tiny_chapter(), THREE).record
    text = StringIO()
    with sweep_progress(Console(file=text, width=200, force_terminal=True), record) as progress:
        for run_id, state in zip(list(record.runs), ("done", "failed"), strict=False):
            run = record.runs[run_id].model_copy(update={"state": state, "seconds": 1.5, "error": "ValueError: no"})
            progress.ended(run, run_id, True)
        assert progress.bars.tasks[0].completed == 2
    assert "failed: ValueError: no" in text.getvalue()
    assert "done in" not in text.getvalue()
