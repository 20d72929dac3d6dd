"""Stores in which links lead in a circle."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.processes


@pytest.mark.parametrize("command", ["list", "show tiny", "runs list", "plan tiny", "collect -o runs.csv", "run tiny"])
def test_links_in_a_circle_are_passed_over(ran, brainalign, monkeypatch, command):
    monkeypatch.chdir(ran.home)
    circle = ran.runs / "tiny"
    (circle / "one").symlink_to("two")
    (circle / "two").symlink_to("one")
    (circle / "self").symlink_to(".")
    (circle / "up").symlink_to("..")
    (circle / "inside").mkdir()
    (circle / "inside" / "manifest.json").symlink_to("manifest.json")
    answer = brainalign(*command.split())
    assert answer.code == 0
    assert "Traceback" not in answer.err
    if command not in ("run tiny", "show tiny"):
        assert "(tiny/inside, tiny/one, tiny/two): its manifest.json cannot be read" in answer.err


def test_a_store_that_is_a_circle_of_links_is_said(tiny, brainalign, monkeypatch):
    monkeypatch.setenv("BRAINALIGN_RUNS", str(tiny.home / "circle"))
    (tiny.home / "circle").symlink_to("circle")
    answer = brainalign("run", "tiny")
    assert answer.code == 1
    assert "the run of tiny cannot be kept in" in answer.err
    assert "symbolic links" in answer.err
    assert "Traceback" not in answer.err
