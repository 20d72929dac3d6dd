"""From runs to pages: stage the sources, build them with Jupyter Book, check what came out."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import nbformat
import yaml
from nbformat import NotebookNode

from brainalign.book.checks import check_pages
from brainalign.book.generated import contents
from brainalign.book.pages import assemble_page, page_record
from brainalign.book.redirects import write_redirects
from brainalign.book.reference import write_reference_pages
from brainalign.book.side_by_side import Tell, run_side_by_side
from brainalign.catalogue.entries import MissingDataError
from brainalign.catalogue.locations import project_root
from brainalign.runs.chapter import RECORD, Chapter
from brainalign.runs.errors import BookError
from brainalign.runs.execution import Outcome, run_chapter
from brainalign.runs.keys import compute_key
from brainalign.runs.progress import ChapterProgress
from brainalign.runs.registry import CONTENTS
from brainalign.runs.store import ChapterFailedError, Run, RunStore

BUILD = "_build"


@dataclass(frozen=True)
class ChapterOutcome:
    """What the book shows of a chapter.

    Attributes
    ----------
    chapter : Chapter
        The chapter.
    page : NotebookNode or None
        Notebook for the reader; None when the chapter failed.
    failure : Run or None
        The failed run.
    """

    chapter: Chapter
    page: NotebookNode | None
    failure: Run | None = None


def run_chapters(
    chapters: Sequence[Chapter],
    *,
    profile: str,
    progress: ChapterProgress,
    store: RunStore | None = None,
    jobs: int = 1,
    n_threads: int = 1,
) -> list[ChapterOutcome]:
    """Run every chapter, or reuse its run; a chapter that fails does not stop the others.

    Parameters
    ----------
    chapters : sequence of Chapter
        What to run.
    profile : str
        Named set of parameters.
    progress : ChapterProgress
        Display.
    store : RunStore, optional
        Where runs are kept.
    jobs : int
        Chapters at a time; with more than one, each is executed in a process of its own, the longest first.
    n_threads : int
        Threads for the libraries of each chapter's kernel.

    Returns
    -------
    list of ChapterOutcome
        A chapter whose data cannot be had keeps its committed executed version, and its page says so.

    Raises
    ------
    MissingDataError
        When the data cannot be had and no executed version is there either.
    BookError
        When a process of its own was killed.
    """
    run = partial(_run_one, profile=profile, store=store, n_threads=n_threads)
    tell = partial(_show, progress)
    if jobs == 1:
        return [_told(chapter, run(chapter, tell), progress) for chapter in chapters]
    outcomes = {}
    for chapter in chapters:  # what is there already is found sooner than another process starts
        if (end := _found(chapter, profile, store or RunStore())) is not None:
            outcomes[chapter.name] = _told(chapter, end, progress)
    left = [chapter for chapter in chapters if chapter.name not in outcomes]
    for chapter, end in run_side_by_side(left, run, jobs=jobs, tell=tell) if left else ():
        outcomes[chapter.name] = _told(chapter, end, progress)
    return [outcomes[chapter.name] for chapter in chapters]


def _show(progress: ChapterProgress, what: Literal["start", "cell"], chapter: str, *details: Any) -> None:
    getattr(progress, what)(chapter, *details)


End = Outcome | Run | MissingDataError
"""What became of a chapter: a good run, the failed one, or the data that is missing."""


def _run_one(chapter: Chapter, tell: Tell, *, profile: str, store: RunStore | None, n_threads: int) -> End:
    try:
        return run_chapter(
            chapter,
            profile=profile,
            store=store,
            n_threads=n_threads,
            on_start=partial(tell, "start", chapter.name),
            on_cell=partial(tell, "cell", chapter.name),
        )
    except ChapterFailedError as error:
        return error.run
    except MissingDataError as error:
        return error


def _found(chapter: Chapter, profile: str, store: RunStore) -> End | None:
    parameters = chapter.parameters.from_values(chapter.name, {}, profile=profile)
    try:
        run = store.find(chapter.name, compute_key(chapter, parameters))
    except MissingDataError as error:
        return error
    return None if run is None else Outcome(run, reused=True, reasons=[])


def _told(chapter: Chapter, end: End, progress: ChapterProgress) -> ChapterOutcome:
    if isinstance(end, Run):
        progress.failed(chapter.name, str(ChapterFailedError(end)))
        return ChapterOutcome(chapter, None, end)
    if isinstance(end, MissingDataError):
        if not chapter.pair_path.is_file():
            raise end
        progress.failed(chapter.name, f"not executed, the page keeps its last executed version ({end})")
        return _committed(chapter)
    progress.finish(chapter.name, end)
    page = assemble_page(chapter, end.run.notebook(), end.run.manifest)
    return ChapterOutcome(chapter, _mark(page, "reused" if end.reused else "fresh"))


def save_executed_pairs(outcomes: Sequence[ChapterOutcome]) -> None:
    """Write the executed notebooks beside their text sources, to be committed."""
    for outcome in outcomes:
        page = nbformat.from_dict(outcome.page)
        page.metadata[RECORD].pop("origin", None)
        nbformat.write(page, outcome.chapter.pair_path)


def committed_outcomes(chapters: Sequence[Chapter]) -> list[ChapterOutcome]:
    """The book's chapters as they are committed, without running anything.

    Raises
    ------
    BookError
        When a chapter has no executed notebook, or one that no run made.
    """
    return [_committed(chapter) for chapter in chapters]


def build_book(outcomes: Sequence[ChapterOutcome], output: Path | None = None) -> Path:
    """Build and check the pages; an earlier book is replaced only by a sound one.

    Parameters
    ----------
    outcomes : sequence of ChapterOutcome
        Chapters with their pages.
    output : Path, optional
        Folder for the pages; by default ``_build/html`` in the project.

    Returns
    -------
    Path
        ``index.html``.

    Raises
    ------
    BookError
        When Jupyter Book reports a warning, or a page is missing or broken; the text lists what.
    """
    output = (output or project_root() / BUILD / "html").resolve()
    _refuse_foreign_folder(output)
    work = output.with_name(f".{output.name}-in-progress")
    shutil.rmtree(work, ignore_errors=True)
    _stage(outcomes, work / "source")
    _jupyter_book(work)
    pages = work / BUILD / "html"
    redirects = write_redirects((outcome.chapter for outcome in outcomes), pages)
    problems = check_pages(pages, [*pages_of_toc(work / "source" / CONTENTS), *redirects])
    if problems:
        listed = "\n".join(f"- {problem}" for problem in problems)
        msg = f"the book was built, but its pages are not sound (they are kept in {pages}):\n{listed}"
        raise BookError(msg)
    shutil.rmtree(output, ignore_errors=True)
    pages.rename(output)
    shutil.rmtree(work)
    return output / "index.html"


def pages_of_toc(path: Path) -> list[str]:
    """Names of all pages of a `_toc.yml`, without ending."""

    def walk(node: Any) -> list[str]:
        if isinstance(node, Mapping):
            own = [str(node[key]) for key in ("root", "file") if key in node]
            return own + [name for value in node.values() for name in walk(value)]
        return [name for item in node for name in walk(item)] if isinstance(node, list) else []

    return walk(yaml.safe_load(path.read_text(encoding="utf-8")))


def _committed(chapter: Chapter) -> ChapterOutcome:
    page = chapter.read_pair()
    if page is None or page_record(page) is None:
        what = "there is no" if page is None else "no run made the"
        msg = (
            f"{chapter.name}: {what} executed notebook notebooks/{chapter.stem}.ipynb. "
            "Make it with: brainalign book --save-pairs"
        )
        raise BookError(msg)
    return ChapterOutcome(chapter, _mark(page, "committed"))


def _mark(page: NotebookNode, origin: str) -> NotebookNode:
    page.metadata[RECORD]["origin"] = origin
    return page


def _refuse_foreign_folder(output: Path) -> None:
    if output.is_file():
        msg = f"{output} is a file; it would be replaced. Name a folder."
        raise BookError(msg)
    if output.exists() and any(output.iterdir()) and not (output / "searchindex.js").exists():
        msg = f"{output} holds files that are not a built book; it would be replaced. Name another folder."
        raise BookError(msg)


def _stage(outcomes: Sequence[ChapterOutcome], source: Path) -> None:
    root = project_root()
    source.mkdir(parents=True)
    shutil.copy2(root / "_config.yml", source / "_config.yml")
    toc = contents((root / CONTENTS).read_text(encoding="utf-8"), [outcome.chapter for outcome in outcomes])
    toc["parts"] = [part for part in toc["parts"] if part["chapters"]]
    (source / CONTENTS).write_text(yaml.safe_dump(toc, sort_keys=False, allow_unicode=True), encoding="utf-8")
    shutil.copytree(root / "book", source / "book")
    write_reference_pages(source, pages_of_toc(source / CONTENTS))
    (source / "notebooks").mkdir()
    for outcome in outcomes:
        nbformat.write(outcome.page, source / "notebooks" / f"{outcome.chapter.stem}.ipynb")


def _jupyter_book(work: Path) -> None:
    # -W: a warning is an error; -n: so is a reference that leads nowhere. The folder is new, because a second build
    # with -W skips unchanged pages and passes.
    program = "from jupyter_book.cli.main import main; main()"  # the package cannot be run with python -m
    options = ["--path-output", str(work), "-W", "--keep-going", "-n"]
    command = [sys.executable, "-c", program, "build", str(work / "source"), *options]
    plain = {**os.environ, "NO_COLOR": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=plain)
    log = done.stdout + done.stderr
    (work / "build.log").write_text(log, encoding="utf-8")
    if done.returncode != 0:
        warnings = [line for line in log.splitlines() if "WARNING" in line or "ERROR" in line]
        shown = "\n".join(warnings[:30] or log.splitlines()[-30:])
        msg = f"Jupyter Book did not accept the pages (log: {work / 'build.log'}):\n{shown}"
        raise BookError(msg)
