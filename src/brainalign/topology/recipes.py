"""Choices on the way from weights to a graph, for asking how much a result depends on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from brainalign.topology.graphs import EPS, attention_logits, check_finite, rescale_nonzero, row_softmax, symmetrize

Array = NDArray[np.float64]
Scaling = Literal["min-max", "rank"]


class SpatialWeights(Protocol):
    """What a graph is made from; `brainalign.models.spatial_attention` returns such an object.

    Attributes
    ----------
    positions : ndarray of shape (n, d) or (n_layers, n, d), or None
        Positions of the model, or of each layer.
    query, key : ndarray of shape (n_layers, n_heads, d, head_dim)
        W_Q and W_K of every head.
    bias : ndarray of shape (n_layers, n_heads, n, n), or None
        What the model adds for each pair of positions, after the division by the root of head_dim.
    """

    # Properties, so that frozen objects have them as well.
    @property
    def positions(self) -> Array | None:
        """See above."""

    @property
    def query(self) -> Array:
        """See above."""

    @property
    def key(self) -> Array:
        """See above."""

    @property
    def bias(self) -> Array | None:
        """See above."""


@dataclass(frozen=True)
class GraphRecipe:
    """How weights become a graph. The defaults are the study's.

    Attributes
    ----------
    layer_norm : bool
        Bring every position to mean 0 and variance 1 first, as a norm without learned scale would.
    scaling : {"min-max", "rank"}
        Stretch the attention weights of a head by their two extremes, or replace them by their ranks.
    eps : float
        Margin of the stretched weights at 0 and 1, between 0 and 0.5.
    diagonal : bool
        Whether a position may attend to itself. Without, self-attention is left out of the softmax, as the diagonal
        is of the brain networks.
    density : float, optional
        Share of the pairs of positions, the strongest, that stay connected; all of them by default.

    Raises
    ------
    ValueError
        For an unknown scaling, or a number out of range.
    """

    layer_norm: bool = False
    scaling: Scaling = "min-max"
    eps: float = EPS
    diagonal: bool = True
    density: float | None = None

    def __post_init__(self) -> None:
        """Refuse what no graph can be made with."""
        if self.scaling not in get_args(Scaling):
            msg = f"scaling = {self.scaling!r} is unknown; choose one of {', '.join(get_args(Scaling))}."
            raise ValueError(msg)
        if self.density is not None and not 0 < self.density <= 1:
            msg = f"density = {self.density} is no share of the edges; give a number above 0, at most 1."
            raise ValueError(msg)


STUDY_RECIPE = GraphRecipe()
"""The recipe of the study."""


def layer_graphs(weights: SpatialWeights, layer: int, recipe: GraphRecipe = STUDY_RECIPE) -> Array:
    """Graphs of all heads of one layer.

    Parameters
    ----------
    weights : SpatialWeights
        Positions, query and key weights, and a bias for each pair of positions where there is one.
    layer : int
        Number of the layer, from 0.
    recipe : GraphRecipe
        The choices.

    Returns
    -------
    ndarray of shape (n_heads, n, n)
        Symmetric weights in {0} and [eps, 1 - eps].

    Raises
    ------
    ValueError
        When there are neither positions nor a bias, widths disagree, or a value is not finite.

    Notes
    -----
    With the default recipe and positions these are the graphs of `brainalign.topology.attention_graph`.
    """
    logits = _logits(weights, layer, recipe)
    if not recipe.diagonal:
        logits[..., np.arange(logits.shape[-1]), np.arange(logits.shape[-1])] = -np.inf
    attention = row_softmax(logits)
    scaled = (
        rescale_nonzero(attention, eps=recipe.eps)
        if recipe.scaling == "min-max"
        else _scale_ranks(attention, recipe.eps)
    )
    graphs = symmetrize(scaled)
    return graphs if recipe.density is None else _keep_strongest(graphs, recipe.density)


def _logits(weights: SpatialWeights, layer: int, recipe: GraphRecipe) -> Array:
    query, key = weights.query[layer], weights.key[layer]
    bias = getattr(weights, "bias", None)
    if weights.positions is None:
        if bias is None:
            msg = "the model has neither positions nor a bias for pairs of positions; its heads have no graph."
            raise ValueError(msg)
        check_finite("bias", bias[layer])
        return np.array(bias[layer], dtype=np.float64)
    positions = np.asarray(weights.positions, dtype=np.float64)
    positions = positions[layer] if positions.ndim == 3 else positions
    if recipe.layer_norm:
        positions = _normalize_rows(positions)
    logits = attention_logits(positions, query, key) / np.sqrt(query.shape[-1])
    return logits if bias is None else logits + np.asarray(bias[layer], dtype=np.float64)


def _normalize_rows(positions: Array) -> Array:
    # A position of zeros, as the class token of an untrained model has, stays where it is.
    spread = positions.std(axis=-1, keepdims=True)
    return (positions - positions.mean(axis=-1, keepdims=True)) / np.where(spread > 0, spread, 1.0)


def _scale_ranks(attention: ArrayLike, eps: float) -> Array:
    attention = np.asarray(attention)
    flat = attention.reshape(-1, attention.shape[-1] ** 2)
    ranks = rankdata(np.where(flat > 0, flat, np.nan), axis=-1, nan_policy="omit")
    return rescale_nonzero(np.nan_to_num(ranks).reshape(attention.shape), eps=eps)


def _keep_strongest(graphs: Array, density: float) -> Array:
    above = np.triu_indices(graphs.shape[-1], k=1)
    n_kept = max(1, round(density * len(above[0])))
    limits = np.partition(graphs[..., above[0], above[1]], -n_kept, axis=-1)[..., -n_kept]
    on_diagonal = np.eye(graphs.shape[-1], dtype=bool)
    return np.where((graphs >= limits[..., None, None]) | on_diagonal, graphs, 0.0)
