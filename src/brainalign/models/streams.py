"""The streams of a model of pictures and captions: what they are made of, and what they hold layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from brainalign.models.loading import LoadedModel
from brainalign.models.presentation import Captions, Pictures, present
from brainalign.models.taps import Tower, find_towers, tap

Steps = dict[str, Tensor]
"""What a stream holds of every stimulus, (n, width), by the name of the step, in order."""

SIDES: Mapping[str, tuple[str, str]] = {"picture": ("image", "fusion_image"), "text": ("text", "fusion_text")}
"""Tower and fusion of the two streams."""

_READS = {"image": "pictures", "text": "captions", "decoder": "pictures"}


def describe_streams(module: nn.Module) -> pd.DataFrame:
    """The stacks of layers of a model, and how many artificial neurons each has.

    Parameters
    ----------
    module : Module
        Of timm, transformers, open_clip or METER; on the meta device, too.

    Returns
    -------
    DataFrame with one row a stack
        ``stream``: "image", "text", "fusion_image" and "fusion_text" as far as there are. ``reads``: "pictures",
        "captions" or "both". ``layers``, ``heads`` (of a layer), ``width``, ``parameters`` (of its layers, without
        embeddings). ``crosses``: whether its layers read the other stream. ``bridged``: whether its layers also read
        lower layers of the towers. ``context``, ``query_key``, ``neurons``: artificial neurons under each definition.

    Raises
    ------
    ValueError
        The model has no stack of blocks that is known.
    """
    bridged = any("link_tower" in name for name, _ in module.named_children())
    return pd.DataFrame([_describe(tower, bridged=bridged) for tower in find_towers(module)])


def _describe(tower: Tower, *, bridged: bool) -> dict[str, Any]:
    first, *rest = tower.blocks[0].sublayers
    # Keys have as many channels as queries in all models whose products are neurons, so both definitions agree.
    contexts = sum(_n_inputs(sub.projection) for block in tower.blocks for sub in block.sublayers)
    return {
        "stream": tower.name,
        "reads": _READS.get(tower.name, "both"),
        "layers": len(tower.blocks),
        "heads": first.n_heads,
        "width": _n_outputs(first.projection),
        "parameters": sum(p.numel() for block in tower.blocks for p in block.module.parameters()),
        "crosses": bool(rest),
        "bridged": bridged and bool(rest),
        "context": contexts,
        "query_key": contexts,
        "neurons": sum(_n_inputs(block.output) for block in tower.blocks),
    }


def _n_inputs(linear: nn.Module) -> int:
    return linear.in_features if isinstance(linear, nn.Linear) else linear.weight.shape[0]  # else GPT-2's Conv1D


def _n_outputs(linear: nn.Module) -> int:
    return linear.out_features if isinstance(linear, nn.Linear) else linear.weight.shape[1]


def record_streams(
    model: LoadedModel | nn.Module,
    pictures: Pictures | None = None,
    captions: Captions | None = None,
    *,
    pool: str = "mean",
    batch: int = 256,
) -> dict[str, Steps]:
    """What the streams hold of every stimulus after each layer, and at last where the model sets them side by side.

    Parameters
    ----------
    model : LoadedModel or Module
        See `brainalign.models.presentation.present`.
    pictures, captions
        What is shown, as for `present`.
    pool : str
        How tokens are pooled, as in `brainalign.models.tap`.
    batch : int
        Stimuli at a time.

    Returns
    -------
    dict of str to dict of str to Tensor
        By side, "picture" or "text": tensors of shape (n, width) by step, "tower 1", "tower 2", ..., then "fusion 1",
        ..., then "summary": the embeddings that CLIP compares, the pooled pair of METER and BridgeTower. Models of one
        modality have one side and no summary.

    Raises
    ------
    ValueError
        See `present` and `brainalign.models.tap`.
    """
    module = model.module if isinstance(model, LoadedModel) else model
    with tap(module, ["residual"], pool=pool) as record:
        summaries = present(model, pictures, captions, batch=batch, keep=_summaries)
    sides: dict[str, Steps] = {}
    for place, (side, towers) in enumerate(SIDES.items()):
        steps = {
            f"{'fusion' if tower.startswith('fusion') else 'tower'} {layer + 1}": record[tower, layer, what]
            for tower in towers
            for own, layer, what in record
            if own == tower
        }
        if steps and summaries[0] is not None:
            steps["summary"] = torch.cat([pair[place] for pair in summaries])
        if steps:
            sides[side] = steps
    return sides


def _summaries(output: Any) -> tuple[Tensor, Tensor] | None:
    """Picture and text at the end: of CLIP what it compares, of fused models the pooled streams; None of others."""
    for names in (("image_features", "text_features"), ("image_embeds", "text_embeds")):
        pair = [output.get(name) for name in names] if isinstance(output, Mapping) else []
        if pair and all(part is not None and part.ndim == 2 for part in pair):
            return _on_cpu(*pair)
    if isinstance(output, tuple) and len(output) > 1 and all(part.ndim == 2 for part in output[:2]):
        return _on_cpu(*output[:2])  # open_clip
    pair = getattr(output, "cls", None)
    pair = getattr(output, "pooler_output", None) if pair is None and hasattr(output, "image_features") else pair
    if pair is None:
        return None
    text, picture = pair.chunk(2, dim=-1)
    return _on_cpu(picture, text)


def _on_cpu(picture: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
    return picture.float().cpu(), text.float().cpu()


def pair_steps(picture: Steps, text: Steps) -> dict[str, tuple[Tensor, Tensor]]:
    """Steps of two streams side by side: layers of the towers at the same relative depth, then fusion, then summary.

    Parameters
    ----------
    picture, text : dict of str to Tensor
        The two sides of `record_streams`, of one model or of two.

    Returns
    -------
    dict of str to tuple of two Tensors
        Under "tower 1", ... (as many as the shorter tower has), "fusion 1", ... and "summary", as far as both have
        them.

    Raises
    ------
    ValueError
        A stream without a layer.

    Examples
    --------
    >>> picture = {f"tower {i}": torch.full((2, 1), i) for i in (1, 2, 3, 4)}
    >>> pairs = pair_steps(picture, {"tower 1": torch.zeros(2, 1), "tower 2": torch.ones(2, 1)})
    >>> [(name, int(one[0]), int(other[0])) for name, (one, other) in pairs.items()]
    [('tower 1', 2, 0), ('tower 2', 4, 1)]
    """
    towers = [[x for name, x in steps.items() if name.startswith("tower")] for steps in (picture, text)]
    n = min(map(len, towers))
    if not n:
        msg = f"both streams need layers of a tower; their steps are: {', '.join(picture)}; and: {', '.join(text)}."
        raise ValueError(msg)
    depths = [[round(k * len(own) / n) - 1 for k in range(1, n + 1)] for own in towers]
    pairs = {f"tower {k + 1}": (towers[0][depths[0][k]], towers[1][depths[1][k]]) for k in range(n)}
    later = {name: (picture[name], text[name]) for name in picture if name in text and not name.startswith("tower")}
    return pairs | later
