"""The command `brainalign doctor`: what of this machine and installation decides over what works here."""

from __future__ import annotations

import os
import re
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from brainalign.catalogue.entries import MIRROR, ChecksumError, MissingDataError, catalogue, state_of
from brainalign.catalogue.home import OFFLINE, data_home, is_offline
from brainalign.catalogue.locations import project_root
from brainalign.cli.console import open_console, print_json, readable_bytes
from brainalign.runs.keys import compute_key
from brainalign.runs.manifest import hardware, hardware_line
from brainalign.runs.registry import all_chapters
from brainalign.runs.store import RunStore

LOCK = "requirements.lock"


def doctor(json_: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False) -> None:
    """Say what is installed against what is locked, where data and runs lie, what is missing, and what is stale."""
    other = unlike_locked()
    found = {
        "packages": "; ".join(other) or f"as in {LOCK}",
        "machine": hardware_line(hardware()),
        "data home": _place(data_home()),
        "runs": _place(RunStore().folder),
        "mirror": os.environ.get(MIRROR) or f"none ({MIRROR} is not set)",
        "network": f"forbidden by {OFFLINE}" if is_offline() else "may be used",
        "data not here": ", ".join(name for name in catalogue() if state_of(name) in ("not here", "partly here"))
        or "none",
        "stale chapters": ", ".join(stale_chapters()) or "none",
    }
    if json_:
        print_json(found)
    else:
        table = Table(show_header=False, box=None, pad_edge=False)
        for name, text in found.items():
            table.add_row(name, Text(text))
        open_console().print(table)
    if other:
        raise typer.Exit(1)


def unlike_locked() -> list[str]:
    """Packages that are not installed as the lock asks, each as what is there and what is locked."""
    found = []
    for line in (project_root() / LOCK).read_text(encoding="utf-8").splitlines():
        locked = re.match(r"([\w.-]+)==(\S+)\s*$", line)  # a line with a condition is for other machines
        if locked is None:
            continue
        name, wanted = locked.groups()
        try:
            installed = version(name)
        except PackageNotFoundError:
            installed = "nothing"
        if installed.partition("+")[0] != wanted.partition("+")[0]:
            found.append(f"{name}: {installed} installed, {wanted} locked")
    return found


def stale_chapters() -> list[str]:
    """Chapters without a run of this code, these data and versions at the defaults."""
    store, stale = RunStore(), []
    for chapter in all_chapters():
        try:
            key = compute_key(chapter, chapter.parameters.from_values(chapter.name, {}))
        except (MissingDataError, ChecksumError):
            stale.append(f"{chapter.name} (data missing)")
            continue
        if store.find(chapter.name, key) is None:
            stale.append(chapter.name)
    return stale


def _place(folder: Path) -> str:
    place = next(path for path in (folder, *folder.parents) if path.exists())
    there = "" if folder.exists() else ", not there yet"
    writable = "" if os.access(place, os.W_OK) else ", NOT WRITABLE"
    return f"{folder}{there}{writable}; {readable_bytes(shutil.disk_usage(place).free)} free"
