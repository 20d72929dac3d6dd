"""What the pages for developers name is there: functions, files, commands, targets of make, marks of tests."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command

from brainalign.book.package_source import ROOMS, canonical_name
from brainalign.cli import app

ROOT = Path(__file__).parents[1]
PAGES = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("CONTRIBUTING.md", "book/developers.md")}

pages = pytest.mark.parametrize("page", PAGES)


@pages
def test_names_of_the_package_are_there(page):
    named = re.findall(r"`(brainalign\.[\w.]+)`", PAGES[page])
    assert [name for name in named if canonical_name(name) is None] == []


@pages
def test_targets_and_commands_are_there(page):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"(?:^|`)make ([a-z-]+)", PAGES[page], re.MULTILINE))
    assert {target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)} == set()
    commands = set(re.findall(r"(?:^|`)brainalign ([a-z]+)", PAGES[page], re.MULTILINE))
    assert commands <= set(get_command(app).commands)


def test_the_map_has_every_room():
    rows = re.findall(r"^\| (`.+?`) \|", PAGES["book/developers.md"], re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(ROOMS)


def test_files_to_touch_are_there():
    files = set(re.findall(r"`((?:data|tests|models|similarity|datasets)/[\w./]+)`", PAGES["book/developers.md"]))
    missing = {name for name in files if not (ROOT / name).exists() and not (ROOT / "src/brainalign" / name).exists()}
    assert files
    assert missing == set()


def test_marks_are_those_of_the_configuration():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    (row,) = re.findall(r"without the marks (.*) \|", PAGES["CONTRIBUTING.md"])
    marks = [mark.split(":")[0] for mark in settings["markers"]]
    assert set(re.findall(r"`(\w+)`", row)) == set(marks)
    fast = re.search(r"^FAST := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)[1]
    assert set(re.findall(r"not (\w+)", fast)) == set(marks)
