"""The book as committed, built once into a temporary folder, and a browser to look at it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from brainalign.book.building import build_book, committed_outcomes
from brainalign.runs.registry import all_chapters
from tests.book.serving import served
from tests.runs.conftest import executed, ran, tiny  # noqa: F401  fixtures

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--enable-unsafe-swiftshader",  # figures in three dimensions are drawn by the processor
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def html(tmp_path_factory) -> Path:
    """Folder of the built pages."""
    return build_book(committed_outcomes(all_chapters()), tmp_path_factory.mktemp("book") / "html").parent


@pytest.fixture(scope="session")
def address(html) -> Iterator[str]:
    """Where the pages are served, on this machine only."""
    with served(html) as url:
        yield url


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium of the system."""
    path = os.environ.get("BRAINALIGN_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        reason = (
            "THE BOOK WAS NOT LOOKED AT: no Chromium found. Install one (Debian: apt-get install chromium), or name it "
            "in BRAINALIGN_CHROMIUM."
        )
        if os.environ.get("BRAINALIGN_REQUIRE_BROWSER"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield opened
        opened.close()
