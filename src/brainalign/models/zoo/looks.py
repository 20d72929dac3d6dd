"""Where a model of pictures and captions looks: the attention of a word to the patches of its scene."""

from __future__ import annotations

import torch
from torch import Tensor

from brainalign.catalogue.references import Reference
from brainalign.datasets.scenes import CELL, GRID, SIDE, WORD_A, Scenes
from brainalign.devices import in_batches
from brainalign.models.meter import Meter
from brainalign.models.taps import tap
from brainalign.models.zoo.architectures import PATCH, as_pixels
from brainalign.models.zoo.loading import load_zoo

_BATCH = 512
_PATCHES = SIDE // PATCH, SIDE // PATCH
_IN_A_CELL = CELL // PATCH


def first_word_looks(reference: str | Reference, scenes: Scenes, *, device: torch.device | str = "cpu") -> Tensor:
    """How much the word for the first digit of every caption attends to each patch.

    Parameters
    ----------
    reference : str or Reference
        A METER of the mini-zoo, see `load_zoo`.
    scenes : Scenes
        Pictures with their captions.
    device : torch.device or str
        Where the model runs; the attention comes back to the CPU. Scenes go through it 512 at a time, or fewer where
        memory is small.

    Returns
    -------
    Tensor of shape (n, 6, 6)
        Attention in the last fusion layer, averaged over heads, from 0 to 1. What is missing from a sum of 1 falls on
        the class token of the picture.

    Raises
    ------
    ValueError
        For a model that is no METER, and what `load_zoo` refuses.
    """
    model = load_zoo(reference)
    if not isinstance(model, Meter):
        msg = f"'{reference}' is a {type(model).__name__}; give a METER of the mini-zoo, such as zoo:meter-s."
        raise ValueError(msg)
    model = model.to(device)
    pixels, words = as_pixels(torch.from_numpy(scenes.images)), torch.from_numpy(scenes.captions)

    def look(rows: Tensor) -> Tensor:
        images, captions = pixels[rows].to(device), words[rows].to(device)
        with tap(model, ["attention"], towers=["fusion_text"], pool=None) as seen, torch.no_grad():
            model(images, captions, torch.ones_like(captions))
        return seen.stack("cross_attention", "fusion_text")[:, -1]

    last = torch.cat(in_batches(look, torch.arange(len(words)), _BATCH, torch.device(device)))
    return last.mean(dim=1)[:, WORD_A, 1:].unflatten(-1, _PATCHES)


def looks_at_cells(looks: Tensor, cells: Tensor) -> Tensor:
    """How much of the attention falls on one cell of every scene.

    Parameters
    ----------
    looks : Tensor of shape (n, 6, 6)
        What `first_word_looks` returned.
    cells : Tensor of shape (n,)
        Number of the cell, 0 to 8, row by row.

    Returns
    -------
    Tensor of shape (n,)
        From 0 to 1.
    """
    by_cell = looks.unflatten(2, (GRID, _IN_A_CELL)).unflatten(1, (GRID, _IN_A_CELL)).sum((2, 4))
    return by_cell.flatten(1).gather(1, cells[:, None])[:, 0]
