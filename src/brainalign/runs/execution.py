"""Executing a chapter: validated parameters in, papermill, a run with its manifest out."""

from __future__ import annotations

import importlib
import json
import re
import shlex
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nbformat
from papermill.exceptions import PapermillExecutionError

from brainalign.catalogue.entries import files_of
from brainalign.catalogue.files import USE_LOG, DataFile, sha256_of
from brainalign.runs.chapter import Chapter, code_cells
from brainalign.runs.declared import ABSENT, Declared, declared_references, look_up
from brainalign.runs.engine import (
    CellWatch,
    KernelOrder,
    OnCell,
    PeakMemory,
    execute_notebook,
    kernel_environment,
    thread_environment,
)
from brainalign.runs.errors import UsageError
from brainalign.runs.keys import RunKey, compute_key, read_code
from brainalign.runs.manifest import Manifest, hardware, now, scrub, software_versions, source_commit
from brainalign.runs.opening import PARAMETER_LOG
from brainalign.runs.parameters import DEFAULT_PROFILE, ChapterParameters
from brainalign.runs.recording import RUN_FOLDER
from brainalign.runs.stages import RECOMPUTE, STAGE_LOG
from brainalign.runs.store import NOTEBOOK, ChapterFailedError, Run, RunStore

DEVICE_LOG = "BRAINALIGN_DEVICE_LOG"
"""The name that `brainalign.devices` has for it; typed again, because importing that module imports torch."""

PARAMETERS = "parameters"
"""The tag of the cell that gives every parameter its default; papermill puts other values behind it."""

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
    n_threads: int = 1,
    cell_timeout: int | None = None,
    run_timeout: int | None = None,
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
        Execute even when a run with the same key exists, and compute every stage anew.
    n_threads : int
        Threads for the libraries of the kernel. No part of the key: the manifest records it.
    cell_timeout : int, optional
        Seconds after which a cell counts as hanging.
    run_timeout : int, optional
        Seconds after which the whole run counts as hanging.
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
        For a parameter that does not exist or is not allowed, a device that is not there, when the cell of parameters
        has lost its tag, and for fewer than one thread.
    MissingDataError, ChecksumError
        When a file that the chapter reads cannot be trusted.
    ChapterFailedError
        When the chapter raised or took too long; its manifest is written, an earlier good run stays as it was.
    StoreError
        When the run cannot be kept, for example because the disk is full; nothing of it is.
    """
    thread_environment(n_threads)
    parameters = chapter.parameters.from_values(chapter.name, values or {}, profile=profile)
    store = store or RunStore()
    key = compute_key(chapter, parameters)
    existing = store.find(chapter.name, key)
    if existing and not force:
        return Outcome(existing, reused=True, reasons=[])
    check_device(parameters.device, owner=chapter.name)
    reasons = _reasons(chapter, key, store, forced=existing is not None)
    if on_start:
        on_start(reasons)
    watch = CellWatch(cell_timeout, run_timeout, on_cell)
    run = execute_run(AskedRun(chapter, parameters, key, profile, watch, force, n_threads), store)
    return Outcome(run, reused=False, reasons=reasons)


def _reasons(chapter: Chapter, key: RunKey, store: RunStore, *, forced: bool) -> list[str]:
    if forced:
        return ["asked to execute again"]
    nearest = store.nearest(chapter.name, key)
    return ["there is no earlier run"] if nearest is None else nearest[1]


@dataclass(frozen=True)
class AskedRun:
    """A run that was asked for, with the key of the chapter as it is now; see `run_chapter`."""

    chapter: Chapter
    parameters: ChapterParameters
    key: RunKey
    profile: str
    watch: CellWatch
    force: bool = False
    n_threads: int = 1


def execute_run(asked: AskedRun, store: RunStore) -> Run:
    """Execute a run without looking for an earlier one.

    Raises
    ------
    UsageError, MissingDataError, ChecksumError, ChapterFailedError, StoreError
        See `run_chapter`.
    """
    _check_parameter_cell(asked.chapter)
    folder = store.new_folder(asked.chapter.name, asked.key)
    try:
        with store.keeping(asked.chapter.name):
            manifest = _measure(asked, folder)
        run = store.commit(folder, manifest)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)  # interrupted, or its data is gone: nothing was measured
        raise
    if run.manifest.status == "failed":
        raise ChapterFailedError(run)
    return run


def _check_parameter_cell(chapter: Chapter) -> None:
    # Without the tag, papermill would put the values before the defaults, and the defaults would be computed.
    tagged = [cell for cell in code_cells(chapter.read_source()) if PARAMETERS in cell.metadata.get("tags", [])]
    if len(tagged) != 1:
        msg = (
            f"{chapter.source_path.name} has {len(tagged)} code cells with the tag '{PARAMETERS}', and needs one: that "
            "which gives every parameter its default. Without it, no other value would reach the chapter."
        )
        raise UsageError(msg)


def check_device(name: str, *, owner: str) -> None:
    """Refuse a device that is not on this machine, also for a chapter that computes nothing on it.

    Parameters
    ----------
    name : str
        Value of the parameter `device`.
    owner : str
        Name of the chapter, for the error's text.

    Raises
    ------
    UsageError
        With the devices that are there.
    """
    if name in ("auto", "cpu"):  # they are everywhere, and need not wait for torch
        return
    # By its name: this room does without torch, which only such a request imports.
    resolve_device = importlib.import_module("brainalign.devices").resolve_device
    try:
        resolve_device(name)
    except ValueError as error:
        msg = f"{owner}: {error}"
        raise UsageError(msg) from None


def _measure(asked: AskedRun, folder: Path) -> Manifest:
    chapter, parameters, key = asked.chapter, asked.parameters, asked.key
    started, clock = now(), time.monotonic()
    logs, versions = _Logs(folder), software_versions()
    told = logs.environment | thread_environment(asked.n_threads) | ({RECOMPUTE: "1"} if asked.force else {})
    with kernel_environment(told) as environment:
        order = KernelOrder(environment)
        with PeakMemory(order.processes) as memory:
            error = _run_notebook(asked, folder, order)
    declared, used = look_up(parameters), logs.take(USE_LOG)
    wrong = _other_parameters(parameters, logs.take(PARAMETER_LOG)) or _undeclared_data(used, parameters)
    wrong = wrong or _changed_data(key, declared, used) or _changed_code(key, chapter, versions)
    error = error or wrong
    device, notices = _device_used(logs.take(DEVICE_LOG))
    stages = [json.loads(line) for line in logs.take(STAGE_LOG)]
    wrong = _clean_notebook(folder)
    error = error or wrong
    return Manifest(
        run_id=key.digest[:12],
        key=key.digest,
        key_parts=key.__dict__,
        chapter=chapter.name,
        profile=asked.profile,
        parameters=parameters.model_dump(mode="json"),
        changed_parameters=parameters.changed(),
        status="failed" if error else "ok",
        error=error,
        started=started,
        seconds=round(time.monotonic() - clock, 3),
        cell_seconds=asked.watch.seconds,
        peak_memory_bytes=memory.peak,
        versions=versions,
        hardware=hardware(),
        threads=asked.n_threads,
        device=device,
        notices=notices,
        stages=stages,
        data=[_entry(file) for file in declared.files if file.label in key.data],
        absent=[name for name, state in key.data.items() if state == ABSENT],
        outputs={str(p.relative_to(folder)): sha256_of(p) for p in sorted(folder.rglob("*")) if p.is_file()},
        commit=source_commit(),
        command=repeat_command(chapter, parameters),
    )


def _entry(file: DataFile) -> dict[str, str]:
    return {"file": file.label, "sha256": file.sha256, "licence": file.licence}


def _run_notebook(asked: AskedRun, folder: Path, order: KernelOrder) -> dict[str, Any] | None:
    """Execute; what was raised, in the layout of the manifest, or None."""
    try:
        notebook, changed = asked.chapter.read_source(), asked.parameters.changed()
        execute_notebook(notebook, changed, folder / NOTEBOOK, asked.watch, order)
    except PapermillExecutionError as raised:
        return _describe_cell_error(raised)
    except Exception as raised:  # a dead kernel or a timeout: the run failed, and the manifest has to say so
        return _describe_error(type(raised).__name__, scrub(str(raised)))
    return None


class _Logs:
    """Files into which the kernel writes what it used, a line each; they are no part of the run."""

    def __init__(self, folder: Path) -> None:
        self._paths = {name: folder / f"{name.lower()}.log" for name in (USE_LOG, DEVICE_LOG, STAGE_LOG, PARAMETER_LOG)}
        self.environment = {RUN_FOLDER: str(folder), **{name: str(path) for name, path in self._paths.items()}}

    def take(self, name: str) -> list[str]:
        """The lines of a log, which is removed."""
        path = self._paths[name]
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines


def _device_used(lines: list[str]) -> tuple[dict[str, Any] | None, list[str]]:
    """The device that the chapter chose (the last, should it choose twice), and what it said of its memory."""
    entries = [json.loads(line) for line in lines]
    devices = [entry["device"] for entry in entries if "device" in entry]
    return (devices or [None])[-1], [entry["notice"] for entry in entries if "notice" in entry]


def repeat_command(chapter: Chapter, parameters: ChapterParameters) -> str:
    """Command line that asks for the same run."""
    changed = (f" -p {name} {shlex.quote(_as_text(value))}" for name, value in parameters.changed().items())
    return f"brainalign run {chapter.name}{''.join(changed)}"


def _as_text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _undeclared_data(used: list[str], parameters: ChapterParameters) -> dict[str, Any] | None:
    undeclared = sorted(set(used) - declared_references(parameters))
    if not undeclared:
        return None
    text = (
        f"the chapter read {', '.join(undeclared)}, which it does not declare, so a change of it would go "
        f"unnoticed. Add it to data in its front matter."
    )
    return _describe_error("UndeclaredData", text)


def _changed_data(key: RunKey, declared: Declared, used: list[str]) -> dict[str, Any] | None:
    before, after = key.data, declared.checksums
    # Optional data that has come meanwhile matters only when the chapter found it.
    come = {name for name, state in before.items() if state == ABSENT and name not in after and name not in used}
    come |= {file.label for name in come for file in files_of(name)} - before.keys()
    changed = [name for name in {**before, **after} if before.get(name) != after.get(name) and name not in come]
    if not changed:
        return None
    text = f"{', '.join(changed)} changed while the chapter was running, so its numbers fit neither; run it again."
    return _describe_error("ChangedData", text)


def _other_parameters(parameters: ChapterParameters, logged: list[str]) -> dict[str, Any] | None:
    """What is wrong when the kernel's values, as it checked them itself, are not those that were asked for."""
    asked = parameters.model_dump(mode="json")
    for used in map(json.loads, logged):
        other = [f"{name} {used[name]!r}, not {value!r}" for name, value in asked.items() if used[name] != value]
        if other:
            text = (
                f"the chapter computed with {'; '.join(other)}, so its numbers are not those that were asked for. Set "
                f"parameters in one cell only, the one with the tag '{PARAMETERS}'."
            )
            return _describe_error("OtherParameters", text)
    return None


def _changed_code(key: RunKey, chapter: Chapter, versions: Mapping[str, str]) -> dict[str, Any] | None:
    """What is wrong when the chapter, the source or the packages are not those of the start."""
    try:
        changed = replace(key, **vars(read_code(chapter))).differences(key)
    except OSError as error:
        changed = [f"{error.filename}: {error.strerror}"]
    installed = software_versions()
    names = [name for name in {**versions, **installed} if versions.get(name) != installed.get(name)]
    changed += [f"the installed version of {name}" for name in names]
    if not changed:
        return None
    text = f"{'; '.join(changed)} changed while the chapter was running, so its numbers fit neither; run it again."
    return _describe_error("ChangedCode", text)


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


def _clean_notebook(folder: Path) -> dict[str, Any] | None:
    """Remove folders of this machine from the executed notebook; one that was cut off is removed, and that is said."""
    path = folder / NOTEBOOK
    if not path.exists():
        return None
    try:
        notebook = nbformat.read(path, as_version=4)
    except ValueError:  # what is no JSON, and what is no notebook
        path.unlink()
        text = "its notebook was cut off while it was written, for example because the disk is full; run it again."
        return _describe_error("CutOffNotebook", text)
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
    return None
