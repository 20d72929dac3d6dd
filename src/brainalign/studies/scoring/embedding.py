"""What the layers of a model make of pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor, nn
from torch.nn.functional import interpolate

from brainalign.datasets.scenes import SIDE
from brainalign.models.loading import LoadedModel
from brainalign.models.taps import tap
from brainalign.models.zoo import as_pixels, load_zoo

Embedding = Callable[[NDArray[np.floating]], Tensor]
"""Takes pictures, for the mini-zoo ink of shape (n, 24, 24), gives features of shape (n, n_layers, n_features)."""

_BATCH = 250
_FEW = 23  # photographs are larger


def zoo_embedding(reference: str, *, device: torch.device | str = "cpu") -> Embedding:
    """Features of every layer of a picture-reading model of the mini-zoo.

    Parameters
    ----------
    reference : str
        ``zoo:NAME``, ``zoo:NAME/SEED``, with ``@random`` the same before training. Of a model that reads words as
        well, its image tower is taken.
    device : torch.device or str
        Where the model runs; the features come back to the CPU.

    Returns
    -------
    Embedding
        The features of a layer are its class token beside the mean of its patches, in double precision: the first
        says what training wanted to know, the second what is in the picture.

    Raises
    ------
    ValueError
        For a model that is not of the zoo or that reads no pictures with a Transformer; when called, for pictures of
        another size.
    MissingDataError
        There are no weights of that seed.
    """
    tower = _image_tower(load_zoo(reference), reference).to(device)

    def embed(pictures: NDArray[np.floating]) -> Tensor:
        if pictures.ndim != 3 or pictures.shape[1:] != (SIDE, SIDE):
            msg = f"pictures must have shape (n, {SIDE}, {SIDE}): got {pictures.shape}. Resize them first."
            raise ValueError(msg)
        pixels = as_pixels(torch.as_tensor(np.ascontiguousarray(pictures), dtype=torch.float32)).to(device)
        with tap(tower, ["residual"], pool=_class_beside_patches, dtype=torch.float64) as record, torch.no_grad():
            for batch in pixels.split(_BATCH):
                tower(batch)
        return record.stack("residual")

    return embed


def photograph_embedding(model: LoadedModel, *, side: int) -> Embedding:
    """Features of every layer of a model that sees photographs.

    Parameters
    ----------
    model : LoadedModel
        A vision Transformer of any library, or its untrained twin.
    side : int
        Pixels of a side, to which every picture is resized. Small pictures have few patches and cost little.

    Returns
    -------
    Embedding
        Takes pictures of shape (n, height, width, 3) of 8-bit colours; the features of a layer are its class token
        beside the mean of its patches, in double precision. Colours are scaled as those of ImageNet, as vision
        Transformers mostly have them.

    Raises
    ------
    ValueError
        When called, for pictures of another shape, and when the model takes none of this side.
    """

    def embed(pictures: NDArray[np.uint8]) -> Tensor:
        if pictures.ndim != 4 or pictures.shape[-1] != 3:
            msg = f"pictures must have shape (n, height, width, 3): got {pictures.shape}. Colours come last."
            raise ValueError(msg)
        pixels = torch.tensor(pictures).permute(0, 3, 1, 2).float() / 255
        pixels = interpolate(pixels, size=(side, side), mode="bicubic", antialias=True).clamp(0, 1)
        mean, sd = (torch.tensor(rgb)[:, None, None] for rgb in (IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD))
        device = next(model.module.parameters()).device
        options: dict[str, Any] = {"towers": ["image"], "pool": _class_beside_patches, "dtype": torch.float64}
        with tap(model.module, ["residual"], **options) as record, torch.no_grad():
            for batch in ((pixels - mean) / sd).split(_FEW):
                _see(model, batch.to(device), side)
        return record.stack("residual")

    return embed


def _see(model: LoadedModel, pixels: Tensor, side: int) -> None:
    try:
        model.module(pixels)
    except (ValueError, RuntimeError, AssertionError) as error:
        msg = (
            f"'{model.reference}' takes no pictures of {side} x {side} pixels ({str(error).splitlines()[0]}). Give the "
            "side that it was trained with."
        )
        raise ValueError(msg) from error


def _class_beside_patches(tokens: Tensor) -> Tensor:
    return torch.cat([tokens[:, 0], tokens[:, 1:].mean(dim=1)], dim=-1)


def _image_tower(model: nn.Module, reference: str) -> nn.Module:
    """The Transformer that sees: METER keeps it in `vit_model`, CLIP in `visual`, the others are it."""
    tower = getattr(getattr(model, "vit_model", model), "visual", model)
    if "VisionTransformer" not in type(tower).__name__:
        found = type(tower).__name__
        msg = f"'{reference}' is a {found} and sees no pictures with a Transformer; choose a model of pictures."
        raise ValueError(msg)
    return tower
