"""Chapters in processes of their own."""

from __future__ import annotations

import os
import signal
import time

import pytest

from brainalign.book.side_by_side import run_side_by_side
from brainalign.catalogue.locations import project_root
from brainalign.runs.errors import BookError, UsageError
from brainalign.runs.registry import all_chapters

CHAPTERS = all_chapters()[:3]


@pytest.fixture(autouse=True)
def found_by_other_processes(monkeypatch):
    monkeypatch.syspath_prepend(project_root())


def name_of(chapter, tell):
    tell("start", chapter.name, ["a reason"])
    return chapter.name, os.getpid()


def refuse(chapter, tell):
    raise UsageError("not", chapter.name)


def die(chapter, tell):
    os.kill(os.getpid(), signal.SIGKILL)


def wait(chapter, tell):
    tell("start", chapter.name)
    try:
        time.sleep(600)
    finally:
        tell("end", chapter.name)


def test_every_chapter_is_run_elsewhere_and_tells_here():
    told = []
    ended = dict(run_side_by_side(CHAPTERS, name_of, jobs=2, tell=lambda *message: told.append(message)))
    assert {chapter.name: name for chapter, (name, _) in ended.items()} == {one.name: one.name for one in CHAPTERS}
    assert all(process != os.getpid() for _, process in ended.values())
    assert sorted(told) == sorted(("start", chapter.name, ["a reason"]) for chapter in CHAPTERS)


def test_the_longest_starts_first():
    told = []
    list(run_side_by_side(CHAPTERS, name_of, jobs=1, tell=lambda _, name, __: told.append(name)))
    assert told == [one.name for one in sorted(CHAPTERS, key=lambda one: -one.declaration.minutes)]


def test_what_is_raised_there_is_raised_here():
    with pytest.raises(UsageError, match="not"):
        list(run_side_by_side(CHAPTERS[:1], refuse, jobs=2, tell=print))


def test_a_killed_process_is_told_with_what_to_do():
    with pytest.raises(BookError, match="--jobs 1"):
        list(run_side_by_side(CHAPTERS[:1], die, jobs=1, tell=print))


def test_an_interruption_reaches_the_other_processes():
    told = []

    def tell(*message):
        told.append(message)
        if message[0] == "start":
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # libraries of clusters set one of their own
    try:
        with pytest.raises(KeyboardInterrupt):
            list(run_side_by_side(CHAPTERS[:1], wait, jobs=1, tell=tell))
    finally:
        signal.signal(signal.SIGINT, before)
    assert told == [("start", CHAPTERS[0].name), ("end", CHAPTERS[0].name)]
