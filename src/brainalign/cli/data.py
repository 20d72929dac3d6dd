"""The command `brainalign data`: which data there is, fetching it, verifying it, and where it lies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import DownloadColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text

from brainalign.catalogue.entries import catalogue, entry, folder_of, problems_of, state_of
from brainalign.catalogue.home import data_home
from brainalign.cli.bad_input import bad_input
from brainalign.cli.console import open_console, readable_bytes
from brainalign.runs.errors import UsageError
from brainalign.runs.progress import PlainLines, open_bars

data_app = typer.Typer(help="List, get and verify the data, and say where it lies.", no_args_is_help=True)

Names = Annotated[list[str] | None, typer.Argument(metavar="NAME...", help="Names out of: brainalign data list")]


@data_app.command("list")
def list_data() -> None:
    """List the data: name, kind, size, licence, and whether it is here."""
    from brainalign.catalogue.download import bytes_of  # imports httpx2, which the other commands do without

    table = Table("name", "kind", box=None, pad_edge=False)
    table.add_column("size", justify="right")
    table.add_column("licence")
    table.add_column("state")
    for name, record in catalogue().items():
        size = record.size or "unknown" if record.obtain else readable_bytes(bytes_of(name))
        table.add_row(*(Text(text) for text in (name, record.kind, size, record.licence, state_of(name))))
    console = open_console()
    console.print(table)
    console.print(Text("get what is not here with: brainalign data get NAME (it also says how to get what is by hand)"))


@data_app.command()
def get(
    names: Names = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything that can be fetched.")] = False,
) -> None:
    """Fetch data that is not here, continuing what was cut off, and verify it."""
    from brainalign.catalogue.download import bytes_of, fetch

    if everything == bool(names):
        msg = "name the data to get, or give --all, not both. The names are shown by: brainalign data list"
        raise UsageError(msg)
    chosen = [name for name, record in catalogue().items() if record.url] if everything else _known(names or [])
    console = open_console()
    for name in chosen:
        with _bar(console, name, bytes_of(name)) as on_progress, bad_input():
            found = fetch(name, on_progress=on_progress)
        files = "1 file" if len(found) == 1 else f"{len(found)} files"
        console.print(Text(f"{name}: {files}, {readable_bytes(bytes_of(name))}, verified ({state_of(name)})"))


@data_app.command()
def verify(names: Names = None) -> None:
    """Check the checksums of the named data, or of all that is here; exit code 1 when something is wrong."""
    console, n_wrong = open_console(), 0
    chosen = _known(names) if names else [name for name in catalogue() if state_of(name) not in ("not here", "by hand")]
    for name in chosen:
        problems = problems_of(name)
        n_wrong += bool(problems)
        for text in problems or [f"{name}: {_sound(name)}"]:
            console.print(Text(text))
    if n_wrong:
        raise typer.Exit(1)


@data_app.command()
def where(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="A name out of: brainalign data list")] = None,
) -> None:
    """Print the folder of all data, or of one; data obtained by hand is looked for there."""
    folder = data_home() if name is None else folder_of(*_known([name]))
    open_console().print(Text(str(folder)), soft_wrap=True)  # for a shell: one line, however long


def _sound(name: str) -> str:
    n_files = len(entry(name).files)
    if not n_files:
        return "obtained by hand, so that no checksums are known"
    return "1 file is as it should be" if n_files == 1 else f"{n_files} files are as they should be"


def _known(names: list[str]) -> list[str]:
    with bad_input():
        for name in names:
            entry(name)
    return names


@contextmanager
def _bar(console: Console, name: str, n_bytes: int) -> Iterator:
    """Shows how many bytes of all files have arrived; yields the function that is told of them."""
    with open_bars(console, DownloadColumn(), TransferSpeedColumn()) as bars:
        task, lines = bars.add_task(name, total=n_bytes), PlainLines(console, bars)
        arrived: dict[str, int] = {}

        def on_progress(path: str, n_bytes_here: int) -> None:
            arrived[path] = n_bytes_here
            n_bytes_in_all = sum(list(arrived.values()))
            bars.update(task, completed=n_bytes_in_all)
            lines.tell(f"{name}: {readable_bytes(n_bytes_in_all)} of {readable_bytes(n_bytes)}")

        yield on_progress
