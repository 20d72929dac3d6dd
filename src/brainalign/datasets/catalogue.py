"""The catalogue of files: where each one is, which checksum it must have, how to mend it."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict

from brainalign.datasets.locations import project_root

FILE_REFERENCE = "file:"
"""Prefix of a reference to a folder of the user's own, for example ``file:~/my-model``."""


USE_LOG = "BRAINALIGN_USE_LOG"
"""Environment variable with a file to which every reference that is read is added, a line each."""


class MissingDataError(FileNotFoundError):
    """A catalogued file is not there; the text says which and how to get it."""


class ChecksumError(ValueError):
    """A catalogued file is there but is not the file it should be."""


class CatalogueFile(BaseModel):
    """One file of an entry: its path below the package or the project, and its checksum."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    path: str
    sha256: str | None = None


class CatalogueEntry(BaseModel):
    """One dataset or model: its files, where they come from, and under which licence."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: Literal["brain", "model", "stimuli"]
    title: str
    citation: str
    licence: str
    files: tuple[CatalogueFile, ...]
    module: str | None = None
    package: str | None = None
    source: str | None = None


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
        Checksum of what is there now.
    licence : str
        Licence of the entry.
    """

    label: str
    path: Path
    sha256: str
    licence: str


@cache
def catalogue() -> dict[str, CatalogueEntry]:
    """All entries of `data/catalogue.yml` by name."""
    text = (project_root() / "data" / "catalogue.yml").read_text(encoding="utf-8")
    return {name: CatalogueEntry(**fields) for name, fields in yaml.safe_load(text).items()}


def entry(name: str) -> CatalogueEntry:
    """One entry of the catalogue.

    Raises
    ------
    ValueError
        For an unknown name; the text gives the nearest ones.
    """
    try:
        return catalogue()[name]
    except KeyError:
        near = get_close_matches(name, catalogue(), n=1, cutoff=0.4)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        msg = f"unknown dataset '{name}'.{hint} Known are: {', '.join(catalogue())}."
        raise ValueError(msg) from None


def locate(name: str, path: str) -> Path:
    """Where a catalogued file is on this machine, after its checksum was verified.

    Parameters
    ----------
    name : str
        Entry of the catalogue, or a ``file:FOLDER`` reference.
    path : str
        Path of the file as the catalogue gives it (or below the folder of the reference).

    Returns
    -------
    Path
        An existing file whose sha256 is the pinned one.

    Raises
    ------
    MissingDataError
        The package or the file is not there.
    ChecksumError
        The file differs from the pinned one.
    """
    _note_use(name)
    if name.startswith(FILE_REFERENCE):
        return _own_file(name, path)
    record = entry(name)
    pinned = {file.path: file.sha256 for file in record.files}
    if path not in pinned:
        msg = f"'{name}' has no file '{path}'. It has: {', '.join(pinned)}."
        raise ValueError(msg)
    found = _root_of(name, record) / path
    if not found.is_file():
        msg = f"{name}: the file {path} is missing from {_where(record)}. Mend it with: {_remedy(record)}"
        raise MissingDataError(msg)
    if pinned[path] is not None and (actual := sha256_of(found)) != pinned[path]:
        msg = (
            f"{name}: {path} is not the file it should be: sha256 {actual[:12]}... given, "
            f"{pinned[path][:12]}... expected. Mend it with: {_remedy(record)}"
        )
        raise ChecksumError(msg)
    return found


def files_of(reference: str) -> list[DataFile]:
    """Every file behind a reference, with the checksum of what is there now.

    Parameters
    ----------
    reference : str
        Entry of the catalogue, or ``file:FOLDER``: then the folder's ``config.json`` and safetensors files.
    """
    if reference.startswith(FILE_REFERENCE):
        folder = _own_folder(reference)
        names = sorted(p.name for p in folder.iterdir() if p.suffix in (".json", ".safetensors"))
        licence = "the user's own"
    else:
        names = [file.path for file in entry(reference).files]
        licence = entry(reference).licence
    located = [(name, locate(reference, name)) for name in names]
    return [DataFile(f"{reference}/{name}", path, sha256_of(path), licence) for name, path in located]


def sha256_of(path: Path) -> str:
    """Hexadecimal sha256 of a file (computed again only when its size or time has changed)."""
    stat = path.stat()
    return _sha256(str(path), stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=1024)
def _sha256(path: str, _size: int, _mtime: int) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _note_use(name: str) -> None:
    log = os.environ.get(USE_LOG)
    if log:
        with open(log, "a", encoding="utf-8") as stream:
            stream.write(f"{name}\n")


def _root_of(name: str, record: CatalogueEntry) -> Path:
    if record.module is None:
        return project_root()
    # find_spec does not import: importing these packages would load VTK or a whole model.
    spec = importlib.util.find_spec(record.module)
    if spec is None or not spec.submodule_search_locations:
        msg = f"{name}: the package {record.package} is not installed. Mend it with: {_remedy(record)}"
        raise MissingDataError(msg)
    return Path(next(iter(spec.submodule_search_locations)))


def _where(record: CatalogueEntry) -> str:
    return f"the package {record.package}" if record.module else "the project"


def _remedy(record: CatalogueEntry) -> str:
    if record.module:
        return f"python -m pip install --force-reinstall --no-deps {record.package}"
    return "git checkout -- data"


def _own_folder(reference: str) -> Path:
    folder = Path(reference.removeprefix(FILE_REFERENCE)).expanduser()
    if not folder.is_absolute():
        folder = project_root() / folder
    if not folder.is_dir():
        msg = (
            f"'{reference}': there is no folder {folder}. Give the folder that save_pretrained wrote "
            "(it holds config.json and model.safetensors)."
        )
        raise MissingDataError(msg)
    return folder


def _own_file(reference: str, path: str) -> Path:
    found = _own_folder(reference) / path
    if not found.is_file():
        present = ", ".join(sorted(p.name for p in found.parent.iterdir())) or "nothing"
        msg = f"'{reference}' has no file {path}; the folder holds: {present}."
        raise MissingDataError(msg)
    return found
