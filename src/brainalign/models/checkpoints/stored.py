"""Open the files of a checkpoint, on this machine or on a hub."""

from __future__ import annotations

from brainalign.catalogue.references import Reference
from brainalign.models.checkpoints.checkpoint import TensorPart
from brainalign.models.checkpoints.hub import open_hub
from brainalign.models.checkpoints.local import open_local
from brainalign.models.checkpoints.soundness import refuse_other_than_weights
from brainalign.models.checkpoints.tensor_files import StoredCheckpoint

_ON_THIS_MACHINE = ("package", "zoo", "file")


def check_precision(stored: StoredCheckpoint) -> None:
    """Refuse a checkpoint of whose weights any is stored in another than ordinary precision.

    Raises
    ------
    ValueError
        See `brainalign.models.checkpoints.tensor_files.StoredCheckpoint.read`.
    """
    # They are mapped, not read.
    stored.read(TensorPart(name) for name in stored.names() if name.endswith("weight"))


def open_stored(reference: Reference, *, full_download: bool = False) -> StoredCheckpoint:
    """Open the trained weights that a reference names; see `brainalign.models.opening.open_checkpoint`."""
    here = reference.hub in _ON_THIS_MACHINE
    opened = open_local(reference) if here else open_hub(reference, full_download=full_download)
    refuse_other_than_weights(opened.reference, opened.config, opened.names())
    return opened
