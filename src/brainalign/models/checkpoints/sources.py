"""Bytes with random access: the contract, and the bytes of a file on this machine."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Protocol


class ByteSource(Protocol):
    """Bytes with random access, on this machine or on a server.

    Attributes
    ----------
    label : str
        Name for error texts.
    size : int
        Bytes of the whole.
    bytes_read : int
        Bytes read so far.
    """

    label: str
    size: int
    bytes_read: int

    def read_spans(self, spans: Sequence[tuple[int, int]]) -> list[memoryview]:
        """Bytes of each span, given as first byte and the byte after the last."""
        ...

    def stream(self) -> BinaryIO:
        """The whole as a seekable file, of which only what is read is fetched."""
        ...


class LocalBytes:
    """Bytes of a file on this machine, mapped into memory.

    Parameters
    ----------
    path : Path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self.label = str(path)
        self.size = path.stat().st_size
        self.bytes_read = 0
        self._path = path

    def read_spans(self, spans: Sequence[tuple[int, int]]) -> list[memoryview]:
        """Bytes of each span; they stay in the file until they are used."""
        self.bytes_read += sum(stop - first for first, stop in spans)
        mapped = map_file(self._path)
        return [mapped[first:stop] for first, stop in spans]

    def stream(self) -> BinaryIO:
        """The file, opened."""
        return self._path.open("rb")


def map_file(path: Path) -> memoryview:
    """The bytes of a file, mapped; what is written to them does not reach the file."""
    with path.open("rb") as stream:
        # A copy on write, since torch warns about tensors on memory that it may not write.
        return memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY))
