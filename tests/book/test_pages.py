"""The built pages, without a browser."""

from __future__ import annotations

import re

import pytest
from bs4 import BeautifulSoup

from brainalign.book.building import pages_of_toc
from brainalign.book.checks import check_pages
from brainalign.catalogue.entries import catalogue, state_of
from brainalign.catalogue.locations import project_root
from brainalign.runs.registry import all_chapters

PAGES = pages_of_toc(project_root() / "_toc.yml")
pages = pytest.mark.parametrize("page", PAGES)


def article(html, page):
    return BeautifulSoup((html / f"{page}.html").read_text(encoding="utf-8"), "html.parser").find("article")


def test_table_of_contents_lists_every_prose_page():
    prose = {f"book/{path.stem}" for path in (project_root() / "book").glob("*.md")}
    assert prose <= set(PAGES)


def test_pages_are_sound(html):
    assert check_pages(html, PAGES) == []


@pages
def test_page_has_one_title_and_says_something(html, page):
    content = article(html, page)
    assert len(content.find_all("h1")) == 1
    assert len(content.get_text().split()) > 40


@pytest.mark.parametrize("chapter", all_chapters(), ids=lambda chapter: chapter.name)
def test_chapter_page_shows_numbers_and_how_they_were_made(html, chapter):
    content = article(html, chapter.docname)
    text = content.get_text()
    assert "How the numbers on this page were made" in text
    assert f"brainalign run {chapter.name}" in text
    assert len(content.find_all("figure")) >= 2
    assert len(content.find_all("figcaption")) == len(content.find_all("figure"))
    assert "Solution" in text
    for code in content.select("div.cell_input"):
        code.decompose()  # where nan may be written on purpose
    assert not re.search(r"\bnan\b|\{glue", content.get_text())


def test_status_page_lists_every_chapter_with_versions(html):
    text = article(html, "book/status").get_text()
    for chapter in all_chapters():
        assert chapter.name in text
    assert "as committed, not executed for this build" in text
    assert re.search(r"numpy\s+2\.", text)


def test_parameter_page_lists_every_parameter(html):
    text = article(html, "book/parameters").get_text()
    for chapter in all_chapters():
        for info in chapter.parameters.describe():
            assert info.name in text
            assert info.help.replace("'", "’") in text.replace("'", "’")  # quotes are set on pages


def test_commands_on_the_pages_exist(html):
    from typer.main import get_command

    from brainalign.cli import app

    known = set(get_command(app).commands)
    shown = {
        command
        for page in PAGES
        for code in article(html, page).find_all(["code", "pre"])
        for command in re.findall(r"(?<!from )\bbrainalign ([a-z]+)", code.get_text())
    }
    assert shown
    assert shown <= known


def test_make_targets_on_the_pages_exist(html):
    makefile = (project_root() / "Makefile").read_text(encoding="utf-8")
    shown = {
        target
        for page in PAGES
        for code in article(html, page).find_all(["code", "pre"])
        for target in re.findall(r"^make ([a-z-]+)", code.get_text(), re.MULTILINE)
    }
    assert {"book", "test"} <= shown
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in shown)


def test_status_says_where_it_cannot_tell_whether_a_chapter_is_up_to_date(html):
    unknown = article(html, "book/status").get_text().count("not known where this was built")
    lacking = [
        chapter.name
        for chapter in all_chapters()
        if any(
            name in catalogue() and state_of(name) in ("not here", "partly here")
            for name in chapter.parameters().data()
        )
    ]
    assert unknown == len(lacking), lacking


def test_earlier_addresses_lead_to_the_chapters(html):
    earlier = {stem: chapter.stem for chapter in all_chapters() for stem in chapter.declaration.formerly}
    assert len(earlier) >= 23
    for old, now in earlier.items():
        page = BeautifulSoup((html / "notebooks" / f"{old}.html").read_text(encoding="utf-8"), "html.parser")
        assert page.find("link", rel="canonical")["href"] == f"{now}.html"
        assert (html / "notebooks" / f"{now}.html").is_file()
