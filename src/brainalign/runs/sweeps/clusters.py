"""Where the workers of a sweep come from: this machine, a running scheduler, or Slurm."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import dask
from dask.system import CPU_COUNT
from distributed import Client, Nanny, Scheduler, SpecCluster
from distributed.utils import silence_logging_cmgr

from brainalign.runs.errors import UsageError
from brainalign.runs.manifest import hardware

_LOOPBACK = "127.0.0.1"


@contextmanager
def local_client(n_workers: int | None = None, *, n_threads: int = 1, n_runs: int | None = None) -> Iterator[Client]:
    """Workers on this machine, each with a GPU of its own when there are any.

    Every worker is a process that is started anew, not forked (the OpenMP layer of numba does not survive a fork), and
    started again when it dies. No port is open to other machines, and there is no dashboard.

    Parameters
    ----------
    n_workers : int, optional
        By default one for every GPU, or without any, one for every `n_threads` cores.
    n_threads : int
        Threads that a worker's run will use.
    n_runs : int, optional
        Number of runs; more workers than that are not started by default.

    Raises
    ------
    UsageError
        When there are fewer GPUs than workers.
    """
    gpus = visible_gpus()
    n_workers = n_workers or min(len(gpus) or max(1, CPU_COUNT // n_threads), n_runs or CPU_COUNT)
    if gpus and n_workers > len(gpus):
        msg = (
            f"{n_workers} workers need as many GPUs, and there are {len(gpus)}. Take --workers {len(gpus)}, or leave "
            "the GPUs out with CUDA_VISIBLE_DEVICES= (nothing after the sign)."
        )
        raise UsageError(msg)
    workers = {number: _nanny(gpus[number] if gpus else None) for number in range(n_workers)}
    # The server of the dashboard cannot be left out; it gets a free port on the loopback and no pages.
    options = {"host": _LOOPBACK, "dashboard": False, "dashboard_address": f"{_LOOPBACK}:0"}
    scheduler = {"cls": Scheduler, "options": options}
    with (
        dask.config.set({"distributed.scheduler.http.routes": []}),
        SpecCluster(workers=workers, scheduler=scheduler, silence_logs=logging.CRITICAL) as cluster,
        Client(cluster) as client,
    ):
        try:
            yield client
        finally:
            cluster.sync(_stop_workers, cluster)


@contextmanager
def running_client(address: str, *, patience: float = 10) -> Iterator[Client]:
    """Workers of a scheduler that runs already.

    Parameters
    ----------
    address : str
        For example ``tcp://10.0.0.1:8786``.
    patience : float
        Seconds without the scheduler, in the beginning or later, after which it counts as lost.

    Raises
    ------
    UsageError
        When no scheduler answers.
    """
    try:
        client = Client(address, timeout=patience)
    except (OSError, ValueError) as error:
        msg = f"no scheduler answers at {address} ({error}). Start one with: dask scheduler"
        raise UsageError(msg) from None
    # A lost connection is told once, by the sweep, and not with a traceback for everything that waited for it, nor for
    # the client that ends while it looks for the scheduler.
    with silence_logging_cmgr(logging.CRITICAL), client:
        yield client


@contextmanager
def slurm_client(n_workers: int, *, n_threads: int = 1) -> Iterator[Client]:
    """Workers as jobs of a Slurm cluster, one a job.

    Memory, time, partition and GPUs of a job are what dask-jobqueue finds in its own configuration file,
    ``~/.config/dask/jobqueue.yaml``.

    Parameters
    ----------
    n_workers : int
        Number of jobs.
    n_threads : int
        Cores of a job.

    Raises
    ------
    UsageError
        When dask-jobqueue is not installed, or its configuration does not say how much memory a job gets.
    """
    try:
        from dask_jobqueue import SLURMCluster
    except ImportError:
        msg = "--slurm needs dask-jobqueue: python -m pip install dask-jobqueue"
        raise UsageError(msg) from None
    if not dask.config.get("jobqueue.slurm.memory", None):
        msg = (
            "Slurm has to be told how much memory a job gets. Write it, with the partition (queue) and the time, into "
            "~/.config/dask/jobqueue.yaml, for example: {jobqueue: {slurm: {memory: 8GB, walltime: '04:00:00'}}}"
        )
        raise UsageError(msg)
    options = {"dashboard": False, "dashboard_address": ":0"}
    # One thread of dask, because a process does one run at a time; the cores are for the run.
    with (
        SLURMCluster(cores=1, processes=1, job_cpu=n_threads, scheduler_options=options) as cluster,
        Client(cluster) as client,
    ):
        cluster.adapt(minimum_jobs=n_workers, maximum_jobs=n_workers)  # not scale: a job that ends is submitted anew
        yield client


def visible_gpus() -> list[str]:
    """Numbers of the GPUs that may be used: those of ``CUDA_VISIBLE_DEVICES``, or else all of this machine."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [number.strip() for number in named.split(",") if number.strip() not in ("", "-1")]
    return [str(number) for number in range(len(hardware()["gpus"]))]


async def _stop_workers(cluster: SpecCluster) -> None:
    # Left to itself, the cluster waits until every worker has finished its run.
    await asyncio.gather(*(nanny.close(timeout=1) for nanny in cluster.workers.values()))


def _nanny(gpu: str | None) -> dict[str, object]:
    environment = {} if gpu is None else {"CUDA_VISIBLE_DEVICES": gpu}
    # Without a limit of memory: it would count the worker, and not the kernel in which the chapter runs.
    options = {"host": _LOOPBACK, "nthreads": 1, "memory_limit": None, "dashboard": False, "env": environment}
    options["silence_logs"] = logging.CRITICAL
    return {"cls": Nanny, "options": options}
