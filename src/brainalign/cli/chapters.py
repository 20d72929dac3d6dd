"""Chapters: list them, start a new one, keep in step what follows from their front matter."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from brainalign.book.claims import check_claims
from brainalign.cli.console import open_console
from brainalign.runs.registry import all_chapters
from brainalign.runs.store import RunStore

new_app = typer.Typer(help="Start something new.", no_args_is_help=True)


def list_chapters() -> None:
    """List the chapters and their latest runs."""
    check_claims()
    store = RunStore()
    table = Table("chapter", "part", "asks", "latest run", box=None, pad_edge=False)
    for chapter in all_chapters():
        runs = store.good_runs(chapter.name)
        latest = f"{runs[0].manifest.run_id}, {runs[0].manifest.started[:10]}" if runs else "none yet"
        table.add_row(*(Text(text) for text in (chapter.name, chapter.part, chapter.title, latest)))
    open_console().print(table)


def check_chapters(
    write: Annotated[bool, typer.Option("--write", help="Mend the files that are out of step.")] = False,
) -> None:
    """Say which parameter cells, tables and contents are out of step with the chapters' front matter; or mend them."""
    from brainalign.book.generated import out_of_step

    check_claims()
    console, found = open_console(), out_of_step(write=write)
    for name in found:
        console.print(Text(f"{'written' if write else 'out of step'}: {name}"))
    if not found:
        console.print(Text("Everything agrees with the front matter of the chapters."))
    elif not write:
        console.print(Text("Mend it with: brainalign chapters --write"))
        raise typer.Exit(1)


@new_app.command("chapter")
def new_chapter(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Short name: small letters, digits and _.")],
    part: Annotated[str | None, typer.Option(help="Part of the book; by default the last one.")] = None,
) -> None:
    """Write a working chapter into notebooks/, to be replaced cell by cell. It is in the book at once."""
    from brainalign.book import generated

    made = generated.new_chapter(name, part=part)
    console = open_console()
    console.print(Text(f"written: notebooks/{made.source_path.name}, in the part '{made.part}'"))
    console.print(Text(f"run it:  brainalign run {name} --profile smoke"))
    console.print(Text("then:    brainalign chapters --write   (after every change of its front matter)"))
