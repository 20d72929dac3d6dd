"""ONNX files: their initialisers as tensors under the names of transformers; the graph is read, never run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from brainalign.catalogue.files import ChecksumError
from brainalign.models.checkpoints.checkpoint import TensorPart
from brainalign.models.checkpoints.onnx_dinov2 import Node, dinov2_config, name_weights
from brainalign.models.checkpoints.sources import map_file

_DTYPES = {1: "<f4", 7: "<i8", 10: "<f2", 11: "<f8"}
_GRAPH = 7


@dataclass(frozen=True)
class Initializer:
    """A tensor of the file: its shape, the number of its type, and its bytes."""

    shape: tuple[int, ...]
    kind: int
    raw: memoryview

    def tensor(self) -> torch.Tensor:
        """The numbers, as a view of the mapped file."""
        return torch.from_numpy(np.frombuffer(self.raw, dtype=_DTYPES[self.kind]).reshape(self.shape))


class OnnxFile:
    """An ONNX file of DINOv2, mapped into memory, under the names that transformers has.

    Exporters keep a weight matrix transposed and without its name: it is named after the bias that is added to its
    product, and turned on reading. What lies beyond the backbone (a decoder) is left out.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    ChecksumError
        The file was truncated, or is no ONNX file.
    ValueError
        It has no initialisers, or those of another architecture.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.size, self.bytes_read = path, path.stat().st_size, 0
        try:
            self._stored, nodes = _read_graph(map_file(path))
        except (IndexError, KeyError, ValueError) as error:
            msg = f"{path} is no whole ONNX file: it was truncated or altered. Fetch it again."
            raise ChecksumError(msg) from error
        if not self._stored:
            msg = f"{path} is an ONNX file without initialisers: its weights lie elsewhere. Give one that holds them."
            raise ValueError(msg)
        shapes = {name: stored.shape for name, stored in self._stored.items()}
        self._sources = name_weights(path, nodes, shapes)
        self.metadata: Mapping[str, str] = {"config": json.dumps(dinov2_config(path, nodes, self._shapes))}

    @cached_property
    def _shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: self._shape_of(name) for name in self._sources}

    def _shape_of(self, name: str) -> tuple[int, ...]:
        source = self._sources[name]
        shapes = [self._stored[part].shape for part in source.parts]
        if source.is_transposed:
            return shapes[0][::-1]
        joined = sum(shape[1] for shape in shapes) if len(shapes) > 1 else None
        return shapes[0] if joined is None else (shapes[0][0], joined, *shapes[0][2:])

    def names(self) -> Sequence[str]:
        """Names of all tensors, as transformers has them."""
        return tuple(self._sources)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of one tensor."""
        return self._shapes[name]

    def read(self, parts: Sequence[TensorPart]) -> dict[TensorPart, torch.Tensor]:
        """Read parts; a tensor is a view of the mapped file where it lies there in one piece."""
        read = {part: self._read_one(part) for part in parts}
        self.bytes_read += sum(tensor.nbytes for tensor in read.values())
        return read

    def _read_one(self, part: TensorPart) -> torch.Tensor:
        source = self._sources[part.name]
        found = [self._stored[name].tensor() for name in source.parts]
        whole = found[0] if len(found) == 1 else torch.cat(found, dim=1)
        whole = whole.T if source.is_transposed else whole
        return whole[slice(*part.rows)] if part.rows else whole


def _read_graph(content: memoryview) -> tuple[dict[str, Initializer], list[Node]]:
    graph = next(value for number, value in _fields(content) if number == _GRAPH)
    stored, nodes = {}, []
    for number, value in _fields(graph):
        if number == 5:
            name, initializer = _initializer(value)
            if initializer.kind in _DTYPES and initializer.raw:
                stored[name] = initializer
        elif number == 1:
            nodes.append(_node(value))
    return stored, nodes


def _initializer(message: memoryview) -> tuple[str, Initializer]:
    shape, kind, name, raw = [], 0, "", memoryview(b"")
    for number, value in _fields(message):
        if number == 1:
            shape.extend([value] if isinstance(value, int) else _varints(value))
        elif number == 2:
            kind = value
        elif number == 8:
            name = str(value, "utf-8")
        elif number in (4, 7, 9):  # typed numbers one after the other, or raw bytes
            raw = value if number != 7 else memoryview(np.array(_varints(value), dtype="<i8").tobytes())
    if kind in _DTYPES and raw and len(raw) != int(np.prod(shape)) * np.dtype(_DTYPES[kind]).itemsize:
        msg = f"'{name}' has another number of bytes than its shape tells"
        raise ValueError(msg)
    return name, Initializer(tuple(shape), kind, raw)


def _node(message: memoryview) -> Node:
    inputs, outputs, operator, constant = [], [], "", None
    for number, value in _fields(message):
        if number == 1:
            inputs.append(str(value, "utf-8"))
        elif number == 2:
            outputs.append(str(value, "utf-8"))
        elif number == 4:
            operator = str(value, "utf-8")
        elif number == 5:
            constant = _constant(value) if constant is None else constant
    return Node(operator, tuple(inputs), tuple(outputs), constant)


def _constant(attribute: memoryview) -> int | None:
    """The whole number that an attribute holds as a tensor of one."""
    tensor = next((value for number, value in _fields(attribute) if number == 5 and not isinstance(value, int)), None)
    if tensor is None:
        return None
    _, found = _initializer(tensor)
    return int(found.tensor()) if found.kind == 7 and len(found.raw) == 8 else None


def _fields(message: memoryview) -> Iterator[tuple[int, Any]]:
    """Numbers and values of the fields of a message of protocol buffers."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, place = _varint(message, place)
            yield number, value
            continue
        length, place = _varint(message, place) if wire == 2 else ({1: 8, 5: 4}[wire], place)
        if place + length > len(message):
            raise IndexError
        yield number, message[place : place + length]
        place += length


def _varints(packed: memoryview) -> list[int]:
    found, place = [], 0
    while place < len(packed):
        value, place = _varint(packed, place)
        found.append(value)
    return found


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
        shift += 7
