"""Checkpoints, read tensor by tensor: from folders, and from hubs by ranges of bytes."""

from brainalign.models.checkpoints.checkpoint import Checkpoint, TensorPart
from brainalign.models.checkpoints.fetching import Fetched, fetch
from brainalign.models.checkpoints.opening import open_checkpoint

__all__ = ["Checkpoint", "Fetched", "TensorPart", "fetch", "open_checkpoint"]
