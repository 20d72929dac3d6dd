"""A miniature project, for what a run or a sweep costs beyond its notebook."""

import pytest
from tests.runs.tiny import build, enter

from brainalign.catalogue.entries import catalogue


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    project = build(tmp_path)
    enter(project, monkeypatch)
    yield project
    catalogue.cache_clear()
