"""Recording the artificial neurons of models that read pictures with captions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from brainalign.models.meter import Meter
from brainalign.models.taps import Record, tap
from brainalign.models.taps.products import tap_products
from brainalign.models.zoo.architectures import as_pixels

NeuronKind = Literal["context", "query_key", "neurons"]


def record_neurons(
    model: nn.Module,
    images: NDArray[np.float32],
    captions: NDArray[np.int64],
    *,
    kind: NeuronKind = "context",
    pool: str = "mean",
    batch: int = 256,
) -> Record:
    """Show pictures with their captions to a model and record its artificial neurons.

    Parameters
    ----------
    model : Module
        CLIP of open_clip, or METER, in eval mode.
    images : ndarray of shape (n, side, side)
        Ink.
    captions : ndarray of shape (n, length)
        Token numbers.
    kind : {"context", "query_key", "neurons"}
        A neuron is a channel of a head's context (softmax(QK')V before the output projection), a channel of a head's
        query-key product, or a hidden unit of an MLP.
    pool : {"mean", "summary", "cls"}
        Over patches or words, see `brainalign.models.tap`.
    batch : int
        Pictures at a time.

    Returns
    -------
    Record
        By (tower, layer, kind): "image" and "text", and of METER also "fusion_image" and "fusion_text".

    Raises
    ------
    ValueError
        Different numbers of pictures and captions, or an unknown kind.
    """
    if len(images) != len(captions):
        msg = f"{len(images)} pictures and {len(captions)} captions were given; every picture needs one."
        raise ValueError(msg)
    if kind not in ("context", "query_key", "neurons"):
        msg = f"kind = {kind!r}; give 'context', 'query_key' or 'neurons'."
        raise ValueError(msg)
    call = _caller(model)
    opened = tap_products(model, pool=pool) if kind == "query_key" else tap(model, [kind], pool=pool)
    with torch.inference_mode(), opened as record:
        for start in range(0, len(images), batch):
            part = slice(start, start + batch)
            call(as_pixels(torch.as_tensor(images[part])), torch.as_tensor(captions[part]))
    return record


def _caller(model: nn.Module) -> Callable[[Tensor, Tensor], object]:
    return model if isinstance(model, Meter) else lambda pixels, ids: model(image=pixels, text=ids)
