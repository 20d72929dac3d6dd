"""Parts of checkpoints that were read once, kept in a small file per model, so that the next run needs no network."""

from __future__ import annotations

import math
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from safetensors.torch import save_file

from brainalign.catalogue.kept_models import EXTRACT, Note, check_extract, read_note, stamped, write_note
from brainalign.catalogue.references import Reference
from brainalign.models.checkpoints.checkpoint import TensorPart
from brainalign.models.checkpoints.repositories import Repository
from brainalign.models.checkpoints.tensor_files import SafetensorsFile, Shards, TensorFile


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
                with _locked(self._folder):
                    self._renew_note()
                    write_note(self._folder, self._note)
        return self._note.shapes[name]

    def read(self, parts: Sequence[TensorPart]) -> dict[TensorPart, torch.Tensor]:
        """Read parts from the extract; what it lacks is fetched and added to it first."""
        # Two runs that want the same model: the second waits, and then finds the parts of the first.
        with _locked(self._folder):
            kept = self._open_extract()
            places = _find_places(parts, kept)
            absent = [part for part in parts if part not in places]
            if absent:
                fetched = {_key(part): tensor for part, tensor in self._far().read(absent).items()}
                kept = self._add(kept, fetched)
                places |= {part: TensorPart(_key(part)) for part in absent}
            tensors = kept.read(list(places.values())) if kept else {}
        return {part: tensors[place] for part, place in places.items()}

    def _far(self) -> TensorFile:
        if self._remote is None:
            self._remote = self._connect()
        return self._remote

    def _open_extract(self) -> SafetensorsFile | None:
        self._renew_note()
        return SafetensorsFile(check_extract(self._folder, self._note)) if self._note.sha256 else None

    def _renew_note(self) -> None:
        """Take over what others have noted since, and keep the shapes that were read here."""
        note = read_note(self._folder)
        if note is not None:
            self._note = note.model_copy(update={"shapes": {**self._note.shapes, **note.shapes}})

    def _add(self, kept: SafetensorsFile | None, fetched: dict[str, torch.Tensor]) -> SafetensorsFile:
        old = kept.read([TensorPart(name) for name in kept.names()]) if kept else {}
        tensors = {key.name: tensor for key, tensor in old.items()}
        tensors |= {name: tensor.contiguous() for name, tensor in fetched.items()}
        path = self._folder / EXTRACT
        beside = self._folder / f"{EXTRACT}.{os.getpid()}"
        save_file(tensors, beside)
        self._note = self._note.model_copy(update=stamped(beside))
        beside.replace(path)
        write_note(self._folder, self._note)
        shutil.rmtree(self._folder / "transfer", ignore_errors=True)
        return SafetensorsFile(path)


def new_note(
    reference: Reference,
    repository: Repository,
    tensors: TensorFile,
    config: Mapping[str, Any],
    version: Mapping[str, str | None],
) -> Note:
    """The note of a checkpoint that was opened; `version` has its file, commit and etag."""
    names = tuple(tensors.names())
    return Note(
        reference=f"{reference.hub}:{reference.name}",
        revisions=(reference.revision or "",),
        repository=repository.name,
        **version,
        size=tensors.size,
        config=dict(config),
        names=names,
        # Of shards only those are opened that are read from.
        shapes={} if isinstance(tensors, Shards) else {name: tensors.shape(name) for name in names},
    )


def keep_note(folder: Path, note: Note) -> Note:
    """Write the note of a model that was opened under a new revision; parts that are kept of this version stay."""
    there = read_note(folder)
    if there is not None:
        note = there.model_copy(update={"revisions": (*there.revisions, *note.revisions)})
    write_note(folder, note)
    return note


def keep_fetched(folder: Path, towers: Sequence[str], lenders: Sequence[str]) -> None:
    """Note that everything which spatial attention needs of some towers is kept, and who lends them positions."""
    with _locked(folder):
        note = read_note(folder)
        fetched, lent = (*note.fetched, *towers), (*note.lenders, *lenders)
        update = {"fetched": tuple(dict.fromkeys(fetched)), "lenders": tuple(dict.fromkeys(lent))}
        write_note(folder, note.model_copy(update=update))


def _locked(folder: Path) -> FileLock:
    return FileLock(folder / "lock")


def _find_places(parts: Sequence[TensorPart], kept: TensorFile | None) -> dict[TensorPart, TensorPart]:
    """Where in the extract the parts are that it has: as they were asked for before, or as rows of a larger part."""
    spans: dict[str, list[tuple[str, int, float]]] = {}
    for key in kept.names() if kept else ():
        rows = re.fullmatch(r"(.+)\[(\d+):(\d+)\]", key)
        name, first, stop = (rows[1], int(rows[2]), int(rows[3])) if rows else (key, 0, math.inf)
        spans.setdefault(name, []).append((key, first, stop))
    places = {}
    for part in parts:
        for key, first, stop in spans.get(part.name, ()):
            if key == _key(part):
                places[part] = TensorPart(key)
            elif part.rows is not None and first <= part.rows[0] and part.rows[1] <= stop:
                places.setdefault(part, TensorPart(key, (part.rows[0] - first, part.rows[1] - first)))
    return places


def _key(part: TensorPart) -> str:
    return part.name if part.rows is None else f"{part.name}[{part.rows[0]}:{part.rows[1]}]"
