"""Driving a sweep: which runs are missing, who runs them, and what became of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass

from distributed import Client, Future, KilledWorker, as_completed

from brainalign.runs.chapter import Chapter
from brainalign.runs.errors import UsageError
from brainalign.runs.grids import Grid
from brainalign.runs.keys import read_code
from brainalign.runs.manifest import scrub
from brainalign.runs.store import RunStore
from brainalign.runs.sweeps.record import SweepJournal, SweepRecord, SweepRun, read_record
from brainalign.runs.sweeps.worker import Ending, Task, execute

OnEnding = Callable[[SweepRun, str, bool], None]
"""Called with a run that has ended, its id, and whether a worker executed it now."""


class SweepInterruptedError(RuntimeError):
    """The scheduler is gone; what was finished is in the store, and the same sweep continues from there."""


@dataclass(frozen=True)
class Sweep:
    """A chapter with a grid, and what is known of its runs before any worker starts.

    Attributes
    ----------
    chapter : Chapter
        What is run.
    grid : Grid
        With which parameters.
    store : RunStore
        Where runs are kept.
    record : SweepRecord
        State of every run: done when the store has it, failed when the last try failed.
    failures : mapping of str to int
        When the failed runs in the store were written, by id.
    """

    chapter: Chapter
    grid: Grid
    store: RunStore
    record: SweepRecord
    failures: Mapping[str, int | None]

    @property
    def pending(self) -> list[str]:
        """Ids of the runs that a worker has to be asked for."""
        return [run_id for run_id, run in self.record.runs.items() if run.state == "pending"]

    def save(self) -> None:
        """Write the record, by which ``brainalign collect --sweep`` finds the runs."""
        SweepJournal(self.store, self.record).begin()

    def task(self, run_id: str, n_threads: int, timeouts: Mapping[str, int | None]) -> Task:
        """What a worker is asked for."""
        run = self.record.runs[run_id]
        return Task(
            chapter=self.chapter,
            values=run.values,
            profile=self.grid.profile,
            key=run.key,
            store=str(self.store.folder.absolute()),
            known_failure=self.failures[run_id],
            n_threads=n_threads,
            timeouts=timeouts,
        )


def prepare(chapter: Chapter, grid: Grid, store: RunStore | None = None, *, retry_failed: bool = False) -> Sweep:
    """Validate every run of a sweep, compute its key, and look up what is there already.

    Parameters
    ----------
    chapter : Chapter
        What to run.
    grid : Grid
        With which parameters.
    store : RunStore, optional
        Where runs are kept.
    retry_failed : bool
        Whether runs that have failed are to be tried again.

    Returns
    -------
    Sweep
        Nothing has been started or written yet.

    Raises
    ------
    UsageError
        For a parameter that does not exist or is not allowed, in any of the runs.
    MissingDataError, ChecksumError
        When a file that a run reads cannot be trusted.
    """
    store = store or RunStore()
    points, code = grid.parameters(chapter), read_code(chapter)
    keys = [code.key(parameters) for parameters in points]
    id_ = grid.digest(chapter.name)
    earlier = {} if retry_failed else _earlier_errors(store, id_)
    failures = {key.digest[:12]: store.failure_time(chapter.name, key.digest) for key in keys}
    runs = {}
    for values, key in zip(grid, keys, strict=True):
        run = SweepRun(values=values, key=key.digest)
        if good := store.find(chapter.name, key):
            run = run.model_copy(update={"state": "done", "seconds": good.manifest.seconds})
        elif not retry_failed and (
            error := _error_in_store(store, chapter.name, key.digest) or earlier.get(key.digest)
        ):
            run = run.model_copy(update={"state": "failed", "error": error})
        runs[key.digest[:12]] = run
    record = SweepRecord(id=id_, chapter=chapter.name, profile=grid.profile, varied=grid.varied, runs=runs)
    return Sweep(chapter, grid, store, record, failures)


def run_sweep(
    sweep: Sweep,
    client: Client,
    *,
    n_threads: int = 1,
    timeouts: Mapping[str, int | None] | None = None,
    on_ending: OnEnding | None = None,
) -> SweepRecord:
    """Let workers do the pending runs of a sweep.

    Whatever happens to the driver, a worker or the scheduler: a run that was finished is in the store, and starting
    the same sweep again does what is missing. A run whose worker dies is given to another worker, up to four times.

    Parameters
    ----------
    sweep : Sweep
        From `prepare`.
    client : Client
        Connected to the scheduler of the workers.
    n_threads : int
        Threads for the libraries of every run.
    timeouts : mapping, optional
        ``cell_timeout`` and ``run_timeout`` of `run_chapter`, in seconds.
    on_ending : callable, optional
        Progress, see `OnEnding`.

    Returns
    -------
    SweepRecord
        With the state of every run.

    Raises
    ------
    SweepInterruptedError
        When the scheduler is lost.
    """
    journal = SweepJournal(sweep.store, sweep.record)
    journal.begin()
    tasks = [sweep.task(run_id, n_threads, timeouts or {}) for run_id in sweep.pending]
    try:
        for run_id, ending in _endings(client, tasks):
            run = sweep.record.runs[run_id]
            changes = {"state": ending.state, "seconds": ending.seconds, "error": ending.error}
            run = run.model_copy(update=changes)
            journal.note(run_id, run)
            if on_ending:
                on_ending(run, run_id, ending.executed)
    finally:
        journal.flush()
    return sweep.record


def _endings(client: Client, tasks: list[Task]) -> Iterator[tuple[str, Ending]]:
    """Ends of all tasks as they come; a run that somebody else is at is put back, and waited for in the end."""
    asked = {_ask(client, task, patience=0): task for task in tasks}
    waiting = as_completed(asked)
    for future in waiting:
        task = asked.pop(future)
        ending = _ending(future, len(asked) + 1)
        if ending.state == "busy":
            again = _ask(client, task, patience=-1)
            asked[again] = task
            waiting.add(again)
        else:
            yield task.run_id, ending


def _ask(client: Client, task: Task, *, patience: float) -> Future:
    # Not pure: a result that the scheduler remembers from another sweep is not this one's.
    return client.submit(execute, task, patience, pure=False)


def _ending(future: Future, n_left: int) -> Ending:
    try:
        return future.result()
    except KilledWorker:
        return Ending("failed", executed=True, error=_KILLED)
    except (CancelledError, TimeoutError, OSError) as error:
        if future.status == "error":
            return Ending("failed", error=_in_words(error))
        msg = f"the scheduler was lost with {n_left} runs to do. Start the same sweep again: it does what is missing."
        raise SweepInterruptedError(msg) from error
    except Exception as error:  # of the worker, not of the run: told with the run that met it
        return Ending("failed", error=_in_words(error))


_KILLED = (
    "its worker died four times, for example because the machine ran out of memory. Take fewer workers, then: "
    "--retry-failed"
)


def _in_words(error: BaseException) -> str:
    return scrub(f"{type(error).__name__}: {error}")


def _error_in_store(store: RunStore, chapter: str, digest: str) -> str | None:
    failed = store.failure(chapter, digest)
    return failed.manifest.error_line if failed else None


def _earlier_errors(store: RunStore, sweep: str) -> dict[str, str]:
    """Errors that left no run behind, by key: of workers that died, for example."""
    try:
        record = read_record(store, sweep)
    except UsageError:
        return {}
    return {run.key: run.error for run in record.runs.values() if run.state == "failed" and run.error}
