"""How large a model is, and how much of it topological alignment needs; nothing is downloaded to tell."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from brainalign.catalogue.references import Reference
from brainalign.models.architectures import (
    Contents,
    build_config,
    get_architecture,
    meter_contents,
    open_clip_contents,
    timm_contents,
    transformers_contents,
    zoo_contents,
)
from brainalign.models.layouts.plan import topology_bytes


@dataclass(frozen=True)
class Sizes:
    """Sizes of a model.

    Attributes
    ----------
    parameters : int
        Number of weights, of the named tower alone where one is named.
    full_bytes : int
        All tensors of the checkpoint, as stored; the file's header is not counted.
    topology_bytes : int
        The positions (or relative-position biases), W_Q and W_K, as stored; the positions that stand in for those of
        rotary models are not counted.
    """

    parameters: int
    full_bytes: int
    topology_bytes: int


def measure(reference: Reference, architecture: str | None = None) -> Sizes:
    """Sizes of a model, computed from its architecture.

    Parameters
    ----------
    reference : Reference
        The model; a tower it names limits parameters and topology bytes, not the whole checkpoint.
    architecture : str, optional
        Entry of `data/architectures.yml`; needed for models of transformers.

    Returns
    -------
    Sizes

    Raises
    ------
    ValueError
        The architecture is unknown, or the model has no such tower.
    """
    if architecture:
        known, config = get_architecture(architecture), build_config(architecture).to_dict()
        return _measure(transformers_contents(architecture), config, reference, known.towers, known.extra_bytes)
    if reference.hub in _CONTENTS:
        contents = _CONTENTS[reference.hub](reference.name)
        return _measure(contents, {}, reference, _towers_of(contents))
    msg = f"the sizes of '{reference}' are not known before its files are opened: brainalign models fetch {reference}"
    raise ValueError(msg)


def _measure(
    contents: Contents,
    config: dict[str, Any],
    reference: Reference,
    towers: dict[str, tuple[str, ...]],
    extra_bytes: int = 0,
) -> Sizes:
    beginnings = _beginnings(reference, towers)
    tensors = contents.tensors
    counted = [name for name in contents.weights if name.startswith(beginnings)]
    return Sizes(
        parameters=sum(math.prod(tensors[name][0]) for name in counted),
        full_bytes=sum(math.prod(shape) * itemsize for shape, itemsize in tensors.values()) + extra_bytes,
        topology_bytes=topology_bytes(tensors, config, tower=reference.tower),
    )


def _beginnings(reference: Reference, towers: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    if reference.tower is None:
        return ("",)
    if reference.tower not in towers:
        msg = f"'{reference}' has no tower '{reference.tower}'; towers known by name: {', '.join(towers) or 'none'}."
        raise ValueError(msg)
    return towers[reference.tower]


def _towers_of(contents: Contents) -> dict[str, tuple[str, ...]]:
    # METER, then open_clip, whose text tower has no beginning of its own; others have one tower without a name.
    if any(name.startswith("vit_model.") for name in contents.tensors):
        return {"vision": ("vit_model.visual.",), "text": ("text_transformer.",)}
    if any(name.startswith("visual.") for name in contents.tensors):
        text = tuple(name for name in contents.tensors if not name.startswith(("visual.", "logit_")))
        return {"vision": ("visual.",), "text": text}
    return {}


_CONTENTS: dict[str, Callable[[str], Contents]] = {
    "timm": timm_contents,
    "open_clip": open_clip_contents,
    "meter": meter_contents,
    "zoo": zoo_contents,
}
