"""Files with named tensors, read part by part: the contract, safetensors on this machine, and sharded files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError, safe_open

from brainalign.catalogue.entries import ChecksumError
from brainalign.models.checkpoints.checkpoint import TensorPart
from brainalign.models.checkpoints.soundness import refuse_other_than_floats

SHOWN_NAMES = 5
"""How many names of tensors an error text shows."""


class TensorFile(Protocol):
    """Named tensors in one or several files.

    Attributes
    ----------
    size : int
        Bytes of the whole file.
    bytes_read : int
        Bytes that were read from it so far, or fetched from the network.
    metadata : mapping of str to str
        What the writer noted beside the tensors.
    """

    size: int
    bytes_read: int
    metadata: Mapping[str, str]

    def names(self) -> Sequence[str]:
        """Names of all tensors."""
        ...

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of one tensor."""
        ...

    def read(self, parts: Sequence[TensorPart]) -> dict[TensorPart, torch.Tensor]:
        """Read parts that are known to exist."""
        ...


class SafetensorsFile:
    """A safetensors file on this machine, mapped into memory: bytes travel when a tensor is used.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    ChecksumError
        The file is shorter or longer than its header says, or has no such header.
    """

    def __init__(self, path: Path) -> None:
        self.size = path.stat().st_size
        self.bytes_read = 0
        try:
            self._file = safe_open(path, framework="pt")
        except SafetensorError as error:
            msg = f"{path} is no whole safetensors file ({error}): it was truncated or altered. Fetch it again."
            raise ChecksumError(msg) from None
        self.metadata: Mapping[str, str] = self._file.metadata() or {}

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return tuple(self._file.keys())

    def names(self) -> Sequence[str]:
        """Names of all tensors."""
        return self._names

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of one tensor."""
        return tuple(self._file.get_slice(name).get_shape())

    def read(self, parts: Sequence[TensorPart]) -> dict[TensorPart, torch.Tensor]:
        """Read parts; each tensor is a view of the mapped file, nothing is copied."""
        read = {part: self._read_one(part) for part in parts}
        self.bytes_read += sum(tensor.nbytes for tensor in read.values())
        return read

    def _read_one(self, part: TensorPart) -> torch.Tensor:
        if part.rows is None:
            return self._file.get_tensor(part.name)
        return self._file.get_slice(part.name)[slice(*part.rows)]


class Shards:
    """Tensors spread over several files; a file is opened when one of its tensors is asked for.

    Parameters
    ----------
    index : mapping
        Content of ``model.safetensors.index.json``: ``weight_map`` from tensor to file, ``metadata.total_size``.
    open_file : callable
        Opens the file of a given name.

    Raises
    ------
    ChecksumError
        The index does not say which file holds which tensor; or, when a tensor is asked for, its file does not.
    """

    def __init__(self, index: Mapping[str, Any], open_file: Callable[[str], TensorFile]) -> None:
        self._file_of = _weight_map(index)
        metadata = index.get("metadata")
        total = metadata.get("total_size") if isinstance(metadata, Mapping) else None
        self._total = int(total) if isinstance(total, int | float) else 0
        self._open_file = open_file
        self._opened: dict[str, TensorFile] = {}
        self.metadata: Mapping[str, str] = {}

    @property
    def size(self) -> int:
        """Bytes of all files, as the index gives them."""
        return self._total

    @property
    def bytes_read(self) -> int:
        """Bytes read from all files so far."""
        return sum(file.bytes_read for file in self._opened.values())

    def names(self) -> Sequence[str]:
        """Names of all tensors, from the index alone."""
        return tuple(self._file_of)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of one tensor; only its own file is opened."""
        return self._file(self._file_of[name], [name]).shape(name)

    def read(self, parts: Sequence[TensorPart]) -> dict[TensorPart, torch.Tensor]:
        """Read parts, file by file."""
        by_file: dict[str, list[TensorPart]] = {}
        for part in parts:
            by_file.setdefault(self._file_of[part.name], []).append(part)
        read: dict[TensorPart, torch.Tensor] = {}
        for file, wanted in by_file.items():
            read |= self._file(file, [part.name for part in wanted]).read(wanted)
        return read

    def _file(self, file: str, wanted: Sequence[str]) -> TensorFile:
        if file not in self._opened:
            self._opened[file] = self._open_file(file)
        opened = self._opened[file]
        if absent := set(wanted) - set(opened.names()):
            msg = (
                f"the index of the shards says that {file} holds '{min(absent)}', which it does not: the index and the "
                "shards are of different versions. Fetch all of them again."
            )
            raise ChecksumError(msg)
        return opened


def _weight_map(index: Mapping[str, Any]) -> dict[str, str]:
    found = index.get("weight_map") if isinstance(index, Mapping) else None
    if isinstance(found, dict) and found and all(isinstance(file, str) for file in found.values()):
        return found
    msg = (
        "an index of shards needs a 'weight_map' from the name of each tensor to the name of its file; this one has "
        f"{', '.join(map(repr, list(index)[:SHOWN_NAMES])) or 'nothing'}. Fetch it again."
    )
    raise ChecksumError(msg)


class StoredCheckpoint:
    """A model's configuration and its tensors.

    Parameters
    ----------
    reference : str
        What the user asked for.
    config : mapping
        Content of ``config.json``, or empty.
    tensors : TensorFile
        Where the tensors are.
    """

    def __init__(self, reference: str, config: Mapping[str, Any], tensors: TensorFile) -> None:
        self.reference = reference
        self.config = config
        self._tensors = tensors

    @property
    def size(self) -> int:
        """Bytes of the whole checkpoint."""
        return self._tensors.size

    @property
    def bytes_read(self) -> int:
        """Bytes read so far, or fetched from the network where it lies there."""
        return self._tensors.bytes_read

    def names(self) -> Sequence[str]:
        """Names of all tensors."""
        return self._tensors.names()

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of one tensor.

        Raises
        ------
        ValueError
            The checkpoint has no such tensor; the text gives the nearest names.
        """
        self._check_name(name)
        return self._tensors.shape(name)

    def read(self, parts: Iterable[TensorPart]) -> dict[TensorPart, torch.Tensor]:
        """Read parts of the checkpoint, in the precision they are stored in.

        Parameters
        ----------
        parts : iterable of TensorPart
            What is wanted; best all at once, because near ones travel together.

        Returns
        -------
        dict of TensorPart to Tensor
            One tensor for each part.

        Raises
        ------
        ValueError
            The checkpoint has no such tensor, the tensor no such rows, or it is no weight in ordinary precision.
        """
        wanted = list(dict.fromkeys(parts))
        for part in wanted:
            self._check_name(part.name)
            if part.rows is not None:
                check_rows(part, self._tensors.shape(part.name))
        read = self._tensors.read(wanted)
        for part, tensor in read.items():
            refuse_other_than_floats(self.reference, part.name, tensor.dtype)
        return read

    def _check_name(self, name: str) -> None:
        names = self._tensors.names()
        if name not in names:
            shown = get_close_matches(name, names, n=SHOWN_NAMES, cutoff=0.4) or list(names[:SHOWN_NAMES])
            msg = f"'{self.reference}' has no tensor '{name}'. Among its {len(names)} tensors are: {', '.join(shown)}."
            raise ValueError(msg)


def check_rows(part: TensorPart, shape: tuple[int, ...]) -> None:
    """Refuse rows that the tensor does not have.

    Raises
    ------
    ValueError
        The rows are empty, or reach beyond the tensor.
    """
    first, stop = part.rows
    if not shape or not 0 <= first < stop <= shape[0]:
        n_rows = shape[0] if shape else "no"
        msg = f"rows {first} to {stop} of '{part.name}' cannot be read: it has {n_rows} rows (shape {shape})."
        raise ValueError(msg)
