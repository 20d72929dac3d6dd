"""Running chapters from Python: what `brainalign run` does, with the results at hand."""

from __future__ import annotations

import html
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from IPython.display import display
from rich.console import Console
from rich.progress import MofNCompleteColumn, TimeElapsedColumn

from brainalign.catalogue.home import use_data_home
from brainalign.runs.engine import OnCell
from brainalign.runs.execution import Outcome, run_chapter
from brainalign.runs.manifest import Manifest
from brainalign.runs.parameters import DEFAULT_PROFILE
from brainalign.runs.progress import open_bars
from brainalign.runs.recording import GLUE_MIME, TABLES
from brainalign.runs.registry import get_chapter
from brainalign.runs.store import RunStore


class RunHandle:
    """A finished run; made by `run`.

    Parameters
    ----------
    outcome : Outcome
        The run, and whether it was there already.

    Attributes
    ----------
    reused : bool
        Whether the run was there already.
    reasons : list of str
        Why it was executed: which parts of the key changed since the nearest earlier run.
    """

    def __init__(self, outcome: Outcome) -> None:
        self._run, self.reused, self.reasons = outcome.run, outcome.reused, outcome.reasons

    @property
    def manifest(self) -> Manifest:
        """What was run, on what, with which result."""
        return self._run.manifest

    @property
    def folder(self) -> Path:
        """Where the run is kept."""
        return self._run.folder

    @property
    def results(self) -> dict[str, Any]:
        """What the chapter recorded, by name."""
        return self._run.results()

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Tables that the chapter recorded, by name."""
        return {path.stem: pd.read_parquet(path) for path in sorted((self.folder / TABLES).glob("*.parquet"))}

    def show(self) -> None:
        """Show the chapter's figures, tables and printed text under its headings."""
        for cell in self._run.notebook().cells:
            if cell.cell_type == "markdown":
                headings = [line for line in cell.source.splitlines() if line.startswith("#")]
                if headings:
                    text = "\n\n".join(headings)
                    display(_Shown({"text/markdown": text, "text/plain": text}))
                continue
            for output in cell.get("outputs", []):
                _show(output)

    def __repr__(self) -> str:
        how = "reused" if self.reused else f"executed in {self.manifest.seconds:.1f} s"
        return f"<run {self._run.name}, {how}, {len(self.results)} results>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(name)}</td><td>{html.escape(_number(value))}</td></tr>"
            for name, value in self._run.scalars().items()
        )
        head = "<thead><tr><th>result</th><th>value</th></tr></thead>"
        return f"<p>{html.escape(repr(self)[1:-1])}</p><table class='dataframe'>{head}{rows}</table>"


def run(
    chapter: str,
    *,
    profile: str = DEFAULT_PROFILE,
    force: bool = False,
    n_threads: int = 1,
    cell_timeout: int | None = None,
    run_timeout: int | None = None,
    store: RunStore | None = None,
    **parameters: Any,
) -> RunHandle:
    """Run a chapter, or reuse the run that has the same code, parameters, data and versions.

    Parameters
    ----------
    chapter : str
        Short name of a chapter, see ``brainalign list``.
    profile : str
        Named set of parameters.
    force : bool
        Execute even when nothing has changed.
    n_threads : int
        Threads for the libraries of the chapter's kernel.
    cell_timeout, run_timeout : int, optional
        Seconds after which a cell, or the whole run, is stopped.
    store : RunStore, optional
        Where runs are kept.
    **parameters
        Parameters of the chapter on top of the profile, see ``brainalign params CHAPTER``.

    Returns
    -------
    RunHandle
        With ``results``, ``tables``, ``manifest``, ``folder`` and ``show()``. A progress bar is drawn meanwhile, in a
        notebook and in a terminal.

    Raises
    ------
    UsageError
        For a chapter, profile or parameter that does not exist (the nearest one is given), or a value that is not
        allowed (what is allowed is given).
    MissingDataError, ChecksumError
        When a file that the chapter reads cannot be trusted.
    ChapterFailedError
        When the chapter raised or took too long.

    Examples
    --------
    >>> import brainalign
    >>> brainalign.run("topology", n_twins=199).results["score"]  # doctest: +SKIP
    """
    use_data_home()
    found = get_chapter(chapter)
    with _progress(chapter) as on_cell:
        outcome = run_chapter(
            found,
            parameters,
            profile=profile,
            store=store,
            force=force,
            n_threads=n_threads,
            cell_timeout=cell_timeout,
            run_timeout=run_timeout,
            on_cell=on_cell,
        )
    return RunHandle(outcome)


@contextmanager
def _progress(chapter: str) -> Iterator[OnCell]:
    console = Console()
    with open_bars(console, MofNCompleteColumn(), TimeElapsedColumn()) as bars:
        task = bars.add_task(chapter, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


class _Shown:
    """An output of a notebook, as rich as the place allows where it is shown again."""

    def __init__(self, data: dict[str, Any]) -> None:
        self._data = data

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return self._data

    def __repr__(self) -> str:
        return self._data.get("text/plain", "")


def _show(output: Any) -> None:
    if output.output_type == "stream":
        if output.name == "stdout":
            display(_Shown({"text/plain": output.text}))
    elif output.output_type != "error" and GLUE_MIME not in output.data:
        display(_Shown(dict(output.data)))


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
