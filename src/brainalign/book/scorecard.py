"""The scorecard: what was published, what was measured here, and the verdict, on one page with links to the cells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
from docutils import nodes
from nbformat import NotebookNode
from sphinx.application import Sphinx

from brainalign.book.claims import LEDGER, Claim, Study, read_ledger
from brainalign.book.directives import MarkdownDirective, escape, markdown_table
from brainalign.book.pages import page_record
from brainalign.book.verdicts import TESTED, Judgement, Verdict, claims_of_cell, counts, judge_all, record_of_page
from brainalign.catalogue.locations import project_root
from brainalign.runs.chapter import Chapter
from brainalign.runs.registry import all_chapters, get_chapter

_HEAD = ("verdict", "claim", "published, and when it holds", "measured here")
_HEAD_UNTESTED = ("claim", "published", "why not yet")


class Scorecard(MarkdownDirective):
    """``{scorecard}``: every claim of the ledger with its verdict, study by study."""

    def lines(self) -> list[str]:
        """Counts, then a section for each study."""
        self.env.note_dependency(str(project_root() / LEDGER))
        ledger = read_ledger()
        chapters = [chapter for chapter in all_chapters() if chapter.declaration.claims]
        judgements = judge_all(ledger, [record_of_page(chapter, self._page(chapter)) for chapter in chapters])
        found = [f"Of {len(judgements)} claims: {counts(judgements)}."]
        for key, study in ledger.studies.items():
            found += ["", *study_lines(study, [one for one in judgements if one.claim.study == key])]
        return found

    def _page(self, chapter: Chapter) -> NotebookNode:
        self.record(chapter.docname)  # complains when no run made the page, and notes the dependency
        return nbformat.read(Path(self.env.srcdir) / f"{chapter.docname}.ipynb", as_version=4)


def study_lines(study: Study, judgements: Sequence[Judgement]) -> list[str]:
    """Markdown of one study: its counts, the claims with a verdict, and those that wait for one.

    Parameters
    ----------
    study : Study
        Whose claims these are.
    judgements : sequence of Judgement
        All claims of the study.

    Returns
    -------
    list of str
        One line per entry.
    """
    cited = f"{{cite:p}}`{study.key}`" if study.key else f"({study.citation})"
    decided = [one for one in judgements if one.verdict is not Verdict.NOT_TESTED]
    waiting = [one for one in judgements if one.verdict is Verdict.NOT_TESTED]
    lines = [f"## {study.title}", "", f"{cited}: {counts(judgements)}.", ""]
    if decided:
        lines += [*markdown_table(_HEAD, map(_row, decided)), ""]
    if waiting:
        title = f"Not yet tested: {len(waiting)} {'claim' if len(waiting) == 1 else 'claims'}"
        lines += [f":::{{dropdown}} {title}", *markdown_table(_HEAD_UNTESTED, map(_row_untested, waiting)), ":::"]
    return lines


def anchor_cells(app: Sphinx, doctree: nodes.document) -> None:
    """Give the cells that recorded evidence an anchor, to which the scorecard links."""
    docname = app.env.docname
    path = Path(app.env.srcdir) / f"{docname}.ipynb"
    page = nbformat.read(path, as_version=4) if path.is_file() else None
    if page is None or page_record(page) is None:
        return
    for container in doctree.findall(nodes.container):
        if container.get("nb_element") == "cell_code":
            for claim in claims_of_cell(page.cells[container["cell_index"]]):
                name = _anchor(claim)
                container["ids"].append(name)
                app.env.get_domain("std").note_hyperlink_target(name, docname, name, claim)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive, and the anchors it links to, with Sphinx."""
    app.add_directive("scorecard", Scorecard)
    app.connect("doctree-read", anchor_cells)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _row(judgement: Judgement) -> tuple[str, ...]:
    claim = judgement.claim
    verdict = _lines(f"**{judgement.verdict}**", escape(judgement.note))
    measured = ""
    if judgement.verdict in TESTED:
        place = f"{{ref}}`{get_chapter(claim.chapter).name} <{_anchor(claim.id)}>`"
        measured = f"{escape(judgement.measured)} (in {place})"
    tested = f"*test:* {escape(claim.audit)}"
    found = _lines(measured, escape(judgement.origin))
    return (verdict, escape(claim.statement), _lines(_published(claim), tested), found)


def _row_untested(judgement: Judgement) -> tuple[str, ...]:
    return (escape(judgement.claim.statement), _published(judgement.claim), escape(judgement.note))


def _published(claim: Claim) -> str:
    return _lines(f"{escape(claim.published)} ({escape(claim.source)})", f"*holds if:* {escape(claim.criterion.text)}")


def _lines(*texts: str) -> str:
    return "<br>".join(filter(None, texts))


def _anchor(claim: str) -> str:
    return f"claim-{claim}"
