"""What every kind of checkpoint offers: names, shapes, and reading no more than is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch


@dataclass(frozen=True, order=True)
class TensorPart:
    """A tensor of a checkpoint, or some of its leading rows.

    Attributes
    ----------
    name : str
        Name on disk (names inside a loaded module differ between versions of a library).
    rows : tuple of int or None
        First row and the row after the last, along the first axis; None is the whole tensor.
    """

    name: str
    rows: tuple[int, int] | None = None


class Checkpoint(Protocol):
    """Weights that can be read tensor by tensor, wherever they lie.

    Attributes
    ----------
    reference : str
        What the user asked for.
    config : mapping
        Content of the model's ``config.json`` (``open_clip_config.json``), empty where the kind has none.
    """

    reference: str
    config: Mapping[str, Any]

    def names(self) -> Sequence[str]:
        """Names of all tensors."""
        ...

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of one tensor; of a sharded checkpoint only the header of its shard is read."""
        ...

    def read(self, parts: Iterable[TensorPart]) -> dict[TensorPart, torch.Tensor]:
        """Read the parts, in the precision they are stored in; near ones travel together."""
        ...
