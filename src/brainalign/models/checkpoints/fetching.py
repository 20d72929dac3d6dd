"""Fetch what topological alignment needs of a model, so that it is there without a network."""

from __future__ import annotations

from dataclasses import dataclass

from brainalign.models.checkpoints.opening import open_checkpoint
from brainalign.models.references import Reference, parse_reference


@dataclass(frozen=True)
class Fetched:
    """What was fetched of a model.

    Attributes
    ----------
    reference : str
        The model.
    bytes_read : int
        Bytes that travelled (or were read, of a model on this machine); 0 when everything was kept already.
    size : int
        Bytes of the whole checkpoint.
    """

    reference: str
    bytes_read: int
    size: int


def fetch(reference: str | Reference, *, full: bool = False) -> Fetched:
    """Read the positions and the query and key weights of a model once; of a hub's model they are kept then.

    Parameters
    ----------
    reference : str or Reference
        The model; without a tower all its towers are fetched. Of a rotary model also the positions of the model that
        stands in for its own.
    full : bool
        Whether a file that cannot be read by parts may be fetched whole.

    Returns
    -------
    Fetched

    Raises
    ------
    ValueError, MissingDataError, ChecksumError
        See `brainalign.models.checkpoints.open_checkpoint`.
    """
    # Those import this package themselves.
    from brainalign.models.layouts import choose_layout, find_layouts, parts_needed
    from brainalign.models.position_sources import STAND_INS
    from brainalign.models.rotary import is_rotary

    parsed = parse_reference(reference)
    checkpoint = open_checkpoint(parsed, full_download=full)
    towers = [parsed.tower] if parsed.tower else list(find_layouts(checkpoint))
    checkpoint.read(part for tower in towers for part in parts_needed(checkpoint, tower))
    layouts = [choose_layout(checkpoint, tower) for tower in towers]
    rotary = {layout.modality for layout in layouts if is_rotary(layout, checkpoint.config)}
    lent = sum(fetch(STAND_INS[modality]).bytes_read for modality in sorted(rotary))
    return Fetched(str(parsed), checkpoint.bytes_read + lent, checkpoint.size)
