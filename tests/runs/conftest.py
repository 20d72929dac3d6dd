from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from brainalign.datasets.catalogue import catalogue
from brainalign.runs.execution import run_chapter
from tests.runs.tiny import Tiny, build, copy, enter


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tiny]:
    """A miniature project without any run."""
    project = build(tmp_path)
    enter(project, monkeypatch)
    yield project
    catalogue.cache_clear()


@pytest.fixture(scope="session")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """A miniature project with one good run, executed once for all tests; do not change it."""
    project = build(tmp_path_factory.mktemp("executed"))
    with pytest.MonkeyPatch.context() as monkeypatch:
        enter(project, monkeypatch)
        outcome = run_chapter(project.chapter)
    catalogue.cache_clear()
    assert outcome.reasons == ["there is no earlier run"]
    return project


@pytest.fixture
def ran(executed: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tiny]:
    """A copy of the project with one good run, to be changed at will."""
    project = copy(executed, tmp_path)
    enter(project, monkeypatch)
    yield project
    catalogue.cache_clear()
