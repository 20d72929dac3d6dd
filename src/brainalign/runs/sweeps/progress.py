"""Progress of a sweep: a bar in a terminal, a line for every run elsewhere."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.text import Text

from brainalign.runs.progress import open_bars
from brainalign.runs.sweeps.record import SweepRecord, SweepRun


class Pace:
    """Rate and remaining time, from the runs that were executed since the start.

    Parameters
    ----------
    n_runs : int
        Number of runs to do.
    clock : callable
        Seconds that only grow.
    """

    def __init__(self, n_runs: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._left, self._clock, self._start = n_runs, clock, clock()
        self._executed = 0

    def step(self, *, executed: bool) -> None:
        """One run has ended; one that was only looked up says nothing about the rate."""
        self._left -= 1
        self._executed += executed

    def __str__(self) -> str:
        seconds = self._clock() - self._start
        if not self._executed or seconds <= 0:
            return f"{self._left} left"
        rate = self._executed / seconds
        left = f", {duration(self._left / rate)} left" if self._left else ""
        return f"{60 * rate:.1f} runs per minute{left}"


@dataclass
class SweepProgress:
    """Shows runs as they end; made by `sweep_progress`."""

    console: Console
    record: SweepRecord
    bars: Progress
    bar: TaskID
    pace: Pace
    n_ended: int

    def ended(self, run: SweepRun, run_id: str, executed: bool) -> None:
        """Say how a run ended."""
        self.n_ended += 1
        self.pace.step(executed=executed)
        self.bars.update(self.bar, completed=self.n_ended, pace=str(self.pace))
        if self.console.is_terminal and run.state == "done":
            return  # the bar says it
        how = f"failed: {run.error}" if run.state == "failed" else f"done in {run.seconds:.1f} s"
        values = ", ".join(f"{name} = {json.dumps(run.values[name])}" for name in self.record.varied)
        count = f"[{self.n_ended}/{len(self.record.runs)}]"
        self.console.print(Text(f"{count} {run_id} ({values}) {how}; {self.pace}"))


@contextmanager
def sweep_progress(console: Console, record: SweepRecord) -> Iterator[SweepProgress]:
    """Progress display for the duration of a block.

    Parameters
    ----------
    console : Console
        Where to write.
    record : SweepRecord
        The sweep, with what is done already.
    """
    n_left = record.count("pending")
    n_ended, pace = len(record.runs) - n_left, Pace(n_left)
    with open_bars(console, MofNCompleteColumn(), TextColumn("{task.fields[pace]}")) as bars:
        bar = bars.add_task(f"{record.chapter} {record.id}", total=len(record.runs), completed=n_ended, pace=str(pace))
        yield SweepProgress(console, record, bars, bar, pace, n_ended)


def duration(seconds: float) -> str:
    """A time in words, with the two largest units at most.

    Examples
    --------
    >>> duration(0.4), duration(65), duration(7260), duration(200000)
    ('1 s', '65 s', '2 h 1 min', '2 d 7 h')
    """
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"
