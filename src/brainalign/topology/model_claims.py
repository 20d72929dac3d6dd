"""Claims that some models lie nearer to the brain than others, asked under any choices of the analysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brainalign.topology.alignment import align, similarity_by_model
from brainalign.topology.axes import fit_space
from brainalign.topology.graphs import EPS
from brainalign.topology.metrics import METRICS
from brainalign.topology.profiles import icn_similarity
from brainalign.topology.recipes import GraphRecipe, Scaling, SpatialWeights

T = TypeVar("T")

Claim = Sequence[tuple[Sequence[str], Sequence[str]]]
"""For every block, the models that shall lie nearer to the brain, and those that shall lie further off."""

SUMMARIES = ("mean", "median", "score mean", "score sum")
"""How the heads of a model are taken together, see `ModelClaims.differences`."""

_DIAGONAL = {"kept": True, "left out": False}
_POSITIONS = {"as they are": False, "normalised": True}


class ModelClaims:
    """Models, brains and claims; what an analysis asks of them is chosen later.

    Parameters
    ----------
    attentions : mapping of str to SpatialWeights
        Weights by name of the model, all of one number of nodes.
    brains : mapping of str to DataFrame of shape (n_networks, 5)
        Profiles of brain networks by name of the brain.
    claims : mapping of str to Claim
        Claims by name.
    starts : int
        Starts of the search for communities, see `brainalign.topology.graph_metrics`.

    Raises
    ------
    ValueError
        When there is no brain or no claim, a claim names a model that is not there, or one of its blocks lacks a side.
    """

    def __init__(
        self,
        attentions: Mapping[str, SpatialWeights],
        brains: Mapping[str, pd.DataFrame],
        claims: Mapping[str, Claim],
        *,
        starts: int,
    ) -> None:
        if not brains or not claims:
            msg = f"give at least one brain and one claim: got {len(brains)} and {len(claims)}."
            raise ValueError(msg)
        for name, blocks in claims.items():
            absent = {model for block in blocks for side in block for model in side} - set(attentions)
            if absent or not all(nearer and further for nearer, further in blocks):
                msg = (
                    f"claim {name!r} needs models on both sides of every block, all of those given; "
                    f"unknown are: {', '.join(sorted(absent)) or 'none'}."
                )
                raise ValueError(msg)
        self._attentions, self._brains, self._starts = attentions, brains, starts
        self._contrasts = {name: _contrasts(blocks, list(attentions)) for name, blocks in claims.items()}
        self._tables: dict[GraphRecipe, pd.DataFrame] = {}

    def differences(
        self,
        *,
        brain: str,
        scaling: Scaling = "min-max",
        diagonal: str = "kept",
        positions: str = "as they are",
        edges_kept: float = 1.0,
        margin: float = EPS,
        left_out: str = "none",
        heads: str = "mean",
    ) -> dict[str, NDArray[np.float64]]:
        """For every claim one difference per block, positive where the claim holds.

        Parameters
        ----------
        brain : str
            Name of the brain.
        scaling : {"min-max", "rank"}
            See `brainalign.topology.GraphRecipe`.
        diagonal : {"kept", "left out"}
            Whether a position may attend to itself.
        positions : {"as they are", "normalised"}
            Whether every position is brought to mean 0 and variance 1 first.
        edges_kept : float
            Share of the strongest edges that stay, above 0, at most 1.
        margin : float
            Smallest weight of an edge, between 0 and 0.5.
        left_out : str
            "none", or the one of `METRICS` that is not compared.
        heads : {"mean", "median", "score mean", "score sum"}
            Mean or median over heads of the similarity to the networks; or mean or sum of their places along the
            first axis of the space that the heads of all models span, the sum being the published score.

        Returns
        -------
        dict of str to ndarray of shape (n_blocks,)
            By name of the claim; its two sides are means over models.

        Raises
        ------
        ValueError
            For an unknown option. Graphs are made once for each recipe and kept.
        """
        recipe = GraphRecipe(
            layer_norm=_option("positions", positions, _POSITIONS),
            scaling=scaling,
            eps=margin,
            diagonal=_option("diagonal", diagonal, _DIAGONAL),
            density=None if edges_kept == 1 else edges_kept,
        )
        icns = _option("brain", brain, self._brains)
        metrics = _option("left_out", left_out, {"none": METRICS, **{m: _without(m) for m in METRICS}})
        values = _by_model(self._table(recipe), icns, metrics, heads)[list(self._attentions)].to_numpy()
        return {name: contrasts @ values for name, contrasts in self._contrasts.items()}

    def _table(self, recipe: GraphRecipe) -> pd.DataFrame:
        if recipe not in self._tables:
            icns = next(iter(self._brains.values()))  # any: only the graph metrics are used further
            table = align(self._attentions, icns, recipe=recipe, starts=self._starts).heads
            if table["model"].nunique() < len(self._attentions) or table["n_nodes"].nunique() > 1:
                sizes = ", ".join(map(str, sorted(table["n_nodes"].unique())))
                msg = (
                    f"{table['model'].nunique()} of {len(self._attentions)} models have graphs, of {sizes} nodes. All "
                    "are needed, and of one number of nodes, because all metrics move with it."
                )
                raise ValueError(msg)
            self._tables[recipe] = table
        return self._tables[recipe]


def _contrasts(blocks: Claim, models: list[str]) -> NDArray[np.float64]:
    # One row per block; a product with the values of all models is the difference of two means.
    rows = np.zeros((len(blocks), len(models)))
    for row, (nearer, further) in zip(rows, blocks, strict=True):
        row[[models.index(name) for name in nearer]] += 1 / len(nearer)
        row[[models.index(name) for name in further]] -= 1 / len(further)
    return rows


def _by_model(table: pd.DataFrame, icns: pd.DataFrame, metrics: Sequence[str], heads: str) -> pd.Series:
    if heads in ("mean", "median"):
        return similarity_by_model(table, icns, metrics=metrics, by=heads)
    if heads not in SUMMARIES:
        msg = f"heads = {heads!r} is unknown; choose one of {', '.join(SUMMARIES)}."
        raise ValueError(msg)
    similarity = icn_similarity(table[list(METRICS)], icns, metrics=metrics)
    places = fit_space(similarity).project(similarity)[:, 0]
    return pd.Series(places, index=table.index).groupby(table["model"], sort=False).agg(heads.removeprefix("score "))


def _without(metric: str) -> list[str]:
    return [name for name in METRICS if name != metric]


def _option(name: str, given: str, known: Mapping[str, T]) -> T:
    if given not in known:
        msg = f"{name} = {given!r} is unknown; choose one of {', '.join(known)}."
        raise ValueError(msg)
    return known[given]
