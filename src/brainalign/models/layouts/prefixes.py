"""What stands before the names of a model's tensors: a wrapper, a model's name, or which of several copies it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from brainalign.models.layouts.layout import ANY_MODEL, Layout


def towers_of(group: Sequence[Layout], names: Sequence[str], *, wrapped: bool = False) -> dict[str, Layout]:
    """The towers of a family that a checkpoint holds, each with the prefix under which all its tensors stand.

    Parameters
    ----------
    group : sequence of Layout
        Layouts of the family; of two of one tower the first that fits counts.
    names : sequence of str
        Names of all tensors.
    wrapped : bool
        Whether the names may stand below anything (``module.``, ``_orig_mod.``, ``student.``); otherwise at least one
        copy must have the names that the library gives them.

    Returns
    -------
    dict of str to Layout
        By the name of the tower. Of several copies of a model (question and context encoder, student and teacher)
        every copy is a tower of its own, named by what tells it from the others, such as ``"teacher"`` or, where a
        copy has several towers, ``"teacher-vision"``.

    Raises
    ------
    ValueError
        When copies cannot be told apart by name.
    """
    several = len({layout.tower for layout in group}) > 1
    found: dict[str, Layout] = {}
    for layout in reversed(group):
        prefixes = _prefixes(layout, names, wrapped=wrapped)
        called = _name_copies(prefixes, layout.tower, several=several)
        found |= {tower: _bind(layout, prefix, tower) for tower, prefix in called.items()}
    return found


def _prefixes(layout: Layout, names: Sequence[str], *, wrapped: bool) -> list[str]:
    """Beginnings of names below which a tower's query and key weights (and its marker) stand."""
    wanted = (layout.query, layout.key, *([layout.marker] if layout.marker else []))
    found = [_layers_below(pattern, names) for pattern in wanted]
    prefixes = {prefix: found[0][prefix] for prefix in sorted(set.intersection(*map(set, found)))}
    most = 1 if layout.query.startswith(ANY_MODEL) else 0
    usual = [prefix for prefix in prefixes if prefix.count(".") <= most]
    if not wrapped and not usual:
        return []
    if "" in prefixes:  # with other layers it is no copy of the model, but a part of its training, such as a decoder
        return [prefix for prefix, layers in prefixes.items() if layers == prefixes[""]]
    return list(prefixes)


def _layers_below(pattern: str, names: Sequence[str]) -> dict[str, set[str]]:
    sought = re.compile(rf"(?P<prefix>(?:\w+\.)*?){pattern.removeprefix(ANY_MODEL)}")
    found: dict[str, set[str]] = {}
    for name in names:
        if match := sought.fullmatch(name):
            found.setdefault(match["prefix"], set()).add(match.groupdict().get("layer", ""))
    return found


def _name_copies(prefixes: Sequence[str], tower: str, *, several: bool) -> dict[str, str]:
    if len(prefixes) < 2:
        return {tower: prefixes[0]} if prefixes else {}
    parts = [prefix.split(".")[:-1] for prefix in prefixes]
    while all(parts) and len({path[-1] for path in parts}) == 1:
        parts = [path[:-1] for path in parts]
    slugs = [re.sub(r"[^a-z0-9]+", "-", "-".join(path).lower()).strip("-") for path in parts]
    words = [f"{slug}-{tower}" if slug and several else slug or tower for slug in slugs]
    called = dict(zip(words, prefixes, strict=True))
    if len(called) < len(prefixes) or not all(name[0].isalpha() for name in called):
        msg = (
            f"the checkpoint holds {len(prefixes)} copies of its {tower} tower, below "
            f"{', '.join(map(repr, prefixes))}, whose names cannot be told apart. Save the one that "
            "is meant in a file of its own."
        )
        raise ValueError(msg)
    return called


def _bind(layout: Layout, prefix: str, tower: str) -> Layout:
    def below(pattern: str) -> str:
        return re.escape(prefix) + pattern.removeprefix(ANY_MODEL)

    return replace(
        layout,
        tower=tower,
        query=below(layout.query),
        key=below(layout.key),
        positions=layout.positions and below(layout.positions),
        bias_table=layout.bias_table and below(layout.bias_table),
        norms=tuple(below(norm) for norm in layout.norms),
        marker=layout.marker and below(layout.marker),
    )
