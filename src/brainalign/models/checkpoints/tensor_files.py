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
    """

    def __init__(self, index: Mapping[str, Any], open_file: Callable[[str], TensorFile]) -> None:
        self._file_of: dict[str, str] = index["weight_map"]
        self._total = int(index.get("metadata", {}).get("total_size", 0))
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
        return self._file(self._file_of[name]).shape(name)

    def read(self, parts: Sequence[TensorPart]) -> dict[TensorPart, torch.Tensor]:
        """Read parts, file by file."""
        by_file: dict[str, list[TensorPart]] = {}
        for part in parts:
            by_file.setdefault(self._file_of[part.name], []).append(part)
        read: dict[TensorPart, torch.Tensor] = {}
        for file, wanted in by_file.items():
            read |= self._file(file).read(wanted)
        return read

    def _file(self, file: str) -> TensorFile:
        if file not in self._opened:
            self._opened[file] = self._open_file(file)
        return self._opened[file]


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
            The checkpoint has no such tensor, or the tensor no such rows.
        """
        wanted = list(dict.fromkeys(parts))
        for part in wanted:
            self._check_name(part.name)
            if part.rows is not None:
                check_rows(part, self._tensors.shape(part.name))
        return self._tensors.read(wanted)

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
