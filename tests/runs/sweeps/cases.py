"""A grid of three runs, and waiting for what another process does."""

from __future__ import annotations

import time
from pathlib import Path

from brainalign.runs.grids import make_grid

ROOT = Path(__file__).parents[3]
THREE = make_grid({"product": {"n": {"from": 1, "to": 3}}})


def marks(tiny, n="*"):
    return sorted(tiny.home.glob(f"{n}-*.mark"))


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)
