"""The command `brainalign`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from brainalign.book.claims import check_claims
from brainalign.catalogue.entries import ChecksumError
from brainalign.catalogue.home import use_data_home
from brainalign.cli.chapters import check_chapters, list_chapters, new_app
from brainalign.cli.claims import judge_claims
from brainalign.cli.console import open_console, plain_warnings, print_json
from brainalign.cli.data import data_app
from brainalign.cli.deposits import deposit, list_all, stages_app
from brainalign.cli.doctor import doctor
from brainalign.cli.models import models_app
from brainalign.cli.own_models import check_own_models
from brainalign.cli.parameter_values import PROFILES_IN_WORDS, ParameterValues, join_pairs, split_pairs
from brainalign.cli.runs import runs_app
from brainalign.cli.sweeps import register_sweeps
from brainalign.cli.zoo import zoo_app
from brainalign.runs.errors import BookError, StoreError, StoreWarning, UsageError
from brainalign.runs.manifest import hardware_line
from brainalign.runs.parameters import DEFAULT_PROFILE
from brainalign.runs.progress import chapter_progress
from brainalign.runs.registry import all_chapters, get_chapter
from brainalign.runs.store import ChapterFailedError, Run, RunStore

if TYPE_CHECKING:
    from rich.console import Console

    from brainalign.book.building import ChapterOutcome

app = typer.Typer(
    help="Rerun the chapters of the book with parameters of your own, and build the book from the runs.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["--help", "-h"]},
    pretty_exceptions_enable=False,
)

app.add_typer(stages_app, name="stages")
app.add_typer(data_app, name="data")
app.add_typer(models_app, name="models")
app.add_typer(zoo_app, name="zoo")
app.add_typer(new_app, name="new")
app.add_typer(runs_app, name="runs")

app.command("list")(list_chapters)
app.command("chapters")(check_chapters)
app.command("doctor")(doctor)

ChapterName = Annotated[str, typer.Argument(metavar="CHAPTER", help="Short name of a chapter; see: brainalign list")]
Profile = Annotated[str, typer.Option(help=PROFILES_IN_WORDS)]
Json = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]

Threads = Annotated[int, typer.Option(min=1, metavar="N", help="Threads of the numerical libraries in the run.")]


def _show_version(wanted: bool) -> None:
    if wanted:
        open_console().print(Text(f"brainalign {version('brainalign')}"))
        raise typer.Exit


@app.callback()
def options(
    show_version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Say the version, and end.")
    ] = False,
) -> None:
    """Rerun the chapters of the book with parameters of your own, and build the book from the runs."""


@app.command()
def params(chapter: ChapterName, json_: Json = False) -> None:
    """Show the parameters of a chapter: name, type, default, bounds, help."""
    parameters = get_chapter(chapter).parameters
    if json_:
        print_json({"parameters": [vars(info) for info in parameters.describe()], "profiles": parameters.profiles})
        return
    table = Table("name", "type", "default", "bounds", "help", box=None, pad_edge=False)
    for info in parameters.describe():
        table.add_row(*(Text(text) for text in (info.name, info.type, info.default, info.bounds, info.help)))
    console = open_console()
    console.print(table)
    for profile, values in parameters.profiles.items():
        changed = ", ".join(f"{name} = {value}" for name, value in values.items()) or "the defaults above"
        console.print(Text(f"profile {profile}: {changed}"))


@app.command()
def run(
    chapter: ChapterName,
    parameter: ParameterValues = None,
    profile: Profile = DEFAULT_PROFILE,
    force: Annotated[bool, typer.Option("--force", help="Execute even when nothing has changed.")] = False,
    threads: Threads = 1,
    cell_timeout: Annotated[int | None, typer.Option(min=1, help="Seconds after which a cell is stopped.")] = None,
    run_timeout: Annotated[int | None, typer.Option(min=1, help="Seconds after which the run is stopped.")] = None,
) -> None:
    """Run a chapter, or reuse the run that has the same code, parameters, data and versions."""
    from brainalign.runs.execution import run_chapter  # papermill is slow to import

    found, values = get_chapter(chapter), split_pairs(parameter)
    check_own_models(found, values, profile)
    console = open_console()
    with _resumable(), chapter_progress(console, 1) as progress:
        outcome = run_chapter(
            found,
            values,
            profile=profile,
            force=force,
            n_threads=threads,
            cell_timeout=cell_timeout,
            run_timeout=run_timeout,
            on_start=lambda reasons: progress.start(found.name, reasons),
            on_cell=partial(progress.cell, found.name),
        )
        progress.finish(found.name, outcome)
    _show_results(console, outcome.run)
    console.print(Text(f"notebook: {_short(outcome.run.folder / 'notebook.ipynb')}"))


@app.command()
def show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Run id, its beginning, or a chapter's name.")],
    json_: Json = False,
) -> None:
    """Show a run: parameters, key, versions, hardware, results."""
    console, found = open_console(), RunStore().open(run)
    manifest = found.manifest
    if json_:
        results = found.results() if manifest.status == "ok" else {}
        print_json({"manifest": manifest.model_dump(mode="json"), "results": results})
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    rows = {
        "run": f"{found.name} ({manifest.status})",
        "executed": f"{manifest.started}, {manifest.seconds:.1f} s, peak {manifest.peak_memory_bytes / 2**20:.0f} MiB",
        "repeat": manifest.command,
        "profile": manifest.profile,
        "parameters": ", ".join(f"{name} = {json.dumps(value)}" for name, value in manifest.parameters.items()),
        "key": manifest.key,
        "source": f"{len(manifest.key_parts['source'])} modules, commit {manifest.commit or 'unknown'}",
        "data": ", ".join(f"{item['file']} ({item['sha256'][:12]})" for item in manifest.data),
        "versions": ", ".join(f"{name} {number}" for name, number in manifest.versions.items()),
        "hardware": hardware_line(manifest.hardware),
        "threads": str(manifest.threads or "not recorded"),
        "device": (manifest.device or {"used": "the processor"})["used"],
        "stages": ", ".join(f"{stage['name']} ({stage['origin']})" for stage in manifest.stages) or "none",
        "notices": "; ".join(manifest.notices) or "none",
        "folder": _short(found.folder),
    }
    for name, text in rows.items():
        table.add_row(name, Text(text))
    console.print(table)
    if manifest.error:
        _show_error(console, found)
    _show_results(console, found)


@app.command()
def book(
    profile: Profile = DEFAULT_PROFILE,
    jobs: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Chapters at a time; by default as many as cores.")
    ] = None,
    threads: Threads = 1,
    fetch: Annotated[
        bool, typer.Option("--fetch", help="First fetch the small public files that chapters want and are not here.")
    ] = False,
    output: Annotated[Path | None, typer.Option(help="Folder for the pages; by default _build/html.")] = None,
    save_pairs: Annotated[
        bool, typer.Option("--save-pairs", help="Also write the executed notebooks into notebooks/, to be committed.")
    ] = False,
    committed: Annotated[
        bool, typer.Option("--committed", help="Run nothing: build the pages from the committed notebooks.")
    ] = False,
) -> None:
    """Run every chapter, or reuse its run, build the book's pages, and check them."""
    from dask.system import CPU_COUNT  # those that this process may use

    from brainalign.book.building import build_book, committed_outcomes, save_executed_pairs

    if save_pairs and (committed or profile != DEFAULT_PROFILE):
        msg = "--save-pairs writes the chapters at their defaults; give it without --committed and --profile."
        raise UsageError(msg)
    check_claims()
    console = open_console()
    if fetch and not committed:
        _fetch_wanted(console, profile)
    outcomes = (
        committed_outcomes(all_chapters()) if committed else _run_all(console, profile, jobs or CPU_COUNT, threads)
    )
    if save_pairs:
        save_executed_pairs(outcomes)
    with console.status("building the pages"):
        index = build_book(outcomes, output)
    console.print(Text(f"The book is ready. Open it with a browser: {index.as_uri()}"))
    console.print(Text(f"or serve it: python -m http.server --directory {_short(index.parent)}"))


app.command("claims")(judge_claims)
app.command("deposit")(deposit)
app.command("deposits")(list_all)
register_sweeps(app)


@contextmanager
def _resumable() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        text = "stopped. Finished runs and finished stages are kept; the same command goes on from there."
        open_console(stderr=True).print(Text(f"brainalign: {text}"))
        raise typer.Exit(130) from None


def _fetch_wanted(console: Console, profile: str) -> None:
    from brainalign.book.wanted_data import fetch_small, wanted_data

    fetch_small(wanted_data(all_chapters(), profile), lambda line: console.print(Text(line)))


def _run_all(console: Console, profile: str, jobs: int, threads: int) -> list[ChapterOutcome]:
    from brainalign.book.building import run_chapters

    with _resumable(), chapter_progress(console, len(all_chapters())) as progress:
        outcomes = run_chapters(all_chapters(), profile=profile, progress=progress, jobs=jobs, n_threads=threads)
    failed = [outcome.failure for outcome in outcomes if outcome.failure]
    for run in failed:
        _show_error(console, run)
    if failed:
        message = f"{len(failed)} of {len(outcomes)} chapters failed; the earlier book was left as it was."
        open_console(stderr=True).print(Text(message))
        raise typer.Exit(1)
    return outcomes


def main() -> None:
    """Run the command line; errors of the user become one plain message and exit code 2, others exit code 1."""
    use_data_home()
    try:
        with plain_warnings(StoreWarning):
            app(args=join_pairs(sys.argv[1:]), prog_name="brainalign")
    except UsageError as error:
        _fail(str(error), 2)
    except (FileNotFoundError, ChecksumError, BookError, StoreError) as error:
        _fail(str(error), 1)
    except ChapterFailedError as error:
        _show_error(open_console(stderr=True), error.run)
        sys.exit(2 if (error.run.manifest.error or {}).get("kind") == UsageError.__name__ else 1)
    except OSError as error:  # of a disk: full, not allowed, links that lead in a circle
        if error.strerror is None:
            raise
        _fail(f"{error.strerror}: {error.filename or 'a file could not be read or written'}.", 1)


_REFUSALS = (UsageError.__name__, "MissingDataError", ChecksumError.__name__)


def _fail(message: str, code: int) -> None:
    open_console(stderr=True).print(Text(f"brainalign: {message}"))
    sys.exit(code)


def _show_error(console: Console, run: Run) -> None:
    error = run.manifest.error or {}
    where = f" in cell [{error['cell']}]" if error.get("cell") else ""
    if error.get("kind") in _REFUSALS:  # what was given is at fault, not the code: the sentence says it all
        console.print(Text(f"brainalign: {run.manifest.chapter}: {error.get('text')}"))
        console.print(Text(f"manifest: {_short(run.folder / 'manifest.json')}"))
        return
    console.print(Text(f"{run.manifest.chapter} failed{where}: {error.get('kind')}: {error.get('text')}"))
    if error.get("source"):
        console.print(Panel(Text(error["source"]), title="the cell", title_align="left"))
    if error.get("traceback"):
        console.print(Text("\n".join(error["traceback"].splitlines()[-12:])))
    console.print(Text(f"manifest: {_short(run.folder / 'manifest.json')}"))


def _show_results(console: Console, run: Run) -> None:
    scalars = run.scalars()
    if not scalars:
        return
    table = Table("result", "value", box=None, pad_edge=False)
    for name, value in scalars.items():
        table.add_row(Text(name), Text(f"{value:.4g}" if isinstance(value, float) else str(value)))
    console.print(table)


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
