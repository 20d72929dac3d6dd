"""Random weights in the true shape of a model: only the shape is known, nothing is fetched or built in memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from brainalign.models.attention_shapes import USUAL_SD, AttentionShape, attention_shape, head_counts, n_nodes
from brainalign.models.position_sources import FoundPositions
from brainalign.models.positions import grid_of, interpolate_width, rescale_to_weights
from brainalign.models.relative_bias import relative_position_bias, window_of
from brainalign.models.spatial import SpatialAttention

__all__ = ["draw_weights", "drawn_attention", "head_counts", "n_nodes"]


def drawn_attention(
    model_id: str,
    *,
    generator: np.random.Generator,
    max_positions: int = 50,
    grid: int | None = None,
    max_heads: int | None = None,
    logit_sd: float | None = None,
) -> SpatialAttention:
    """Positions, W_Q and W_K of a model of the registry, drawn at random in their true shapes.

    Parameters
    ----------
    model_id : str
        A row of `data/models.csv` from timm, transformers or open_clip.
    generator : numpy.random.Generator
        Source of randomness: the same state gives the same weights.
    max_positions : int
        How many positions of a text are taken; pictures keep their whole grid (of CLIP and BLIP the first 197).
    grid : int, optional
        Rows and columns of patches, as if the model had been built for pictures of that size; its own without it.
        Nothing is resampled: that would make patches less spread than the class token.
    max_heads : int, optional
        Draw at most so many heads, evenly chosen over the layers and within each; all without it. Heads are
        exchangeable before training, so these stand for the others, and a model of 5120 heads does not need 43 GB.
    logit_sd : float, optional
        Standard deviation of every head's logits, to which W_Q is scaled; above 0. Without it they are as before
        training.

    Returns
    -------
    SpatialAttention
        In float32. With `max_heads` its layers and heads are the chosen ones.

    Raises
    ------
    ValueError
        An unknown id, a model whose shape is not known without its files, or a number that leaves no graph.

    Notes
    -----
    All numbers are independent normal ones with mean 0. Their spread is that before training: 0.02 for BERT, GPT-2,
    ViT, BLIP and rotary models (``initializer_range`` of the configuration; ``trunc_normal_(std=.02)`` in timm's
    ``vision_transformer.py`` and BLIP's ``vit.py``); for CLIP in transformers the weights
    :math:`d^{-1/2} (2 L)^{-1/2}`; in open_clip the weights :math:`d^{-1/2}` and positions 0.01 of the text, and for
    pictures :math:`(2 d)^{-1/2}` (the spread of torch's uniform numbers) and :math:`d^{-1/2}`. Tables of
    relative-position biases begin as zeros, which have no graph: they are drawn with 0.02, as Swin does (Liu et al.
    2021). Rotary models get a drawn table in place of the one the study lends them, interpolated and scaled as there.

    With so small numbers the softmax is as good as linear and the stretching removes any scale, so the graphs hardly
    depend on the spreads.
    """
    shape = attention_shape(model_id, max_positions=max_positions)
    drawn = draw_weights(shape, generator=generator, grid=grid, max_heads=max_heads)
    return drawn if logit_sd is None else with_logit_spread(drawn, logit_sd)


def with_logit_spread(model: SpatialAttention, logit_sd: float) -> SpatialAttention:
    """The model with W_Q of every head scaled so that its logits have a given standard deviation.

    Parameters
    ----------
    model : SpatialAttention
        With positions and without a bias of its own, whose part in the logits W_Q cannot scale.
    logit_sd : float
        Above 0. Far below 1 the softmax is linear, and the stretching removes the scale; above 1 attention is peaked.

    Returns
    -------
    SpatialAttention

    Raises
    ------
    ValueError
        For a spread of 0 or less, or a model without positions or with a bias.
    """
    if not logit_sd > 0 or model.positions is None or model.bias is not None:
        msg = (
            f"logit_sd = {logit_sd:g} of {model.model}: give a spread above 0, and a model with positions and no bias."
        )
        raise ValueError(msg)
    spread = np.stack([model.logits(layer).std(axis=(-2, -1)) for layer in range(len(model.query))])
    return replace(model, query=(model.query * (logit_sd / spread)[..., None, None]).astype(np.float32))


def draw_weights(
    shape: AttentionShape, *, generator: np.random.Generator, grid: int | None = None, max_heads: int | None = None
) -> SpatialAttention:
    """Random weights of a shape; see `drawn_attention`.

    Parameters
    ----------
    shape : AttentionShape
        What `brainalign.models.attention_shapes.attention_shape` returned.
    generator, grid, max_heads
        As in `drawn_attention`.

    Returns
    -------
    SpatialAttention

    Raises
    ------
    ValueError
        For a grid below 2, a table that forms no grid, or no heads at all.
    """
    if (grid is not None and grid < 2) or (max_heads is not None and max_heads < 1):
        msg = (
            f"grid = {grid} and max_heads = {max_heads}: give at least 2 rows of patches and 1 head, or leave them out."
        )
        raise ValueError(msg)
    layers, heads = _choose_heads(shape, max_heads)
    found = _draw_positions(shape, generator, grid)
    bias = _draw_bias(shape, generator, len(layers), len(heads), grid)
    query, key = _draw_query_and_key(shape, generator, len(layers), heads)
    positions = found.positions
    if shape.stand_in:
        tensors = [[torch.from_numpy(W) for W in weights] for weights in (query, key)]
        positions = rescale_to_weights(interpolate_width(positions, shape.width), *tensors)
    return SpatialAttention(
        shape.model,
        None if positions is None else positions.numpy(),
        query,
        key,
        shape.layout.tower,
        bias,
        found.kind,
        found.n_prefix,
        found.grid,
    )


def _draw_query_and_key(
    shape: AttentionShape, generator: np.random.Generator, n_layers: int, heads: NDArray[np.intp]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    query, key = (np.empty((n_layers, len(heads), shape.width, shape.head_dim), np.float32) for _ in range(2))
    groups, shared = np.unique(heads // (shape.n_heads // shape.n_key_heads), return_inverse=True)
    for layer in range(n_layers):  # one at a time: nothing beside the result is as large as it
        generator.standard_normal(out=query[layer], dtype=np.float32)
        key[layer] = generator.standard_normal((len(groups), *key.shape[2:]), dtype=np.float32)[shared]
    query *= shape.weight_sd
    key *= shape.weight_sd
    return query, key


def _choose_heads(shape: AttentionShape, max_heads: int | None) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    most = shape.n_layers * shape.n_heads if max_heads is None else max_heads
    n_layers = min(shape.n_layers, most)
    n_heads = min(shape.n_heads, most // n_layers)
    return _evenly(shape.n_layers, n_layers), _evenly(shape.n_heads, n_heads)


def _evenly(n: int, n_chosen: int) -> NDArray[np.intp]:
    return (np.arange(n_chosen) * n) // n_chosen


def _draw_positions(shape: AttentionShape, generator: np.random.Generator, grid: int | None) -> FoundPositions:
    if shape.table is None:
        own = window_of(shape.bias_tables[0][0])
        return FoundPositions("relative", n_prefix=1, grid=(grid, grid) if grid else own)
    kind, sd = ("stand-in", USUAL_SD) if shape.stand_in else ("own", shape.position_sd)
    n_rows, width = shape.table
    if shape.layout.modality == "text":
        return FoundPositions(kind, _normal(generator, (n_rows, width), sd))
    n_prefix, own = grid_of(n_rows)
    if grid is not None:
        if own is None:
            msg = f"{shape.model} has {n_rows} positions, which form no square grid: leave grid out."
            raise ValueError(msg)
        return FoundPositions(kind, _normal(generator, (n_prefix + grid**2, width), sd), None, n_prefix, (grid, grid))
    cut = shape.layout.study_positions
    if cut is None or n_rows <= cut:
        return FoundPositions(kind, _normal(generator, (n_rows, width), sd), None, n_prefix, own)
    return FoundPositions(kind, _normal(generator, (cut, width), sd), n_prefix=n_prefix)


def _draw_bias(
    shape: AttentionShape, generator: np.random.Generator, n_layers: int, n_heads: int, grid: int | None
) -> NDArray[np.floating] | None:
    if not shape.bias_tables:
        return None
    n_rows = shape.bias_tables[0][0] if grid is None else (2 * grid - 1) ** 2 + 3  # 3 of the class token
    n_tables = 1 if len(shape.bias_tables) == 1 else n_layers
    tables = [_normal(generator, (n_rows, n_heads), USUAL_SD) for _ in range(n_tables)]
    return relative_position_bias(tables, n_layers).numpy()


def _normal(generator: np.random.Generator, size: tuple[int, ...], sd: float) -> Tensor:
    return torch.from_numpy(generator.standard_normal(size, dtype=np.float32) * np.float32(sd))
