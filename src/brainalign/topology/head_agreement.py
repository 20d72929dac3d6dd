"""Whether two graphs of every head, made in two ways, say the same about the heads of one model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from brainalign.numeric import as_doubles, as_labels
from brainalign.topology.metrics import METRICS, graph_metrics
from brainalign.topology.nulls import compare_with_null
from brainalign.topology.profiles import icn_similarity

Array = NDArray[np.float64]
Within = Literal["layer", "model"]

EDGES, SIMILARITY = "edges", "similarity"
QUANTITIES = (EDGES, *METRICS, SIMILARITY)
"""What is compared between two ways to make graphs: their edge weights, the five metrics, the mean similarity."""


@dataclass(frozen=True)
class HeadGraphs:
    """One graph for every head of a model.

    Attributes
    ----------
    graphs : ndarray of shape (n_all_heads, n, n)
        Layer after layer.
    layers : ndarray of shape (n_all_heads,)
        Layer of every head.
    metrics : DataFrame of shape (n_all_heads, 5)
        Columns are `METRICS`.
    similarity : DataFrame of shape (n_all_heads, n_networks)
        Similarity to every brain network.
    """

    graphs: Array
    layers: NDArray[np.int64]
    metrics: pd.DataFrame
    similarity: pd.DataFrame

    @property
    def values(self) -> pd.DataFrame:
        """The five metrics and the mean similarity of every head, in the order of `QUANTITIES` after the edges."""
        return self.metrics.assign(**{SIMILARITY: self.similarity.mean(axis=1)})

    def table(self, model: str) -> pd.DataFrame:
        """The heads as `brainalign.topology.align` gives them, for `brainalign.topology.space` and its kin."""
        head = pd.Series(self.layers).groupby(self.layers).cumcount()
        places = {"model": model, "layer": self.layers, "head": head, "n_nodes": self.graphs.shape[-1]}
        return pd.concat([pd.DataFrame(places), self.metrics, self.similarity], axis=1)


def describe_heads(graphs: ArrayLike, icns: pd.DataFrame, *, starts: int = 8) -> HeadGraphs:
    """Metrics of the graphs of all heads of a model, and their similarity to brain networks.

    Parameters
    ----------
    graphs : array_like of shape (n_layers, n_heads, n, n)
        Symmetric weights.
    icns : DataFrame of shape (n_networks, 5)
        Profiles of the networks, as `brainalign.topology.icn_profiles` returns them.
    starts : int
        Starts of the search for communities, see `brainalign.topology.graph_metrics`.

    Returns
    -------
    HeadGraphs

    Raises
    ------
    ValueError
        For another shape, or a graph that has no profile.
    """
    graphs = as_doubles(graphs, name="graphs")
    if graphs.ndim != 4:
        msg = f"graphs must have shape (n_layers, n_heads, n, n): got {graphs.shape}."
        raise ValueError(msg)
    flat = graphs.reshape(-1, *graphs.shape[-2:])
    metrics = pd.DataFrame(graph_metrics(flat, starts=starts))
    similarity = pd.DataFrame(icn_similarity(metrics, icns), columns=list(icns.index))
    return HeadGraphs(flat, np.repeat(np.arange(graphs.shape[0]), graphs.shape[1]), metrics, similarity)


def edge_correlations(first: ArrayLike, second: ArrayLike) -> Array:
    """Rank correlation of the edge weights of every graph of one set with every graph of another.

    Parameters
    ----------
    first, second : array_like of shape (n_graphs, n, n), n_graphs of their own
        Symmetric weights between the same nodes; self-loops do not count.

    Returns
    -------
    ndarray of shape (n_first, n_second)
        Spearman's correlations over the pairs of nodes, from -1 to 1. Ranks, because a few edges hold most weight.

    Raises
    ------
    ValueError
        When nodes differ in number, or all edges of a graph are equal.
    """
    first, second = as_doubles(first, name="first"), as_doubles(second, name="second")
    if first.ndim != 3 or second.ndim != 3 or first.shape[1:] != second.shape[1:]:
        msg = f"give graphs (n_graphs, n, n) on the same nodes: got {first.shape} and {second.shape}."
        raise ValueError(msg)
    above = np.triu_indices(first.shape[-1], k=1)
    ranks = [_standard_ranks(graphs[:, above[0], above[1]], axis=-1, what="graphs") for graphs in (first, second)]
    return np.clip(ranks[0] @ ranks[1].T / len(above[0]), -1.0, 1.0)


def head_agreement(first: HeadGraphs, second: HeadGraphs) -> pd.Series:
    """How well two ways to make graphs agree about the heads of one model.

    Parameters
    ----------
    first, second : HeadGraphs
        Of the same heads, in the same order.

    Returns
    -------
    Series indexed by `QUANTITIES`
        ``edges``: rank correlation of a head's edge weights, averaged over heads; it is about the inside of each graph.
        All others: rank correlation across heads of one number per head; it is about which heads differ. From -1 to 1.

    Raises
    ------
    ValueError
        When the heads differ in number, or all heads have one and the same value.
    """
    return permuted_agreement(first, second, np.arange(len(first.layers))[None]).iloc[0]


def permuted_agreement(first: HeadGraphs, second: HeadGraphs, orders: ArrayLike) -> pd.DataFrame:
    """The same after the heads of the second changed places: a null model, or the agreement itself.

    Parameters
    ----------
    first, second : HeadGraphs
        As for `head_agreement`.
    orders : array_like of int of shape (n_orders, n_all_heads)
        Which head of the second stands beside each head of the first; see `head_orders`.

    Returns
    -------
    DataFrame of shape (n_orders, 7)
        Columns are `QUANTITIES`.
    """
    orders = as_labels(orders, name="orders")
    n = len(first.layers)
    if len(second.layers) != n or orders.ndim != 2 or orders.shape[1] != n:
        msg = f"the same heads are needed: {n} and {len(second.layers)} were given, and orders of shape {orders.shape}."
        raise ValueError(msg)
    edges = edge_correlations(first.graphs, second.graphs)[np.arange(n), orders].mean(axis=1)
    one, other = (_standard_ranks(heads.values.to_numpy(), axis=0, what="quantities") for heads in (first, second))
    values = np.einsum("hq,ohq->oq", one, other[orders]) / n
    return pd.DataFrame(np.column_stack([edges, np.clip(values, -1.0, 1.0)]), columns=list(QUANTITIES))


def compare_heads(
    first: HeadGraphs, second: HeadGraphs, *, n_permutations: int, generator: np.random.Generator
) -> pd.DataFrame:
    """Agreement about the heads of one model, beside two null models.

    Parameters
    ----------
    first, second : HeadGraphs
        As for `head_agreement`.
    n_permutations : int
        Orders of the heads that are drawn for each null model, at least 2.
    generator : numpy.random.Generator
        Source of the orders.

    Returns
    -------
    DataFrame indexed by `QUANTITIES`
        ``agreement``; ``null_low`` and ``null_high``, between which 95 % of the agreements lie when heads change places
        within their layer; ``p_layer``, its two-sided p-value; ``p_model``, that of heads that change places across the
        model.

    Notes
    -----
    Agreement that passes the null model across the model but not that within layers is about layers, not about heads.
    """
    found = pd.DataFrame({"agreement": head_agreement(first, second)})
    for within in get_args(Within):
        orders = head_orders(first.layers, within=within, n_orders=n_permutations, generator=generator)
        null = permuted_agreement(first, second, orders)
        if within == "layer":
            found["null_low"], found["null_high"] = null.quantile(0.025), null.quantile(0.975)
        found[f"p_{within}"] = [compare_with_null(found["agreement"][name], null[name]).p for name in null]
    return found


def head_orders(
    layers: ArrayLike, *, within: Within, n_orders: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Heads that change places at random.

    Parameters
    ----------
    layers : array_like of shape (n_all_heads,)
        Layer of every head.
    within : {"layer", "model"}
        Heads stay in their layer, so that what layers have in common stays, too; or go anywhere in the model.
    n_orders : int
        How many orders are drawn, at least 1.
    generator : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray of int of shape (n_orders, n_all_heads)

    Raises
    ------
    ValueError
        For another `within` or number.
    """
    if within not in get_args(Within) or n_orders < 1:
        msg = f"within = {within!r}, n_orders = {n_orders}: give {' or '.join(get_args(Within))}, and at least 1 order."
        raise ValueError(msg)
    layers = as_labels(layers, name="layers")
    orders = np.tile(np.arange(layers.size), (n_orders, 1))
    for layer in np.unique(layers) if within == "layer" else [None]:
        places = np.arange(layers.size) if layer is None else np.flatnonzero(layers == layer)
        orders[:, places] = generator.permuted(orders[:, places], axis=1)
    return orders


def interval_around(estimates: pd.Series, draws: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Intervals around agreements, from agreements of inputs that were drawn again.

    Parameters
    ----------
    estimates : Series
        Agreements of all inputs, from -1 to 1.
    draws : DataFrame
        One draw a row, one column for each estimate.
    level : float
        Coverage, between 0 and 1.

    Returns
    -------
    DataFrame indexed as the estimates
        ``low`` and ``high``, from -1 to 1.

    Raises
    ------
    ValueError
        When the columns of the draws are not the estimates.

    Notes
    -----
    A draw with replacement holds fewer different inputs than the whole, so its mean maps are noisier and its agreements
    lie below, often all of them. Quantiles of the draws would then leave out the estimate itself. So the draws give the
    spread alone: quantiles of the draws less their mean, added to the estimate.
    """
    if set(draws.columns) != set(estimates.index):
        msg = f"draws of {', '.join(map(str, draws.columns))} were given for {', '.join(map(str, estimates.index))}."
        raise ValueError(msg)
    spread = (draws - draws.mean()).quantile([(1 - level) / 2, (1 + level) / 2]).T.loc[estimates.index]
    return spread.set_axis(["low", "high"], axis=1).add(estimates, axis=0).clip(-1.0, 1.0)


def agreement_by_layer(first: HeadGraphs, second: HeadGraphs) -> pd.Series:
    """Rank correlation of edge weights, averaged over the heads of every layer.

    Parameters
    ----------
    first, second : HeadGraphs
        As for `head_agreement`.

    Returns
    -------
    Series indexed by layer
        From -1 to 1.
    """
    own = pd.Series(np.diagonal(edge_correlations(first.graphs, second.graphs)), name=EDGES)
    return own.groupby(pd.Series(first.layers, name="layer")).mean()


def reliability_of_whole(half: ArrayLike) -> Array:
    r"""Agreement of two whole sets of inputs, from that of two halves of one set.

    Parameters
    ----------
    half : array_like
        Agreement between the halves; negative values count as 0.

    Returns
    -------
    ndarray
        From 0 to 1. No quantity that is fixed can agree with the whole beyond the root of this.

    Notes
    -----
    .. math:: \rho = \frac{2 r}{1 + r}

    Spearman and Brown's formula for twice the length. It holds for means of independent inputs; metrics of graphs are
    no such means, so here it is an approximation.
    """
    half = np.clip(as_doubles(half, name="half"), 0.0, 1.0)
    return 2 * half / (1 + half)


def _standard_ranks(values: Array, *, axis: int, what: str) -> Array:
    if (np.ptp(values, axis=axis) == 0).any():
        msg = f"some {what} have one and the same value everywhere; nothing can be correlated with them."
        raise ValueError(msg)
    ranks = rankdata(values, axis=axis)
    return (ranks - ranks.mean(axis=axis, keepdims=True)) / ranks.std(axis=axis, keepdims=True)
