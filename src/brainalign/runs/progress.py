"""Progress of chapters: a bar in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

if TYPE_CHECKING:
    from brainalign.runs.execution import Outcome


def open_bars(console: Console, *columns: ProgressColumn) -> Progress:
    """Bars with a name, a share and further columns; drawn only where someone sees them move, and gone afterwards."""
    is_seen = console.is_terminal or console.is_jupyter
    columns = (TextColumn("{task.description}"), BarColumn(), *columns)
    return Progress(*columns, console=console, transient=True, disable=not is_seen)


class PlainLines:
    """Says how far something is where no bar is drawn, in a log or a pipe: a line from time to time.

    Parameters
    ----------
    console : Console
        Where to write.
    bars : Progress
        The bars that are drawn instead where someone sees them.
    every : float
        Seconds before the first line, and between two.
    """

    def __init__(self, console: Console, bars: Progress, every: float = 10) -> None:
        self._console, self._is_needed, self._every = console, bars.disable, every
        self._began = self._last = time.monotonic()

    def tell(self, text: str) -> None:
        """Say how far it is, unless that was said just now."""
        now = time.monotonic()
        if self._is_needed and now - self._last >= self._every:
            self._last = now
            self._console.print(Text(f"{text}, {now - self._began:.0f} s"))


class ChapterProgress:
    """Shows which chapter and cell is being executed.

    Parameters
    ----------
    console : Console
        Where to write.
    bars : Progress
        Bars; drawn only in a terminal.
    n_chapters : int
        Number of chapters in all.
    """

    def __init__(self, console: Console, bars: Progress, n_chapters: int) -> None:
        self._console, self._bars, self._lines = console, bars, PlainLines(console, bars)
        self._chapters = bars.add_task("chapters", total=n_chapters, visible=n_chapters > 1)
        self._cells: dict[str, TaskID] = {}

    def start(self, chapter: str, reasons: list[str]) -> None:
        """Say that a chapter is executed, and why."""
        self._say(f"{chapter}: executing ({'; '.join(reasons)})")
        self._cells[chapter] = self._bars.add_task(chapter, total=None)

    def cell(self, chapter: str, done: int, total: int) -> None:
        """Say that a cell of a chapter is finished."""
        self._bars.update(self._cells[chapter], completed=done, total=total)
        self._lines.tell(f"{chapter}: {done} of {total} cells")

    def finish(self, chapter: str, outcome: Outcome) -> None:
        """Say how a chapter ended."""
        manifest = outcome.run.manifest
        how = (
            f"reused run {manifest.run_id} of {manifest.started} (nothing it depends on has changed)"
            if outcome.reused
            else f"done in {manifest.seconds:.1f} s, run {manifest.run_id}"
        )
        self._end(chapter, how)

    def failed(self, chapter: str, text: str) -> None:
        """Say that a chapter failed, or was not executed, and why."""
        self._end(chapter, text)

    def _end(self, chapter: str, text: str) -> None:
        self._say(f"{chapter}: {text}")
        if chapter in self._cells:
            self._bars.remove_task(self._cells.pop(chapter))
        self._bars.advance(self._chapters)

    def _say(self, line: str) -> None:
        self._console.print(Text(line))


@contextmanager
def chapter_progress(console: Console, n_chapters: int) -> Iterator[ChapterProgress]:
    """Progress display for the duration of a block.

    Parameters
    ----------
    console : Console
        Where to write.
    n_chapters : int
        Number of chapters that will be run.
    """
    with open_bars(console, MofNCompleteColumn(), TimeElapsedColumn()) as bars:
        yield ChapterProgress(console, bars, n_chapters)
