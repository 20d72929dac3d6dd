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

from brainalign.catalogue.entries import MIRROR, ChecksumError, MissingDataError, catalogue, problems_of, state_of
from brainalign.catalogue.home import HUB_OFFLINE, OFFLINE, data_home, is_offline
from brainalign.catalogue.kept_models import altered_models
from brainalign.catalogue.locations import project_root
from brainalign.cli.console import open_console, print_json, readable_bytes
from brainalign.runs.keys import compute_key
from brainalign.runs.manifest import hardware, hardware_line
from brainalign.runs.registry import all_chapters
from brainalign.runs.store import RunStore

LOCK = "requirements.lock"


def doctor(json_: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False) -> None:
    """Say what is installed against what is locked, what is here of data and weights, and what is altered or stale.

    With exit code 1 where packages are not as locked, or files not as their checksums.
    """
    other, (n_checked, altered) = unlike_locked(), altered_files()
    n_models, altered_weights = altered_models()
    found = {
        "packages": "; ".join(other) or f"as in {LOCK}",
        "machine": hardware_line(hardware()),
        "device": _device(),
        "checksums": "; ".join(altered) or f"{n_checked} entries of data and weights here are as they should be",
        "models of a hub": "; ".join(altered_weights) or f"{n_models} kept, as they were fetched",
        "data home": _place(data_home()),
        "runs": _place(RunStore().folder),
        "mirror": _mirror(),
        "network": _network(),
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
    if other or altered or altered_weights:
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


def altered_files() -> tuple[int, list[str]]:
    """Number of entries of the catalogue that are here, and what is wrong with the files of those that were altered."""
    here = [name for name in catalogue() if state_of(name) in ("package", "project", "mirror", "here")]
    return len(here), [problem for name in here for problem in problems_of(name)]


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


def _device() -> str:
    from brainalign.devices import resolve_device  # imports torch, which the other commands do without

    found = resolve_device("auto")
    unused = found.type == "cpu" and hardware()["gpus"]
    return f"auto is {found}{', NOT THE CARD: this torch, or the driver, does not find it' if unused else ''}"


def _mirror() -> str:
    named = os.environ.get(MIRROR)
    if not named:
        return f"none ({MIRROR} is not set)"
    return named if "://" in named or Path(named).expanduser().is_dir() else f"{named}, NOT THERE"


def _network() -> str:
    if is_offline():
        return f"forbidden by {OFFLINE}"
    return f"may be used, but hubs of models are forbidden by {HUB_OFFLINE}" if is_offline(hub=True) else "may be used"


def _place(folder: Path) -> str:
    place = next(path for path in (folder, *folder.parents) if path.exists())
    there = "" if folder.exists() else ", not there yet"
    writable = "" if os.access(place, os.W_OK) else ", NOT WRITABLE"
    return f"{folder}{there}{writable}; {readable_bytes(shutil.disk_usage(place).free)} free"
