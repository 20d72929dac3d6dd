"""Twins of a model that keep its numbers and lose their arrangement."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brainalign.numeric import as_doubles

Array = NDArray[np.float64]

SHUFFLES = ("keys", "positions", "position rows")
"""Kinds of shuffled twins, see `shuffle_weights`."""


def shuffle_weights(
    positions: ArrayLike, query: ArrayLike, key: ArrayLike, *, kind: str, generator: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Shuffle one of the three arrays that a graph is made from.

    Parameters
    ----------
    positions : array_like of shape (n, d)
        Position embedding.
    query, key : array_like of shape (..., d, head_dim)
        W_Q and W_K of the heads.
    kind : {"keys", "positions", "position rows"}
        ``"keys"``: the entries of W_K, within each head. What W_Q and W_K learned together is lost, the positions stay.
        ``"positions"``: the entries of every column of P, each column by itself. Positions keep the spread of every
        feature and lose what makes neighbours alike. ``"position rows"``: whole positions change places.
    generator : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    tuple of three ndarrays
        Positions, query and key, of the shapes given.

    Raises
    ------
    ValueError
        For an unknown kind.

    Notes
    -----
    Changing the places of whole positions renames the nodes of every graph, and no graph metric knows the names of
    nodes: that twin has *exactly* the profile of the model. It is no null model but a check, and a statement: the
    metrics cannot tell a picture from the same patches in another order.
    """
    given = {"positions": positions, "query": query, "key": key}
    P, W_Q, W_K = (as_doubles(values, name=name).copy() for name, values in given.items())
    if kind == "keys":
        flat = W_K.reshape(*W_K.shape[:-2], -1)
        return P, W_Q, generator.permuted(flat, axis=-1).reshape(W_K.shape)
    if kind == "positions":
        return generator.permuted(P, axis=-2), W_Q, W_K
    if kind == "position rows":
        return generator.permutation(P, axis=-2), W_Q, W_K
    msg = f"kind = {kind!r} is unknown; choose one of {', '.join(SHUFFLES)}."
    raise ValueError(msg)
