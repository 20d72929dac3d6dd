"""Checkpoints that torch.save wrote: tensors are found without running anything that the pickle asks for.

A zip-format file (torch 1.6 and later) keeps every storage uncompressed, so that single tensors can be read from it,
also from afar. The pickle inside only says which tensor lies where; it is read by an unpickler that knows tensors
and plain containers, and puts an inert stand-in wherever any other class is named.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from struct import unpack_from
from typing import Any

import torch

from brainalign.catalogue.entries import ChecksumError
from brainalign.models.checkpoints.checkpoint import TensorPart
from brainalign.models.checkpoints.sources import ByteSource

_ZIP = b"PK\x03\x04"
LOCAL_HEADER = 30
"""Bytes of a zip entry's local header before its name."""

# Training code puts the weights below one of these; the first that holds tensors is taken, before the top itself.
_WEIGHTS_KEYS = ("state_dict", "model", "module")
# Modules whose mention in a checkpoint has no innocent reading. Nothing of them would run anyway.
_HARMFUL = ("os", "posix", "nt", "subprocess", "sys", "shutil", "socket", "runpy", "importlib", "pty", "code", "ctypes")
_HARMLESS_BUILTINS = {"set": set, "frozenset": frozenset, "dict": dict, "list": list, "tuple": tuple, "int": int}
_HARMLESS_BUILTINS |= {"float": float, "bool": bool, "str": str, "complex": complex, "slice": slice, "range": range}
_STORAGE_DTYPES = {
    "Double": torch.float64,
    "Float": torch.float32,
    "Half": torch.float16,
    "BFloat16": torch.bfloat16,
    "Long": torch.int64,
    "Int": torch.int32,
    "Short": torch.int16,
    "Char": torch.int8,
    "Byte": torch.uint8,
    "Bool": torch.bool,
    "ComplexFloat": torch.complex64,
    "ComplexDouble": torch.complex128,
    "Untyped": torch.uint8,
}


class LegacyPickleError(ValueError):
    """The file was written before torch 1.6 and can only be read whole."""


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: torch.dtype


@dataclass(frozen=True)
class _StoredTensor:
    storage: _Storage
    offset: int  # in elements, as are the strides
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def narrowed(self, rows: tuple[int, int] | None) -> _StoredTensor:
        if rows is None:
            return self
        offset = self.offset + rows[0] * self.stride[0]
        return _StoredTensor(self.storage, offset, (rows[1] - rows[0], *self.shape[1:]), self.stride)

    def span(self) -> tuple[int, int]:
        # Bytes from the first to the last element: of a transposed or tied tensor more than the tensor itself.
        if not prod(self.shape):
            return 0, 0
        last = sum((n - 1) * step for n, step in zip(self.shape, self.stride, strict=True))
        width = self.storage.dtype.itemsize
        return self.offset * width, (self.offset + last + 1) * width


class _Inert:
    """Stand-in for an object of a class that is not needed: takes everything, does nothing."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass

    def __setitem__(self, *_: Any) -> None:
        pass

    def append(self, _: Any) -> None:
        pass

    def extend(self, _: Any) -> None:
        pass


class _InertUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _REBUILD:
            return _REBUILD[module, name]
        if module == "torch" and name.endswith("Storage"):
            return _dtype_of_storage(name)
        if module == "torch" and isinstance(getattr(torch, name, None), torch.dtype):
            return getattr(torch, name)
        if module in ("builtins", "__builtin__") and name in _HARMLESS_BUILTINS:
            return _HARMLESS_BUILTINS[name]
        if module.partition(".")[0] in (*_HARMFUL, "builtins", "__builtin__"):
            msg = f"the checkpoint asks to run {module}.{name}, which no weights need: refused, and nothing was run."
            raise ValueError(msg)
        return _Inert

    def persistent_load(self, pid: Any) -> _Storage:
        _, dtype, key, *_ = pid
        return _Storage(str(key), dtype)


def _dtype_of_storage(name: str) -> torch.dtype:
    try:
        return _STORAGE_DTYPES[name.removesuffix("Storage")]
    except KeyError:
        msg = f"the checkpoint holds a torch.{name}, which is no storage of numbers known here."
        raise ValueError(msg) from None


def _rebuild_tensor(storage: _Storage, offset: int, shape: Sequence[int], stride: Sequence[int], *_: Any) -> Any:
    return _StoredTensor(storage, offset, tuple(shape), tuple(stride))


def _rebuild_parameter(data: Any, *_: Any) -> Any:
    return data


_REBUILD = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch", "Size"): tuple,
    ("torch._utils", "_rebuild_tensor"): _rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): _rebuild_parameter,
}


class PickleFile:
    """A zip-format checkpoint of which single tensors are read.

    Parameters
    ----------
    source : ByteSource
        The file.

    Raises
    ------
    LegacyPickleError
        The file is no zip: it was written before torch 1.6.
    ChecksumError
        The zip is truncated or altered.
    ValueError
        The pickle asks for something harmful, or holds no tensors.
    """

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self.size = source.size
        self.metadata: Mapping[str, str] = {}
        (magic,) = source.read_spans([(0, min(len(_ZIP), source.size))])
        if bytes(magic) != _ZIP:
            msg = f"{source.label} was written before torch 1.6: its tensors cannot be read one by one."
            raise LegacyPickleError(msg)
        try:
            archive = zipfile.ZipFile(source.stream())
            entry = _list_of_tensors(archive, source.label)
            content = _InertUnpickler(io.BytesIO(archive.read(entry))).load()
        except (zipfile.BadZipFile, EOFError, pickle.UnpicklingError) as error:
            msg = f"{source.label} is no whole checkpoint ({error}): it was truncated or altered. Fetch it again."
            raise ChecksumError(msg) from None
        self._tensors: dict[str, _StoredTensor] = find_weights(content, _StoredTensor, source.label)
        prefix = entry.removesuffix("data.pkl") + "data/"
        self._headers = {
            info.filename.removeprefix(prefix): info.header_offset
            for info in archive.infolist()
            if info.filename.startswith(prefix)
        }

    @property
    def bytes_read(self) -> int:
        """Bytes read so far, the list of tensors included."""
        return self._source.bytes_read

    def names(self) -> Sequence[str]:
        """Names of all tensors."""
        return tuple(self._tensors)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of one tensor."""
        return self._tensors[name].shape

    def read(self, parts: Sequence[TensorPart]) -> dict[TensorPart, torch.Tensor]:
        """Read parts, in two rounds: where the storages begin, then their bytes."""
        tensors = {part: self._tensors[part.name].narrowed(part.rows) for part in parts}
        begins = self._begins({tensor.storage.key for tensor in tensors.values()})
        spans = []
        for tensor in tensors.values():
            first, stop = tensor.span()
            begin = begins[tensor.storage.key]
            spans.append((begin + first, begin + stop))
        pieces = self._source.read_spans(spans)
        return {part: _as_tensor(piece, tensor) for (part, tensor), piece in zip(tensors.items(), pieces, strict=True)}

    def _begins(self, keys: set[str]) -> dict[str, int]:
        # A local header is followed by name and padding, whose lengths only the header itself gives.
        ordered = sorted(keys)
        offsets = [self._headers[key] for key in ordered]
        headers = self._source.read_spans([(offset, offset + LOCAL_HEADER) for offset in offsets])
        lengths = (sum(unpack_from("<HH", header, LOCAL_HEADER - 4)) for header in headers)
        return {
            key: offset + LOCAL_HEADER + length for key, offset, length in zip(ordered, offsets, lengths, strict=True)
        }


def _list_of_tensors(archive: zipfile.ZipFile, label: str) -> str:
    """Name of the entry that lists the tensors; other archives are told by what they hold."""
    names = archive.namelist()
    if any("/code/" in name or name.endswith("/constants.pkl") for name in names):
        msg = f"{label} is a TorchScript archive, a program with its weights. Save its state_dict(), and give that."
        raise ValueError(msg)
    entry = next((name for name in names if name.endswith("/data.pkl")), None)
    if entry is None:
        msg = (
            f"{label} is a zip archive of something else than torch.save; it holds: "
            f"{', '.join(sorted(names)[:5]) or 'nothing'}. Save the state_dict() of the model with torch.save."
        )
        raise ValueError(msg)
    return entry


def find_weights(content: Any, kind: type, label: str) -> dict[str, Any]:
    """Tensors by name in what a checkpoint holds: below the key that a training library uses, or at its top.

    Where it holds several copies of a model (the trained weights and their moving average, student and teacher), the
    tensors of all of them, with the copy's key before their names.

    Parameters
    ----------
    content : object
        What was unpickled.
    kind : type
        What counts as a tensor.
    label : str
        Name of the file, for the error.

    Raises
    ------
    ValueError
        There are none.
    """
    if isinstance(content, Mapping):
        copies = _copies(content, kind)
        if len(copies) > 1:
            return {f"{key}.{name}": tensor for key, tensors in copies.items() for name, tensor in tensors.items()}
        for candidate in (*copies.values(), *(content.get(key) for key in _WEIGHTS_KEYS), content):
            if tensors := _tensors_of(candidate, kind):
                return tensors
    msg = (
        f"{label} holds no weights: no tensors were found at its top or below {', '.join(_WEIGHTS_KEYS)}. A model that "
        "was saved as a whole object is not read: save its state_dict()."
    )
    raise ValueError(msg)


def _tensors_of(candidate: Any, kind: type) -> dict[str, Any]:
    items = candidate.items() if isinstance(candidate, Mapping) else ()
    return {str(name): value for name, value in items if isinstance(value, kind)}


def _copies(content: Mapping[Any, Any], kind: type) -> dict[str, dict[str, Any]]:
    """Parts of a checkpoint that hold the same model, by their keys; none where there is one only, in a usual place."""
    parts = {str(key): _tensors_of(value, kind) for key, value in content.items()}
    usual = next((parts[key] for key in _WEIGHTS_KEYS if parts.get(key)), None)
    if usual is None:
        return {key: tensors for key, tensors in parts.items() if len(tensors) > 1 and not _tensors_of(content, kind)}
    last = {name.rpartition("module.")[2] for name in usual}
    return {
        key: tensors
        for key, tensors in parts.items()
        if len(last & {name.rpartition("module.")[2] for name in tensors}) * 2 > len(last)
    }


def _as_tensor(piece: memoryview, tensor: _StoredTensor) -> torch.Tensor:
    if not piece:
        return torch.empty(tensor.shape, dtype=tensor.storage.dtype)
    flat = torch.frombuffer(piece, dtype=torch.uint8).view(tensor.storage.dtype)
    return flat.as_strided(tensor.shape, tensor.stride)
