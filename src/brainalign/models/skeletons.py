"""Models without numbers: every module and shape of a published model, for counting and drawing, without a download."""

from __future__ import annotations

import logging

import torch
from torch import nn

from brainalign.catalogue.references import Reference, parse_reference
from brainalign.models.architectures import build_empty, open_clip_contents, timm_contents
from brainalign.models.registry import find_entries


def skeleton(reference: str | Reference) -> nn.Module:
    """The model of a reference on torch's meta device: nothing is fetched, and no memory is taken for weights.

    Parameters
    ----------
    reference : str or Reference
        A model of timm, open_clip or METER, of the mini-zoo, or one of transformers that has an entry in
        `data/architectures.yml`. A tower changes nothing: the whole is built.

    Returns
    -------
    Module
        On the meta device; of the mini-zoo, on the CPU with first weights.

    Raises
    ------
    ValueError
        There is no such model, or its architecture is not known without a network.

    Examples
    --------
    >>> sum(p.numel() for p in skeleton("open_clip:ViT-B-32/openai").parameters())
    151277313
    """
    parsed = parse_reference(reference)
    if parsed.hub == "zoo":
        from brainalign.models.zoo import load_zoo

        return load_zoo(Reference("zoo", parsed.name, random=True)).eval()
    if parsed.hub == "hf":
        entry = next((entry for entry in find_entries(parsed) if entry.architecture), None)
        if entry is not None:
            return build_empty(entry.architecture).eval()
    builders = {"timm": _timm, "open_clip": _open_clip, "meter": _meter}
    if parsed.hub not in builders:
        msg = f"the architecture of '{parsed}' is not known without its files; give a model of data/models.csv."
        raise ValueError(msg)
    with torch.device("meta"):
        return builders[parsed.hub](parsed.name).eval()


def _timm(name: str) -> nn.Module:
    import timm

    timm_contents(name)  # refuses unknown names with the nearest ones
    return timm.create_model(name, pretrained=False)


def _open_clip(name: str) -> nn.Module:
    import open_clip

    open_clip_contents(name)  # refuses unknown names with the nearest ones
    # It warns on the root logger that the weights are random, which is what is asked for.
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        return open_clip.create_model(name.split("/")[0], load_weights=False, device="meta")
    finally:
        logging.disable(before)


def _meter(name: str) -> nn.Module:
    from brainalign.models.meter import RELEASED, Meter, MeterConfig

    if name not in RELEASED:
        msg = f"METER was not released as '{name}'. Released are: {', '.join(RELEASED)}."
        raise ValueError(msg)
    return Meter(MeterConfig(image_size=RELEASED[name].image_size))
