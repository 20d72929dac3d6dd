"""Which positions a chapter takes, under the names that its parameter has, and how a page says what was taken."""

from __future__ import annotations

from typing import Literal, get_args

from brainalign.catalogue.references import Reference
from brainalign.models.spatial import Positions, SpatialAttention, spatial_attention

PositionChoice = Literal["auto", "own", "stand-in", "kernel"]

_READ_AS: dict[str, Positions] = {"auto": "study", "own": "own", "stand-in": "study", "kernel": "rotary"}

_IN_WORDS = {
    "own": "the model's own table",
    "relative": "the model's own bias for every pair of positions",
    "rotary": "the kernel of the model's own rotation",
}


def choose_positions(
    model: str | Reference,
    choice: PositionChoice = "auto",
    *,
    lender: str | Reference | None = None,
    max_positions: int = 50,
    grid: int | None = None,
) -> SpatialAttention:
    """Read W_Q and W_K of a model with the positions that were chosen for it.

    Parameters
    ----------
    model : str or Reference
        The model.
    choice : {"auto", "own", "stand-in", "kernel"}
        ``"auto"``: the model's own positions or, where queries and keys are turned instead, those of the lender.
        ``"own"``: its own alone. ``"stand-in"``: the lender's, for a rotary model only. ``"kernel"``: the exact kernel
        of its rotation, see `brainalign.models.rotary`.
    lender : str or Reference, optional
        Whose table stands in; as in the study without it.
    max_positions, grid
        As in `brainalign.models.spatial_attention`.

    Returns
    -------
    SpatialAttention

    Raises
    ------
    ValueError
        For an unknown choice, or one that the model does not have.
    """
    if choice not in get_args(PositionChoice):
        msg = f"positions = {choice!r} is unknown; choose one of {', '.join(get_args(PositionChoice))}."
        raise ValueError(msg)
    found = spatial_attention(
        model, positions=_READ_AS[choice], max_positions=max_positions, grid=grid, stand_in=lender
    )
    if choice == "stand-in" and found.position_kind != "stand-in":
        msg = (
            f"{found.model} has {_IN_WORDS[found.position_kind]}, so no other stands in for it; "
            "choose positions 'auto' or 'own'."
        )
        raise ValueError(msg)
    return found


def positions_in_words(weights: SpatialAttention) -> str:
    """What the positions of a model are, as a page says it."""
    if weights.position_kind == "stand-in":
        return f"the table of {weights.lender}, which stands in because the model turns its queries and keys"
    return _IN_WORDS.get(weights.position_kind, weights.position_kind)
