"""Progress where no bar is drawn."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from brainalign.runs import progress
from brainalign.runs.progress import PlainLines, chapter_progress, open_bars


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes when it is told to."""
    time = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: time[0])
    return time


@pytest.mark.parametrize("is_seen", [True, False])
def test_a_log_gets_a_line_from_time_to_time_and_a_terminal_none(clock, is_seen):
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=is_seen, width=80)
    lines = PlainLines(console, open_bars(console), every=10)
    for second in range(0, 36, 3):
        clock[0] = 100.0 + second
        lines.tell(f"step {second}")
    said = ["step 12, 12 s", "step 24, 24 s"]
    assert stream.getvalue().splitlines() == ([] if is_seen else said)


def test_a_long_chapter_tells_its_cells(clock):
    stream = io.StringIO()
    with chapter_progress(Console(file=stream, width=80), 1) as shown:
        shown.start("tiny", ["asked to execute again"])
        for done in range(1, 5):
            clock[0] += 6
            shown.cell("tiny", done, 4)
    assert stream.getvalue().splitlines()[1:] == ["tiny: 2 of 4 cells, 12 s", "tiny: 4 of 4 cells, 24 s"]
