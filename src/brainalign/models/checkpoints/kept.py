"""Parts of checkpoints that were read once, kept in a small file per model, so that the next run needs no network."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors.torch import save_file

from brainalign.datasets.catalogue import ChecksumError, sha256_of
from brainalign.datasets.home import data_home
from brainalign.models.checkpoints.checkpoint import TensorPart
from brainalign.models.checkpoints.tensor_files import SafetensorsFile, TensorFile

_EXTRACT = "extract.safetensors"
_NOTE = "extract.json"


class Note(BaseModel):
    """What is known of a checkpoint of which parts are kept.

    Attributes
    ----------
    reference : str
        The model, without tower and revision.
    revisions : tuple of str
        Revisions under which it was asked for; an empty text stands for "the newest".
    repository, file, commit, etag : str or None
        Where it came from, and its version there.
    size : int
        Bytes of the whole checkpoint.
    config : dict
        Content of its ``config.json``.
    names : tuple of str
        Names of all tensors.
    shapes : dict
        Shapes of those tensors whose shape was read.
    sha256 : str
        Checksum of the extract; empty as long as there is none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    reference: str
    revisions: tuple[str, ...]
    repository: str
    file: str
    commit: str | None
    etag: str | None
    size: int
    config: dict[str, Any]
    names: tuple[str, ...]
    shapes: dict[str, tuple[int, ...]] = {}
    sha256: str = ""


class KeptTensors:
    """Tensors of which the parts that were read before come from the extract, the others from afar.

    Parameters
    ----------
    folder : Path
        Folder of the model.
    note : Note
        What is known of it.
    connect : callable
        Opens the whole checkpoint, when a part or a shape is asked for that is not kept.
    """

    def __init__(self, folder: Path, note: Note, connect: Callable[[], TensorFile]) -> None:
        self._folder, self._note, self._connect = folder, note, connect
        self._remote: TensorFile | None = None
        self.size = note.size
        self.metadata: Mapping[str, str] = {}

    @property
    def bytes_read(self) -> int:
        """Bytes that have travelled: none as long as everything was kept."""
        return self._remote.bytes_read if self._remote else 0

    def names(self) -> Sequence[str]:
        """Names of all tensors."""
        return self._note.names

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of one tensor; shapes are kept, too."""
        if name not in self._note.shapes:
            shape = self._far().shape(name)
            self._note = self._note.model_copy(update={"shapes": {**self._note.shapes, name: shape}})
            if self._note.sha256:
                write_note(self._folder, self._note)
        return self._note.shapes[name]

    def read(self, parts: Sequence[TensorPart]) -> dict[TensorPart, torch.Tensor]:
        """Read parts from the extract; what it lacks is fetched and added to it first."""
        keys = {part: TensorPart(_key(part)) for part in parts}
        # Two runs that want the same model: the second waits, and then finds the parts of the first.
        with FileLock(self._folder / "lock"):
            kept = self._open_extract()
            there = set(kept.names()) if kept else set()
            absent = [part for part, key in keys.items() if key.name not in there]
            if absent:
                fetched = {_key(part): tensor for part, tensor in self._far().read(absent).items()}
                kept = self._add(kept, fetched)
            tensors = kept.read(list(keys.values())) if kept else {}
        return {part: tensors[key] for part, key in keys.items()}

    def _far(self) -> TensorFile:
        if self._remote is None:
            self._remote = self._connect()
        return self._remote

    def _open_extract(self) -> SafetensorsFile | None:
        note = read_note(self._folder)
        if note is None or not note.sha256:
            return None
        self._note = note.model_copy(update={"shapes": {**self._note.shapes, **note.shapes}})
        path = self._folder / _EXTRACT
        if not path.is_file() or sha256_of(path) != note.sha256:
            raise _spoilt(self._folder, note.reference)
        return SafetensorsFile(path)

    def _add(self, kept: SafetensorsFile | None, fetched: dict[str, torch.Tensor]) -> SafetensorsFile:
        old = kept.read([TensorPart(name) for name in kept.names()]) if kept else {}
        tensors = {key.name: tensor for key, tensor in old.items()}
        tensors |= {name: tensor.contiguous() for name, tensor in fetched.items()}
        path = self._folder / _EXTRACT
        beside = self._folder / f"{_EXTRACT}.{os.getpid()}"
        save_file(tensors, beside)
        self._note = self._note.model_copy(update={"sha256": sha256_of(beside)})
        beside.replace(path)
        write_note(self._folder, self._note)
        shutil.rmtree(self._folder / "transfer", ignore_errors=True)
        return SafetensorsFile(path)


def models_home() -> Path:
    """Folder of everything that is kept of models."""
    return data_home() / "models"


def folder_for(model: str, version: str) -> Path:
    """Folder in which a version of a model is kept; the name tells both.

    Examples
    --------
    >>> folder_for("hf:org/name", "0123456789abcdef").name
    'hf--org--name@0123456789ab'
    """
    return models_home() / f"{_slug(model)}@{re.sub(r'[^0-9A-Za-z]', '', version)[:12]}"


def find_kept(model: str, revision: str | None) -> tuple[Path, Note] | None:
    """What is kept of a model under a revision; without a revision, the version that was the newest when it was read.

    Raises
    ------
    ChecksumError
        The note beside the extract was altered.
    """
    for folder in sorted(models_home().glob(f"{_slug(model)}@*")):
        note = read_note(folder)
        if note and note.reference == model and ((revision or "") in note.revisions or revision == note.commit):
            return folder, note
    return None


def read_note(folder: Path) -> Note | None:
    """The note in a folder, if there is one; errors as in `find_kept`."""
    try:
        return Note.model_validate_json((folder / _NOTE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValidationError:
        hub, _, name = folder.name.rpartition("@")[0].partition("--")
        raise _spoilt(folder, f"{hub}:{name.replace('--', '/', 1)}") from None


def keep_note(folder: Path, note: Note) -> Note:
    """Write the note of a model that was opened under a new revision; parts that are kept of this version stay."""
    there = read_note(folder)
    if there is not None:
        note = there.model_copy(update={"revisions": (*there.revisions, *note.revisions)})
    write_note(folder, note)
    return note


def write_note(folder: Path, note: Note) -> None:
    """Write the note into a folder, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / f"{_NOTE}.{os.getpid()}"
    beside.write_text(note.model_dump_json(), encoding="utf-8")
    beside.replace(folder / _NOTE)


def _key(part: TensorPart) -> str:
    return part.name if part.rows is None else f"{part.name}[{part.rows[0]}:{part.rows[1]}]"


def _slug(model: str) -> str:
    return re.sub(r"[:/]", "--", model)


def _spoilt(folder: Path, model: str) -> ChecksumError:
    return ChecksumError(
        f"{folder / _EXTRACT} was truncated or altered. Delete the folder {folder}, "
        f"then fetch it again with: brainalign models fetch {model}"
    )
