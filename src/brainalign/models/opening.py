"""Open the checkpoint that a reference names: its files, wherever they lie, or its untrained twin."""

from __future__ import annotations

from brainalign.catalogue.references import Reference, parse_reference
from brainalign.models.checkpoints.stored import open_stored
from brainalign.models.checkpoints.tensor_files import StoredCheckpoint
from brainalign.models.twins import open_twin


def open_checkpoint(reference: str | Reference, *, full_download: bool = False) -> StoredCheckpoint:
    """Open a model's checkpoint, to read single tensors from it.

    From a hub only the bytes of those tensors travel. They are kept below `brainalign.catalogue.home.data_home`, so
    that reading them again needs no network; without a revision this stays the version that was the newest at first.

    Parameters
    ----------
    reference : str or Reference
        The model; see `brainalign.catalogue.references.parse_reference`. A tower changes nothing: the file is the same.
        With ``@random`` the model is built anew in memory, and its first weights are read.
    full_download : bool
        Whether a file that cannot be read by parts (written before torch 1.6) may be fetched whole.

    Returns
    -------
    StoredCheckpoint
        Its ``size`` and ``bytes_read`` tell how much of it travelled.

    Raises
    ------
    ValueError
        No such model, an untrained twin whose architecture is not known, a file that needs `full_download`, or one that
        holds something else than the weights (quantised, an adapter that is not merged).
    MissingDataError
        The files are not on this machine and cannot be had: offline, gated, or not there.
    ChecksumError
        A file was truncated or altered.
    """
    parsed = parse_reference(reference)
    if parsed.random:
        return open_twin(parsed)
    return open_stored(parsed, full_download=full_download)
