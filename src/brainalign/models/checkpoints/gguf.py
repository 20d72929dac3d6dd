"""GGUF files of llama.cpp: what they hold, and single tensors of them, dequantised on reading."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from brainalign.catalogue.files import ChecksumError
from brainalign.models.checkpoints.blocks import STORAGES
from brainalign.models.checkpoints.checkpoint import TensorPart
from brainalign.models.checkpoints.gguf_llama import llama_config, llama_name, rotary_heads, undo_rotary_order
from brainalign.models.checkpoints.sources import map_file

SIGN = b"GGUF"
"""First bytes of every GGUF file."""

_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9


class GgufFile:
    """A GGUF file of the Llama architecture, mapped into memory, under the names and in the order of transformers.

    llama.cpp names tensors otherwise and stores the rows of queries and keys in the order in which it turns them; both
    is undone. Quantised tensors become float32 when they are read, a tensor or some of its rows at a time: no copy of
    the model is written. An untrained twin is drawn in full precision, not quantised.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    ChecksumError
        The file was truncated.
    ValueError
        Another architecture, or a quantisation that is not read; the text lists those that are.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.size, self.bytes_read = path, path.stat().st_size, 0
        self._bytes = map_file(path)
        try:
            self.fields, self._tensors = _read_header(self._bytes)
        except (struct.error, UnicodeDecodeError, KeyError, MemoryError) as error:
            raise ChecksumError(_truncated(path)) from error
        config = llama_config(path, self.fields, [tensor.name for tensor in self._tensors.values()])
        self.metadata: Mapping[str, str] = {"config": json.dumps(config)}
        self._heads = rotary_heads(config)
        self._tensors = {llama_name(path, name): tensor for name, tensor in self._tensors.items()}
        for tensor in self._tensors.values():
            _check(path, tensor, self.size)

    def names(self) -> Sequence[str]:
        """Names of all tensors, as transformers has them."""
        return tuple(self._tensors)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of one tensor."""
        return self._tensors[name].shape

    def read(self, parts: Sequence[TensorPart]) -> dict[TensorPart, torch.Tensor]:
        """Read parts, each in float32; only their bytes are touched."""
        return {part: self._read_one(part) for part in parts}

    def _read_one(self, part: TensorPart) -> torch.Tensor:
        tensor = self._tensors[part.name]
        n_heads = next((n for ending, n in self._heads.items() if part.name.endswith(ending)), None)
        if n_heads is not None:  # rows of a head lie in another order: the whole is read, then cut
            whole = undo_rotary_order(self._rows(tensor, 0, tensor.shape[0]), n_heads)
            return whole[slice(*part.rows)] if part.rows else whole
        return self._rows(tensor, *(part.rows or (0, tensor.shape[0])))

    def _rows(self, tensor: _Tensor, first: int, stop: int) -> torch.Tensor:
        per_row = tensor.n_bytes // tensor.shape[0]
        begin, end = tensor.offset + first * per_row, tensor.offset + stop * per_row
        self.bytes_read += end - begin
        return STORAGES[tensor.storage].to_tensor(self._bytes[begin:end], (stop - first, *tensor.shape[1:]))


@dataclass(frozen=True)
class _Tensor:
    name: str
    shape: tuple[int, ...]
    storage: int
    offset: int

    @property
    def n_bytes(self) -> int:
        storage = STORAGES[self.storage]
        return math.prod(self.shape) // storage.numbers * storage.size


class _Reader:
    """Values one after the other."""

    def __init__(self, content: memoryview) -> None:
        self.content, self.place = content, 0

    def value(self, kind: int) -> Any:
        if kind == _STRING:
            n = self.value(10)
            if n > len(self.content) - self.place:
                raise struct.error
            self.place += n
            return str(self.content[self.place - n : self.place], "utf-8")
        if kind == _ARRAY:
            of, n = self.value(4), self.value(10)
            return self._array(of, n)
        (found,) = struct.unpack_from(f"<{_SCALARS[kind]}", self.content, self.place)
        self.place += struct.calcsize(_SCALARS[kind])
        return found

    def _array(self, of: int, n: int) -> list[Any]:
        if n > len(self.content) - self.place:
            raise struct.error
        if of in (_STRING, _ARRAY):
            return [self.value(of) for _ in range(n)]
        found = struct.unpack_from(f"<{n}{_SCALARS[of]}", self.content, self.place)
        self.place += n * struct.calcsize(_SCALARS[of])
        return list(found)


def _read_header(content: memoryview) -> tuple[dict[str, Any], dict[str, _Tensor]]:
    reader = _Reader(content)
    reader.place = len(SIGN)
    version = reader.value(4)
    if version not in (2, 3):
        msg = f"this GGUF file is of version {version} (or of the other byte order); versions 2 and 3 are read."
        raise ValueError(msg)
    n_tensors, n_fields = reader.value(10), reader.value(10)
    fields = {}
    for _ in range(n_fields):
        name = reader.value(_STRING)
        fields[name] = reader.value(reader.value(4))
    told = []
    for _ in range(n_tensors):
        name = reader.value(_STRING)
        shape = tuple(reader.value(10) for _ in range(reader.value(4)))[::-1]  # the fastest axis comes first there
        told.append((name, shape, reader.value(4), reader.value(10)))
    step = fields.get("general.alignment", 32)
    begin = -(-reader.place // step) * step
    return fields, {name: _Tensor(name, shape, kind, begin + offset) for name, shape, kind, offset in told}


def _check(path: Path, tensor: _Tensor, size: int) -> None:
    if tensor.storage not in STORAGES:
        known = ", ".join(storage.name for storage in STORAGES.values())
        msg = (
            f"{path}: '{tensor.name}' is quantised by a method that is not read (number {tensor.storage} of "
            f"llama.cpp). Read are: {known}. Give a GGUF file of one of these, or the model's safetensors."
        )
        raise ValueError(msg)
    if not tensor.shape or tensor.shape[-1] % STORAGES[tensor.storage].numbers:
        msg = f"{path}: '{tensor.name}' of shape {tensor.shape} does not fill whole blocks. Fetch the file again."
        raise ChecksumError(msg)
    if tensor.offset + tensor.n_bytes > size:
        raise ChecksumError(_truncated(path))


def _truncated(path: Path) -> str:
    return f"{path} is no whole GGUF file: it was truncated or altered. Fetch it again."
