"""Many models at once: one row for every head, with its graph metrics and its similarity to every brain network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brainalign.topology.metrics import METRICS, graph_metrics
from brainalign.topology.profiles import icn_similarity
from brainalign.topology.recipes import STUDY_RECIPE, GraphRecipe, SpatialWeights, layer_graphs

_BATCH_ENTRIES = 2**23  # weights of graphs in memory at a time: 64 MiB
_HEAD = ("layer", "head", "n_nodes")
_WHOLE = ("n_layers", "n_heads", "position_kind")
_REASONS = 3  # that an error gives when no model is left


@dataclass(frozen=True)
class MeasuredHeads:
    """Heads of many models, and what became of every model.

    Attributes
    ----------
    heads : DataFrame with one row per head
        ``model``, ``layer``, ``head``, ``n_nodes`` and the five of `METRICS`; after them one column per brain network
        where `align` or `with_similarity` compared them with some.
    models : DataFrame indexed by model
        ``n_layers`` and ``n_heads`` of the whole model, ``n_measured`` heads, ``n_nodes``, ``position_kind`` (see
        `brainalign.models.SpatialAttention`) and ``problem``: why the model is missing, empty where it is not. From
        `align` also ``mean_similarity``, over heads and networks.
    """

    heads: pd.DataFrame
    models: pd.DataFrame

    @property
    def problems(self) -> pd.Series:
        """Why models are missing, by model; empty when none is."""
        return self.models.loc[self.models["problem"] != "", "problem"]


def align(
    spatial_attentions: Mapping[str, SpatialWeights | Callable[[], SpatialWeights]],
    icns: pd.DataFrame,
    *,
    recipe: GraphRecipe = STUDY_RECIPE,
    starts: int = 8,
) -> MeasuredHeads:
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
    MeasuredHeads
        A model that failed (it could not be read, has weights that are not finite, or a graph without edges) is left
        out of the heads and stands among the models with the reason.

    Raises
    ------
    ValueError
        When no model is given, or every one of them failed.

    Notes
    -----
    Models of different numbers of nodes may stand in one table, but `space` refuses to compare them, because the
    metrics move with the number of nodes.
    """

    def measure(source: SpatialWeights | Callable[[], SpatialWeights]) -> pd.DataFrame:
        weights = source() if callable(source) else source
        n_layers, n_heads = weights.query.shape[:2]
        whole = {"n_layers": n_layers, "n_heads": n_layers * n_heads}
        kind = getattr(weights, "position_kind", "")
        table = head_metrics(weights, recipe=recipe, starts=starts).assign(**whole, position_kind=kind)
        return with_similarity(table, icns)

    found = measure_each({name: partial(measure, source) for name, source in spatial_attentions.items()})
    similarity = found.heads[list(icns.index)].mean(axis=1).groupby(found.heads["model"], sort=False).mean()
    return MeasuredHeads(found.heads, found.models.assign(mean_similarity=similarity))


def measure_each(sources: Mapping[str, Callable[[], pd.DataFrame]]) -> MeasuredHeads:
    """Measure one model after another; one that fails is named with the reason and does not stop the others.

    Parameters
    ----------
    sources : mapping of str to function
        By name of the model a function without arguments that measures it: a table as `head_metrics` returns it, with
        ``n_layers``, ``n_heads`` and ``position_kind`` of the whole model beside it.

    Returns
    -------
    MeasuredHeads

    Raises
    ------
    ValueError
        When no model is given, or every one of them failed.
    """
    if not sources:
        msg = "no model was given; name at least one."
        raise ValueError(msg)
    heads, rows = [], {}
    for name, measure in sources.items():
        try:
            found = measure()
        except (ValueError, OSError) as error:  # anything else is a fault of this program and must be seen
            rows[name] = {"problem": str(error)}
            continue
        rows[name] = {column: found[column].iloc[0] for column in (*_WHOLE, "n_nodes")}
        rows[name] |= {"n_measured": len(found), "problem": ""}
        found = found.drop(columns=list(_WHOLE)).assign(model=name)
        heads.append(found[["model", *found.columns.drop("model")]])
    if not heads:
        reasons = "; ".join(f"{name}: {row['problem']}" for name, row in list(rows.items())[:_REASONS])
        others = f" ({len(rows) - _REASONS} others likewise)" if len(rows) > _REASONS else ""
        msg = f"none of {len(rows)} models could be measured. {reasons}{others}"
        raise ValueError(msg)
    return MeasuredHeads(pd.concat(heads, ignore_index=True), _model_table(rows))


def _model_table(rows: dict[str, dict[str, object]]) -> pd.DataFrame:
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")
    numbers = ["n_layers", "n_heads", "n_measured", "n_nodes"]
    table[numbers] = table[numbers].fillna(0).astype(int)
    table["position_kind"] = table["position_kind"].fillna("")
    return table[[*numbers, "position_kind", "problem"]]


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
    DataFrame with one row per head
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
        The table with one more column per network; a new one.

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


def similarity_by_model(
    table: pd.DataFrame,
    icns: pd.DataFrame,
    *,
    metrics: Sequence[str] = METRICS,
    by: Literal["mean", "median", "sum"] = "mean",
) -> pd.Series:
    """One number per model, from graph metrics that are already there: for other networks or fewer metrics.

    Parameters
    ----------
    table : DataFrame
        Heads as `align` returns them.
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
        When the table is not one of heads with similarities, as `align` returns it.
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
