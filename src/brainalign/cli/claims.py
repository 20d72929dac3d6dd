"""The command `brainalign claims`: what was published, what was measured here, and the verdict."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from brainalign.book.claims import read_ledger
from brainalign.book.verdicts import Judgement, Record, counts, judge_all, record_of_page, record_of_run
from brainalign.cli.console import open_console, print_json
from brainalign.runs.chapter import Chapter
from brainalign.runs.errors import unknown
from brainalign.runs.registry import all_chapters
from brainalign.runs.store import RunStore

Study = Annotated[str | None, typer.Option(metavar="STUDY", help="Only the claims of this study.")]
Committed = Annotated[
    bool, typer.Option("--committed", help="Judge by the committed notebooks, as the book does, and not by later runs.")
]


def judge_claims(
    study: Study = None,
    committed: Committed = False,
    json_: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Hold every published claim against the latest run of its chapter, or its committed notebook if it has no run."""
    ledger = read_ledger()
    if study is not None and study not in ledger.studies:
        raise unknown(kind="study", given=study, known=ledger.studies)
    store = None if committed else RunStore()
    judgements = judge_all(ledger, filter(None, (_record(chapter, store) for chapter in all_chapters())))
    if json_:
        print_json([_for_programs(one) for one in judgements if study in (None, one.claim.study)])
        return
    console = open_console()
    for key, described in ledger.studies.items():
        if study in (None, key):
            of_study = [judgement for judgement in judgements if judgement.claim.study == key]
            console.print(Text(f"{key}: {described.title} ({described.citation})", style="bold"))
            _print_table(console, of_study)
            console.print(Text(f"{counts(of_study)}\n"))


def _for_programs(judgement: Judgement) -> dict[str, Any]:
    claim = judgement.claim
    described = {name: getattr(claim, name) for name in ("id", "study", "statement", "published", "source", "chapter")}
    found = {name: str(getattr(judgement, name)) for name in ("verdict", "measured", "note", "origin")}
    return described | {"criterion": claim.criterion.text} | found


def _record(chapter: Chapter, store: RunStore | None) -> Record | None:
    runs = store.good_runs(chapter.name) if store else []
    if runs:
        return record_of_run(chapter, runs[0])
    page = chapter.read_pair()
    return record_of_page(chapter, page) if page is not None else None


def _print_table(console: Console, judgements: list[Judgement]) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("claim", no_wrap=True)  # an id that is broken cannot be searched for
    for heading in ("published", "holds if", "measured here", "verdict", "by"):
        table.add_column(heading)
    for judgement in judgements:
        claim = judgement.claim
        verdict = f"{judgement.verdict} ({judgement.note})" if judgement.note else str(judgement.verdict)
        row = (claim.id, claim.published, claim.criterion.text, judgement.measured or "-", verdict)
        table.add_row(*(Text(text) for text in row), Text(judgement.origin or "-"))
    console.print(table)
