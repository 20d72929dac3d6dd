"""How plans are shown: a line for each chapter, then what has to be fetched, and with which commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from brainalign.catalogue.kept_models import is_of_hub
from brainalign.cli.console import readable_bytes

if TYPE_CHECKING:
    from brainalign.runs.plan import Plan

_OPTIONAL_SHOWN = 5


def print_plans(console: Console, plans: list[Plan], workers: int) -> None:
    """Show plans.

    Parameters
    ----------
    console : Console
        Where to.
    plans : list of Plan
        What is planned.
    workers : int
        How many runs are executed at a time.
    """
    table = Table("chapter", "profile", "runs", "already there", box=None, pad_edge=False)
    for heading in ("download", "disk", "one run", "in all"):
        table.add_column(heading, justify="right")
    for one in plans:
        table.add_row(*(Text(text) for text in _plan_row(one, workers)))
    console.print(table)
    _print_downloads(console, plans)
    for name in dict.fromkeys(name for one in plans for name in one.by_hand):
        console.print(Text(f"to obtain by hand: brainalign data get {name} says how"))
    for one in plans:
        if one.n_missing and one.earlier_profile not in (None, one.profile):
            told = f"{one.chapter} has no run with profile {one.profile}: time and size are those of its profile"
            console.print(Text(f"{told} {one.earlier_profile}, and may be far off"))
    for one in plans:
        if one.n_missing and one.other_values and one.earlier_profile in (None, one.profile):
            of = "earlier runs" if one.n_earlier else "the committed page" if one.is_of_page else "the defaults"
            names = ", ".join(one.other_values)
            console.print(Text(f"{one.chapter}: the time is of {of}, with other values of {names}, and may be far off"))
    unknown_times = [one.chapter for one in plans if one.seconds is None and one.n_missing]
    if unknown_times:
        chapters = ", ".join(unknown_times)
        console.print(Text(f"No time and size can be told without an earlier run of: {chapters}"))


def _print_downloads(console: Console, plans: list[Plan]) -> None:
    downloads = {name: size for one in plans for name, size in one.downloads.items()}
    for name, size in downloads.items():
        console.print(Text(f"to download, {readable_bytes(size)}: brainalign data get {name}"))
    models = {name: size for one in plans for name, size in one.models.items()}
    for name, size in models.items():
        console.print(Text(f"to fetch, {_size_of(size)}: brainalign models fetch {name}"))
    if len(downloads) + len(models) > 1:
        known = sum(downloads.values()) + sum(size or 0 for size in models.values())
        console.print(Text(f"to download and fetch in all: {readable_bytes(known)}"))
    _print_optional(console, plans, models)
    kept = {name: size for one in plans for name, size in one.kept.items()}
    if kept:
        text = f"models of a hub that are here: {len(kept)}, {readable_bytes(sum(kept.values()))} on the disk"
        console.print(Text(text))


def _print_optional(console: Console, plans: list[Plan], needed: dict[str, int | None]) -> None:
    optional = {name: size for one in plans for name, size in one.optional.items() if name not in needed}
    if not optional:
        return
    total = readable_bytes(sum(size or 0 for size in optional.values()))
    n_unknown = sum(size is None for size in optional.values())
    unknown_sizes = f" (and {n_unknown} of unknown size)" if n_unknown else ""
    console.print(Text(f"optional, not here: {len(optional)} references, {total}{unknown_sizes}; runs do without them"))
    for name, size in list(optional.items())[:_OPTIONAL_SHOWN]:
        command = "models fetch" if is_of_hub(name) else "data get"
        console.print(Text(f"  {_size_of(size)}: brainalign {command} {name}"))
    if len(optional) > _OPTIONAL_SHOWN:
        text = f"  and {len(optional) - _OPTIONAL_SHOWN} more; many at once: brainalign models fetch --study topology"
        console.print(Text(text))


def _size_of(size: int | None) -> str:
    return "size unknown" if size is None else readable_bytes(size)


def _plan_row(one: Plan, workers: int) -> tuple[str, ...]:
    from brainalign.runs.sweeps.progress import duration

    total = one.total_seconds(workers)
    source = f"of {one.n_earlier}" if one.n_earlier else "as the page" if one.is_of_page else "as declared"
    each = "unknown" if one.seconds is None else f"{duration(one.seconds)} ({source})"
    room = "unknown" if one.run_bytes is None else readable_bytes(one.store_bytes + one.download_bytes)
    counts = (str(one.n_runs), str(one.n_existing), readable_bytes(one.download_bytes))
    in_all = "unknown" if total is None else duration(total) if one.n_missing else "0 s"
    return (one.chapter, one.profile, *counts, room, each, in_all)
