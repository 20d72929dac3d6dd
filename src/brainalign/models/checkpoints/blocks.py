"""Numbers as files of llama.cpp store them: whole, or in blocks of 32 small integers with a scale of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[Any]

_PER_BLOCK = 32


@dataclass(frozen=True)
class Storage:
    """How the numbers of a tensor are stored.

    Attributes
    ----------
    name : str
        What llama.cpp calls it.
    numbers, size : int
        Numbers in a block, and bytes of a block.
    decode : callable
        Turns bytes of shape (blocks, size) into numbers of shape (blocks, numbers).
    """

    name: str
    numbers: int
    size: int
    decode: Callable[[Array], Array]

    def to_tensor(self, stored: memoryview, shape: tuple[int, ...]) -> torch.Tensor:
        """Tensor of a shape from its bytes, in float32."""
        blocks = np.frombuffer(stored, dtype=np.uint8).reshape(-1, self.size)
        return torch.from_numpy(self.decode(blocks).astype(np.float32, copy=False).reshape(shape))


def _halves(blocks: Array, first: int) -> Array:
    return np.ascontiguousarray(blocks[:, first : first + 2]).view(np.float16).astype(np.float32)


def _nibbles(packed: Array) -> Array:
    # The lower halves of the bytes are the first 16 numbers, the upper ones the last.
    return np.concatenate([packed & 15, packed >> 4], axis=1)


def _q4_0(blocks: Array) -> Array:
    return _halves(blocks, 0) * (_nibbles(blocks[:, 2:]).astype(np.int8) - np.int8(8)).astype(np.float32)


def _q4_1(blocks: Array) -> Array:
    return _halves(blocks, 0) * _nibbles(blocks[:, 4:]).astype(np.float32) + _halves(blocks, 2)


def _q8_0(blocks: Array) -> Array:
    return _halves(blocks, 0) * np.ascontiguousarray(blocks[:, 2:]).view(np.int8).astype(np.float32)


def _plain(dtype: str) -> Callable[[Array], Array]:
    return lambda blocks: np.array(blocks).view(dtype)  # a copy: the file is not kept mapped by what was read


def _bf16(blocks: Array) -> Array:
    return (np.array(blocks).view(np.uint16).astype(np.uint32) << 16).view(np.float32)


STORAGES = {
    0: Storage("F32", 1, 4, _plain("<f4")),
    1: Storage("F16", 1, 2, _plain("<f2")),
    2: Storage("Q4_0", _PER_BLOCK, 18, _q4_0),
    3: Storage("Q4_1", _PER_BLOCK, 20, _q4_1),
    8: Storage("Q8_0", _PER_BLOCK, 34, _q8_0),
    30: Storage("BF16", 1, 2, _bf16),
}
"""Storages that are read, by their number in a GGUF file."""
