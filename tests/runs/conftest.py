from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from brainalign.catalogue.entries import catalogue
from brainalign.catalogue.files import USE_LOG
from brainalign.runs.execution import run_chapter
from tests.models.loopback import Loopback, serve
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


@pytest.fixture(scope="session")
def small_repositories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the repositories of `small_hub`; do not change it."""
    from tests.runs.small_hub import save_repositories  # imports transformers, which the other tests do without

    root = tmp_path_factory.mktemp("hub")
    save_repositories(root)
    return root


@pytest.fixture
def small_hub(small_repositories: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """A hub on this machine that serves small models; the network is allowed, and nothing is kept yet."""
    from huggingface_hub import constants

    from brainalign.models.checkpoints import ranges

    for name in ("HF_HUB_OFFLINE", "BRAINALIGN_OFFLINE", "HF_TOKEN", USE_LOG):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BRAINALIGN_HOME", str(tmp_path / "kept"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "none"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)  # read when the library is imported
    monkeypatch.setattr(ranges, "_PAUSE", 0.01)  # tests need not wait before trying again
    with serve(small_repositories) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.endpoint)
        yield running
