"""The manifest: what was run, on what, with which result, without a trace of who or where."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Self

import psutil
from pydantic import BaseModel, ConfigDict, ValidationError

from brainalign.catalogue.locations import project_root

SCHEMA_VERSION = 2

_REPORTED_PACKAGES = (
    "brainalign", "brainspace", "jupyter-book", "matplotlib", "numba", "numpy", "pandas", "papermill", "safetensors",
    "scikit-learn", "scipy", "torch", "transformers",
)  # fmt: skip


class ManifestError(ValueError):
    """A manifest that cannot be believed or not be read; the text says why."""


class NewerManifestError(ManifestError):
    """A manifest of a layout that only a newer version of this project reads."""


class Manifest(BaseModel):
    """Record of one run.

    Attributes
    ----------
    schema_version : int
        Version of this layout.
    run_id : str
        First 12 digits of the key.
    key : str
        sha256 over all parts of the key.
    key_parts : dict
        See `brainalign.runs.keys.RunKey`.
    chapter, profile : str
        What was run.
    parameters, changed_parameters : dict
        All values, and those that differ from the defaults.
    status : {"ok", "failed"}
        How it ended.
    error : dict or None
        Cell, source, kind, text and traceback of what was raised.
    started : str
        Time of the start, UTC, ISO 8601.
    seconds : float
        Time from start to end.
    cell_seconds : list of float
        Time of every code cell.
    peak_memory_bytes : int
        Largest resident memory of the notebook's process.
    versions, hardware : dict
        Python and packages; processor, cores, memory, graphics cards.
    threads : int or None
        Threads that the libraries of the kernel were given; None in runs that were made before this was recorded.
    device : dict or None
        Device that the chapter computed on and the flags set there, see `brainalign.devices.use_device`; None for a
        chapter that chose none.
    notices : list of str
        What a reader of the numbers should know, for example that batches were halved for want of memory.
    stages : list of dict
        Name, key and origin (computed, or read from disk) of every stage, see `brainalign.runs.stages`.
    data : list of dict
        Label, checksum and licence of every file read.
    absent : list of str
        Optional data that was not on the machine, so that the run did without it.
    outputs : dict
        Checksum of every file of the run.
    commit : str or None
        Commit of the source, with ``+changes`` when files differed from it.
    command : str
        Command line that repeats the run.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: int = SCHEMA_VERSION
    run_id: str
    key: str
    key_parts: dict[str, dict[str, Any]]
    chapter: str
    profile: str
    parameters: dict[str, Any]
    changed_parameters: dict[str, Any]
    status: str
    error: dict[str, Any] | None = None
    started: str
    seconds: float
    cell_seconds: list[float]
    peak_memory_bytes: int
    versions: dict[str, str]
    hardware: dict[str, Any]
    threads: int | None = None
    device: dict[str, Any] | None = None
    notices: list[str] = []
    stages: list[dict[str, str]] = []
    data: list[dict[str, str]]
    absent: list[str] = []
    outputs: dict[str, str]
    commit: str | None
    command: str

    @property
    def error_line(self) -> str | None:
        """Kind and text of the error in one line; None for a good run."""
        return f"{self.error.get('kind')}: {self.error.get('text')}" if self.error else None

    def to_json(self) -> str:
        """The text of ``manifest.json``: all fields, and a checksum over them."""
        content = json.loads(self.model_dump_json())
        return json.dumps({**content, "checksum": checksum_of(content)}, indent=1)

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        """Read what `to_json` wrote.

        Raises
        ------
        NewerManifestError
            For the layout of a newer version.
        ManifestError
            For a text that was cut off or changed by hand, or has the layout of an older version.
        """
        content = _parse(text)
        checksum = content.pop("checksum", None)
        if checksum != checksum_of(content):
            msg = "it does not fit its own checksum, so somebody changed it after the run was made"
            raise ManifestError(msg)
        try:
            return cls(**content)
        except ValidationError as error:
            msg = f"it does not have the fields of layout {SCHEMA_VERSION}: {error.errors()[0]['loc']}"
            raise ManifestError(msg) from error


def checksum_of(content: dict[str, Any]) -> str:
    """sha256 over the content of a JSON file, whatever the order of its names.

    Examples
    --------
    >>> checksum_of({"a": 1, "b": 2}) == checksum_of({"b": 2, "a": 1}) != checksum_of({"a": 1, "b": 3})
    True
    """
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _parse(text: bytes) -> dict[str, Any]:
    try:
        content = json.loads(text)
        layout = int(content["schema_version"])
    except (ValueError, TypeError, KeyError):
        msg = "it is no JSON with a layout, so it was cut off or changed by hand"
        raise ManifestError(msg) from None
    if layout > SCHEMA_VERSION:
        msg = f"it was written by a newer version (layout {layout}; this one reads {SCHEMA_VERSION})"
        raise NewerManifestError(msg)
    if layout < SCHEMA_VERSION:
        msg = f"it was written by an older version (layout {layout}; this one reads {SCHEMA_VERSION})"
        raise ManifestError(msg)
    return content


def now() -> str:
    """The time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def software_versions() -> dict[str, str]:
    """Versions of Python and of the packages that numbers depend on."""
    found = {"python": platform.python_version()}
    for package in _REPORTED_PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def hardware() -> dict[str, Any]:
    """Processor, cores, memory and graphics cards of this machine; no name of machine or user."""
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "gpus": _gpus(),
    }


def hardware_line(described: Mapping[str, Any]) -> str:
    """Processor, cores and graphics cards in one line, of what `hardware` found."""
    gpus = ", ".join(described["gpus"]) or "no GPU"
    return f"{described['processor']}, {described['cores']} cores, {gpus}"


def source_commit() -> str | None:
    """Commit of the project's source; None where it is not a git checkout."""

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(project_root()), *arguments], capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    try:
        commit = git("rev-parse", "--short=12", "HEAD")
        return f"{commit}+changes" if git("status", "--porcelain", "--untracked-files=no") else commit
    except (OSError, subprocess.SubprocessError):
        return None


def scrub(text: str) -> str:
    """Remove folders of this machine from a text: a manifest and a page must not tell who made them."""
    replacements = (
        (str(Path(sys.prefix).resolve()), "<environment>"),
        (sys.prefix, "<environment>"),
        (str(project_root()), "<project>"),
        (str(Path.home()), "~"),
    )
    for folder, stand_in in replacements:
        if len(folder) > 1:
            text = text.replace(folder, stand_in)
    return text


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _gpus() -> list[str]:
    if shutil.which("nvidia-smi") is None:
        return []
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    answer = subprocess.run(query, capture_output=True, text=True, check=False, timeout=30)
    return [line.strip() for line in answer.stdout.splitlines()] if answer.returncode == 0 else []
