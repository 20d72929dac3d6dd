"""A sweep's own record: its grid, its keys, and what became of each; it outlives whoever drives the sweep."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from brainalign.runs.errors import UsageError
from brainalign.runs.store import RunStore

FOLDER = "sweeps"
"""Folder below the store; it holds no runs, so that it is no chapter to the store."""

State = Literal["pending", "done", "failed"]


class SweepRun(BaseModel):
    """One run of a sweep.

    Attributes
    ----------
    values : dict
        What the grid sets.
    key : str
        The run's key.
    state : {"pending", "done", "failed"}
        How far it is.
    seconds : float or None
        Time from start to end; None unless it is done.
    error : str or None
        Why it failed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    values: dict[str, Any]
    key: str
    state: State = "pending"
    seconds: float | None = None
    error: str | None = None


class SweepRecord(BaseModel):
    """Record of one sweep.

    Attributes
    ----------
    id : str
        Twelve digits that follow from chapter and grid: the same sweep, started again, finds its record.
    chapter, profile : str
        What is run.
    varied : list of str
        Parameters that vary.
    runs : dict of str to SweepRun
        Every run by its id.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: int = 1
    id: str
    chapter: str
    profile: str
    varied: list[str]
    runs: dict[str, SweepRun] = Field(default_factory=dict)

    def count(self, state: State) -> int:
        """Number of runs in a state."""
        return sum(run.state == state for run in self.runs.values())


class SweepJournal:
    """Keeps a record on disk, together with others who drive the same sweep.

    Every write reads what is there, changes only the runs that this process knows more about, and replaces the file as
    a whole. At most one write a second: what a killed process did not write is found in the store.

    Parameters
    ----------
    store : RunStore
        Where the record is kept.
    record : SweepRecord
        The sweep as it is known now.
    """

    def __init__(self, store: RunStore, record: SweepRecord) -> None:
        self.record = record
        self._path = record_path(store, record.id)
        self._lock = FileLock(self._path.with_suffix(".lock"))
        self._news: dict[str, SweepRun] = {}
        self._written = 0.0

    def begin(self) -> None:
        """Write the record for the first time; runs that the sweep no longer has are dropped from it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._lock:
            current = _read(self._path)
            ended = {name: run for name, run in current.runs.items() if run.state != "pending"} if current else {}
            runs = {
                name: ended.get(name, run) if run.state == "pending" else run for name, run in self.record.runs.items()
            }
            self._write(self.record.model_copy(update={"runs": runs}))

    def note(self, run_id: str, run: SweepRun) -> None:
        """Keep what became of a run."""
        self.record.runs[run_id] = self._news[run_id] = run
        if time.monotonic() - self._written > 1:
            self.flush()

    def flush(self) -> None:
        """Write what is new."""
        with self._lock:
            current = _read(self._path) or self.record
            current.runs.update(self._news)
            self._write(current)
        self._news.clear()

    def _write(self, record: SweepRecord) -> None:
        partial = self._path.with_suffix(f".partial-{os.getpid()}")
        partial.write_text(record.model_dump_json(indent=1), encoding="utf-8")
        partial.replace(self._path)
        self._written = time.monotonic()


def record_path(store: RunStore, sweep: str) -> Path:
    """Where the record of a sweep is, or will be."""
    return store.folder / FOLDER / f"{sweep}.json"


def read_record(store: RunStore, name: str) -> SweepRecord:
    """The record of a sweep, by its id or the beginning of it.

    Raises
    ------
    UsageError
        When no sweep, or more than one, has this name.
    """
    known = sorted(path.stem for path in (store.folder / FOLDER).glob("*.json"))
    found = [sweep for sweep in known if name and sweep.startswith(name)]
    record = _read(record_path(store, found[0])) if len(found) == 1 else None
    if record is None:
        what = f"names {len(found)} sweeps" if len(found) > 1 else "is no sweep"
        msg = f"'{name}' {what}. Sweeps here are: {', '.join(known) or 'none yet'}."
        raise UsageError(msg)
    return record


def _read(path: Path) -> SweepRecord | None:
    try:
        return SweepRecord.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None  # gone, or written by another version: the store tells what has been done
