"""What a survey says of every model: its score as published and corrected by its twins, and its nearest networks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from brainalign.studies.survey.families import CONTRASTS, compare_groups
from brainalign.topology import ModelSpace, space
from brainalign.topology.alignment import network_columns

HIGHER_ORDER, LOW_LEVEL = ("Frontoparietal", "DefaultMode"), ("Visual", "Somatomotor")
"""Networks that the study calls higher-order, and those that it calls low-level."""

_FEWEST_MODELS = 3

THIRDS = ("early", "middle", "deep")
"""Thirds of the depth of a model."""


def score_models(fitted: ModelSpace, twins: Mapping[str, pd.DataFrame] | None = None) -> pd.DataFrame:
    """Score of every model: as published, as mean and median, and against its own twins.

    Parameters
    ----------
    fitted : ModelSpace
        The space of the heads of all models, from `brainalign.topology.space`.
    twins : mapping of str to DataFrame, optional
        By the kind of twins, what `measure_twins` returned for these models, with similarities to the same networks.

    Returns
    -------
    DataFrame indexed by model
        ``n_heads`` measured, ``sum`` (the published score), ``mean`` and ``median`` of the places of its heads along
        the first axis, and ``similarity``, the mean over heads and networks, which needs no space. For each kind of
        twins ``above KIND``, the mean minus that of its twins, and ``z KIND``, the same in standard deviations
        between its twins. The sum and z grow with the number of heads, the others do not.

    Raises
    ------
    ValueError
        When a model has no twins, or they have other heads than it.

    Notes
    -----
    Twins have the nodes and heads of their model. So what the number of nodes alone does to the metrics falls out of
    the difference. The correction is ours.
    """
    table = fitted.table
    sizes = table.groupby("model", sort=False).size()
    scores = pd.DataFrame({"n_heads": sizes})
    for by in ("sum", "mean", "median"):
        scores[by] = fitted.scores(by)
    scores["similarity"] = table[list(fitted.networks)].mean(axis=1).groupby(table["model"], sort=False).mean()
    for kind, drawn in (twins or {}).items():
        null = _twin_means(fitted, drawn, sizes)
        scores[f"above {kind}"] = scores["mean"] - null.mean(axis=1)
        scores[f"z {kind}"] = scores[f"above {kind}"] / null.std(axis=1, ddof=1)
    return scores


def compare_within_nodes(
    table: pd.DataFrame, models: pd.DataFrame, *, generator: np.random.Generator, n_resamples: int = 9999
) -> pd.DataFrame:
    """The contrasts between groups among models whose graphs have one number of nodes, each number in its own space.

    Parameters
    ----------
    table : DataFrame
        Heads with their similarities.
    models : DataFrame indexed by model
        What `brainalign.studies.survey.describe_models` returned.
    generator, n_resamples
        As in `brainalign.studies.survey.compare_groups`.

    Returns
    -------
    DataFrame with one row per contrast and number of nodes
        As `compare_groups` returns it for the mean of the heads along the first axis, with ``n_nodes`` in front.
        p-values are corrected within each number of nodes. Numbers with fewer than three models, or without two groups
        that are to be compared, are missing; the table may be empty.
    """
    found = []
    for n_nodes, heads in table.groupby("n_nodes"):
        groups = set(models.loc[heads["model"].unique(), "group"])
        if heads["model"].nunique() < _FEWEST_MODELS or not any(groups.issuperset(pair) for pair in CONTRASTS):
            continue
        means = space(heads).scores("mean")
        contrasts = compare_groups(means, models, generator=generator, n_resamples=n_resamples)
        contrasts.insert(0, "n_nodes", n_nodes)
        found.append(contrasts)
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=["n_nodes"])


def nearest_network(table: pd.DataFrame) -> pd.Series:
    """Name of the network that each head is most similar to.

    Parameters
    ----------
    table : DataFrame
        Heads with their similarities, as `brainalign.topology.with_similarity` returns them.

    Returns
    -------
    Series of str
        One name a head. The profiles of the seven networks are so alike that the first and the second are often
        closer than any error: compare with `higher_order_lead`.
    """
    return table[network_columns(table)].idxmax(axis=1).rename("nearest_network")


def higher_order_lead(table: pd.DataFrame) -> pd.Series:
    """How much more similar each head is to higher-order networks than to low-level ones.

    Parameters
    ----------
    table : DataFrame
        Heads with their similarities to the networks of `HIGHER_ORDER` and `LOW_LEVEL`.

    Returns
    -------
    Series of float
        Mean similarity to the former minus that to the latter, from -2 to 2.

    Raises
    ------
    ValueError
        When one of those networks is missing.
    """
    missing = [name for name in (*HIGHER_ORDER, *LOW_LEVEL) if name not in table]
    if missing:
        msg = f"the table has no similarity to {', '.join(missing)}; use networks with the names of the study."
        raise ValueError(msg)
    return (table[list(HIGHER_ORDER)].mean(axis=1) - table[list(LOW_LEVEL)].mean(axis=1)).rename("higher_order_lead")


def head_depth(table: pd.DataFrame, n_layers: pd.Series) -> pd.Series:
    """How deep each head lies in its model: 0 in the first layer, 1 in the last, 0.5 where there is only one.

    Parameters
    ----------
    table : DataFrame
        Heads.
    n_layers : Series indexed by model
        Layers of every model, as in `brainalign.topology.MeasuredHeads.models`.

    Returns
    -------
    Series of float
        From 0 to 1.

    Raises
    ------
    ValueError
        When a model has no number of layers, or fewer than its heads come from.
    """
    layers = table["model"].map(n_layers)
    if layers.isna().any() or (table["layer"] >= layers).any():
        wrong = table.loc[layers.isna() | (table["layer"] >= layers), "model"].unique()
        msg = f"the numbers of layers do not fit the heads of {', '.join(map(str, wrong))}."
        raise ValueError(msg)
    depth = table["layer"] / (layers - 1).where(layers > 1, np.nan)
    return depth.fillna(0.5).rename("depth")


def layer_trend(table: pd.DataFrame, n_layers: pd.Series, groups: pd.Series) -> pd.DataFrame:
    """Similarity by depth: mean over models of every group, in thirds of the depth.

    Parameters
    ----------
    table : DataFrame
        Heads with their similarities.
    n_layers, groups : Series indexed by model
        Layers and group of every model.

    Returns
    -------
    DataFrame with one row per group and third
        ``group``, ``third`` (of `THIRDS`), ``similarity`` (mean over networks), ``higher_order_lead`` and ``nearest``,
        the network that most heads are nearest to. Every model counts the same, whatever its number of heads; thirds
        without a layer are missing.

    Raises
    ------
    ValueError
        See `head_depth` and `higher_order_lead`.
    """
    third = pd.cut(head_depth(table, n_layers), [-1, 1 / 3, 2 / 3, 2], labels=list(THIRDS))
    heads = pd.DataFrame(
        {
            "group": table["model"].map(groups),
            "model": table["model"],
            "third": third,
            "similarity": table[network_columns(table)].mean(axis=1),
            "higher_order_lead": higher_order_lead(table),
            "nearest": nearest_network(table),
        }
    )
    places = ["group", "third"]
    by_model = heads.groupby([*places, "model"], observed=True)[["similarity", "higher_order_lead"]].mean()
    trend = by_model.groupby(level=places, observed=True).mean()
    trend["nearest"] = heads.groupby(places, observed=True)["nearest"].agg(lambda names: names.mode().iloc[0])
    return trend.reset_index()


def _twin_means(fitted: ModelSpace, twins: pd.DataFrame, sizes: pd.Series) -> pd.DataFrame:
    """Mean place along the first axis, models by twins."""
    first = fitted.axes.project(twins[list(fitted.networks)].to_numpy())[:, 0]
    by_twin = pd.Series(first).groupby([twins["model"].to_numpy(), twins["twin"].to_numpy()])
    counts, means = by_twin.size().unstack(), by_twin.mean().unstack()
    other = [name for name in sizes.index if name not in counts.index or not (counts.loc[name] == sizes[name]).all()]
    if other:
        msg = f"twins are missing, or have other heads than their model: {', '.join(other)}. Measure them alike."
        raise ValueError(msg)
    return means.loc[sizes.index]
