"""A safetensors file of which only the header and the tensors asked for are read, from any source of bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from brainalign.catalogue.entries import ChecksumError
from brainalign.models.checkpoints.checkpoint import TensorPart
from brainalign.models.checkpoints.sources import ByteSource

_LENGTH = 8  # bytes that give the length of the header
_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "F8_E8M0": torch.float8_e8m0fnu,
    "C64": torch.complex64,
    "U64": torch.uint64,
    "U32": torch.uint32,
    "U16": torch.uint16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


class RemoteSafetensors:
    """A safetensors file, read by spans of bytes.

    Parameters
    ----------
    source : ByteSource
        The file.

    Raises
    ------
    ChecksumError
        The header does not fit the file: it was truncated or altered.
    """

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self.size = source.size
        header = self._read_header()
        self.metadata: Mapping[str, str] = header.pop("__metadata__", {})
        self._tensors: dict[str, dict[str, Any]] = header

    @property
    def bytes_read(self) -> int:
        """Bytes that have travelled, the header included."""
        return self._source.bytes_read

    def names(self) -> Sequence[str]:
        """Names of all tensors."""
        return tuple(self._tensors)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of one tensor."""
        return tuple(self._tensors[name]["shape"])

    def read(self, parts: Sequence[TensorPart]) -> dict[TensorPart, torch.Tensor]:
        """Read parts; the rows of a tensor are a span of its bytes."""
        pieces = self._source.read_spans([self._span(part) for part in parts])
        return {part: self._as_tensor(part, piece) for part, piece in zip(parts, pieces, strict=True)}

    def _read_header(self) -> dict[str, Any]:
        if self.size >= _LENGTH:
            (length,) = self._source.read_spans([(0, _LENGTH)])
            self._begin = _LENGTH + int.from_bytes(length, "little")
            if self._begin <= self.size:
                (text,) = self._source.read_spans([(_LENGTH, self._begin)])
                return self._checked(bytes(text))
        raise self._altered()

    def _checked(self, text: bytes) -> dict[str, Any]:
        try:
            header = json.loads(text)
            ends = [fields["data_offsets"][1] for name, fields in header.items() if name != "__metadata__"]
        except (ValueError, LookupError, TypeError, AttributeError):
            raise self._altered() from None
        if self._begin + max(ends, default=0) != self.size:
            raise self._altered()
        return header

    def _altered(self) -> ChecksumError:
        return ChecksumError(
            f"{self._source.label} ({self.size:,} bytes) does not fit its own header: it was truncated or altered."
        )

    def _span(self, part: TensorPart) -> tuple[int, int]:
        fields = self._tensors[part.name]
        first, stop = (self._begin + offset for offset in fields["data_offsets"])
        if part.rows is None:
            return first, stop
        row = (stop - first) // fields["shape"][0]
        return first + part.rows[0] * row, first + part.rows[1] * row

    def _as_tensor(self, part: TensorPart, piece: memoryview) -> torch.Tensor:
        fields = self._tensors[part.name]
        if fields["dtype"] not in _DTYPES:
            msg = f"'{part.name}' is stored as {fields['dtype']}; known are: {', '.join(_DTYPES)}."
            raise ValueError(msg)
        shape = tuple(fields["shape"])
        if part.rows is not None:
            shape = (part.rows[1] - part.rows[0], *shape[1:])
        if not piece:
            return torch.empty(shape, dtype=_DTYPES[fields["dtype"]])
        # Through bytes, because numbers in the file need not begin where their type wants them to.
        return torch.frombuffer(piece, dtype=torch.uint8).clone().view(_DTYPES[fields["dtype"]]).reshape(shape)
