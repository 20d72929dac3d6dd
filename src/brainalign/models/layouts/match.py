"""Which layout fits a checkpoint, and which of its tensors play which part."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Protocol

from brainalign.models.layouts.layout import ANY_MODEL, Layout
from brainalign.models.layouts.multimodal import MULTIMODAL_LAYOUTS
from brainalign.models.layouts.original_clip import METER, OPEN_CLIP, OPEN_CLIP_VISION
from brainalign.models.layouts.text import BERT, GPT2, TEXT_LAYOUTS
from brainalign.models.layouts.vision import TIMM, VISION_LAYOUTS

LAYOUTS: dict[str, tuple[Layout, ...]] = TEXT_LAYOUTS | VISION_LAYOUTS | MULTIMODAL_LAYOUTS
"""Layouts by the ``model_type`` of a transformers ``config.json``."""

UNTYPED: dict[str, tuple[Layout, ...]] = {
    "METER": METER,
    "open_clip": OPEN_CLIP,
    "timm": TIMM,
    "open_clip's vision tower": OPEN_CLIP_VISION,
    "BERT": (BERT,),
    "GPT-2": (GPT2,),
}
"""Layouts of files whose configuration has no such type, told by their tensors' names, the more special ones first."""

_SHOWN = 8


class Header(Protocol):
    """What is known of a checkpoint before anything is read: see `brainalign.models.checkpoints.Checkpoint`."""

    reference: str
    config: Mapping[str, Any]

    def names(self) -> Sequence[str]:
        """Names of all tensors."""
        ...

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of one tensor."""
        ...


def find_layouts(header: Header) -> dict[str, Layout]:
    """The layout of every tower that a checkpoint holds.

    Parameters
    ----------
    header : Header
        Names and configuration of the checkpoint.

    Returns
    -------
    dict of str to Layout
        By the name of the tower.

    Raises
    ------
    ValueError
        When no known layout fits, or a text has relative positions only; the text says which tensors were looked for
        and which exist.
    """
    names = header.names()
    family = header.config.get("model_type")
    groups = {family: LAYOUTS[family]} if family in LAYOUTS else UNTYPED
    if (kind := header.config.get("position_embedding_type", "absolute")) != "absolute":
        msg = f"'{header.reference}' has no absolute position embedding ({kind}): nothing to read."
        raise ValueError(msg)
    for group in groups.values():
        fitting = [layout for layout in group if _fits(layout, names)]
        if fitting:
            return {layout.tower: layout for layout in reversed(fitting)}  # the first of a tower wins
    raise ValueError(_no_layout(header, groups))


def choose_layout(header: Header, tower: str | None = None) -> Layout:
    """The layout of one tower of a checkpoint.

    Parameters
    ----------
    header : Header
        Names and configuration of the checkpoint.
    tower : str, optional
        Name of the tower; may be left out where there is one only.

    Returns
    -------
    Layout

    Raises
    ------
    ValueError
        No known layout, no such tower, or several towers and none named.
    """
    found = find_layouts(header)
    if tower is None and len(found) == 1:
        return next(iter(found.values()))
    if tower in found:
        return found[tower]
    listed = ", ".join(sorted(found))
    if tower is None:
        msg = f"'{header.reference}' has the towers {listed}: name one, for example '{header.reference}#{min(found)}'."
    else:
        near = get_close_matches(tower, found, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        msg = f"'{header.reference}' has no tower '{tower}'.{hint} It has: {listed}."
    raise ValueError(msg)


def match_layers(pattern: str, names: Sequence[str]) -> list[str]:
    """Names that fit the pattern, in the order of their layers.

    Raises
    ------
    ValueError
        When none fits; the text says what was looked for and what is there.
    """
    found = {int(m["layer"]): name for name in names if (m := re.fullmatch(pattern, name))}
    if not found:
        raise ValueError(_nothing_fits(pattern, names))
    return [found[layer] for layer in sorted(found)]


def match_optional(pattern: str | None, names: Sequence[str]) -> str | None:
    """The one name that fits the pattern, or None when none does or there is no pattern."""
    if pattern is None:
        return None
    return next((name for name in names if re.fullmatch(pattern, name)), None)


def readable(pattern: str) -> str:
    """A pattern of names as a person would write it: ``*`` for a number, brackets around what may be missing."""
    text = pattern.replace(r"(?P<layer>\d+)", "*").replace(ANY_MODEL, "[model.]")
    return re.sub(r"\(\?:([^()]*)\)\?", r"[\1]", text).replace(r"\.", ".").replace("(?:", "(")


def _fits(layout: Layout, names: Sequence[str]) -> bool:
    wanted = (layout.query, layout.key, *([layout.marker] if layout.marker else []))
    return all(any(re.fullmatch(pattern, name) for name in names) for pattern in wanted)


def _no_layout(header: Header, groups: Mapping[str, tuple[Layout, ...]]) -> str:
    family = header.config.get("model_type")
    layouts = [layout for group in groups.values() for layout in group]
    wanted = {readable(pattern) for layout in layouts for pattern in (layout.query, layout.key)}
    known = "" if family in LAYOUTS else f"; types whose layout is known are: {', '.join(LAYOUTS)}"
    return (
        f"'{header.reference}' is of type {family!r}, and no known layout fits{known}. "
        f"Looked for: {', '.join(sorted(wanted))}. {present(header.names())}"
    )


def _nothing_fits(pattern: str, names: Sequence[str]) -> str:
    return f"no tensor is named like '{readable(pattern)}'. {present(names)}"


def present(names: Sequence[str]) -> str:
    """A sentence that says which tensors a checkpoint holds."""
    shown = ", ".join(sorted(names)[:_SHOWN])
    return f"The checkpoint holds {len(names)} tensors, among them: {shown}."
