"""What a worker does for a sweep: one run, once, whoever else asks for it."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from brainalign.catalogue.entries import ChecksumError, MissingDataError
from brainalign.catalogue.home import use_data_home
from brainalign.runs.chapter import Chapter
from brainalign.runs.engine import CellWatch
from brainalign.runs.errors import StoreError, StoreWarning, UsageError
from brainalign.runs.execution import AskedRun, check_device, execute_run
from brainalign.runs.keys import compute_key
from brainalign.runs.manifest import scrub
from brainalign.runs.store import ChapterFailedError, RunStore
from brainalign.runs.sweeps.record import FOLDER

# A run speaks to its kernel through os.environ, which all threads of a process share.
_one_run_a_process = threading.Lock()


@dataclass(frozen=True)
class Task:
    """One run that a worker is asked for.

    Attributes
    ----------
    chapter : Chapter
        What to run.
    values : mapping
        Parameters on top of the profile.
    profile : str
        Named set of parameters.
    key : str
        The key that the run must have.
    store : str
        Folder of the run store.
    known_failure : int or None
        Time of the failed run (see `RunStore.failure_time`) that the sweep knows of. A later one is the result of
        somebody else who was at the same run, and not tried again.
    n_threads : int
        Threads for the libraries of the kernel.
    timeouts : mapping
        ``cell_timeout`` and ``run_timeout`` of `run_chapter`, in seconds.
    """

    chapter: Chapter
    values: Mapping[str, Any]
    profile: str
    key: str
    store: str
    known_failure: int | None = None
    n_threads: int = 1
    timeouts: Mapping[str, int | None] = field(default_factory=dict)

    @property
    def run_id(self) -> str:
        """Name of the run's folder."""
        return self.key[:12]


@dataclass(frozen=True)
class Ending:
    """What became of a task.

    Attributes
    ----------
    state : {"done", "failed", "busy"}
        Busy means that somebody else is at this run now.
    executed : bool
        Whether this worker executed the chapter.
    seconds : float or None
        Time of the run from start to end.
    error : str or None
        Why it failed.
    """

    state: Literal["done", "failed", "busy"]
    executed: bool = False
    seconds: float | None = None
    error: str | None = None


def execute(task: Task, patience: float) -> Ending:
    """Run a chapter, unless it has been run or is being run by somebody else.

    Parameters
    ----------
    task : Task
        What to run.
    patience : float
        Seconds to wait while somebody else is at this run; -1 waits as long as it takes.

    Returns
    -------
    Ending
        Failures that belong to the run are told in it; anything else is raised.
    """
    use_data_home()
    store = RunStore(Path(task.store))
    folder = store.folder / FOLDER / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{task.chapter.name}-{task.run_id}.lock"
    try:
        with FileLock(path, timeout=patience), _one_run_a_process, _told_by_the_driver():
            ending = _execute(task, store)
            path.unlink(missing_ok=True)  # who waits for it notices, and takes a new one
            return ending
    except Timeout:
        return Ending("busy")


@contextmanager
def _told_by_the_driver() -> Iterator[None]:
    """What is wrong with the store is said once, where the sweep was started, and not by every worker for every run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StoreWarning)
        yield


def _execute(task: Task, store: RunStore) -> Ending:
    chapter = task.chapter
    failed = store.failure(chapter.name, task.key)
    if failed is not None and store.failure_time(chapter.name, task.key) != task.known_failure:
        return Ending("failed", error=failed.manifest.error_line)
    try:
        parameters = chapter.parameters.from_values(chapter.name, task.values, profile=task.profile)
        key = compute_key(chapter, parameters)
        if key.digest != task.key:
            return Ending("failed", error=_OTHER_KEY)
        good = store.find(chapter.name, key)
        if good is not None:
            return Ending("done", seconds=good.manifest.seconds)
        check_device(parameters.device, owner=chapter.name)
        # Not run_chapter: it would read all runs of the chapter, to say what nobody sees here.
        watch = CellWatch(**task.timeouts)
        asked = AskedRun(chapter, parameters, key, task.profile, watch, n_threads=task.n_threads)
        run = execute_run(asked, store)
    except ChapterFailedError as error:
        return Ending("failed", executed=True, error=error.run.manifest.error_line)
    except (UsageError, MissingDataError, ChecksumError, StoreError) as error:
        return Ending("failed", error=scrub(str(error)))
    return Ending("done", executed=True, seconds=run.manifest.seconds)


_OTHER_KEY = (
    "the worker's copy of the project or of the data is not the one that the sweep was started with. If it was changed "
    "meanwhile, start the sweep again."
)
