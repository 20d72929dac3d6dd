"""The untrained twin of a model, seen as a checkpoint: tensors under the names that a file would have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from brainalign.catalogue.references import Reference
from brainalign.models.checkpoints.checkpoint import TensorPart
from brainalign.models.checkpoints.local import open_local
from brainalign.models.checkpoints.tensor_files import StoredCheckpoint
from brainalign.models.loading import load_model


class TensorsInMemory:
    """Tensors that no file holds.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        By the names that a file would have.
    """

    def __init__(self, tensors: Mapping[str, torch.Tensor]) -> None:
        self._tensors = {name: tensor.detach() for name, tensor in tensors.items()}
        self.size = sum(tensor.nbytes for tensor in self._tensors.values())
        self.bytes_read = 0
        self.metadata: Mapping[str, str] = {}

    def names(self) -> Sequence[str]:
        """Names of all tensors."""
        return tuple(self._tensors)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of one tensor."""
        return tuple(self._tensors[name].shape)

    def read(self, parts: Sequence[TensorPart]) -> dict[TensorPart, torch.Tensor]:
        """Parts of the tensors, not copied."""
        whole = {part: self._tensors[part.name] for part in parts}
        return {part: tensor[slice(*part.rows)] if part.rows else tensor for part, tensor in whole.items()}


def open_twin(reference: Reference) -> StoredCheckpoint:
    """Build the untrained twin of a model in memory; see `brainalign.models.loading.load_model`, seed 0."""
    loaded = load_model(reference)
    tensors = loaded.module.state_dict()
    if loaded.kind == "transformers":
        tensors = _as_on_disk(loaded.module)
    return StoredCheckpoint(str(reference), _config_of(reference, loaded.module, loaded.kind), TensorsInMemory(tensors))


def _as_on_disk(module: nn.Module) -> dict[str, torch.Tensor]:
    # In memory transformers names, splits and joins some tensors otherwise than on disk.
    from transformers.core_model_loading import revert_weight_conversion

    return revert_weight_conversion(module, dict(module.named_parameters()))


def _config_of(reference: Reference, module: nn.Module, kind: str) -> Mapping[str, Any]:
    if kind == "transformers":
        return module.config.to_dict()
    if reference.hub in ("file", "zoo"):
        return open_local(replace(reference, random=False)).config
    if kind == "timm":
        return {"architecture": module.pretrained_cfg["architecture"]}
    if kind == "open_clip":
        import open_clip

        return {"model_cfg": open_clip.get_model_config(reference.name.partition("/")[0])}
    return {}
