"""From position embeddings and query/key weights to a weighted graph, without any input."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brainalign.numeric import as_doubles

Array = NDArray[np.float64]

EPS = 1e-5
"""Smallest edge weight after rescaling, and distance of the largest from 1 (the study's value)."""


def attention_logits(positions: ArrayLike, query: ArrayLike, key: ArrayLike, *, bias: ArrayLike | None = None) -> Array:
    r"""How strongly every position asks for every other one, before the softmax.

    Parameters
    ----------
    positions : array_like of shape (..., n, d)
        Position embedding P, one row per position.
    query, key : array_like of shape (..., d, head_dim)
        W_Q and W_K of a head. Leading dimensions broadcast, so all heads of a model can be given at once; positions
        that differ from layer to layer then need an axis for the heads, of length 1.
    bias : array_like of shape (..., n, n), optional
        Relative-position bias, added as it is.

    Returns
    -------
    ndarray of shape (..., n, n)
        Row i holds what position i asks of every position j. No range.

    Raises
    ------
    ValueError
        When widths disagree or a value is not finite.

    Notes
    -----
    .. math:: L = P W_Q W_K^\top P^\top

    No layer norm, no query/key bias, no causal mask and no rotation: the study leaves them all out.

    References
    ----------
    Chen et al. 2025, arXiv:2510.24342 (code release: scripts of folder ``model-process``).
    """
    P, W_Q, W_K = as_doubles(positions, name="positions"), as_doubles(query, name="query"), as_doubles(key, name="key")
    _check_heads(P, W_Q, W_K)
    logits = (P @ W_Q) @ np.swapaxes(P @ W_K, -1, -2)
    if bias is None:
        return logits
    bias = as_doubles(bias, name="bias")
    check_finite("bias", bias)
    return logits + bias


def row_softmax(logits: ArrayLike) -> Array:
    """Softmax over the last axis: every row becomes non-negative and sums to 1."""
    logits = as_doubles(logits, name="logits")
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def rescale_nonzero(weights: ArrayLike, *, eps: float = EPS) -> Array:
    """Stretch the non-zero entries of each matrix to [eps, 1 - eps]; zeros stay zero.

    Parameters
    ----------
    weights : array_like of shape (..., n, n)
        Non-negative weights; 0 means no edge.
    eps : float
        Margin at both ends, between 0 and 0.5.

    Returns
    -------
    ndarray of shape (..., n, n)
        Weights in {0} and [eps, 1 - eps]. A matrix whose non-zero entries are all equal carries no contrast: they all
        become eps (as in scikit-learn's MinMaxScaler, a range of zero counts as 1).

    Notes
    -----
    The two most extreme entries of a matrix set the scale of all others.
    """
    weights = as_doubles(weights, name="weights")
    if not 0 < eps < 0.5:
        msg = f"eps = {eps} is outside (0, 0.5); the study takes 1e-5."
        raise ValueError(msg)
    present = weights > 0
    axes = (-2, -1)
    low = np.min(weights, axis=axes, keepdims=True, where=present, initial=np.inf)
    high = np.max(weights, axis=axes, keepdims=True, where=present, initial=-np.inf)
    spread = np.where(high > low, high - low, 1.0)
    low = np.where(np.isfinite(low), low, 0.0)  # a matrix without any edge
    return np.where(present, eps + (weights - low) / spread * (1 - 2 * eps), 0.0)


def symmetrize(weights: ArrayLike) -> Array:
    """Mean of a matrix and its transpose: a graph without directions."""
    weights = as_doubles(weights, name="weights")
    return (weights + np.swapaxes(weights, -1, -2)) / 2


def logits_graph(logits: ArrayLike, *, eps: float = EPS) -> Array:
    """Graph of logits that are already scaled: softmax over rows, stretched, without directions.

    Parameters
    ----------
    logits : array_like of shape (..., n, n)
        What the softmax sees.
    eps : float
        Margin of the rescaling, see `rescale_nonzero`.

    Returns
    -------
    ndarray of shape (..., n, n)
        As `attention_graph` returns it.
    """
    return symmetrize(rescale_nonzero(row_softmax(logits), eps=eps))


def attention_graph(
    positions: ArrayLike,
    query: ArrayLike,
    key: ArrayLike,
    head_dim: int,
    *,
    bias: ArrayLike | None = None,
    eps: float = EPS,
) -> Array:
    r"""Input-free attention graph of a head: positions are nodes, rescaled attention is the edge weight.

    Parameters
    ----------
    positions : array_like of shape (..., n, d)
        Position embedding P.
    query, key : array_like of shape (..., d, head_dim)
        W_Q and W_K; leading dimensions broadcast.
    head_dim : int
        Width of one head; logits are divided by its square root.
    bias : array_like of shape (..., n, n), optional
        Relative-position bias of models that have one.
    eps : float
        Margin of the rescaling, see `rescale_nonzero`.

    Returns
    -------
    ndarray of shape (..., n, n)
        Symmetric weights in [0, 1 - eps], self-loops kept, no threshold. Entries that underflow in the softmax stay 0
        and mean a missing edge.

    Raises
    ------
    ValueError
        When widths disagree, a value is not finite, or head_dim is not positive.

    Notes
    -----
    .. math:: A = \operatorname{softmax}(L / \sqrt{d_h}), \qquad C = \tfrac12 (A' + A'^\top)

    where :math:`A'` is A with its non-zero entries stretched to [eps, 1 - eps]. In float64 throughout: with random
    weights the logits differ by 1e-6 only, and the rescaling magnifies whatever is there.

    References
    ----------
    Chen et al. 2025, arXiv:2510.24342 (code release).
    """
    if head_dim < 1:
        msg = f"head_dim = {head_dim} is not a width; give the number of columns of one head's W_Q."
        raise ValueError(msg)
    logits = attention_logits(positions, query, key, bias=bias) / np.sqrt(head_dim)
    return logits_graph(logits, eps=eps)


def _check_heads(P: Array, W_Q: Array, W_K: Array) -> None:
    if W_Q.shape[-2:] != W_K.shape[-2:] or P.ndim < 2 or W_Q.ndim < 2 or P.shape[-1] != W_Q.shape[-2]:
        hint = " W_Q looks transposed: torch keeps (out, in)." if W_Q.shape[-1] == P.shape[-1] else ""
        msg = (
            f"positions (..., n, d) and query, key (..., d, head_dim) must share d: got {P.shape}, {W_Q.shape} and "
            f"{W_K.shape}.{hint}"
        )
        raise ValueError(msg)
    if 2 < P.ndim < W_Q.ndim:
        msg = (
            f"positions of shape {P.shape} could belong to layers or to heads of {W_Q.shape}; give one table (n, d), "
            "or as many leading axes as the weights, for example positions[:, None] for a table per layer."
        )
        raise ValueError(msg)
    for name, array in (("positions", P), ("query", W_Q), ("key", W_K)):
        check_finite(name, array)


def check_finite(name: str, array: Array) -> None:
    """Refuse an array with values that are not finite; `name` is for the error's text."""
    if not np.isfinite(array).all():
        msg = f"{name} holds {np.count_nonzero(~np.isfinite(array))} values that are not finite."
        raise ValueError(msg)
