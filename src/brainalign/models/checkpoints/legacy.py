"""Checkpoints written before torch 1.6: they can only be read whole."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import torch

from brainalign.models.checkpoints.checkpoint import TensorPart
from brainalign.models.checkpoints.pickles import find_weights


class LegacyPickleFile:
    """A checkpoint that is loaded whole, when its first tensor is asked for.

    Parameters
    ----------
    path : Path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self.size = path.stat().st_size
        self.bytes_read = 0
        self.metadata: Mapping[str, str] = {}
        self._path = path

    @cached_property
    def _tensors(self) -> dict[str, torch.Tensor]:
        try:
            content = torch.load(self._path, map_location="cpu", weights_only=True)
        except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, LookupError, TypeError, AttributeError):
            # torch's own text advises to run whatever the file asks for.
            msg = (
                f"{self._path} cannot be loaded as weights alone, so it is refused: it is damaged, no file of "
                "torch.save, or holds objects that would have to run. Save the state_dict() of the model."
            )
            raise ValueError(msg) from None
        self.bytes_read += self.size
        return find_weights(content, torch.Tensor, str(self._path))

    def names(self) -> Sequence[str]:
        """Names of all tensors."""
        return tuple(self._tensors)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of one tensor."""
        return tuple(self._tensors[name].shape)

    def read(self, parts: Sequence[TensorPart]) -> dict[TensorPart, torch.Tensor]:
        """Parts of the loaded tensors."""
        whole = {part: self._tensors[part.name] for part in parts}
        return {part: tensor[slice(*part.rows)] if part.rows else tensor for part, tensor in whole.items()}
