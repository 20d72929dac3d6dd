"""Which layout fits a checkpoint, and which of its tensors play which part."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Protocol

from brainalign.models.layouts.layout import ANY_MODEL, Layout
from brainalign.models.layouts.multimodal import MULTIMODAL_LAYOUTS
from brainalign.models.layouts.original_clip import METER, OPEN_CLIP, OPEN_CLIP_VISION
from brainalign.models.layouts.prefixes import towers_of
from brainalign.models.layouts.settings import check_timm
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

_UNTYPED_CLASSES = {"BERT": "Bert", "GPT-2": "GPT2"}
"""How the names of the library's classes begin that have these layouts."""

_OTHER_SCALES = {"scale_attn_weights": False, "scale_attn_by_inverse_layer_idx": True}
"""Settings of GPT-2 and its kin with which logits are scaled otherwise."""

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
    """The layout of every tower that a checkpoint holds; of several copies of a model every copy is a tower.

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
        When the type of the model is not known, no known layout fits, or a text has relative positions only; the text
        says which tensors were looked for and which exist.
    """
    names = header.names()
    family = header.config.get("model_type")
    groups = {} if family is not None else UNTYPED
    if isinstance(family, str) and family in LAYOUTS:
        groups = {family: LAYOUTS[family]}
    _check_settings(header)
    for wrapped in (False, True):
        for name, group in groups.items():
            if towers := towers_of(group, names, wrapped=wrapped):
                _check_guess(header, name, towers)
                return towers
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
        When none fits, a layer is missing before the last one, or there twice; the text says which.
    """
    found: dict[int, str] = {}
    for name in names:
        if match := re.fullmatch(pattern, name):
            layer = int(match["layer"])
            if layer in found:
                raise ValueError(_twice(found[layer], name))
            found[layer] = name
    if not found:
        raise ValueError(_nothing_fits(pattern, names))
    if missing := sorted(set(range(max(found))) - set(found)):
        msg = (
            f"{len(found)} layers are named like '{readable(pattern)}', the last is {max(found)}, but there is none "
            f"for {', '.join(map(str, missing[:_SHOWN]))}: the checkpoint is incomplete, or not all its layers "
            "are alike. Give a complete checkpoint of one of the families that are read."
        )
        raise ValueError(msg)
    return [found[layer] for layer in sorted(found)]


def match_optional(pattern: str | None, names: Sequence[str]) -> str | None:
    """The one name that fits the pattern, or None when none does or there is no pattern.

    Raises
    ------
    ValueError
        When several do.
    """
    if pattern is None:
        return None
    found = [name for name in names if re.fullmatch(pattern, name)]
    if len(found) > 1:
        raise ValueError(_twice(*found[:2]))
    return found[0] if found else None


def readable(pattern: str) -> str:
    """A pattern of names as a person would write it: ``*`` for a number, brackets around what may be missing."""
    text = pattern.replace(r"(?P<layer>\d+)", "*").replace(ANY_MODEL, "[model.]")
    return re.sub(r"\(\?:([^()]*)\)\?", r"[\1]", text).replace(r"\.", ".").replace("(?:", "(")


def _check_settings(header: Header) -> None:
    if (kind := header.config.get("position_embedding_type") or "absolute") != "absolute":
        msg = f"'{header.reference}' has no absolute position embedding ({kind}): nothing to read."
        raise ValueError(msg)
    for field, value in _OTHER_SCALES.items():
        if header.config.get(field) is value:
            msg = (
                f"'{header.reference}' has {field} = {value} in its config.json: its logits are not divided by the "
                "root of head_dim alone, as those of the models that are read. Give a model without it."
            )
            raise ValueError(msg)


def _check_guess(header: Header, name: str, towers: Mapping[str, Layout]) -> None:
    """Refuse what only looks like the family that it was taken for by its tensors' names."""
    for layout in towers.values():
        if layout.library == "timm":
            check_timm(header.reference, header.config)
    classes = [str(cls) for cls in header.config.get("architectures") or ()]
    stem = _UNTYPED_CLASSES.get(name)
    padded = name == "BERT" and (header.config.get("pad_token_id") or "roberta" in "".join(header.names()).lower())
    if stem and (padded or not all(cls.startswith(stem) for cls in classes)):
        told = f"architectures = {classes}" if classes else "a padding token other than 0, or names of RoBERTa"
        msg = (
            f"'{header.reference}' has the names of {name}, but {told}: kin of {name} begin their positions elsewhere, "
            "or lay their weights out otherwise. Write its 'model_type' into config.json."
        )
        raise ValueError(msg)


def _no_layout(header: Header, groups: Mapping[str, tuple[Layout, ...]]) -> str:
    family = header.config.get("model_type")
    layouts = [layout for group in (groups or UNTYPED).values() for layout in group]
    wanted = {readable(pattern) for layout in layouts for pattern in (layout.query, layout.key)}
    known = "" if groups and groups is not UNTYPED else f"; types whose layout is known are: {', '.join(LAYOUTS)}"
    return (
        f"'{header.reference}' is of type {family!r}, and no known layout fits{known}. "
        f"Looked for: {', '.join(sorted(wanted))}. {tensors_in_words(header.names())}"
    )


def _twice(first: str, second: str) -> str:
    return (
        f"'{first}' and '{second}' are both there for one part of the model: the checkpoint holds two copies. Save the "
        "one that is meant in a file of its own."
    )


def _nothing_fits(pattern: str, names: Sequence[str]) -> str:
    return f"no tensor is named like '{readable(pattern)}'. {tensors_in_words(names)}"


def tensors_in_words(names: Sequence[str]) -> str:
    """A sentence that says which tensors a checkpoint holds."""
    shown = ", ".join(sorted(names)[:_SHOWN])
    return f"The checkpoint holds {len(names)} tensors, among them: {shown}."
