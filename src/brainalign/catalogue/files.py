"""A file that is read: its checksum, what can be wrong with it, and the note that it was read."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from brainalign.catalogue.locations import project_root

USE_LOG = "BRAINALIGN_USE_LOG"
"""Environment variable with a file to which every reference that is read is added, a line each."""


class MissingDataError(FileNotFoundError):
    """A file is not there; the text says which and how to get it."""


class ChecksumError(ValueError):
    """A file is there but is not the file it should be."""


@dataclass(frozen=True)
class DataFile:
    """A file that a chapter reads.

    Attributes
    ----------
    label : str
        Name without any folder of this machine, for example ``minilm/model/model.safetensors``.
    path : Path
        Where it is on this machine.
    sha256 : str
        Checksum of what is there now; of the parts that are kept of a hub's model, of the version that they are of.
    licence : str
        Licence of the entry.
    """

    label: str
    path: Path
    sha256: str
    licence: str


def sha256_of(path: Path) -> str:
    """Hexadecimal sha256 of a file (computed again only when it was written to, or is another)."""
    stat = path.stat()
    # Not the time of its content, which can be set back; nobody sets that of its state.
    return _sha256(str(path), stat.st_size, stat.st_ctime_ns, stat.st_ino)


@lru_cache(maxsize=1024)
def _sha256(path: str, _size: int, _changed: int, _inode: int) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


located: set[str] = set()
"""Files of the project's data that may be opened; a kernel notes every other that is, see `brainalign.runs.kernel`."""


def let_open(path: Path) -> Path:
    """Count a file among those that were located, and give it back."""
    located.add(os.path.realpath(path))
    return path


def own_file(reference: str, path: str, *, is_noted: bool = True) -> Path:
    """A file of this repository that is edited here, so that no checksum of it is pinned; its use is noted.

    Parameters
    ----------
    reference : str
        Its entry of the catalogue.
    path : str
        Where it is below the project.
    is_noted : bool
        False where no number can depend on it: for what an error says.
    """
    if is_noted:
        note_use(reference)
    return let_open(project_root() / path)


def is_use_noted() -> bool:
    """Whether somebody wants to know what is read: a run, or a stage."""
    return bool(os.environ.get(USE_LOG))


def note_use(reference: str) -> None:
    """Add a reference to the log of what was read, if there is one."""
    log = os.environ.get(USE_LOG)
    if log:
        with open(log, "a", encoding="utf-8") as stream:
            stream.write(f"{reference}\n")
