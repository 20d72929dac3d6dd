"""The run store: one folder per run, found by key, written whole or not at all."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import json
import os
import platform
import re
import secrets
import shutil
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import nbformat
import psutil
from nbformat import NotebookNode

from brainalign.catalogue.files import sha256_of
from brainalign.catalogue.locations import project_root
from brainalign.runs.errors import StoreError, StoreWarning, UsageError
from brainalign.runs.keys import RunKey
from brainalign.runs.manifest import Manifest, ManifestError, NewerManifestError
from brainalign.runs.recording import RESULTS

MANIFEST = "manifest.json"
NOTEBOOK = "notebook.ipynb"
_FAILED = "-failed"
_OLD, _OLD_FAILED = "-old", "-old-failed"
_HIDDEN = re.compile(r"\.(?P<run>[^-]+)-(?P<machine>[^-]+)-(?P<process>\d+)(\.\w+)?(-old|-old-failed)?")
_PASSED_OVER = "passed over and left alone"
_KEY_PARTS = {field.name for field in fields(RunKey)}
_MOST_TRIES = 100
_OF_A_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)


@dataclass(frozen=True)
class Run:
    """A finished run, good or failed."""

    folder: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        """``CHAPTER/RUN``, by which ``brainalign show`` finds it."""
        return f"{self.folder.parent.name}/{self.folder.name}"

    def results(self) -> dict[str, Any]:
        """What the chapter recorded."""
        path = self.folder / RESULTS
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def scalars(self) -> dict[str, Any]:
        """Recorded numbers and words, without lists and evidence on claims."""
        return {name: value for name, value in self.results().items() if not isinstance(value, list | dict)}

    def notebook(self) -> NotebookNode:
        """The executed notebook."""
        return nbformat.read(self.folder / NOTEBOOK, as_version=4)


class ChapterFailedError(RuntimeError):
    """A chapter raised.

    Parameters
    ----------
    run : Run
        The failed run; its manifest holds the error.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        error = run.manifest.error or {}
        super().__init__(f"{run.manifest.chapter} failed: {error.get('kind')}: {error.get('text')}")


class RunStore:
    """Runs below one folder: ``CHAPTER/RUN/{notebook.ipynb, manifest.json, results.json, tables}``.

    A run whose manifest cannot be read or believed is passed over with a `StoreWarning`, and never deleted.

    Parameters
    ----------
    folder : Path, optional
        Where the runs are; by default ``BRAINALIGN_RUNS``, or ``runs`` in the project.
    """

    def __init__(self, folder: Path | None = None) -> None:
        named = os.environ.get("BRAINALIGN_RUNS")
        # Not Path.resolve, which raises where links lead in a circle: what writes there says so in words.
        self.folder = folder or (Path(os.path.realpath(Path(named).expanduser())) if named else project_root() / "runs")

    def good_runs(self, chapter: str) -> list[Run]:
        """Good runs of a chapter, the latest first."""
        return [run for run in self._runs(chapter) if run.manifest.status == "ok"]

    def runs(self, chapters: Collection[str] | None = None, *, run_ids: Collection[str] | None = None) -> list[Run]:
        """Runs, good and failed, in no order; only of these chapters, and with these ids, where they are given."""
        found, left_out = [], {}
        for chapter in self._chapters():
            if chapters is None or chapter in chapters:
                runs, unreadable = self._read_all(chapter, run_ids)
                found += runs
                left_out |= unreadable
        _warn(left_out, "left out")
        return found

    def failure(self, chapter: str, digest: str) -> Run | None:
        """The failed run with this key, if there is one that can be read."""
        try:
            run = _read(self._failed_folder(chapter, digest))
        except ManifestError:
            return None
        return run if run and run.manifest.key == digest else None

    def failure_time(self, chapter: str, digest: str) -> int | None:
        """When the failed run with this key was written, in nanoseconds; None when there is none."""
        try:
            return (self._failed_folder(chapter, digest) / MANIFEST).stat().st_mtime_ns
        except FileNotFoundError:
            return None

    def find(self, chapter: str, key: RunKey) -> Run | None:
        """The good run with this key, if there is one.

        Raises
        ------
        StoreError
            When a newer version of the project wrote a run in its place: another run would replace it.
        """
        folder = self.folder / chapter / key.digest[:12]
        self._put_back(chapter)
        try:
            run = _read(folder)
        except NewerManifestError as error:
            msg = f"{folder / MANIFEST} cannot be read: {error}. Update the project, or set BRAINALIGN_RUNS elsewhere."
            raise StoreError(msg) from error
        except ManifestError as error:
            _warn({folder: error}, _PASSED_OVER)
            return None
        return run if run and run.manifest.status == "ok" and run.manifest.key == key.digest else None

    def nearest(self, chapter: str, key: RunKey) -> tuple[Run, list[str]] | None:
        """The good run whose key differs in the fewest parts, and those differences; the latest of equals."""
        candidates = [(run, key.differences(RunKey(**run.manifest.key_parts))) for run in self.good_runs(chapter)]
        return min(candidates, key=lambda candidate: len(candidate[1]), default=None)

    def open(self, name: str) -> Run:
        """A run by ``CHAPTER/RUN``, by the beginning of its id, or the latest run of a chapter by the chapter's name.

        Raises
        ------
        UsageError
            When no run, or more than one, has this name, or when its manifest cannot be read or believed.
        """
        runs = [run for chapter in self._chapters() for run in self._runs(chapter, named=name)]
        of_chapter = [run for run in runs if run.folder.parent.name == name]
        if of_chapter:
            return of_chapter[0]
        found = [run for run in runs if name and (run.name == name or run.folder.name.startswith(name))]
        exact = [run for run in found if name in (run.name, run.folder.name)]
        if len(exact or found) == 1:
            return (exact or found)[0]
        if found:
            msg = f"'{name}' names {len(found)} runs: {', '.join(run.name for run in found)}. Give more digits."
        else:
            runs.sort(key=lambda run: run.manifest.started, reverse=True)
            latest = ", ".join(run.name for run in runs[:5]) or "none yet; make one with: brainalign run CHAPTER"
            msg = f"there is no run '{name}'. The latest are: {latest}."
        raise UsageError(msg)

    def new_folder(self, chapter: str, key: RunKey) -> Path:
        """An empty folder to run in; nothing finds it until `commit` moves it to its place.

        Raises
        ------
        StoreError
            When the folder cannot be made.
        """
        self._sweep(chapter)
        folder = self.folder / chapter / f".{key.digest[:12]}-{_machine()}-{os.getpid()}.{secrets.token_hex(4)}"
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise _cannot_keep(chapter, self.folder, error) from error
        return folder

    @contextmanager
    def keeping(self, chapter: str) -> Iterator[None]:
        """Say in words, within the block, that the disk of the store does not take what is written.

        Raises
        ------
        StoreError
            As of `commit`.
        """
        try:
            yield
        except OSError as error:
            if error.errno not in _OF_A_DISK:
                raise
            raise _cannot_keep(chapter, self.folder, error) from error

    def commit(self, folder: Path, manifest: Manifest) -> Run:
        """Write the manifest and move the run to its place; a failed run never takes the place of a good one.

        Raises
        ------
        StoreError
            When there is no room for it, or the store cannot be written; an earlier run stays as it was.
        """
        is_failed = manifest.status == "failed"
        place = self._failed_folder(manifest.chapter, manifest.key) if is_failed else folder.parent / manifest.run_id
        try:
            (folder / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
            _take_place(folder, place)
        except OSError as error:
            raise _cannot_keep(manifest.chapter, self.folder, error) from error
        return Run(place, manifest)

    def _sweep(self, chapter: str) -> None:
        """Remove what runs left behind whose process, on this machine, was killed; a good run that it moved stays."""
        self._put_back(chapter)
        for path in self._left_behind(chapter):
            shutil.rmtree(path, ignore_errors=True)

    def _put_back(self, chapter: str) -> None:
        """Move an earlier run back to its place, whose process was killed when it had moved it away."""
        for path in self._left_behind(chapter):
            place = path.with_name(_HIDDEN.fullmatch(path.name)["run"])
            if path.name.endswith(_OLD) and not place.exists():
                with suppress(OSError):  # another process does the same
                    path.rename(place)

    def _left_behind(self, chapter: str) -> list[Path]:
        found = ((path, _HIDDEN.fullmatch(path.name)) for path in (self.folder / chapter).glob(".*"))
        here = [(path, int(name["process"])) for path, name in found if name and name["machine"] == _machine()]
        return [path for path, process in here if not psutil.pid_exists(process)]

    def _failed_folder(self, chapter: str, digest: str) -> Path:
        return self.folder / chapter / f"{digest[:12]}{_FAILED}"

    def _chapters(self) -> Iterator[str]:
        if self.folder.is_dir():
            yield from sorted(path.name for path in self.folder.iterdir() if path.is_dir())

    def _runs(self, chapter: str, *, named: str | None = None) -> list[Run]:
        """Readable runs, the latest first; one that is asked for by name must be readable."""
        runs, unreadable = self._read_all(chapter)
        for path, error in unreadable.items():
            if named in (path.name, f"{chapter}/{path.name}"):
                msg = f"{chapter}/{path.name} cannot be shown: {MANIFEST} is not as a run wrote it, {error}."
                raise UsageError(msg) from error
        _warn(unreadable, _PASSED_OVER)
        return sorted(runs, key=lambda run: run.manifest.started, reverse=True)

    def _read_all(
        self, chapter: str, run_ids: Collection[str] | None = None
    ) -> tuple[list[Run], dict[Path, ManifestError]]:
        """Runs of a chapter, and what is wrong with those that cannot be read or believed, by their folders."""
        folder = self.folder / chapter
        self._put_back(chapter)
        runs, unreadable = [], {}
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            if run_ids is not None and path.name.removesuffix(_FAILED) not in run_ids:
                continue
            try:
                run = _read(path)
            except ManifestError as error:
                unreadable[path] = error
                continue
            if run:
                runs.append(run)
        return runs, unreadable


def _read(folder: Path) -> Run | None:
    """The run in a folder, None when there is none."""
    if folder.name.startswith("."):
        return None
    try:
        text = (folder / MANIFEST).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _unreadable(error) from error
    manifest = Manifest.from_json(text)
    if set(manifest.key_parts) != _KEY_PARTS:
        msg = f"its key has the parts {', '.join(manifest.key_parts)}, and not {', '.join(sorted(_KEY_PARTS))}"
        raise ManifestError(msg)
    try:
        _check_outputs(folder, manifest)
    except OSError as error:
        raise _unreadable(error) from error
    return Run(folder, manifest)


def _unreadable(error: OSError) -> ManifestError:
    """For links that lead in a circle, and for files of others."""
    return ManifestError(f"its {Path(str(error.filename)).name} cannot be read ({error.strerror})")


def _check_outputs(folder: Path, manifest: Manifest) -> None:
    """Raise a `ManifestError` when a file of the run is not as the run wrote it."""
    for name, checksum in manifest.outputs.items():
        if not (folder / name).is_file():
            msg = f"its {name} is gone"
            raise ManifestError(msg)
        if sha256_of(folder / name) != checksum:
            msg = f"its {name} was changed after the run was made"
            raise ManifestError(msg)
    if manifest.outputs and RESULTS not in manifest.outputs and (folder / RESULTS).exists():
        msg = f"its {RESULTS} was added after the run was made"
        raise ManifestError(msg)


def _warn(unreadable: Mapping[Path, ManifestError], what_was_done: str) -> None:
    """One warning for each reason, with the runs that it holds for."""
    for reason in dict.fromkeys(map(str, unreadable.values())):
        names = [f"{path.parent.name}/{path.name}" for path, error in unreadable.items() if str(error) == reason]
        shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        runs = "1 run was" if len(names) == 1 else f"{len(names)} runs were"
        warnings.warn(f"{runs} {what_was_done} ({shown}): {reason}.", StoreWarning, stacklevel=4)


def _take_place(folder: Path, place: Path) -> None:
    """Move a folder to its place, moving away what is there; others may be doing the same."""
    old = folder.with_name(folder.name + (_OLD_FAILED if place.name.endswith(_FAILED) else _OLD))
    if _exchange(folder, place):
        shutil.rmtree(folder, ignore_errors=True)
        return
    for _ in range(_MOST_TRIES):
        try:
            folder.rename(place)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        else:
            shutil.rmtree(old, ignore_errors=True)
            return
        shutil.rmtree(old, ignore_errors=True)
        try:
            place.rename(old)
        except FileNotFoundError:
            continue  # another process has moved it away
    msg = f"{place} is written by others without a pause"
    raise OSError(errno.EBUSY, msg)


def _cannot_keep(chapter: str, folder: Path, error: OSError) -> StoreError:
    msg = (
        f"the run of {chapter} cannot be kept in {folder}: {error.strerror}. Nothing of it was kept. Make room, or "
        "name another folder with BRAINALIGN_RUNS, and run it again; finished stages are not computed again."
    )
    return StoreError(msg)


def _exchange(folder: Path, place: Path) -> bool:
    """Let two folders change places in one step, so that there is a good run at any time; False if it cannot be.

    Linux can. Elsewhere the earlier run is moved away first, and put back when the process is killed before the second
    step.
    """
    try:
        rename = ctypes.CDLL(None).renameat2
    except (AttributeError, OSError):
        return False
    current, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return rename(current, os.fsencode(folder), current, os.fsencode(place), exchange) == 0


def _machine() -> str:
    # A process number means something only in its space of processes, until the next start of the machine; containers
    # of one host name may share a disk. Not the names themselves: a folder that is left behind must not tell them.
    parts = [platform.node(), str(psutil.boot_time())]
    with suppress(OSError):
        parts.append(os.readlink("/proc/self/ns/pid"))
    with suppress(OSError):
        parts[1] = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8")
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:8]
