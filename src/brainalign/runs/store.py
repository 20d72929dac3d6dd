"""The run store: one folder a run, found by key, written whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import nbformat
import psutil
from nbformat import NotebookNode
from pydantic import ValidationError

from brainalign.datasets.locations import project_root
from brainalign.runs.errors import UsageError
from brainalign.runs.keys import RunKey
from brainalign.runs.manifest import SCHEMA_VERSION, Manifest
from brainalign.runs.recording import RESULTS

MANIFEST = "manifest.json"
NOTEBOOK = "notebook.ipynb"
_FAILED = "-failed"


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

    def notebook(self) -> NotebookNode:
        """The executed notebook."""
        return nbformat.read(self.folder / NOTEBOOK, as_version=4)


class RunStore:
    """Runs below one folder: ``CHAPTER/RUN/{notebook.ipynb, manifest.json, results.json, tables}``.

    Parameters
    ----------
    folder : Path, optional
        Where the runs are; by default ``BRAINALIGN_RUNS``, or ``runs`` in the project.
    """

    def __init__(self, folder: Path | None = None) -> None:
        named = os.environ.get("BRAINALIGN_RUNS")
        self.folder = folder or (Path(named).expanduser().resolve() if named else project_root() / "runs")

    def good_runs(self, chapter: str) -> list[Run]:
        """Good runs of a chapter, the latest first."""
        return [run for run in self._runs(chapter) if run.manifest.status == "ok"]

    def find(self, chapter: str, key: RunKey) -> Run | None:
        """The good run with this key, if there is one."""
        run = self._read(self.folder / chapter / key.digest[:12])
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
            When no run, or more than one, has this name.
        """
        runs = [run for chapter in self._chapters() for run in self._runs(chapter)]
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
        """An empty folder to run in; nothing finds it until `commit` moves it to its place."""
        self._sweep(chapter)
        folder = self.folder / chapter / f".{key.digest[:12]}-{os.getpid()}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def commit(self, folder: Path, manifest: Manifest) -> Run:
        """Write the manifest and move the run to its place; a failed run never takes the place of a good one."""
        (folder / MANIFEST).write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
        place = folder.parent / (manifest.run_id + (_FAILED if manifest.status == "failed" else ""))
        if place.exists():
            old = folder.with_name(f"{folder.name}-old")
            place.rename(old)
            folder.rename(place)
            shutil.rmtree(old)
        else:
            folder.rename(place)
        return Run(place, manifest)

    def _sweep(self, chapter: str) -> None:
        """Remove what runs left behind whose process was killed."""
        for path in (self.folder / chapter).glob(".*-*"):
            process = path.name.removesuffix("-old").rpartition("-")[2]
            if process.isdigit() and not psutil.pid_exists(int(process)):
                shutil.rmtree(path, ignore_errors=True)

    def _chapters(self) -> Iterator[str]:
        if self.folder.is_dir():
            yield from sorted(path.name for path in self.folder.iterdir() if path.is_dir())

    def _runs(self, chapter: str) -> list[Run]:
        folder = self.folder / chapter
        found = [self._read(path) for path in folder.iterdir()] if folder.is_dir() else []
        return sorted((run for run in found if run), key=lambda run: run.manifest.started, reverse=True)

    def _read(self, folder: Path) -> Run | None:
        path = folder / MANIFEST
        if folder.name.startswith(".") or not path.is_file():
            return None
        try:
            manifest = Manifest.model_validate_json(path.read_bytes())
        except ValidationError:
            return None  # written by another version: not ours to trust, not ours to delete
        parts = {field.name for field in fields(RunKey)}
        readable = manifest.schema_version == SCHEMA_VERSION and set(manifest.key_parts) == parts
        return Run(folder, manifest) if readable else None
