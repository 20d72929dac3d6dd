from __future__ import annotations

import time

import nbformat
import pytest
from distributed import Client, LocalCluster

from brainalign.runs import execution


@pytest.fixture(scope="module")
def client():
    """Two workers in this process, so that a test can replace what they call."""
    options = {"dashboard_address": None, "scheduler_kwargs": {"dashboard_address": "127.0.0.1:0"}}
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=False, **options) as cluster,
        Client(cluster) as client,
    ):
        yield client


class Executed(list):
    """Values of n in the order in which they were run."""

    broken: frozenset[int] = frozenset()
    seconds = 0.0


@pytest.fixture
def executed(monkeypatch):
    """What was executed, without a kernel; a run in `executed.broken` raises."""
    seen = Executed()

    def execute(notebook, changed, target, _watch, _order):
        n = changed.get("n", 3)
        seen.append(n)
        time.sleep(seen.seconds)
        nbformat.write(notebook, target)
        if n in seen.broken:
            msg = f"no luck with {n}"
            raise RuntimeError(msg)

    monkeypatch.setattr(execution, "execute_notebook", execute)
    return seen


MARK = '(Path.home() / f"{n}-{os.getpid()}.mark").touch()\ntime.sleep(1)\nbehaviour = ""'


@pytest.fixture
def marking(tiny):
    """A chapter that takes a second and leaves a file behind for every time that it is executed."""
    tiny.edit("notebooks/01_tiny.md", 'behaviour = os.environ.get("TINY_BEHAVIOUR", "")', MARK)
    return tiny
