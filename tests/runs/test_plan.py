"""What is told before anything is spent."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from brainalign.catalogue.entries import catalogue
from brainalign.runs import plan
from brainalign.runs.errors import UsageError
from brainalign.runs.grids import make_grid
from brainalign.runs.plan import check_room, plan_run, plan_sweep
from tests.runs.tiny import CATALOGUE, manifest, put, tiny_chapter

FETCHED = """
  url: https://raw.githubusercontent.com/somebody/something/main
  files:
    - {path: data/tiny.csv, sha256: "00", bytes: 3000}
    - {path: data/more.csv, sha256: "01", bytes: 500}
"""
BY_HAND = "\n  obtain: ask its owner\n"


@pytest.fixture
def tiny_data(tiny, monkeypatch):
    """Let the chapter's data come from somewhere else."""
    monkeypatch.setenv("BRAINALIGN_HOME", str(tiny.home / "data"))
    monkeypatch.delenv("BRAINALIGN_MIRROR", raising=False)

    def change(text):
        old = "\n  files:\n    - path: data/tiny.csv\n"
        (tiny.root / "data" / "catalogue.yml").write_text(CATALOGUE.replace(old, text), encoding="utf-8")
        catalogue.cache_clear()

    return change


def test_without_an_earlier_run_the_time_is_the_declared_one(tiny):
    found = plan_run(tiny_chapter())
    assert (found.n_runs, found.n_existing, found.n_missing) == (1, 0, 1)
    assert (found.seconds, found.run_bytes, found.store_bytes, found.total_seconds()) == (6.0, None, 0, 6.0)
    assert (found.downloads, found.by_hand) == ({}, [])
    assert not tiny.runs.exists()


def test_time_and_room_are_the_medians_of_earlier_runs_of_the_profile(tiny):
    for n, profile, seconds in ((1, "smoke", 1.0), (2, "default", 10.0), (4, "default", 30.0), (5, "default", 20.0)):
        put(tiny.store, manifest(tiny.key(n=n), profile=profile, seconds=seconds))
    grid = make_grid({"product": {"n": {"from": 1, "to": 7}}})
    found = plan_sweep(tiny_chapter(), grid)
    assert (found.n_runs, found.n_existing, found.n_missing) == (7, 4, 3)
    assert (found.seconds, found.n_earlier) == (20.0, 3)
    assert [found.total_seconds(workers) for workers in (1, 2, 3, 9)] == [60.0, 40.0, 20.0, 20.0]
    size = sum(path.stat().st_size for path in (tiny.runs / "tiny" / tiny.key(n=2).digest[:12]).iterdir())
    assert found.store_bytes == pytest.approx(3 * size, rel=0.02)
    assert plan_run(tiny_chapter(), profile="smoke").seconds == 1.0


def test_times_of_runs_with_the_same_values_count_before_others(tiny):
    for n, seconds in ((2, 10.0), (90, 80.0)):
        put(tiny.store, manifest(tiny.key(n=n), seconds=seconds))
    alike = plan_run(tiny_chapter(), {"n": 90, "device": "cpu"})
    assert (alike.seconds, alike.n_earlier, alike.other_values) == (80.0, 1, [])
    larger = plan_run(tiny_chapter(), {"n": 99})
    assert (larger.seconds, larger.n_earlier, larger.other_values) == (45.0, 2, ["n"])
    both = plan_sweep(tiny_chapter(), make_grid({"product": {"n": [2, 90]}}))
    assert (both.seconds, both.other_values) == (45.0, [])
    assert plan_sweep(tiny_chapter(), make_grid({"product": {"n": [2, 3]}})).other_values == ["n"]


@pytest.mark.parametrize("values", [{}, {"n": 4}])
def test_without_a_run_the_defaults_take_as_long_as_the_committed_page(tiny, values):
    made = {"seconds": 7.5, "parameters": tiny.key().parameters}
    tiny.chapter.pair_path.write_text(json.dumps({"metadata": {"brainalign": made}}), encoding="utf-8")
    found = plan_run(tiny_chapter(), values)
    assert (found.seconds, found.is_of_page, found.n_earlier, found.other_values) == (7.5, True, 0, list(values))
    assert plan_run(tiny_chapter(), profile="smoke").seconds is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"metadata": {}}', '{"metadata": {"brainalign": {"seconds": 1}}}'])
def test_a_page_without_a_time_is_passed_over(tiny, content):
    tiny.chapter.pair_path.write_text(content, encoding="utf-8")
    found = plan_run(tiny_chapter(), {"n": 4})
    assert (found.seconds, found.is_of_page, found.other_values) == (6.0, False, ["n"])


def test_a_profile_without_runs_takes_those_of_the_others(tiny):
    put(tiny.store, manifest(tiny.key(n=1), profile="smoke", seconds=4.0))
    assert plan_run(tiny_chapter()).seconds == 4.0


def test_a_million_runs_are_planned_without_being_written_out(tiny, monkeypatch):
    monkeypatch.setattr(plan, "MOST_LOOKED_UP", 20)
    million = make_grid(
        {"product": {"n": {"from": 1, "to": 100}, "scale": {"from": 0.0009, "to": 9.0, "step": 0.0009}}}
    )
    put(tiny.store, manifest(tiny.key(n=1, scale=0.0009), seconds=2.0))
    found = plan_sweep(tiny_chapter(), million)
    assert (found.n_runs, found.n_existing) == (1_000_000, 1)
    assert found.total_seconds(2) == 2.0 * 500_000


def test_bytes_to_download_are_those_of_files_that_are_not_here(tiny, tiny_data):
    tiny_data(FETCHED)
    assert plan_run(tiny_chapter()).downloads == {"tiny-table": 3500}
    kept = tiny.home / "data" / "files" / "raw.githubusercontent.com" / "somebody" / "something" / "main" / "data"
    kept.mkdir(parents=True)
    (kept / "more.csv").write_text("", encoding="utf-8")
    assert plan_run(tiny_chapter()).download_bytes == 3000


def test_data_by_hand_is_named(tiny, tiny_data):
    tiny_data(BY_HAND)
    assert plan_run(tiny_chapter()).by_hand == ["tiny-table"]


def test_what_does_not_fit_on_the_disk_is_refused(tiny, tiny_data, monkeypatch):
    tiny_data(FETCHED)
    found = plan_run(tiny_chapter())
    monkeypatch.setattr(plan.shutil, "disk_usage", lambda _: SimpleNamespace(free=3500))
    check_room([found, found])  # the same download counts once
    monkeypatch.setattr(plan.shutil, "disk_usage", lambda _: SimpleNamespace(free=3499))
    with pytest.raises(UsageError, match=r"^0\.0 MB are needed, and the disk of"):
        check_room([found])


def test_runs_and_data_on_one_disk_are_added(tiny, tiny_data, monkeypatch):
    put(tiny.store, manifest(tiny.key(n=1)))
    tiny_data(FETCHED)
    found = plan_run(tiny_chapter())
    needed = found.store_bytes + 3500
    for free, fits in ((needed, True), (needed - 1, False)):
        monkeypatch.setattr(plan.shutil, "disk_usage", lambda _, free=free: SimpleNamespace(free=free))
        if fits:
            check_room([found])
        else:
            with pytest.raises(UsageError, match="Make room"):
                check_room([found])


def test_wrong_names_are_refused(tiny):
    with pytest.raises(UsageError, match=r"unknown parameter of tiny: 'nn'"):
        plan_sweep(tiny_chapter(), make_grid({"product": {"nn": [1]}}))
    with pytest.raises(UsageError, match=r"unknown profile of tiny: 'paper'"):
        plan_run(tiny_chapter(), profile="paper")
