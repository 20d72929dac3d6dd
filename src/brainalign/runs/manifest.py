"""The manifest: what was run, on what, with which result, without a trace of who or where."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil
from pydantic import BaseModel, ConfigDict

from brainalign.datasets.locations import project_root

SCHEMA_VERSION = 1

_REPORTED_PACKAGES = (
    "brainalign", "brainspace", "jupyter-book", "matplotlib", "numba", "numpy", "pandas", "papermill", "safetensors",
    "scikit-learn", "scipy", "torch", "transformers",
)  # fmt: skip


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
    data : list of dict
        Label, checksum and licence of every file read.
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
    data: list[dict[str, str]]
    outputs: dict[str, str]
    commit: str | None
    command: str


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
