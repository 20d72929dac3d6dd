from __future__ import annotations

import os
from pathlib import Path

import pytest

from brainalign.catalogue.entries import MIRROR, state_of

BESIDE_THE_PROJECT = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture
def mirror(monkeypatch):
    """Call with names of the catalogue: their real files are read from a mirror, or the test is skipped and says so."""

    def use(*names: str) -> None:
        if not os.environ.get(MIRROR) and BESIDE_THE_PROJECT.is_dir():
            monkeypatch.setenv(MIRROR, str(BESIDE_THE_PROJECT))
        absent = [name for name in names if state_of(name) not in ("mirror", "here")]
        if absent:
            pytest.skip(f"real data not here: {', '.join(absent)}; set {MIRROR}, or: brainalign data get {absent[0]}")

    return use
