"""Stages: long steps of a chapter whose results stay on disk, so that a killed run goes on where it was."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from brainalign.catalogue.entries import files_of
from brainalign.catalogue.files import USE_LOG, MissingDataError
from brainalign.catalogue.home import data_home
from brainalign.runs.errors import StoreWarning, UsageError
from brainalign.runs.fingerprints import fingerprint, fingerprint_function
from brainalign.runs.payloads import decode, encode
from brainalign.runs.sources import lock_checksum

STAGES = "BRAINALIGN_STAGES"
"""Environment variable with the folder of finished stages; by default ``stages`` in the data home."""

STAGE_LOG = "BRAINALIGN_STAGE_LOG"
"""Environment variable with a file to which every stage is added, a line of JSON each."""

RECOMPUTE = "BRAINALIGN_RECOMPUTE"
"""Environment variable that, when set, has every stage computed anew."""

_LAYOUT = 1
_RECEIPT = ".stage.json"
_NAME = re.compile(r"[\w][\w .=,+-]{0,79}")
_ABANDONED = 24 * 3600  # seconds after which a file without a receipt belongs to a process that is gone

Result = TypeVar("Result")


def stage(name: str, inputs: Mapping[str, Any], compute: Callable[[], Result]) -> Result:
    """The result of a long step, computed once: from disk, when the same was computed before.

    Parameters
    ----------
    name : str
        What is computed, in letters, digits, spaces and ``. = , + -``; names the files and tells stages apart.
    inputs : mapping of str to any
        Every value that `compute` reads from around it, by its name there; see `fingerprint` for the types.
    compute : callable
        Takes nothing and returns a table of pandas, an array of numpy, a mapping of names to such arrays, or what
        JSON can hold.

    Returns
    -------
    table, array, dict, or plain value
        As read back from what is kept: tuples come as lists, whether the stage was computed or not.

    Raises
    ------
    UsageError
        For a name with other signs, a result of another type, and when `compute` reads what the inputs do not name.

    Notes
    -----
    The key is the sha256 of the name, the inputs, the code of `compute` and the source of `brainalign` behind it, the
    lock file and the version of Python. A result counts only with its receipt, which is written last and holds its
    checksum and those of catalogued files that `compute` read; both are written under another name, forced to the
    disk and then renamed. What does not fit is computed again.
    """
    if not _NAME.fullmatch(name):
        msg = f"'{name}' cannot name a stage; use up to 80 letters, digits, spaces and . = , + -"
        raise UsageError(msg)
    folder, key = stages_folder(), _key(name, inputs, compute)
    receipt = folder / f"{name.replace(' ', '-')}-{key[:16]}{_RECEIPT}"
    if not os.environ.get(RECOMPUTE):
        kept = _read(receipt, key)
        if kept is not None:
            _log(name, key, "read")
            return decode(*kept)
    began = time.monotonic()
    with _references_read() as references:
        kind, content = encode(compute(), owner=name)
    facts = {
        "layout": _LAYOUT, "name": name, "key": key, "kind": kind, "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(), "seconds": round(time.monotonic() - began, 3),
        "data": {reference: _checksums(reference) for reference in sorted(set(references))},
    }  # fmt: skip
    _keep(receipt, content, facts)
    _log(name, key, "computed")
    return decode(kind, content)


def stages_folder() -> Path:
    """Folder of finished stages; it need not exist."""
    named = os.environ.get(STAGES)
    return Path(named).expanduser().absolute() if named else data_home() / "stages"


@dataclass(frozen=True)
class FinishedStage:
    """A stage on disk.

    Attributes
    ----------
    name, key : str
        What was computed, and the sha256 of all it depends on.
    seconds : float
        What computing it took.
    n_bytes : int
        Size of its result.
    used : float
        When it was last computed or read, in seconds since 1970.
    files : tuple of Path
        Receipt and result.
    """

    name: str
    key: str
    seconds: float
    n_bytes: int
    used: float
    files: tuple[Path, ...]


def list_stages() -> list[FinishedStage]:
    """Finished stages, the last used first."""
    found = []
    for receipt in stages_folder().glob(f"*{_RECEIPT}"):
        facts = _facts(receipt)
        if facts is not None:
            files = (receipt, _result_path(receipt, facts["kind"]))
            used = receipt.stat().st_mtime
            found.append(FinishedStage(facts["name"], facts["key"], facts["seconds"], facts["bytes"], used, files))
    return sorted(found, key=lambda one: one.used, reverse=True)


def remove_stages(*, unused_days: float = 0.0) -> int:
    """Remove stages that were not used for some days, and what killed processes left; returns the bytes freed.

    Parameters
    ----------
    unused_days : float
        Days, 0 or more; 0 removes all.

    Raises
    ------
    UsageError
        For a negative number of days.
    """
    if unused_days < 0:
        msg = f"{unused_days} days cannot be; give 0 or more."
        raise UsageError(msg)
    now, stages = time.time(), list_stages()
    kept = [one for one in stages if now - one.used < unused_days * 24 * 3600]
    spared = {path for one in kept for path in one.files}
    of_stages = {path for one in stages for path in one.files}
    freed = 0
    for path in [path for path in stages_folder().glob("*") if path.is_file() and path not in spared]:
        stat = path.stat()
        if path in of_stages or now - stat.st_mtime > _ABANDONED:
            freed += stat.st_size
            path.unlink(missing_ok=True)
    return freed


def _key(name: str, inputs: Mapping[str, Any], compute: Callable[[], Any]) -> str:
    parts = {
        "name": name,
        "inputs": {label: fingerprint(value) for label, value in inputs.items()},
        "function": fingerprint_function(compute, inputs, owner=name),
        "lock": lock_checksum(),
        "python": platform.python_version_tuple()[:2],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _read(receipt: Path, key: str) -> tuple[str, bytes] | None:
    """Kind and content of a finished stage; None when there is none that can be believed."""
    facts = _facts(receipt)
    if facts is None or facts["key"] != key:
        return None
    path = _result_path(receipt, facts["kind"])
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != facts["sha256"]:
        text = f"the result of the stage '{facts['name']}' does not fit its checksum; it is computed again."
        warnings.warn(text, StoreWarning, stacklevel=3)
        return None
    if any(_checksums(reference) != checksums for reference, checksums in facts["data"].items()):
        return None
    os.utime(receipt)
    return facts["kind"], content


def _facts(receipt: Path) -> dict[str, Any] | None:
    try:
        facts = json.loads(receipt.read_bytes())
    except (OSError, ValueError):
        return None
    return facts if isinstance(facts, dict) and facts.get("layout") == _LAYOUT else None


def _result_path(receipt: Path, kind: str) -> Path:
    return receipt.with_name(f"{receipt.name.removesuffix(_RECEIPT)}.{kind}")


def _keep(receipt: Path, content: bytes, facts: Mapping[str, Any]) -> None:
    try:
        receipt.parent.mkdir(parents=True, exist_ok=True)
        _write_whole(_result_path(receipt, facts["kind"]), content)
        _write_whole(receipt, json.dumps(facts, indent=1).encode())
    except OSError as error:
        text = f"the stage '{facts['name']}' was computed but cannot be kept: {error.strerror}."
        warnings.warn(text, StoreWarning, stacklevel=3)


def _write_whole(path: Path, content: bytes) -> None:
    """Let a file appear with all its content or not at all, whatever happens to this process or to the power."""
    descriptor, partial = tempfile.mkstemp(prefix=".partial-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(partial, path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise


@contextmanager
def _references_read() -> Iterator[list[str]]:
    """References of the catalogue that are read in the block; the log of the run gets them, too."""
    outer, references = os.environ.get(USE_LOG), []
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "used"
        os.environ[USE_LOG] = str(log)
        try:
            yield references
        finally:
            os.environ.pop(USE_LOG)
            text = log.read_text(encoding="utf-8") if log.exists() else ""
            if outer is not None:
                os.environ[USE_LOG] = outer
                with open(outer, "a+", encoding="utf-8") as stream:
                    stream.write(text)
                    # What the run read before counts as well: what is called here may have kept a value of it.
                    stream.seek(0)
                    text = stream.read()
            references += [line for line in text.splitlines() if not line.startswith("data/")]


def _checksums(reference: str) -> dict[str, str]:
    try:
        return {file.label: file.sha256 for file in files_of(reference)}
    except MissingDataError:
        return {}  # the stage did without


def _log(name: str, key: str, origin: str) -> None:
    log = os.environ.get(STAGE_LOG)
    if log:
        with open(log, "a", encoding="utf-8") as stream:
            stream.write(json.dumps({"name": name, "key": key, "origin": origin}) + "\n")
