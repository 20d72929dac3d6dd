"""Many models at once: one row for every head, with its graph metrics and its similarity to every brain network."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd

from brainalign.topology.metrics import METRICS, graph_metrics
from brainalign.topology.profiles import icn_similarity
from brainalign.topology.recipes import STUDY_RECIPE, GraphRecipe, SpatialWeights, layer_graphs

_SKIPPED = "skipped"
_BATCH_ENTRIES = 2**23  # weights of graphs in memory at a time: 64 MiB


def align(
    spatial_attentions: Mapping[str, SpatialWeights | Callable[[], SpatialWeights]],
    icns: pd.DataFrame,
    *,
    recipe: GraphRecipe = STUDY_RECIPE,
    starts: int = 8,
) -> pd.DataFrame:
    """Graph metrics of every head of many models, and their similarity to every brain network.

    Parameters
    ----------
    spatial_attentions : mapping of str to SpatialWeights or function
        Weights by name of the model, or a function without arguments that reads them, so that one model at a time is
        in memory and one that cannot be read does not stop the others.
    icns : DataFrame of shape (n_networks, 5)
        Profiles of the networks, as `icn_profiles` returns them.
    recipe : GraphRecipe
        How weights become graphs; the study's by default.
    starts : int
        Starts of the search for communities, see `graph_metrics`.

    Returns
    -------
    DataFrame with one row a head
        Columns ``model``, ``layer``, ``head``, ``n_nodes``, the five of `METRICS` and the names of the networks.
        Models that failed are missing; `summarize_alignment` names them and the reason.

    Raises
    ------
    ValueError
        When no model is given, or every one of them failed.

    Warns
    -----
    UserWarning
        For each model that failed: it could not be read, has weights that are not finite, or a graph without edges.

    Notes
    -----
    Models of different numbers of nodes may stand in one table, but `space` refuses to compare them, because the
    metrics move with the number of nodes.
    """
    if not spatial_attentions:
        msg = "no model was given; name at least one."
        raise ValueError(msg)
    rows, skipped = [], {}
    for name, source in spatial_attentions.items():
        try:
            rows.append(_align_one(name, source() if callable(source) else source, icns, recipe, starts))
        except (ValueError, OSError) as error:  # anything else is a fault of this program and must be seen
            skipped[name] = str(error)
            warnings.warn(f"{name} is left out: {error}", stacklevel=2)
    if not rows:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in skipped.items())
        msg = f"none of {len(skipped)} models could be aligned. {reasons}"
        raise ValueError(msg)
    table = pd.DataFrame(_stack(rows))
    table.attrs[_SKIPPED] = skipped
    return table


def summarize_alignment(table: pd.DataFrame) -> pd.DataFrame:
    """One row a model: its size, its mean similarity, and why it is missing if it is.

    Parameters
    ----------
    table : DataFrame
        What `align` returned.

    Returns
    -------
    DataFrame indexed by model
        ``n_layers``, ``n_heads`` (of the whole model), ``n_nodes``, ``mean_similarity`` (over heads and networks) and
        ``problem``, empty for models that were aligned.
    """
    networks = network_columns(table)
    heads = table.assign(mean_similarity=table[networks].mean(axis=1)).groupby("model", sort=False)
    summary = heads.agg(
        n_layers=("layer", "nunique"),
        n_heads=("head", "size"),
        n_nodes=("n_nodes", "first"),
        mean_similarity=("mean_similarity", "mean"),
    ).assign(problem="")
    skipped = table.attrs.get(_SKIPPED, {})
    missing = pd.DataFrame({"problem": skipped}, index=pd.Index(skipped, name="model")).assign(
        n_layers=0, n_heads=0, n_nodes=0
    )
    return pd.concat([summary, missing]) if skipped else summary


def similarity_by_model(
    table: pd.DataFrame,
    icns: pd.DataFrame,
    *,
    metrics: Sequence[str] = METRICS,
    by: Literal["mean", "median", "sum"] = "mean",
) -> pd.Series:
    """One number a model, from graph metrics that are already there: for other networks or fewer metrics.

    Parameters
    ----------
    table : DataFrame
        What `align` returned.
    icns : DataFrame of shape (n_networks, 5)
        Profiles of networks, not necessarily those of the table.
    metrics : sequence of str
        Metrics that are compared, at least three.
    by : {"mean", "median", "sum"}
        How the heads of a model are taken together. A sum grows with the number of heads.

    Returns
    -------
    Series indexed by model
        Similarity, averaged over networks and taken together over heads.

    Raises
    ------
    ValueError
        See `brainalign.topology.icn_similarity`; also for another `by`.
    """
    if by not in ("mean", "median", "sum"):
        msg = f"by = {by!r} is unknown; choose one of mean, median, sum."
        raise ValueError(msg)
    similarity = icn_similarity(table[list(METRICS)], icns, metrics=metrics).mean(axis=-1)
    return pd.Series(similarity, index=table.index).groupby(table["model"], sort=False).agg(by)


def network_columns(table: pd.DataFrame) -> list[str]:
    """Names of the columns that hold similarities to networks, those after the last metric.

    Raises
    ------
    ValueError
        When the table is not one that `align` returned.
    """
    columns = list(table.columns)
    needed = ["model", "layer", "head", "n_nodes", *METRICS]
    if columns[: len(needed)] != needed or len(columns) == len(needed):
        msg = f"the table must start with the columns {', '.join(needed)}, then networks: got {', '.join(columns)}."
        raise ValueError(msg)
    return columns[len(needed) :]


def _align_one(
    name: str, weights: SpatialWeights, icns: pd.DataFrame, recipe: GraphRecipe, starts: int
) -> dict[str, np.ndarray]:
    parts = []
    for first, graphs in _batches(weights, recipe):
        n_layers, n_heads, n_nodes, _ = graphs.shape
        metrics = {metric: values.ravel() for metric, values in graph_metrics(graphs, starts=starts).items()}
        layer, head = np.divmod(np.arange(n_layers * n_heads), n_heads)
        similarity = dict(zip(icns.index, icn_similarity(metrics, icns).T, strict=True))
        names, sizes = np.full(len(layer), name, dtype=object), np.full(len(layer), n_nodes)
        parts.append({"model": names, "layer": first + layer, "head": head, "n_nodes": sizes, **metrics, **similarity})
    return _stack(parts)


def _batches(weights: SpatialWeights, recipe: GraphRecipe) -> Iterator[tuple[int, np.ndarray]]:
    # As many layers at a time as fit: all of a large model would not, one at a time is slow for small ones.
    waiting: list[np.ndarray] = []
    n_layers = len(weights.query)
    for layer in range(n_layers):
        waiting.append(layer_graphs(weights, layer, recipe))
        if layer == n_layers - 1 or (len(waiting) + 1) * waiting[0].size > _BATCH_ENTRIES:
            yield layer + 1 - len(waiting), np.stack(waiting)
            waiting = []


def _stack(parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    # Arrays, and a table at the very end: thousands of small tables would take longer than the graphs.
    return {column: np.concatenate([part[column] for part in parts]) for column in parts[0]}
