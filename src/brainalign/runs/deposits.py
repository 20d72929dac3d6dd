"""Deposits: runs that few can repeat, kept in the repository under somebody's name, with checks that they still fit."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from brainalign.catalogue.entries import MissingDataError, sha256_of
from brainalign.catalogue.locations import project_root
from brainalign.runs.errors import UsageError
from brainalign.runs.keys import RunKey, compute_key
from brainalign.runs.manifest import Manifest, ManifestError, checksum_of, now
from brainalign.runs.recording import TABLES
from brainalign.runs.registry import get_chapter
from brainalign.runs.store import MANIFEST, NOTEBOOK, Run

DEPOSITS = "data/deposits"
DEPOSIT = "deposit.json"
LARGEST_TABLE = 200_000
"""Bytes; a larger table stays with the run, and the deposit names it."""

LARGEST_FILE = 2_000_000
"""Bytes; a larger notebook is refused, as any larger file in the repository is."""

_LAYOUT = 1

State = Literal["current", "stale", "altered"]
"""Whether the code, data and versions are still those of the run, or its files are not those that were signed."""


@dataclass(frozen=True)
class Deposit:
    """A run in the repository.

    Attributes
    ----------
    folder : Path
        ``data/deposits/CHAPTER/RUN``.
    facts : dict
        Content of ``deposit.json``: `signed_by`, `signed`, `note`, `files` (checksums), `left_out`.
    manifest : Manifest or None
        Manifest of the run; None when it was altered.
    state : {"current", "stale", "altered"}
        See `State`.
    reasons : list of str
        What changed since; empty for a current deposit.
    """

    folder: Path
    facts: dict[str, Any]
    manifest: Manifest | None
    state: State
    reasons: list[str]

    @property
    def name(self) -> str:
        """``CHAPTER/RUN``."""
        return f"{self.folder.parent.name}/{self.folder.name}"

    def scalars(self) -> dict[str, Any]:
        """Recorded numbers and words, see `Run.scalars`; none of an altered deposit."""
        return Run(self.folder, self.manifest).scalars() if self.manifest else {}


def deposit_run(run: Run, *, by: str, note: str = "") -> Deposit:
    """Copy a run into the repository, without its large tables, under somebody's name.

    Parameters
    ----------
    run : Run
        A good run with the profile ``paper``, or one that computed on a graphics card.
    by : str
        Who answers for it.
    note : str
        What a reader should know of it.

    Returns
    -------
    Deposit

    Raises
    ------
    UsageError
        For a run that failed, that anybody can repeat, whose files are not those of its manifest, whose notebook is
        too large, or that is deposited already; and without a name.
    """
    _check(run, by)
    folder = project_root() / DEPOSITS / run.name
    if folder.exists():
        msg = f"{run.name} is deposited already, in {DEPOSITS}; remove that folder to sign it anew."
        raise UsageError(msg)
    work = folder.with_name(f".{folder.name}-in-progress")
    shutil.rmtree(work, ignore_errors=True)
    try:
        left_out = _copy(run, work)
        facts = {
            "layout": _LAYOUT, "chapter": run.manifest.chapter, "run": run.manifest.run_id, "signed_by": by.strip(),
            "signed": now(), "note": note.strip(), "files": _checksums(work), "left_out": left_out,
        }  # fmt: skip
        text = json.dumps({**facts, "checksum": checksum_of(facts)}, indent=1, ensure_ascii=False)
        (work / DEPOSIT).write_text(text + "\n", encoding="utf-8")
        work.rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return read_deposit(folder)


def list_deposits(chapter: str | None = None) -> list[Deposit]:
    """Deposits of a chapter or of all, the last signed first.

    Parameters
    ----------
    chapter : str, optional
        Short name of a chapter.
    """
    found = sorted((project_root() / DEPOSITS).glob(f"{chapter or '*'}/[!.]*/{DEPOSIT}"))
    deposits = [read_deposit(path.parent) for path in found]
    return sorted(deposits, key=lambda deposit: deposit.facts.get("signed", ""), reverse=True)


def read_deposit(folder: Path) -> Deposit:
    """A deposit, checked against its checksums and against the chapter as it is now."""
    facts, problems = _read_facts(folder)
    manifest = None
    try:
        manifest = Manifest.from_json((folder / MANIFEST).read_bytes())
    except (OSError, ManifestError) as error:
        problems.append(f"{MANIFEST}: {error}")
    if problems or manifest is None:
        return Deposit(folder, facts, None, "altered", problems)
    changed = _differences(manifest)
    return Deposit(folder, facts, manifest, "stale" if changed else "current", changed)


def _check(run: Run, by: str) -> None:
    manifest = run.manifest
    on_card = manifest.device is not None and str(manifest.device["used"]) != "cpu"
    changed = [name for name, checksum in manifest.outputs.items() if _checksum(run.folder / name) != checksum]
    if not by.strip():
        msg = "a deposit needs the name of who answers for it: --by NAME"
    elif manifest.status != "ok":
        msg = f"{run.name} failed; only a good run can be deposited."
    elif manifest.profile != "paper" and not on_card:
        msg = (
            f"{run.name} has the profile {manifest.profile} and computed on the processor, which anybody can repeat: "
            f"{manifest.command}. Deposit runs with the profile paper, or from a graphics card."
        )
    elif changed:
        msg = f"{run.name} is not as its manifest says: {', '.join(changed)} changed after the run. Run it again."
    elif (size := (run.folder / NOTEBOOK).stat().st_size) > LARGEST_FILE:
        msg = f"the notebook of {run.name} has {size} bytes, more than the {LARGEST_FILE} that the repository takes."
    else:
        return
    raise UsageError(msg)


def _copy(run: Run, work: Path) -> dict[str, int]:
    """Copy all but the large tables; returns the size of these."""
    work.mkdir(parents=True)
    left_out = {}
    for name in (MANIFEST, *run.manifest.outputs):
        source, size = run.folder / name, (run.folder / name).stat().st_size
        if name.startswith(f"{TABLES}/") and size > LARGEST_TABLE:
            left_out[name] = size
            continue
        (work / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(source, work / name)
    return left_out


def _checksums(folder: Path) -> dict[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != DEPOSIT)
    return {path.relative_to(folder).as_posix(): sha256_of(path) for path in paths}


def _checksum(path: Path) -> str | None:
    return sha256_of(path) if path.is_file() else None


def _read_facts(folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Content of ``deposit.json``, and what does not fit it."""
    try:
        facts = json.loads((folder / DEPOSIT).read_text(encoding="utf-8"))
        checksum, files = facts.pop("checksum"), dict(facts["files"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}, [f"{DEPOSIT} cannot be read"]
    problems = [] if checksum == checksum_of(facts) else [f"{DEPOSIT} does not fit its own checksum"]
    here = _checksums(folder)
    problems += [f"{name} is missing" for name in files if name not in here]
    problems += [f"{name} was added" for name in here if name not in files]
    problems += [f"{name} was changed" for name in files if name in here and here[name] != files[name]]
    return facts, problems


def _differences(manifest: Manifest) -> list[str]:
    """What the run's key has that the chapter's key of today has not."""
    earlier = RunKey(**manifest.key_parts)
    try:
        chapter = get_chapter(manifest.chapter)
        parameters = chapter.parameters.from_values(chapter.name, manifest.parameters)
    except UsageError as error:
        return [str(error)]
    try:
        key = compute_key(chapter, parameters)
    except MissingDataError:
        key = compute_key(chapter, parameters, data=earlier.data)  # what is not here cannot be held against it
    return key.differences(earlier)
