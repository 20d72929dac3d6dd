"""Many models at once: one row for every head, with its graph metrics and its similarity to every brain network."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brainalign.topology.metrics import METRICS, graph_metrics
from brainalign.topology.profiles import icn_similarity
from brainalign.topology.recipes import STUDY_RECIPE, GraphRecipe, SpatialWeights, layer_graphs

_SKIPPED = "skipped"
_BATCH_ENTRIES = 2**23  # weights of graphs in memory at a time: 64 MiB
_HEAD = ("layer", "head", "n_nodes")


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
            heads = head_metrics(source() if callable(source) else source, recipe=recipe, starts=starts)
            heads.insert(0, "model", name)
            rows.append(with_similarity(heads, icns))
        except (ValueError, OSError) as error:  # anything else is a fault of this program and must be seen
            skipped[name] = str(error)
            warnings.warn(f"{name} is left out: {error}", stacklevel=2)
    if not rows:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in skipped.items())
        msg = f"none of {len(skipped)} models could be aligned. {reasons}"
        raise ValueError(msg)
    table = pd.concat(rows, ignore_index=True)
    table.attrs[_SKIPPED] = skipped
    return table


def head_metrics(
    weights: SpatialWeights,
    *,
    recipe: GraphRecipe = STUDY_RECIPE,
    starts: int = 8,
    heads: Sequence[tuple[int, int]] | None = None,
) -> pd.DataFrame:
    """Graph metrics of the heads of one model, some layers at a time.

    Parameters
    ----------
    weights : SpatialWeights
        Positions, query and key weights, and a bias for each pair of positions where there is one.
    recipe : GraphRecipe
        How weights become graphs; the study's by default.
    starts : int
        Starts of the search for communities, see `graph_metrics`.
    heads : sequence of (int, int), optional
        Layer and head of those that are measured; all of them by default.

    Returns
    -------
    DataFrame with one row a head
        ``layer``, ``head``, ``n_nodes`` and the five of `METRICS`, by layer and head. They do not depend on any brain
        network; `with_similarity` compares them with some.

    Raises
    ------
    ValueError
        When a head is named that the model does not have, and as `layer_graphs` and `graph_metrics` do.

    Notes
    -----
    As many layers as fit into 64 MiB are measured together, so memory does not grow with the depth of the model.
    """
    parts = []
    for places, graphs in _batches(weights, recipe, _by_layer(weights, heads)):
        metrics = graph_metrics(graphs, starts=starts)
        sizes = np.full((len(places), 1), graphs.shape[-1])
        parts.append((np.hstack([places, sizes]), np.stack([metrics[name] for name in METRICS], axis=1)))
    places, values = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    table = pd.DataFrame(places, columns=list(_HEAD))
    return table.join(pd.DataFrame(values, columns=list(METRICS)))


def with_similarity(table: pd.DataFrame, icns: pd.DataFrame) -> pd.DataFrame:
    """Add the similarity of every head to every brain network: other networks cost no new graphs.

    Parameters
    ----------
    table : DataFrame
        Heads with the five columns of `METRICS`, as `head_metrics` returns them.
    icns : DataFrame of shape (n_networks, 5)
        Profiles of the networks, as `icn_profiles` returns them.

    Returns
    -------
    DataFrame
        The table with one more column a network; a new one.

    Raises
    ------
    ValueError
        When the table has a column of a network's name already, and as `icn_similarity` does.
    """
    taken = [name for name in icns.index if name in table]
    if taken:
        msg = f"the table has the columns {', '.join(taken)} already; give the one without similarities."
        raise ValueError(msg)
    similarity = icn_similarity(table[list(METRICS)], icns)
    return table.assign(**dict(zip(icns.index, similarity.T, strict=True)))


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


@dataclass(frozen=True)
class _Layer:
    """Some heads of one layer, as the only layer of a model."""

    positions: NDArray[np.float64] | None
    query: NDArray[np.float64]
    key: NDArray[np.float64]
    bias: NDArray[np.float64] | None

    @classmethod
    def of(cls, weights: SpatialWeights, layer: int, heads: list[int]) -> _Layer:
        positions, bias = weights.positions, getattr(weights, "bias", None)
        return cls(
            positions if positions is None or positions.ndim == 2 else positions[layer][None],
            weights.query[layer][heads][None],
            weights.key[layer][heads][None],
            None if bias is None else bias[layer][heads][None],
        )


def _by_layer(weights: SpatialWeights, heads: Sequence[tuple[int, int]] | None) -> dict[int, list[int]]:
    n_layers, n_heads = weights.query.shape[:2]
    if heads is None:
        return {layer: list(range(n_heads)) for layer in range(n_layers)}
    beyond = [place for place in heads if not (0 <= place[0] < n_layers and 0 <= place[1] < n_heads)]
    if beyond or not heads:
        named = ", ".join(f"layer {layer} head {head}" for layer, head in beyond[:3]) or "none"
        msg = f"name heads of layers 0 to {n_layers - 1}, heads 0 to {n_heads - 1}, at least one: got {named}."
        raise ValueError(msg)
    chosen: dict[int, list[int]] = {}
    for layer, head in sorted(set(heads)):
        chosen.setdefault(layer, []).append(head)
    return chosen


def _batches(
    weights: SpatialWeights, recipe: GraphRecipe, chosen: Mapping[int, list[int]]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    # As many layers at a time as fit: all of a large model would not, one at a time is slow for small ones.
    places: list[tuple[int, int]] = []
    waiting: list[NDArray[np.float64]] = []
    for layer, heads in chosen.items():
        graphs = layer_graphs(_Layer.of(weights, layer, heads), 0, recipe)
        if waiting and sum(part.size for part in waiting) + graphs.size > _BATCH_ENTRIES:
            yield np.array(places), np.concatenate(waiting)
            places, waiting = [], []
        places += [(layer, head) for head in heads]
        waiting.append(graphs)
    yield np.array(places), np.concatenate(waiting)
