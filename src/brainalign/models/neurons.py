"""Recording the artificial neurons of models that read pictures, captions, or both."""

from __future__ import annotations

from typing import Literal

from torch import nn

from brainalign.models.loading import LoadedModel
from brainalign.models.presentation import Captions, Pictures, present
from brainalign.models.taps import Record, tap
from brainalign.models.taps.products import tap_products

NeuronKind = Literal["context", "query_key", "neurons"]


def record_neurons(
    model: LoadedModel | nn.Module,
    images: Pictures | None = None,
    captions: Captions | None = None,
    *,
    kind: NeuronKind = "context",
    pool: str = "mean",
    batch: int = 256,
) -> Record:
    """Show stimuli to a model and record its artificial neurons.

    Parameters
    ----------
    model : LoadedModel or Module
        In eval mode: CLIP of open_clip or transformers, METER, BridgeTower, a ViT (pictures only), BERT or RoBERTa
        (captions only), or another model whose blocks are known, see `brainalign.models.taps.find_towers`.
    images : array, or sequence of PIL images, optional
        Ink of shape (n, side, side), what the model reads of shape (n, 3, side, side), or pictures; see
        `brainalign.models.presentation.present`.
    captions : array, pair of Tensors, or sequence of str, optional
        Token numbers of shape (n, length), with or without a mask, or texts for the model's tokenizer.
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
        By (tower, layer, kind): "image", "text", or both, and of METER and BridgeTower also "fusion_image" and
        "fusion_text".

    Raises
    ------
    ValueError
        Different numbers of pictures and captions, an unknown kind, or what `present` refuses.
    """
    if kind not in ("context", "query_key", "neurons"):
        msg = f"kind = {kind!r}; give 'context', 'query_key' or 'neurons'."
        raise ValueError(msg)
    module = model.module if isinstance(model, LoadedModel) else model
    opened = tap_products(module, pool=pool) if kind == "query_key" else tap(module, [kind], pool=pool)
    with opened as record:
        present(model, images, captions, batch=batch)
    return record
