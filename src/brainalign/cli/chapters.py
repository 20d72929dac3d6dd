"""Chapters: list them, start a new one, keep in step what follows from their front matter."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from brainalign.book.claims import check_claims
from brainalign.catalogue.entries import state_of
from brainalign.cli.console import open_console, print_json
from brainalign.runs.declared import fetchable_data
from brainalign.runs.parameters import DEFAULT_PROFILE
from brainalign.runs.registry import all_chapters
from brainalign.runs.store import RunStore

new_app = typer.Typer(help="Start something new.", no_args_is_help=True)


def list_chapters(json_: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False) -> None:
    """List the chapters, their latest runs, and what of their data has to be fetched."""
    check_claims()
    store, rows = RunStore(), []
    for chapter in all_chapters():
        runs = store.good_runs(chapter.name)
        latest = {"run": runs[0].manifest.run_id, "started": runs[0].manifest.started} if runs else None
        rows.append(
            {
                "chapter": chapter.name,
                "part": chapter.part,
                "title": chapter.title,
                "minutes": chapter.declaration.minutes,
                "profiles": list(chapter.parameters.profiles),
                "latest_run": latest,
                "to_fetch": fetchable_data([chapter], DEFAULT_PROFILE),
            }
        )
    if json_:
        print_json(rows)
        return
    table = Table("chapter", "part", "asks", box=None, pad_edge=False)
    table.add_column("latest run", no_wrap=True)  # an id that is cut off cannot be asked for
    table.add_column("data to download")
    for row in rows:
        latest = row["latest_run"]
        told = f"{latest['run']}, {latest['started'][:10]}" if latest else "none yet"
        texts = (row["chapter"], row["part"], row["title"], told, ", ".join(map(_with_state, row["to_fetch"])))
        table.add_row(*map(Text, texts))
    open_console().print(table)


def _with_state(name: str) -> str:
    return f"{name} (here)" if state_of(name) in ("here", "mirror") else name


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
