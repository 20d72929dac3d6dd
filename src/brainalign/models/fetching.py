"""Fetch what topological alignment needs of a model, so that it is there without a network."""

from __future__ import annotations

from dataclasses import dataclass

from brainalign.catalogue.kept_models import HUBS, WHOLE, find_kept
from brainalign.catalogue.references import Reference, parse_reference
from brainalign.models.checkpoints.cached import cached_weights
from brainalign.models.checkpoints.checkpoint import TensorPart
from brainalign.models.checkpoints.kept import keep_fetched
from brainalign.models.checkpoints.repositories import repository_of
from brainalign.models.checkpoints.tensor_files import StoredCheckpoint
from brainalign.models.checkpoints.whole import whole_model
from brainalign.models.layouts import Layout, choose_layout, find_layouts, parts_needed, plan_reading
from brainalign.models.opening import open_checkpoint
from brainalign.models.position_sources import STAND_INS
from brainalign.models.rotary import is_rotary

POSITIONS_KEPT = 512
"""Rows of a text's table of positions that are kept: as many as any chapter takes, and more than the study's 50."""


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

    What lies in the hub's local cache is taken from there. A second call finds everything kept, and asks no server.

    Parameters
    ----------
    reference : str or Reference
        The model; without a tower all its towers are fetched. Of a rotary model also the positions of the model that
        stands in for its own.
    full : bool
        Whether the whole checkpoint is fetched, with what prepares its input, so that the model can be run; also needed
        for files that cannot be read by parts.

    Returns
    -------
    Fetched

    Raises
    ------
    ValueError, MissingDataError, ChecksumError
        See `brainalign.models.opening.open_checkpoint`.
    """
    parsed = parse_reference(reference)
    from_hub = parsed.hub in HUBS and not parsed.random
    n_bytes = _fetch_whole(parsed) if full and from_hub else 0
    checkpoint = open_checkpoint(parsed, full_download=full)
    layouts = _layouts(checkpoint, parsed.tower, may_lack=full and from_hub)
    checkpoint.read(part for layout in layouts for part in _parts(checkpoint, layout, all_of_them=from_hub))
    lenders = _lenders(checkpoint, layouts)
    n_bytes += sum(fetch(lender).bytes_read for lender in lenders)
    if from_hub:
        folder, _ = find_kept(parsed)
        keep_fetched(folder, [parsed.tower or ""] * bool(layouts) + [WHOLE] * full, lenders)
    return Fetched(str(parsed), checkpoint.bytes_read + n_bytes, checkpoint.size)


def _layouts(checkpoint: StoredCheckpoint, tower: str | None, *, may_lack: bool) -> list[Layout]:
    try:
        return [choose_layout(checkpoint, tower)] if tower else list(find_layouts(checkpoint).values())
    except ValueError:
        if may_lack:  # it can be run all the same, for example a text model with relative positions
            return []
        raise


def _parts(checkpoint: StoredCheckpoint, layout: Layout, *, all_of_them: bool) -> list[TensorPart]:
    if not all_of_them:
        return parts_needed(checkpoint, layout.tower)
    return plan_reading(checkpoint, layout, max_positions=POSITIONS_KEPT, with_norms=True).parts


def _lenders(checkpoint: StoredCheckpoint, layouts: list[Layout]) -> list[str]:
    rotary = {layout.modality for layout in layouts if is_rotary(layout, checkpoint.config)}
    return [STAND_INS[modality] for modality in sorted(rotary)]


def _fetch_whole(reference: Reference) -> int:
    """Fetch all files of a model that running it needs; the bytes that travelled."""
    if reference.hub == "meter":  # its file is read tensor by tensor, also to run it
        checkpoint = open_checkpoint(reference, full_download=True)
        checkpoint.read(map(TensorPart, checkpoint.names()))
        return checkpoint.bytes_read
    before = _cached_bytes(reference)
    whole_model(reference)
    return _cached_bytes(reference) - before


def _cached_bytes(reference: Reference) -> int:
    kept = find_kept(reference)
    revision = (kept[1].commit if kept else None) or reference.revision
    return sum(path.stat().st_size for path in cached_weights(repository_of(reference), revision))
