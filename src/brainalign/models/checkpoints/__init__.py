"""Files of weights, wherever they lie: single tensors by name, without a model that could be run."""

from brainalign.models.checkpoints.checkpoint import Checkpoint, TensorPart
from brainalign.models.checkpoints.stored import open_stored

__all__ = ["Checkpoint", "TensorPart", "open_stored"]
