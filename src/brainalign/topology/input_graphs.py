"""Graphs of attention on real input, made by the study's own steps, and how much of them one node is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brainalign.numeric import as_doubles, as_labels, as_mask
from brainalign.topology.graphs import EPS, logits_graph, rescale_nonzero, symmetrize

Array = NDArray[np.float64]


def input_graphs(attention: ArrayLike, is_token: ArrayLike | None = None, *, eps: float = EPS) -> Array:
    r"""Graphs of attention maps: what the study does after its softmax.

    Parameters
    ----------
    attention : array_like of shape (..., n, n)
        Attention of every position (row) to every position, 0 or more: of single inputs, or their mean.
    is_token : array_like of shape (batch, n), optional
        Which positions an input has, where the first axis of `attention` is the inputs of a batch.
    eps : float
        Margin of the rescaling, see `brainalign.topology.graphs.rescale_nonzero`.

    Returns
    -------
    ndarray of shape (..., n, n)
        Symmetric weights in {0} and [eps / 2, 1 - eps]. Positions that an input does not have are nodes without edges,
        and take no part in the rescaling.

    Raises
    ------
    ValueError
        When maps are not square, negative or not finite, or `is_token` does not fit.

    Notes
    -----
    .. math:: C = \tfrac12 (A' + A'^\top)

    where A' is A with its non-zero entries stretched to [eps, 1 - eps].

    *Before or after averaging over inputs* are two graphs. Stretching takes the two most extreme entries of each map.
    After it, every single input has an entry at 1, and a mean over graphs in which that entry moves from input to
    input stays below 1 everywhere. The mean map is smooth, and stretching it brings its own largest entry back to 1.

    *Causal maps* are zero above the diagonal, and zeros stay zero: the symmetric graph has half of the weight below
    the diagonal on each side, while self-loops keep the whole of theirs. The first position can attend to nothing but
    itself, so its self-loop is the largest entry of every causal map and sets the scale of all others.

    References
    ----------
    Chen et al. 2025, arXiv:2510.24342, for the steps. The study applies them to maps without input.
    """
    attention = _check_maps(attention)
    if is_token is not None:
        attention = np.where(_pairs(attention, is_token), attention, 0.0)
    return symmetrize(rescale_nonzero(attention, eps=eps))


def causal_logits(logits: ArrayLike) -> Array:
    """Logits under a causal mask: minus infinity above the diagonal, so that no position attends to a later one.

    Parameters
    ----------
    logits : array_like of shape (..., n, n)
        As `brainalign.models.SpatialAttention.logits` returns them.

    Returns
    -------
    ndarray of shape (..., n, n)
        For `brainalign.topology.graphs.row_softmax` and `logits_graph`.

    Raises
    ------
    ValueError
        When the matrices are not square.

    Notes
    -----
    The study gives causal models full matrices. In training they never attended to a later position.
    """
    logits = as_doubles(logits, name="logits")
    _check_square(logits)
    later = np.triu(np.ones(logits.shape[-2:], dtype=bool), k=1)
    return np.where(later, -np.inf, logits)


def input_free_graphs(logits: ArrayLike, *, nodes: ArrayLike | None = None, causal: bool = False) -> Array:
    """The study's graphs on the positions that inputs have, with or without the causal mask of the model.

    Parameters
    ----------
    logits : array_like of shape (..., n, n)
        What the softmax sees without content, as `brainalign.models.SpatialAttention.logits` returns it.
    nodes : array_like of int, optional
        Positions that become nodes, all by default. The others are left out before the softmax.
    causal : bool
        Whether the mask is on. The study has it off.

    Returns
    -------
    ndarray of shape (..., n_nodes, n_nodes)
        As `brainalign.topology.attention_graph` returns them.

    Raises
    ------
    ValueError
        When the matrices are not square, or a node is not among their positions.
    """
    logits = as_doubles(logits, name="logits")
    _check_square(logits)
    nodes = np.arange(logits.shape[-1]) if nodes is None else as_labels(nodes, name="nodes")
    if ((nodes < 0) | (nodes >= logits.shape[-1])).any():
        msg = f"nodes must be among the positions 0 to {logits.shape[-1] - 1}: got {nodes}. Read more positions."
        raise ValueError(msg)
    logits = logits[..., nodes[:, None], nodes]
    return logits_graph(causal_logits(logits) if causal else logits)


def keep_tokens(attention: ArrayLike, is_kept: ArrayLike) -> Array:
    """Attention among some positions only, as if the softmax had never seen the others.

    Parameters
    ----------
    attention : array_like of shape (batch, ..., n, n)
        Maps of a batch of inputs.
    is_kept : array_like of shape (batch, n)
        Which positions stay; those that are padding, or mark the ends of a text, may differ between inputs.

    Returns
    -------
    ndarray of shape (batch, ..., n, n)
        Rows of positions that stay sum to 1 (or to 0, when such a row attended to nothing that stays); all else is 0.

    Raises
    ------
    ValueError
        When the arrays do not fit.
    """
    attention = _check_maps(attention)
    kept = np.where(_pairs(attention, is_kept), attention, 0.0)
    totals = kept.sum(axis=-1, keepdims=True)
    return np.divide(kept, totals, out=np.zeros_like(kept), where=totals > 0)


def drop_nodes(attention: ArrayLike, nodes: Sequence[int]) -> Array:
    """Attention without some positions, as if the softmax had never seen them.

    Parameters
    ----------
    attention : array_like of shape (..., n, n)
        Attention maps.
    nodes : sequence of int
        Positions to leave out; negative ones count from the end.

    Returns
    -------
    ndarray of shape (..., n - n_dropped, n - n_dropped)
        Smaller maps with rows that sum to 1 (or to 0, when a row attended to nothing else).

    Raises
    ------
    ValueError
        For a position that there is not, or when fewer than three would stay.

    Notes
    -----
    A softmax over fewer entries keeps their proportions, so leaving positions out and scaling rows to sum 1 is the same
    as leaving them out of the logits. Of a mean over inputs it is the same only where rows lose equal shares.
    """
    attention = _check_maps(attention)
    n = attention.shape[-1]
    wrong = [node for node in nodes if not -n <= node < n]
    if wrong:
        msg = f"there is no position {wrong[0]}; the maps have {n}, from 0 to {n - 1}, or from -1 to -{n}."
        raise ValueError(msg)
    stay = np.setdiff1d(np.arange(n), [node % n for node in nodes])
    if stay.size < 3:
        msg = f"leaving out {list(nodes)} of {n} positions leaves {stay.size}; a graph needs at least 3."
        raise ValueError(msg)
    smaller = attention[..., stay[:, None], stay]
    totals = smaller.sum(axis=-1, keepdims=True)
    return np.divide(smaller, totals, out=np.zeros_like(smaller), where=totals > 0)


def sink_share(attention: ArrayLike, node: int | None = None) -> Array:
    """Share of all attention that one position receives.

    Parameters
    ----------
    attention : array_like of shape (..., n, n)
        Attention maps, rows are who attends.
    node : int, optional
        Which position; by default the one that receives most, which may be another in every head.

    Returns
    -------
    ndarray of shape (...)
        From 0 to 1. Uniform attention gives 1 / n; uniform causal attention gives its first position (1 + 1/2 + ... +
        1/n) / n.

    Raises
    ------
    ValueError
        When maps are not square, negative or not finite, or empty of attention.
    """
    attention = _check_maps(attention)
    received = attention.sum(axis=-2)
    totals = received.sum(axis=-1)
    if not (totals > 0).all():
        msg = f"{np.count_nonzero(totals == 0)} maps hold no attention at all; leave them out."
        raise ValueError(msg)
    shares = received / totals[..., None]
    return shares.max(axis=-1) if node is None else shares[..., node]


def edge_share(graphs: ArrayLike, node: int | None = None) -> Array:
    """Share of the edge weight of a graph that touches one node.

    Parameters
    ----------
    graphs : array_like of shape (..., n, n)
        Symmetric weights; self-loops do not count.
    node : int, optional
        Which node; by default the strongest of each graph.

    Returns
    -------
    ndarray of shape (...)
        From 0 to 1; a star has 1, equal weights have 2 / n.

    Raises
    ------
    ValueError
        When graphs are not square, negative or not finite, or have no edges.
    """
    graphs = _check_maps(graphs)
    strengths = graphs.sum(axis=-1) - np.diagonal(graphs, axis1=-2, axis2=-1)
    totals = strengths.sum(axis=-1) / 2
    if not (totals > 0).all():
        msg = f"{np.count_nonzero(totals == 0)} graphs have no edges; leave them out."
        raise ValueError(msg)
    shares = strengths / totals[..., None]
    return shares.max(axis=-1) if node is None else shares[..., node]


def _pairs(attention: Array, is_token: ArrayLike) -> NDArray[np.bool_]:
    """Pairs of positions that both count, of shape (batch, 1, ..., n, n)."""
    is_token = as_mask(is_token, name="is_token")
    if attention.ndim < 3 or is_token.shape != (attention.shape[0], attention.shape[-1]):
        msg = (
            f"the mask must have shape (batch, n) for maps (batch, ..., n, n): got {is_token.shape}, {attention.shape}."
        )
        raise ValueError(msg)
    pairs = is_token[:, :, None] & is_token[:, None, :]
    return pairs.reshape(len(pairs), *(1,) * (attention.ndim - 3), *pairs.shape[1:])


def _check_maps(attention: ArrayLike) -> Array:
    attention = as_doubles(attention, name="attention")
    _check_square(attention)
    if not np.isfinite(attention).all() or (attention < 0).any():
        msg = (
            "attention and weights of edges are finite and 0 or more; these maps are not. Give maps after the softmax."
        )
        raise ValueError(msg)
    return attention


def _check_square(matrices: Array) -> None:
    if matrices.ndim < 2 or matrices.shape[-2] != matrices.shape[-1]:
        msg = f"maps must be square, of shape (..., n, n): got {matrices.shape}."
        raise ValueError(msg)
