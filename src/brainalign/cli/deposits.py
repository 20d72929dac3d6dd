"""The commands `brainalign deposit`, `brainalign deposits` and `brainalign stages`."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from brainalign.cli.console import open_console, readable_bytes
from brainalign.runs.store import RunStore

stages_app = typer.Typer(
    help="List and remove finished stages, with which a stopped run goes on.", no_args_is_help=True
)


def deposit(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Run id, its beginning, or a chapter's name.")],
    by: Annotated[str, typer.Option(metavar="NAME", help="Who answers for it.")],
    note: Annotated[str, typer.Option(metavar="TEXT", help="What a reader should know of it.")] = "",
) -> None:
    """Copy a run with the profile paper, or from a graphics card, into the repository, for the book."""
    from brainalign.runs.deposits import deposit_run

    made = deposit_run(RunStore().open(run), by=by, note=note)
    console = open_console()
    console.print(Text(f"{made.name}: deposited, signed by {made.facts['signed_by']} ({made.state})"))
    for name, size in made.facts["left_out"].items():
        console.print(Text(f"left out, too large: {name} ({readable_bytes(size)})"))


def list_all() -> None:
    """List the deposited runs, and whether they still fit the code."""
    from brainalign.runs.deposits import list_deposits

    console, found = open_console(), list_deposits()
    if not found:
        console.print(Text("there are no deposits; make one of a run with: brainalign deposit RUN --by NAME"))
        return
    table = Table("deposit", "profile", "signed by", "signed", "state", box=None, pad_edge=False)
    for one in found:
        state = ": ".join(filter(None, [one.state, "; ".join(one.reasons)]))
        profile = one.manifest.profile if one.manifest else "unknown"
        signed = (one.facts.get("signed_by", "unknown"), one.facts.get("signed", "unknown")[:10])
        table.add_row(*(Text(text) for text in (one.name, profile, *signed, state)))
    console.print(table)


@stages_app.command("list")
def show_stages() -> None:
    """List finished stages: name, key, size, what computing took, and when it was last used."""
    from brainalign.runs.stages import list_stages, stages_folder

    table = Table("stage", "key", "size", "seconds", "last used", box=None, pad_edge=False)
    for one in list_stages():
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.used))
        cells = (one.name, one.key[:16], readable_bytes(one.n_bytes), f"{one.seconds:.1f}", used)
        table.add_row(*(Text(text) for text in cells))
    console = open_console()
    console.print(table if table.rows else Text("there are no finished stages"))
    console.print(Text(f"folder: {stages_folder()}"), soft_wrap=True)


@stages_app.command("clean")
def clean_stages(
    unused_days: Annotated[float, typer.Option(metavar="N", min=0, help="Only those not used for N days.")] = 0,
) -> None:
    """Remove finished stages, and what killed processes left; they are computed again when they are needed."""
    from brainalign.runs.stages import remove_stages

    freed = remove_stages(unused_days=unused_days)
    open_console().print(Text(f"{readable_bytes(freed)} freed"))
