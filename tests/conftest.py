"""What all tests share: no hub, no network, and a tree that is left as it was found."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import settings

os.environ["HF_HUB_OFFLINE"] = "1"

# Without a database: it would be left behind. Without a deadline: the first call of a compiled function is slow.
settings.register_profile("house", database=None, deadline=None)
settings.load_profile("house")

ROOT = Path(__file__).parents[1]


def _untracked() -> set[str] | None:
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=False,
    )
    return set(listed.stdout.splitlines()) if listed.returncode == 0 else None


@pytest.fixture(scope="session", autouse=True)
def _tree_is_left_clean():
    before = _untracked()
    yield
    if before is not None:
        left_behind = _untracked() - before
        assert not left_behind, f"the tests left behind: {sorted(left_behind)}"


# What these fixtures make takes long: the built book, a browser; kernels, a hub that is served.
_SLOW = {"html": "browser", "browser": "browser", "executed": "processes", "ran": "processes", "small_hub": "processes"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by the slow fixtures that they use; modules that are slow otherwise say so themselves."""
    for item in items:
        for name in {_SLOW[fixture] for fixture in getattr(item, "fixturenames", ()) if fixture in _SLOW}:
            item.add_marker(name)
