"""From runs to a book, with Jupyter Book replaced: it has tests of its own."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import nbformat
import pytest
from rich.console import Console

from brainalign.book import building as book
from brainalign.book.building import (
    build_book,
    committed_outcomes,
    pages_of_toc,
    run_chapters,
    save_executed_pairs,
)
from brainalign.book.pages import page_record
from brainalign.book.redirects import write_redirects
from brainalign.book.reference import reference_pages
from brainalign.catalogue.entries import MissingDataError
from brainalign.catalogue.locations import project_root
from brainalign.runs.errors import BookError, UsageError
from brainalign.runs.execution import run_chapter
from brainalign.runs.progress import chapter_progress
from brainalign.runs.registry import all_chapters
from brainalign.runs.store import ChapterFailedError, Run
from tests.runs.tiny import manifest, tiny_chapter

SOUND = "<html><body><article><h1>Tiny</h1></article></body></html>"


@pytest.fixture
def said():
    return StringIO()


@pytest.fixture
def progress(said):
    with chapter_progress(Console(file=said, width=200), 2) as shown:
        yield shown


@pytest.fixture
def outcomes(ran, progress):
    return run_chapters([ran.chapter], profile="default", progress=progress)


@pytest.fixture
def jupyter_book(monkeypatch):
    """Pages that Jupyter Book would write, by name."""
    pages = {"book/intro": SOUND, "notebooks/01_tiny": SOUND, "searchindex": ""}

    def build(work):
        for name, text in pages.items():
            path = work / "_build" / "html" / (f"{name}.js" if name == "searchindex" else f"{name}.html")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        (work / "_build" / "html" / "index.html").write_text(SOUND, encoding="utf-8")

    monkeypatch.setattr(book, "_jupyter_book", build)
    return pages


# The chapters of a book


def test_a_chapter_that_is_there_is_reused(outcomes, said):
    (outcome,) = outcomes
    assert outcome.failure is None
    assert page_record(outcome.page)["origin"] == "reused"
    assert "tiny: reused run" in said.getvalue()
    assert "(nothing it depends on has changed)" in said.getvalue()


def test_a_chapter_that_fails_does_not_stop_the_others(ran, progress, said, monkeypatch):
    broken = replace(tiny_chapter(), declaration=tiny_chapter().declaration.model_copy(update={"name": "broken"}))
    error = {"kind": "ValueError", "text": "no luck"}
    failed = Run(ran.runs, manifest(ran.key(), chapter="broken", status="failed", error=error))

    def run(chapter, **options):
        if chapter is broken:
            raise ChapterFailedError(failed)
        return run_chapter(chapter, **options)

    monkeypatch.setattr(book, "run_chapter", run)
    first, second = run_chapters([broken, ran.chapter], profile="default", progress=progress)
    assert (first.page, first.failure) == (None, failed)
    assert second.page is not None
    assert "broken: broken failed: ValueError: no luck" in said.getvalue()


def test_a_chapter_without_its_data_keeps_its_committed_page(ran, outcomes, progress, said):
    save_executed_pairs(outcomes)
    (ran.root / "data" / "tiny.csv").unlink()
    (outcome,) = run_chapters([ran.chapter], profile="default", progress=progress)
    assert page_record(outcome.page)["origin"] == "committed"
    assert outcome.page.cells == outcomes[0].page.cells
    assert "tiny: not executed, the page keeps its last executed version (tiny-table: the file data/tiny" in (
        said.getvalue()
    )


def test_a_chapter_without_its_data_and_without_a_committed_page_stops_the_book(ran, progress):
    (ran.root / "data" / "tiny.csv").unlink()
    with pytest.raises(MissingDataError):
        run_chapters([ran.chapter], profile="default", progress=progress)


def test_pairs_are_written_beside_their_source_without_a_trace_of_this_build(ran, outcomes):
    save_executed_pairs(outcomes)
    pair = nbformat.read(ran.root / "notebooks" / "01_tiny.ipynb", as_version=4)
    nbformat.validate(pair)
    assert "origin" not in page_record(pair)
    assert page_record(outcomes[0].page)["origin"] == "reused"
    assert pair.cells == outcomes[0].page.cells
    written = ran.chapter.pair_path.read_bytes()
    save_executed_pairs(outcomes)
    assert ran.chapter.pair_path.read_bytes() == written
    (committed,) = committed_outcomes([ran.chapter])
    assert page_record(committed.page)["origin"] == "committed"


# The pages


@pytest.mark.parametrize(
    ("text", "pages"),
    [
        ("root: book/intro", ["book/intro"]),
        ("root: a\nchapters:\n- file: b\n- file: c\n  sections:\n  - file: d\n- url: https://a.org", list("abcd")),
        ("root: a\nparts:\n- caption: file\n  numbered: true\n  chapters:\n  - file: b\n- chapters:\n  - file: c",
         list("abc")),
    ],
)  # fmt: skip
def test_pages_of_a_table_of_contents(tmp_path, text, pages):
    (tmp_path / "_toc.yml").write_text(text, encoding="utf-8")
    assert pages_of_toc(tmp_path / "_toc.yml") == pages


def test_pages_of_this_book_exist(monkeypatch):
    monkeypatch.delenv("BRAINALIGN_PROJECT", raising=False)
    pages = pages_of_toc(project_root() / "_toc.yml")
    assert len(pages) == len(set(pages))
    assert {chapter.docname for chapter in all_chapters()} <= set(pages)
    missing = {page for page in pages if not (project_root() / f"{page}.md").is_file()}
    assert missing == set(reference_pages())  # written when the book is built


def test_a_sound_book_replaces_the_one_before(ran, outcomes, jupyter_book):
    index = build_book(outcomes)
    assert index == ran.root / "_build" / "html" / "index.html"
    (index.parent / "of-the-book-before.html").write_text("old", encoding="utf-8")
    assert build_book(outcomes) == index
    assert not (index.parent / "of-the-book-before.html").exists()
    assert [path.name for path in (ran.root / "_build").iterdir()] == ["html"]
    assert set(jupyter_book) > {"searchindex"}


def test_a_book_with_problems_leaves_the_one_before(ran, outcomes, jupyter_book):
    index = build_book(outcomes)
    index.write_text("the book before", encoding="utf-8")
    jupyter_book["notebooks/01_tiny"] = SOUND.replace("</h1>", '</h1><a href="gone.html">x</a><img src="no.png">')
    with pytest.raises(BookError) as refused:
        build_book(outcomes)
    assert str(refused.value).splitlines()[1:] == [
        "- notebooks/01_tiny: the picture no.png has no alt text",
        "- notebooks/01_tiny: gone.html leads nowhere",
        "- notebooks/01_tiny: no.png leads nowhere",
    ]
    assert index.read_text(encoding="utf-8") == "the book before"
    jupyter_book["notebooks/01_tiny"] = SOUND
    assert build_book(outcomes).read_text(encoding="utf-8") == SOUND


@pytest.mark.usefixtures("jupyter_book")
def test_sources_are_staged_with_the_pages_of_the_runs(ran, outcomes, monkeypatch):
    staged, build = {}, book._jupyter_book

    def look(work):
        staged.update({str(p.relative_to(work / "source")): p for p in (work / "source").rglob("*") if p.is_file()})
        staged["cells"] = nbformat.read(staged["notebooks/01_tiny.ipynb"], as_version=4).cells
        build(work)

    monkeypatch.setattr(book, "_jupyter_book", look)
    build_book(outcomes, ran.root / "elsewhere")
    assert staged.pop("cells") == outcomes[0].page.cells
    assert set(staged) == {"_config.yml", "_toc.yml", "book/intro.md", "notebooks/01_tiny.ipynb"}
    assert (ran.root / "elsewhere" / "index.html").is_file()


@pytest.mark.usefixtures("jupyter_book")
def test_a_folder_with_other_files_is_refused_and_left_alone(ran, outcomes):
    before = {path: path.read_bytes() for path in (ran.root / "data").iterdir()}
    with pytest.raises(BookError, match="data holds files that are not a built book"):
        build_book(outcomes, ran.root / "data")
    with pytest.raises(BookError, match=r"_toc\.yml is a file"):
        build_book(outcomes, ran.root / "_toc.yml")
    assert {path: path.read_bytes() for path in (ran.root / "data").iterdir()} == before
    assert (ran.root / "_toc.yml").is_file()


@pytest.mark.usefixtures("jupyter_book")
@pytest.mark.parametrize("present", [[], ["searchindex.js", "old.html"]])
def test_an_empty_folder_or_an_earlier_book_may_be_replaced(ran, outcomes, present):
    folder = ran.root / "pages"
    folder.mkdir()
    for name in present:
        (folder / name).write_text("old", encoding="utf-8")
    build_book(outcomes, folder)
    assert not (folder / "old.html").exists()


# What is said meanwhile


def test_progress_away_from_a_terminal_is_one_line_a_step(ran, said, progress):
    progress.start("tiny", ["code: cell 2", "lock: requirements.lock"])
    progress.cell("tiny", 1, 4)
    progress.failed("tiny", "[red]no[/red]")
    assert said.getvalue() == "tiny: executing (code: cell 2; lock: requirements.lock)\ntiny: [red]no[/red]\n"
    assert ran.store.good_runs("tiny") != []


def test_a_committed_book_without_an_executed_notebook_says_what_to_do(tiny):
    with pytest.raises(BookError, match=r"^tiny: there is no executed notebook"):
        committed_outcomes([tiny.chapter])


def test_a_committed_notebook_that_no_run_made_is_refused(tiny):
    nbformat.write(nbformat.v4.new_notebook(), tiny.chapter.pair_path)
    with pytest.raises(BookError, match=r"^tiny: no run made the executed notebook"):
        committed_outcomes([tiny.chapter])


def test_the_address_of_a_page_of_today_is_no_earlier_address(ran, tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "01_tiny.html").write_text(SOUND, encoding="utf-8")
    ran.edit("notebooks/01_tiny.md", "  minutes: 0.1\n", "  minutes: 0.1\n  formerly: [01_tiny]\n")
    with pytest.raises(UsageError, match="'01_tiny' is the name of a page"):
        write_redirects([ran.chapter], tmp_path)
