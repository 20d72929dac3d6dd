"""What chapters want is fetched before a book is made, or done without after one short wait."""

from __future__ import annotations

import time

import pytest

from brainalign.book.wanted_data import SMALL, fetch_small, wanted_data
from brainalign.catalogue.download import bytes_of
from brainalign.catalogue.entries import MIRROR, MIRRORED, catalogue, state_of
from brainalign.catalogue.home import OFFLINE
from brainalign.runs.registry import all_chapters


@pytest.fixture(autouse=True)
def nothing_is_here(monkeypatch, tmp_path):
    for name in (MIRROR, OFFLINE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BRAINALIGN_HOME", str(tmp_path / "home"))
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")


@pytest.fixture
def names():
    return wanted_data(all_chapters(), "default")


def test_what_chapters_want_can_be_fetched_and_is_small_but_for_weights(names):
    assert "alice-story" in names
    assert "diffscore-curves" in names  # optional data, too
    assert all(catalogue()[name].url.startswith(MIRRORED) for name in names)
    assert [name for name in names if bytes_of(name) > SMALL] == ["pruned-resnet56-weights"]


def test_without_a_network_one_line_is_said_after_a_few_seconds(names, monkeypatch):
    monkeypatch.setenv(MIRROR, "http://127.0.0.1:9")  # nobody listens there
    said, began = [], time.monotonic()
    assert fetch_small(names, said.append) == []
    assert time.monotonic() - began < 6
    (line,) = said
    assert "no network" in line
    small = [name for name in names if bytes_of(name) <= SMALL]  # others are fetched only when asked for
    assert f"brainalign data get {' '.join(small)}" in line


def test_a_forbidden_network_is_not_asked(names, monkeypatch):
    monkeypatch.setenv(OFFLINE, "1")
    said = []
    assert fetch_small(names, said.append) == []
    assert [OFFLINE in line for line in said] == [True]


def test_what_is_there_is_not_wanted(names, monkeypatch):
    states = {name: state_of(name) for name in catalogue()} | {"alice-story": "here"}
    monkeypatch.setattr("brainalign.book.wanted_data.state_of", states.get)
    assert wanted_data(all_chapters(), "default") == [name for name in names if name != "alice-story"]
