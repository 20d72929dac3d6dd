"""A look at a model of the user's own before anything is computed from it."""

from __future__ import annotations

from dataclasses import replace

from brainalign.catalogue.references import parse_reference
from brainalign.models.checkpoints.stored import check_precision, open_stored
from brainalign.models.layouts import find_layouts, plan_reading


def check_model(reference: str) -> None:
    """Refuse weights that would be refused later: what they are, their precision, and whether they are whole.

    Parameters
    ----------
    reference : str
        A ``file:`` reference. Whether a chapter can use a model of this family is left to the chapter.

    Raises
    ------
    ValueError, MissingDataError, ChecksumError
        See `brainalign.models.opening.open_checkpoint` and `brainalign.models.layouts.plan_reading`.
    """
    stored = open_stored(replace(parse_reference(reference).files, random=False))
    check_precision(stored)
    try:
        layouts = find_layouts(stored)
    except ValueError:  # it can be run all the same
        return
    for layout in layouts.values():
        plan_reading(stored, layout, max_positions=2)
