"""Checking of the executed chapters: real data may lie beside the project; a chapter that lacks its data says so."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from brainalign.catalogue.entries import MIRROR, MissingDataError, files_of
from brainalign.runs.registry import all_chapters

_BESIDE_THE_PROJECT = Path(__file__).parents[2] / "shared" / "data"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    """Let the kernel, which starts with a notebook's first cell, find the mirror; skip a chapter without its data."""
    lend = not os.environ.get(MIRROR) and _BESIDE_THE_PROJECT.is_dir()
    if lend:
        os.environ[MIRROR] = str(_BESIDE_THE_PROJECT)
    try:
        for chapter in all_chapters():
            if item.path.name == f"{chapter.stem}.ipynb":
                _need(chapter.parameters().data())
        return (yield)
    finally:
        if lend:
            del os.environ[MIRROR]


def _need(references: tuple[str, ...]) -> None:
    for reference in references:
        try:
            files_of(reference)
        except MissingDataError as error:
            pytest.skip(f"real data not here: {error}")
