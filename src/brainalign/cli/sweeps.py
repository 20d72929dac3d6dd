"""The commands `plan`, `sweep`, `collect` and `compare`: many runs, what they take, and what came out."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from brainalign.cli.console import open_console, print_json
from brainalign.cli.own_models import check_models, check_own_models
from brainalign.cli.parameter_values import PROFILES_IN_WORDS, ParameterValues, split_pairs
from brainalign.cli.plans import print_plans
from brainalign.runs.errors import UsageError, unknown
from brainalign.runs.grids import Grid, read_grid
from brainalign.runs.parameters import DEFAULT_PROFILE
from brainalign.runs.registry import all_chapters, get_chapter
from brainalign.runs.store import RunStore

if TYPE_CHECKING:
    import pandas as pd
    from distributed import Client

    from brainalign.runs.plan import Plan
    from brainalign.runs.sweeps.record import SweepRecord

ASK_ABOVE = 1000
"""Sweeps with more runs than this start only when asked to again."""

_FAILURES_SHOWN = 5

GridFile = Annotated[Path, typer.Option("--grid", metavar="FILE", help="YAML file with the parameters to vary.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Runs at a time; by default one a GPU, or one a core.")]
CellSeconds = Annotated[int | None, typer.Option(min=1, help="Seconds after which a cell is stopped.")]
RunSeconds = Annotated[int | None, typer.Option(min=1, help="Seconds after which a run is stopped.")]


def register_sweeps(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in (plan, sweep, collect, compare):
        app.command()(command)


def plan(
    chapter: Annotated[
        str | None, typer.Argument(metavar="[CHAPTER]", help="A chapter; by default all that have the profile.")
    ] = None,
    profile: Annotated[str | None, typer.Option(help=PROFILES_IN_WORDS)] = None,
    parameter: ParameterValues = None,
    grid: Annotated[Path | None, typer.Option("--grid", metavar="FILE", help="Plan a sweep with this grid.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Runs at a time.")] = 1,
    json_: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Say what runs would take: how many, bytes to download, room on the disk, time. Nothing is started."""
    from brainalign.runs.plan import MOST_LOOKED_UP, check_room, plan_run, plan_sweep

    if grid is not None:
        if chapter is None or profile is not None or parameter:
            msg = "--grid plans a sweep of one chapter: name the chapter, and the profile and parameters in the file."
            raise UsageError(msg)
        found, points = get_chapter(chapter), read_grid(grid)
        plans = [plan_sweep(found, points)]
        check_models(value for values in islice(points, MOST_LOOKED_UP) for value in values.values())
    else:
        profile = profile or DEFAULT_PROFILE
        known = dict.fromkeys(name for one in all_chapters() for name in one.parameters.profiles)
        if profile not in known:
            raise unknown(kind="profile", given=profile, known=known)
        chosen = [one for one in all_chapters() if profile in one.parameters.profiles] if chapter is None else []
        if parameter and chapter is None:
            msg = "-p sets a parameter of one chapter: name the chapter."
            raise UsageError(msg)
        values = split_pairs(parameter)
        if chapter is not None:
            check_own_models(get_chapter(chapter), values, profile)
        plans = [plan_run(one, values, profile=profile) for one in chosen or [get_chapter(chapter)]]
    if json_:
        print_json([vars(one) | {"total_seconds": one.total_seconds(workers)} for one in plans])
    else:
        print_plans(open_console(), plans, workers)
    check_room(plans)


def sweep(
    chapter: Annotated[str, typer.Argument(metavar="CHAPTER", help="Short name of a chapter; see: brainalign list")],
    grid: GridFile,
    workers: Workers = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads of the numerical libraries in every run.")] = 1,
    scheduler: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Use the workers of this dask scheduler, tcp://HOST:PORT.")
    ] = None,
    slurm: Annotated[bool, typer.Option("--slurm", help="Submit --workers jobs to Slurm, by dask-jobqueue.")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try again what has failed before.")] = False,
    cell_timeout: CellSeconds = None,
    run_timeout: RunSeconds = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a large sweep.")] = False,
) -> None:
    """Run a chapter with every combination of a grid; what is there already is skipped, and any stop can be resumed."""
    from brainalign.runs.execution import check_device
    from brainalign.runs.plan import check_room, plan_sweep
    from brainalign.runs.sweeps.driver import prepare

    if scheduler is not None and (slurm or workers is not None):
        msg = "--scheduler has workers of its own; give it without --slurm and --workers."
        raise UsageError(msg)
    found, points = get_chapter(chapter), read_grid(grid)
    planned = plan_sweep(found, points, n_existing=0)
    _ask(points, planned, yes=yes)
    prepared = prepare(found, points, retry_failed=retry_failed)
    record = prepared.record
    check_room([replace(planned, n_existing=len(record.runs) - record.count("pending"))])
    if scheduler is None and not slurm:
        for device in dict.fromkeys(record.runs[run_id].values.get("device", "auto") for run_id in prepared.pending):
            check_device(device, owner=chapter)
    prepared.save()
    console = open_console()
    states = ", ".join(f"{record.count(state)} {state}" for state in ("done", "failed", "pending"))
    console.print(Text(f"sweep {record.id} of {chapter}: {len(record.runs)} runs ({states})"))
    if prepared.pending:
        n_runs = len(prepared.pending)
        with _resumable(), _client(scheduler, slurm, workers, threads, n_runs) as client:
            _drive(console, prepared, client, threads, {"cell_timeout": cell_timeout, "run_timeout": run_timeout})
    _print_end(console, record)


def collect(
    chapters: Annotated[
        list[str] | None, typer.Argument(metavar="[CHAPTER]...", help="Only these chapters; by default all.")
    ] = None,
    sweep: Annotated[str | None, typer.Option(metavar="ID", help="Only the runs of this sweep.")] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Where to write, .parquet or .csv.")
    ] = Path("runs.parquet"),
    lists: Annotated[bool, typer.Option("--lists", help="Keep results that are lists, too, as JSON.")] = False,
) -> None:
    """Write one tidy table of the parameters and results of all runs: a row per run."""
    from brainalign.runs.collect import collect_runs, write_table

    store, run_ids = RunStore(), None
    names = {get_chapter(name).name for name in chapters or []} or None
    if sweep is not None:
        from brainalign.runs.sweeps.record import read_record

        record = read_record(store, sweep)
        names, run_ids = {record.chapter}, record.runs
    table = collect_runs(store, names, run_ids=run_ids, with_lists=lists)
    write_table(table, output)
    n_failed = int((table["status"] == "failed").sum())
    left_out = "" if lists else " Results that are lists are left out; --lists keeps them."
    line = f"{output}: {len(table)} runs ({n_failed} failed), {table.shape[1]} columns.{left_out}"
    open_console().print(Text(line))


def compare(
    first: Annotated[str, typer.Argument(metavar="RUN", help="Run id, its beginning, or a chapter's name.")],
    second: Annotated[str, typer.Argument(metavar="RUN", help="The run that is set beside it.")],
) -> None:
    """Show what changed between two runs: parameters, parts of the key, versions, numbers."""
    from brainalign.runs.compare import compare_runs

    store = RunStore()
    one, two = store.open(first), store.open(second)
    found, console = compare_runs(one, two), open_console()
    names = (one.name, two.name)
    console.print(Text(f"{one.name} ({one.manifest.started}) and {two.name} ({two.manifest.started})"))
    _print_differences(console, "parameter", names, found.parameters)
    for line in found.key_parts:
        console.print(Text(f"key part {line}"))
    _print_differences(console, "version or hardware", names, found.circumstances)
    _print_differences(console, "result", names, found.numbers)
    console.print(Text(f"{len(found.numbers)} results differ, {found.n_equal} are the same."))


def _ask(grid: Grid, planned: Plan, *, yes: bool) -> None:
    if grid.n_runs <= ASK_ABOVE or yes:
        return
    question = f"The grid asks for {grid.n_runs} runs{_in_all(planned)}. Start them?"
    if not _is_asked():
        msg = f"{question} Nobody can be asked here: give --yes, or vary less."
        raise UsageError(msg)
    typer.confirm(question, abort=True)


def _is_asked() -> bool:
    return sys.stdin.isatty()


def _in_all(planned: Plan) -> str:
    from brainalign.runs.sweeps.progress import duration

    seconds = planned.total_seconds()
    return "" if seconds is None else f", together about {duration(seconds)} of work"


def _client(
    scheduler: str | None, slurm: bool, workers: int | None, threads: int, n_runs: int
) -> AbstractContextManager[Client]:
    from brainalign.runs.sweeps.clusters import local_client, running_client, slurm_client

    if scheduler is not None:
        return running_client(scheduler)
    if not slurm:
        return local_client(workers, n_threads=threads, n_runs=n_runs)
    if workers is None:
        msg = "--slurm needs --workers, the number of jobs."
        raise UsageError(msg)
    return slurm_client(workers, n_threads=threads)


def _drive(console: Console, prepared: Any, client: Client, threads: int, timeouts: dict[str, int | None]) -> None:
    from brainalign.runs.sweeps.driver import run_sweep
    from brainalign.runs.sweeps.progress import sweep_progress

    with sweep_progress(console, prepared.record) as progress:
        run_sweep(prepared, client, n_threads=threads, timeouts=timeouts, on_ending=progress.ended)


@contextmanager
def _resumable() -> Iterator[None]:
    from brainalign.runs.sweeps.driver import SweepInterruptedError

    try:
        yield
    except (KeyboardInterrupt, SweepInterruptedError) as error:
        is_user = isinstance(error, KeyboardInterrupt)
        text = "stopped. What was finished is kept; the same command continues." if is_user else str(error)
        open_console(stderr=True).print(Text(f"brainalign: {text}"))
        raise typer.Exit(130 if is_user else 1) from None


def _print_end(console: Console, record: SweepRecord) -> None:
    failed = [(run_id, run) for run_id, run in record.runs.items() if run.state == "failed"]
    for run_id, run in failed[:_FAILURES_SHOWN]:
        varied = ", ".join(f"{name} = {json.dumps(run.values[name])}" for name in record.varied)
        console.print(Text(f"failed: {run_id} ({varied}): {run.error}"))
    if failed:
        more = len(failed) - _FAILURES_SHOWN
        console.print(Text(f"{f'and {more} more. ' if more > 0 else ''}Try again with: --retry-failed"))
    console.print(Text(f"{record.count('done')} of {len(record.runs)} runs are done. As a table:"))
    console.print(Text(f"brainalign collect --sweep {record.id}"))
    if failed:
        raise typer.Exit(1)


def _print_differences(console: Console, heading: str, names: tuple[str, str], found: pd.DataFrame) -> None:
    if found.empty:
        return
    measured = [name for name in ("difference", "relative") if name in found]
    table = Table(heading, *names, *measured, box=None, pad_edge=False)
    for row in found.to_dict("records"):
        numbers = ("-" if row[name] != row[name] else f"{row[name]:.3g}" for name in measured)  # NaN is not itself
        table.add_row(Text(row["name"]), *(Text(_shown(row[one])) for one in ("first", "second")), *map(Text, numbers))
    console.print(table)


def _shown(value: Any) -> str:
    if isinstance(value, list) and len(value) > 6:
        return f"list of {len(value)}"
    return f"{value:.6g}" if isinstance(value, float) else "-" if value is None else str(value)
