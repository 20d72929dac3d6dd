"""The command `brainalign runs`: which runs are kept, and removing them."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from brainalign.cli.console import open_console, print_json, readable_bytes
from brainalign.runs.errors import UsageError
from brainalign.runs.registry import get_chapter
from brainalign.runs.store import Run, RunStore

runs_app = typer.Typer(help="List the runs that are kept, or remove some.", no_args_is_help=True)

Chapter = Annotated[str | None, typer.Option(metavar="CHAPTER", help="Only runs of this chapter.")]
Days = Annotated[float | None, typer.Option(min=0, metavar="N", help="Only runs that are older than N days.")]
Names = Annotated[list[str] | None, typer.Argument(metavar="RUN...", help="Run ids, or CHAPTER/RUN.")]


@runs_app.command("list")
def list_runs(
    chapter: Chapter = None,
    json_: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """List runs: name, when, profile, how it ended, size."""
    rows = [
        {
            "run": run.name,
            "started": run.manifest.started,
            "profile": run.manifest.profile,
            "status": run.manifest.status,
            "bytes": _size(run),
        }
        for run in _chosen(RunStore(), chapter, None)
    ]
    if json_:
        print_json(rows)
        return
    table = Table("run", "started", "profile", "status", "size", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(str(value) for value in list(row.values())[:-1]), readable_bytes(int(row["bytes"])))
    table.columns[0].no_wrap = True
    open_console().print(table if rows else Text("there are no runs"))


@runs_app.command("rm")
def remove_runs(
    names: Names = None,
    chapter: Chapter = None,
    older_than: Days = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed and freed.")] = False,
) -> None:
    """Remove runs, by name, chapter or age; what is removed is executed again when it is asked for."""
    if not names and chapter is None and older_than is None:
        msg = (
            "say which runs: their ids, --chapter, --older-than N (days), or several of them. Try with --dry-run first."
        )
        raise UsageError(msg)
    store, console = RunStore(), open_console()
    chosen = _chosen(store, chapter, older_than)
    if names:
        named = {store.open(name).folder for name in names}
        chosen = [run for run in chosen if run.folder in named]
    freed = 0
    for run in chosen:
        size = _size(run)
        freed += size
        if not dry_run:
            shutil.rmtree(run.folder)
        console.print(Text(f"{'would remove' if dry_run else 'removed'} {run.name}, {readable_bytes(size)}"))
    would = "would be" if dry_run else "were"
    n_runs = "1 run" if len(chosen) == 1 else f"{len(chosen)} runs"
    console.print(Text(f"{n_runs} {would} removed, {readable_bytes(freed)} {would} freed"))


def _chosen(store: RunStore, chapter: str | None, older_than: float | None) -> list[Run]:
    found = store.runs({get_chapter(chapter).name} if chapter else None)
    now = datetime.now(UTC)
    return sorted(
        (run for run in found if older_than is None or _days(run, now) > older_than),
        key=lambda run: run.manifest.started,
        reverse=True,
    )


def _days(run: Run, now: datetime) -> float:
    return (now - datetime.fromisoformat(run.manifest.started)).total_seconds() / 86400


def _size(run: Run) -> int:
    return sum(path.stat().st_size for path in run.folder.rglob("*") if path.is_file())
