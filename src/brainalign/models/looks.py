"""Where every head of a model looks on one picture: as a whole, and word by word where words read the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from brainalign.models.loading import LoadedModel
from brainalign.models.presentation import Captions, Pictures, present
from brainalign.models.taps import find_towers, tap


@dataclass(frozen=True)
class Looks:
    """Attention to the patches of one picture, from 0 to 1; what is missing from a sum of 1 falls on other tokens.

    Attributes
    ----------
    summary : Tensor of shape (layers, heads, rows, columns)
        Of the token in the image tower that stands for the whole; the mean over patches where there is none.
    words : Tensor of shape (fusion_layers, heads, n_tokens, rows, columns), or None
        Of the tokens of the caption, in models where these read the picture.
    """

    summary: Tensor
    words: Tensor | None


def record_looks(model: LoadedModel, picture: Pictures, caption: Captions | None = None) -> Looks:
    """Show one picture, with its caption where the model reads one, and record attention to the patches.

    Parameters
    ----------
    model : LoadedModel
        With an image tower of square patches.
    picture, caption
        One of each, in a form that `brainalign.models.presentation.present` takes.

    Returns
    -------
    Looks

    Raises
    ------
    ValueError
        More than one picture, no image tower, patches that fill no square, or what `present` refuses.
    """
    if len(picture) != 1:
        msg = f"{len(picture)} pictures were given; give one, as a batch of one."
        raise ValueError(msg)
    image = next((tower for tower in find_towers(model.module) if tower.name == "image"), None)
    if image is None:
        msg = f"'{model.reference}' has no image tower; give a model that sees pictures."
        raise ValueError(msg)
    with tap(model.module, ["attention"], pool=None) as seen:
        present(model, picture, caption)
    maps = seen.stack("attention", "image")[0]  # (layers, heads, n_queries, n_keys)
    summary = maps[..., 0, :] if image.n_first else maps.mean(dim=-2)
    crosses = ("fusion_text", 0, "cross_attention") in seen
    words = seen.stack("cross_attention", "fusion_text")[0] if crosses else None
    return Looks(
        _on_grid(summary, image.n_first),
        None if words is None else _on_grid(words, image.n_first),
    )


def _on_grid(maps: Tensor, n_first: int) -> Tensor:
    patches = maps[..., n_first:]
    side = math.isqrt(patches.shape[-1])
    if side * side != patches.shape[-1]:
        msg = f"{patches.shape[-1]} patches fill no square; maps can not be laid on the picture."
        raise ValueError(msg)
    return patches.unflatten(-1, (side, side))
