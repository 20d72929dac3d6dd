"""The catalogue of files: where each one is, which checksum it must have, how to mend it."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import re
from contextlib import suppress
from difflib import get_close_matches
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from brainalign.catalogue.files import ChecksumError, DataFile, MissingDataError, let_open, note_use, sha256_of
from brainalign.catalogue.home import data_home
from brainalign.catalogue.kept_models import files_of_model, is_of_hub
from brainalign.catalogue.locations import project_root
from brainalign.catalogue.references import parse_reference

FILE_REFERENCE = "file:"
"""Prefix of a reference to a folder of the user's own, for example ``file:~/my-model``."""

SHIPPED = "zoo"
"""Entry of the catalogue with the weights of the mini-zoo that come with the project."""

ZOO_REFERENCE = "zoo:"
"""Prefix of a reference to a model of the mini-zoo, ``zoo:NAME`` or ``zoo:NAME/SEED``."""

MIRROR = "BRAINALIGN_MIRROR"
"""Environment variable with a folder, or the URL of a server, that holds what `MIRRORED` has, under the same paths."""

MIRRORED = "https://raw.githubusercontent.com/"
"""Start of the URLs that a mirror replaces."""

_LARGEST_BELOW = 64 * 2**20  # bytes; a folder in that of a model holds settings, or training states that nobody reads

State = Literal["package", "project", "mirror", "here", "partly here", "not here", "by hand"]
"""Whether and where the files of an entry are on this machine; see `state_of`."""


class CatalogueFile(BaseModel):
    """One file of an entry: its path below the package, the project or the URL, its checksum and its size."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    path: str
    sha256: str | None = None
    bytes: int | None = None

    @field_validator("path")
    @classmethod
    def _stays_below(cls, path: str) -> str:
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
            msg = f"'{path}' must lead to a file below the folder of its entry"
            raise ValueError(msg)
        return path


class CatalogueEntry(BaseModel):
    """One dataset or model: its files, where they come from, and under which licence.

    The files lie in an installed package (`module`), on the web (`url`), or in the project. Data that cannot be
    fetched without the user's consent or account has no `files` but says how to `obtain` it and, in words, its `size`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: Literal["brain", "model", "stimuli", "table"]
    title: str
    citation: str
    licence: str
    files: tuple[CatalogueFile, ...] = ()
    module: str | None = None
    package: str | None = None
    url: str | None = None
    source: str | None = None
    obtain: str | None = None
    size: str | None = None

    @model_validator(mode="after")
    def _comes_from_one_place(self) -> Self:
        if self.obtain is not None and (self.files or self.url or self.module):
            msg = "what is obtained by hand has no files, no url and no module"
            raise ValueError(msg)
        if self.obtain is None and not self.files:
            msg = "list the files, or say under obtain how to get them"
            raise ValueError(msg)
        if self.url is not None and any(file.sha256 is None or file.bytes is None for file in self.files):
            msg = "a file from the web needs its sha256 and its bytes"
            raise ValueError(msg)
        return self


@cache
def catalogue() -> dict[str, CatalogueEntry]:
    """All entries of `data/catalogue.yml` by name."""
    text = let_open(project_root() / "data" / "catalogue.yml").read_text(encoding="utf-8")
    return {name: CatalogueEntry(**_with_files(fields)) for name, fields in yaml.safe_load(text).items()}


def _with_files(fields: dict[str, Any]) -> dict[str, Any]:
    """Read the list of files from the table that ``files`` names, where it is not written out."""
    if not isinstance(fields.get("files"), str):
        return fields
    with open(let_open(project_root() / fields["files"]), newline="", encoding="utf-8") as stream:
        return {**fields, "files": tuple(csv.DictReader(stream))}


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
        Entry of the catalogue, or a ``file:FOLDER`` or ``zoo:NAME/SEED`` reference.
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
    note_use(name)
    if name.startswith(FILE_REFERENCE):
        return _own_file(name, path)
    if name.startswith(ZOO_REFERENCE):
        return _zoo_file(name, path)
    record = entry(name)
    pinned = {file.path: file.sha256 for file in record.files}
    if path not in pinned and record.obtain is None:
        msg = f"'{name}' has no file '{path}'. It has: {', '.join(pinned)}."
        raise ValueError(msg)
    found = _path_of(name, record, path)
    if not found.is_file():
        msg = f"{name}: the file {path} is missing from {_where(name, record)}. Mend it with: {_remedy(name, record)}"
        raise MissingDataError(msg)
    return _checked(name, path, found, pinned.get(path), _remedy_of_altered(name, record, found))


def _checked(name: str, path: str, found: Path, expected: str | None, remedy: str) -> Path:
    let_open(found)
    if expected is not None and (actual := sha256_of(found)) != expected:
        msg = (
            f"{name}: {path} is not the file it should be: sha256 {actual[:12]}... given, "
            f"{expected[:12]}... expected. Mend it with: {remedy}"
        )
        raise ChecksumError(msg)
    return found


def folder_of(name: str) -> Path:
    """Folder below which the files of an entry are, or will be once they are fetched or put there by hand.

    Parameters
    ----------
    name : str
        Entry of the catalogue.

    Returns
    -------
    Path
        An absolute folder; it need not exist.
    """
    record = entry(name)
    if record.obtain is not None:
        return data_home() / "by-hand" / name
    if record.url is not None:
        return kept_folder(record.url, [file.path for file in record.files])
    return _installed_root(name, record)


def state_of(name: str) -> State:
    """Whether the files of an entry are on this machine, without reading them.

    Parameters
    ----------
    name : str
        Entry of the catalogue.

    Returns
    -------
    str
        ``package`` or ``project``: they came with the installation. ``mirror`` or ``here``: fetched, in the mirror
        or in the data home. ``partly here``, ``not here``: to be fetched. ``by hand``: to be obtained by the user,
        until the folder for it holds something (then ``here``).
    """
    record = entry(name)
    if record.obtain is not None:
        folder = folder_of(name)
        return "here" if folder.is_dir() and any(folder.iterdir()) else "by hand"
    try:
        found = [_path_of(name, record, file.path) for file in record.files]
    except MissingDataError:
        return "not here"
    n_present = sum(path.is_file() for path in found)
    if n_present < len(found):
        return "partly here" if n_present else "not here"
    if record.url is None:
        return "package" if record.module else "project"
    mirror = mirror_folder(record.url)
    return "mirror" if mirror and all(path.is_relative_to(mirror) for path in found) else "here"


def problems_of(name: str) -> list[str]:
    """What is wrong with the files of an entry, with the remedy; files that are missing share a line.

    Parameters
    ----------
    name : str
        Entry of the catalogue.

    Returns
    -------
    list of str
        Empty when every file is there and has its checksum.
    """
    record = entry(name)
    missing, altered = [], []
    for file in record.files:
        try:
            locate(name, file.path)
        except MissingDataError as problem:
            missing.append(str(problem))
        except ChecksumError as problem:
            altered.append(str(problem))
    if len(missing) > 1:
        missing = [
            f"{name}: {len(missing)} of {len(record.files)} files are missing from {_where(name, record)}. "
            f"Mend it with: {_remedy(name, record)}"
        ]
    return missing + altered


def files_of(reference: str) -> list[DataFile]:
    """Every file behind a reference, with the checksum of what is there now.

    Parameters
    ----------
    reference : str
        Entry of the catalogue (of data obtained by hand, every file in its folder counts), ``zoo:NAME/SEED``,
        ``file:FOLDER``: then every file in the folder, whatever its ending, and small ones in folders in it, since
        any of them may be a vocabulary or weights; or a model of a hub, for example ``hf:ORG/NAME``:
        then what was fetched of it, see `brainalign.catalogue.kept_models.files_of_model`.

    Raises
    ------
    MissingDataError, ChecksumError
        A file is not there or is not the right one; the text has the command that mends it.
    """
    if is_of_hub(reference):
        return files_of_model(parse_reference(reference))
    if reference.startswith(ZOO_REFERENCE):
        names, licence = [zoo_file_name(reference)], "BSD-3-Clause (trained by this project)"
    elif reference.startswith(FILE_REFERENCE):
        folder = _own_folder(reference)
        names = _found_in_own(folder)
        licence = "the user's own"
    else:
        record = entry(reference)
        names = [file.path for file in record.files] if record.obtain is None else _found_by_hand(reference, record)
        licence = record.licence
    located = [(name, locate(reference, name)) for name in names]
    return [DataFile(f"{reference}/{name}", path, sha256_of(path), licence) for name, path in located]


def _found_in_own(folder: Path) -> list[str]:
    below = [path for path in folder.glob("*/*") if path.is_file() and path.stat().st_size <= _LARGEST_BELOW]
    found = [path for path in (*folder.iterdir(), *below) if path.is_file()]
    for index in folder.glob("*.index.json"):
        with suppress(ValueError, KeyError, TypeError, AttributeError):  # no index: what reads it says so
            shards = map(PurePosixPath, json.loads(index.read_bytes())["weight_map"].values())
            found += [folder / name for name in shards if not name.is_absolute() and ".." not in name.parts]
    names = {path.relative_to(folder) for path in found if path.is_file()}
    return sorted(name.as_posix() for name in names if not any(part.startswith(".") for part in name.parts))


def _found_by_hand(name: str, record: CatalogueEntry) -> list[str]:
    folder = folder_of(name)
    below = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    # Python writes bytes that are no UTF-8 as lone surrogates, which no manifest can hold.
    unreadable = next((path for path in below if re.search(r"[\ud800-\udfff]", str(path))), None)
    if unreadable is not None:
        msg = f"{name}: {os.fsencode(unreadable)!r} in {folder} is not in UTF-8; rename that file or folder."
        raise ValueError(msg)
    # Without what DataLad keeps for itself.
    names = sorted(path.as_posix() for path in below if not any(part.startswith(".") for part in path.parts))
    if not names:
        msg = f"{name}: there are no files in {folder}. Mend it with: {_remedy(name, record)}"
        raise MissingDataError(msg)
    return names


def mirror_folder(url: str) -> Path | None:
    """Folder of the mirror that holds what the web has under this URL; None when no folder mirrors it."""
    mirror = os.environ.get(MIRROR, "")
    if not mirror or "://" in mirror or not url.startswith(MIRRORED):
        return None
    return Path(mirror).expanduser().absolute() / url.removeprefix(MIRRORED)


def home_folder(url: str) -> Path:
    """Folder of the data home that holds what was downloaded from below this URL."""
    return data_home() / "files" / url.split("://", 1)[1]


def kept_folder(url: str, paths: list[str]) -> Path:
    """Folder that holds files from below this URL: in the mirror, if it has them all, else in the data home."""
    mirror = mirror_folder(url)
    if mirror is not None and all((mirror / path).is_file() for path in paths):
        return mirror
    return home_folder(url)


def _path_of(name: str, record: CatalogueEntry, path: str) -> Path:
    if record.obtain is not None:
        return folder_of(name) / path
    if record.url is not None:
        return kept_folder(record.url, [path]) / path
    return _installed_root(name, record) / path


def _installed_root(name: str, record: CatalogueEntry) -> Path:
    if record.module is None:
        return project_root()
    # find_spec does not import: importing these packages would load VTK or a whole model.
    spec = importlib.util.find_spec(record.module)
    if spec is None or not spec.submodule_search_locations:
        msg = f"{name}: the package {record.package} is not installed. Mend it with: {_remedy(name, record)}"
        raise MissingDataError(msg)
    return Path(next(iter(spec.submodule_search_locations)))


def _where(name: str, record: CatalogueEntry) -> str:
    if record.url is not None or record.obtain is not None:
        return str(folder_of(name))
    return f"the package {record.package}" if record.module else "the project"


def _remedy(name: str, record: CatalogueEntry) -> str:
    if record.obtain is not None:
        return record.obtain
    if record.url is not None:
        return f"brainalign data get {name}"
    if record.module:
        return f"python -m pip install --force-reinstall --no-deps {record.package}"
    return "git checkout -- data"


def _remedy_of_altered(name: str, record: CatalogueEntry, found: Path) -> str:
    mirror = mirror_folder(record.url) if record.url is not None else None
    if mirror is not None and found.is_relative_to(mirror):
        return f"renew the mirror's file {found}, or unset {MIRROR}, then: {_remedy(name, record)}"
    return _remedy(name, record)


def zoo_file_name(reference: str) -> str:
    """Name of the weights of a mini-zoo model below ``data/zoo``, for example ``mae-s-2.safetensors``."""
    stem, _, seed = reference.removeprefix(ZOO_REFERENCE).partition("/")
    return f"{stem}-{int(seed or 0)}.safetensors"


def _zoo_file(reference: str, path: str) -> Path:
    found = project_root() / "data" / "zoo" / path
    if not found.is_file():
        present = ", ".join(sorted(file.stem for file in found.parent.glob("*.safetensors"))) or "nothing"
        msg = f"'{reference}': the mini-zoo has no {path}; it holds: {present}."
        raise MissingDataError(msg)
    record = catalogue().get(SHIPPED)
    pinned = {file.path: file.sha256 for file in record.files} if record else {}
    return _checked(reference, path, found, pinned.get(f"data/zoo/{path}"), "git checkout -- data")


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
