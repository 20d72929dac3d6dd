"""Executing a chapter: validated parameters in, papermill, a run with its manifest out."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import papermill
import psutil
from nbformat import NotebookNode
from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines
from papermill.exceptions import PapermillExecutionError

from brainalign.datasets.catalogue import USE_LOG, DataFile, files_of, sha256_of
from brainalign.datasets.locations import project_root
from brainalign.runs.chapter import Chapter
from brainalign.runs.errors import ChapterFailedError
from brainalign.runs.keys import RunKey, compute_key
from brainalign.runs.manifest import Manifest, hardware, now, scrub, software_versions, source_commit
from brainalign.runs.parameters import DEFAULT_PROFILE, ChapterParameters
from brainalign.runs.recording import RUN_FOLDER
from brainalign.runs.store import NOTEBOOK, Run, RunStore

OnCell = Callable[[int, int], None]
"""Called after every cell with the number of finished cells and of all cells."""

_TEXT_MIMES = ("text/plain", "text/html", "text/markdown")  # not images: their letters are no words
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Outcome:
    """What came of asking for a run.

    Attributes
    ----------
    run : Run
        The good run.
    reused : bool
        Whether it had been there already.
    reasons : list of str
        Why it was executed: which parts of the key changed since the nearest earlier run.
    """

    run: Run
    reused: bool
    reasons: list[str]


def run_chapter(
    chapter: Chapter,
    values: Mapping[str, Any] | None = None,
    *,
    profile: str = DEFAULT_PROFILE,
    store: RunStore | None = None,
    force: bool = False,
    cell_timeout: int | None = None,
    on_start: Callable[[list[str]], None] | None = None,
    on_cell: OnCell | None = None,
) -> Outcome:
    """Run a chapter, or reuse the run that has the same key.

    Parameters
    ----------
    chapter : Chapter
        What to run.
    values : mapping, optional
        Parameters on top of the profile; validated before anything starts.
    profile : str
        Named set of parameters.
    store : RunStore, optional
        Where runs are kept.
    force : bool
        Execute even when a run with the same key exists.
    cell_timeout : int, optional
        Seconds after which a cell counts as hanging.
    on_start : callable, optional
        Called before executing, with the reasons.
    on_cell : callable, optional
        Progress, see `OnCell`.

    Returns
    -------
    Outcome

    Raises
    ------
    UsageError
        For a parameter that does not exist or is not allowed.
    MissingDataError, ChecksumError
        When a file that the chapter reads cannot be trusted.
    ChapterFailedError
        When the chapter raised; its manifest is written, an earlier good run stays as it was.
    """
    parameters = chapter.parameters.from_values(chapter.name, values or {}, profile=profile)
    store = store or RunStore()
    key = compute_key(chapter, parameters)
    existing = store.find(chapter.name, key)
    if existing and not force:
        return Outcome(existing, reused=True, reasons=[])
    reasons = _reasons(chapter, key, store, forced=existing is not None)
    if on_start:
        on_start(reasons)
    run = _execute(chapter, parameters, key, profile, store, cell_timeout, on_cell)
    if run.manifest.status == "failed":
        raise ChapterFailedError(run)
    return Outcome(run, reused=False, reasons=reasons)


def _reasons(chapter: Chapter, key: RunKey, store: RunStore, *, forced: bool) -> list[str]:
    if forced:
        return ["asked to execute again"]
    nearest = store.nearest(chapter.name, key)
    return ["there is no earlier run"] if nearest is None else nearest[1]


def _execute(
    chapter: Chapter,
    parameters: ChapterParameters,
    key: RunKey,
    profile: str,
    store: RunStore,
    cell_timeout: int | None,
    on_cell: OnCell | None,
) -> Run:
    folder = store.new_folder(chapter.name, key)
    try:
        manifest = _measure(chapter, parameters, key, profile, folder, cell_timeout, on_cell)
        return store.commit(folder, manifest)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)  # interrupted, or its data is gone: nothing was measured
        raise


def _measure(
    chapter: Chapter,
    parameters: ChapterParameters,
    key: RunKey,
    profile: str,
    folder: Path,
    cell_timeout: int | None,
    on_cell: OnCell | None,
) -> Manifest:
    started, clock = now(), time.monotonic()
    error, memory = None, _PeakMemory()
    try:
        with _kernel_environment(folder), memory:
            _papermill(chapter, parameters, folder, cell_timeout, on_cell)
    except PapermillExecutionError as raised:
        error = _describe_cell_error(raised)
    except Exception as raised:  # a dead kernel or a timeout: the run failed, and the manifest has to say so
        error = _describe_error(type(raised).__name__, scrub(str(raised)))
    data = [file for reference in parameters.data() for file in files_of(reference)]
    wrong_data = _undeclared_data(folder, parameters) or _changed_data(key, data)
    error = error or wrong_data
    notebook = _clean_notebook(folder)
    return Manifest(
        run_id=key.digest[:12],
        key=key.digest,
        key_parts=key.__dict__,
        chapter=chapter.name,
        profile=profile,
        parameters=parameters.model_dump(mode="json"),
        changed_parameters=parameters.changed(),
        status="failed" if error else "ok",
        error=error,
        started=started,
        seconds=round(time.monotonic() - clock, 3),
        cell_seconds=_cell_seconds(notebook),
        peak_memory_bytes=memory.peak,
        versions=software_versions(),
        hardware=hardware(),
        data=[{"file": f.label, "sha256": f.sha256, "licence": f.licence} for f in data],
        outputs={str(p.relative_to(folder)): sha256_of(p) for p in sorted(folder.rglob("*")) if p.is_file()},
        commit=source_commit(),
        command=repeat_command(chapter, parameters),
    )


def repeat_command(chapter: Chapter, parameters: ChapterParameters) -> str:
    """Command line that asks for the same run."""
    changed = (f" -p {name} {shlex.quote(_as_text(value))}" for name, value in parameters.changed().items())
    return f"brainalign run {chapter.name}{''.join(changed)}"


def _as_text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _papermill(
    chapter: Chapter, parameters: ChapterParameters, folder: Path, cell_timeout: int | None, on_cell: OnCell | None
) -> None:
    source = folder / "source.ipynb"
    nbformat.write(chapter.read_source(), source)
    try:
        papermill.execute_notebook(
            *(_literal(path) for path in (source, folder / NOTEBOOK)),
            # Only what differs from the cell: the page then shows exactly what was changed.
            parameters=parameters.changed(),
            engine_name="brainalign",
            kernel_name="python3",
            progress_bar=False,
            cwd=str(project_root()),
            execution_timeout=cell_timeout,
            on_cell=on_cell,
            extra_arguments=["--IPKernelApp.log_level=ERROR"],  # a notice about TCP on every start
        )
    finally:
        source.unlink()


def _literal(path: Path) -> str:
    # papermill fills {} in paths like a format string.
    return str(path).replace("{", "{{").replace("}", "}}")


class _Engine(NBClientEngine):
    """papermill's own engine, which also reports every finished cell."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: NotebookExecutionManager, kernel_name: str, *, on_cell: OnCell | None = None, **options: Any
    ) -> None:
        """Execute, and call `on_cell` after every cell."""
        total, complete = len(nb_man.nb.cells), nb_man.cell_complete

        def cell_complete(cell: NotebookNode, cell_index: int | None = None, **rest: Any) -> None:
            complete(cell, cell_index, **rest)
            if on_cell and cell_index is not None:
                on_cell(cell_index + 1, total)

        nb_man.cell_complete = cell_complete
        super().execute_managed_notebook(nb_man, kernel_name, **options)


papermill_engines.register("brainalign", _Engine)


@contextmanager
def _kernel_environment(folder: Path) -> Iterator[None]:
    added = {
        RUN_FOLDER: str(folder),
        USE_LOG: str(folder / "data-used.txt"),
        # Set before the kernel starts: both are read once, when Python or CUDA starts.
        "PYTHONHASHSEED": "0",
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    }
    before = {name: os.environ.get(name) for name in added}
    os.environ.update(added)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class _PeakMemory:
    """Largest resident memory of this process's kernels while the block runs."""

    def __init__(self, every: float = 0.1) -> None:
        self.peak, self._every, self._stop = 0, every, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(self._every):
            total = 0
            for process in psutil.Process().children(recursive=True):
                try:
                    total += process.memory_info().rss
                except psutil.Error:
                    continue  # it ended between the list and the look
            self.peak = max(self.peak, total)


def _undeclared_data(folder: Path, parameters: ChapterParameters) -> dict[str, Any] | None:
    log = folder / "data-used.txt"
    used = set(log.read_text(encoding="utf-8").splitlines()) if log.exists() else set()
    log.unlink(missing_ok=True)
    undeclared = sorted(used - set(parameters.data()))
    if not undeclared:
        return None
    text = (
        f"the chapter read {', '.join(undeclared)}, which its parameters do not declare, so a change of it would go "
        f"unnoticed. Add it to {type(parameters).__name__}.data."
    )
    return _describe_error("UndeclaredData", text)


def _changed_data(key: RunKey, data: list[DataFile]) -> dict[str, Any] | None:
    changed = [file.label for file in data if key.data.get(file.label) != file.sha256]
    if not changed:
        return None
    text = f"{', '.join(changed)} changed while the chapter was running, so its numbers fit neither; run it again."
    return _describe_error("ChangedData", text)


def _describe_error(kind: str, text: str) -> dict[str, Any]:
    """An error that no cell raised, in the layout of the manifest."""
    return {"kind": kind, "text": text, "cell": None, "source": "", "traceback": ""}


def _describe_cell_error(raised: PapermillExecutionError) -> dict[str, Any]:
    traceback = _ANSI.sub("", "\n".join(raised.traceback))
    return {
        "kind": raised.ename,
        "text": scrub(raised.evalue),
        "cell": raised.exec_count,
        "source": raised.source,
        "traceback": scrub(traceback),
    }


def _clean_notebook(folder: Path) -> NotebookNode | None:
    """Remove folders of this machine from the executed notebook."""
    path = folder / NOTEBOOK
    if not path.exists():
        return None
    notebook = nbformat.read(path, as_version=4)
    for name in ("input_path", "output_path"):
        notebook.metadata.get("papermill", {}).pop(name, None)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                output.text = scrub(output.text)
            elif output.output_type == "error":
                output.evalue = scrub(output.evalue)
                output.traceback = [scrub(line) for line in output.traceback]
            else:
                texts = {mime: text for mime, text in output.data.items() if mime.endswith(_TEXT_MIMES)}
                output.data.update({mime: scrub(text) for mime, text in texts.items()})
    nbformat.write(notebook, path)
    return notebook


def _cell_seconds(notebook: NotebookNode | None) -> list[float]:
    if notebook is None:
        return []
    durations = (
        cell.metadata.get("papermill", {}).get("duration") for cell in notebook.cells if cell.cell_type == "code"
    )
    return [round(duration, 3) for duration in durations if duration is not None]
