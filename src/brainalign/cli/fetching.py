"""How `brainalign models fetch` fetches many models: one after the other, going on after a failure."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from brainalign.catalogue.home import data_home
from brainalign.catalogue.kept_models import HUBS, is_fetched
from brainalign.catalogue.references import Reference, rows_of
from brainalign.cli.console import open_console, readable_bytes
from brainalign.runs.errors import UsageError
from brainalign.runs.progress import open_bars

if TYPE_CHECKING:
    from brainalign.models.fetching import Fetched


@dataclass(frozen=True)
class Listed:
    """What the list of models knows of the sizes of some models.

    Attributes
    ----------
    n_models, n_kept : int
        All of them, and those that are kept already.
    topology_bytes : int
        What topological alignment needs of all of them.
    full_bytes : int
        Their checkpoints; towers of one checkpoint count it once.
    to_fetch : int
        Bytes to fetch of those that are not kept.
    unknown : list of str
        Models whose sizes are not listed.
    """

    n_models: int
    n_kept: int
    topology_bytes: int
    full_bytes: int
    to_fetch: int
    unknown: list[str]


def sizes_of(references: Sequence[Reference], *, full: bool = False) -> Listed:
    """Sizes of models as listed; nothing is asked of a server.

    Parameters
    ----------
    references : sequence of Reference
        The models.
    full : bool
        Whether whole checkpoints would be fetched.

    Returns
    -------
    Listed
    """
    n_kept, needs, checkpoints, to_fetch, unknown = 0, 0, {}, {}, []
    for reference in references:
        kept = reference.hub not in HUBS or is_fetched(reference, whole=full)
        n_kept += kept
        size = _listed_bytes(reference)
        if size is None:
            unknown.append(str(reference))
            continue
        needs += size[0]
        checkpoints[reference.files] = size[1]
        if not kept:
            to_fetch[reference.files if full else reference] = size[1] if full else size[0]
    return Listed(len(references), n_kept, needs, sum(checkpoints.values()), sum(to_fetch.values()), unknown)


def show_sizes(references: Sequence[Reference], *, full: bool) -> None:
    """Say how many models would be fetched, and how many bytes."""
    listed, console = sizes_of(references, full=full), open_console()
    share = f" ({100 * listed.topology_bytes / listed.full_bytes:.1f} %)" if listed.full_bytes else ""
    for line in (
        f"{listed.n_models} models, {listed.n_kept} of them kept already",
        f"topological alignment needs {readable_bytes(listed.topology_bytes)} of "
        f"{readable_bytes(listed.full_bytes)} of checkpoints{share}",
        f"to fetch: {readable_bytes(listed.to_fetch)}; the disk has room for {readable_bytes(_room())}",
        *([f"of unknown size: {', '.join(listed.unknown)}"] if listed.unknown else []),
    ):
        console.print(Text(line))


def fetch_all(references: Sequence[Reference], *, full: bool) -> None:
    """Fetch models one after the other; what is kept already is not fetched again, so a stopped call can be repeated.

    Parameters
    ----------
    references : sequence of Reference
        The models.
    full : bool
        Whether whole checkpoints are fetched.

    Raises
    ------
    UsageError
        The disk has no room for what is listed.
    Exit
        With code 1 when a model could not be fetched, after a table of which and why; 130 when stopped.
    """
    listed, console = sizes_of(references, full=full), open_console()
    if listed.to_fetch > _room():
        msg = (
            f"{readable_bytes(listed.to_fetch)} are needed, and the disk of {data_home()} has room for "
            f"{readable_bytes(_room())}. Make room, or let BRAINALIGN_HOME name a folder on another disk."
        )
        raise UsageError(msg)
    try:
        failures = _fetch_each(references, console, full=full)
    except KeyboardInterrupt:
        text = "brainalign: stopped. What was fetched is kept; the same command continues."
        open_console(stderr=True).print(Text(text))
        raise typer.Exit(130) from None
    n_here = len(references) - len(failures)
    console.print(Text(f"{n_here} of {len(references)} models are here."))
    if failures:
        table = Table("failed", "why", box=None, pad_edge=False)
        for reference, why in failures.items():
            table.add_row(Text(reference), Text(why))
        console.print(table)
        raise typer.Exit(1)


def told(reference: Reference, fetched: Fetched) -> str:
    """What was fetched of a model, as one line."""
    what = f"{readable_bytes(fetched.bytes_read)} of {readable_bytes(fetched.size)}"
    if reference.hub not in HUBS or reference.random:
        return f"{reference}: on this machine, {what} are needed."
    if fetched.bytes_read == 0:
        return f"{reference}: everything that is needed was kept already."
    return f"{reference}: {what} fetched."


def _fetch_each(references: Sequence[Reference], console: Console, *, full: bool) -> dict[str, str]:
    from brainalign.models.fetching import fetch  # imports torch

    failures = {}
    with open_bars(console, MofNCompleteColumn(), TimeRemainingColumn()) as bars:
        task = bars.add_task("", total=len(references))
        for number, reference in enumerate(references, 1):
            bars.update(task, description=str(reference))
            try:
                line = told(reference, fetch(reference, full=full))
            except Exception as error:  # whatever is wrong with one model, the others are wanted all the same
                failures[str(reference)] = str(error) or type(error).__name__
                line = f"{reference}: failed"
            console.print(Text(f"[{number}/{len(references)}] {line}"))
            bars.advance(task)
    return failures


def _listed_bytes(reference: Reference) -> tuple[int, int] | None:
    """Bytes that topological alignment needs of a model, and bytes of its checkpoint; None where one is not listed."""
    rows = [row for row in rows_of(reference) if reference.tower in (None, row["tower"] or None)]
    if not rows or not all(row["topology_bytes"] and row["full_bytes"] for row in rows):
        return None
    return sum(int(row["topology_bytes"]) for row in rows), int(rows[0]["full_bytes"])


def _room() -> int:
    folder = data_home()
    return shutil.disk_usage(next(path for path in (folder, *folder.parents) if path.exists())).free
