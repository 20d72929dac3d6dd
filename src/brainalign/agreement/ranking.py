"""How sure the ranks of models are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from brainalign.agreement.aggregation import How, leaf_weights, overall_of_draws
from brainalign.agreement.score_table import ScoreTable

__all__ = ["RankStability", "rank_stability"]


@dataclass(frozen=True, eq=False)
class RankStability:
    """Ranks of models when the metrics are drawn again.

    Attributes
    ----------
    summary : DataFrame of shape (n_models, 5)
        ``rank`` with all metrics (1 is the best), ``low`` and ``high`` (the middle 95 % of the draws), ``p_first`` and
        ``p_top`` (share of the draws in which the model is the best, or among the best `top`). Sorted by rank; models
        without an aggregate are left out.
    ranks : ndarray of shape (n_models, n_draws)
        Rank in every draw, in the order of the summary.
    top : int
        How many models count as the top.
    """

    summary: pd.DataFrame
    ranks: NDArray[np.float64]
    top: int


def rank_stability(
    table: ScoreTable, how: How = "mean", *, n_draws: int, generator: np.random.Generator, top: int = 5
) -> RankStability:
    """Rank models by an aggregate of metrics that are drawn again with replacement within each category.

    Parameters
    ----------
    table : ScoreTable
        As in `aggregate`.
    how : {"mean", "zscore", "rank", "borda", "kemeny", "flat_zscore", "flat_rank"}
        As in `aggregate`.
    n_draws : int
        Number of draws.
    generator : numpy.random.Generator
        Source of randomness.
    top : int
        How many models count as the top.

    Returns
    -------
    RankStability

    Raises
    ------
    ValueError
        For fewer than one draw, a top that does not fit, or as in `aggregate`.

    Notes
    -----
    What is asked is whether another choice of metrics of the same kind would have given the same winner. Models stay as
    they are: they are what is ranked. A metric keeps its weight in the hierarchy and counts as often as it is drawn;
    means run over the metrics drawn for which a model has a score.
    """
    table = table.leaves()
    if n_draws < 1 or not 1 <= top <= len(table.scores):
        msg = f"n_draws must be 1 or more and top between 1 and {len(table.scores)}: got {n_draws} and {top}."
        raise ValueError(msg)
    weights = leaf_weights(table, how, "skip", None)
    whole = overall_of_draws(table, how, weights, np.ones((len(weights), 1)), "skip")
    draws = overall_of_draws(table, how, weights, _draw_metrics(table, n_draws, generator), "skip")
    rank, ranks = (rankdata(-np.round(scores, 12), axis=0, nan_policy="omit") for scores in (whole, draws))
    ranked = np.flatnonzero(~np.isnan(rank[:, 0]))
    ranked = ranked[np.argsort(rank[ranked, 0], kind="stable")]
    ranks = ranks[ranked]
    low, high = np.nanquantile(ranks, [0.025, 0.975], axis=1)
    summary = pd.DataFrame(
        {
            "rank": rank[ranked, 0],
            "low": low,
            "high": high,
            "p_first": (ranks == np.nanmin(ranks, axis=0)).mean(axis=1),
            "p_top": (ranks <= top).mean(axis=1),
        },
        index=table.scores.index[ranked],
    )
    return RankStability(summary, ranks, top)


def _draw_metrics(table: ScoreTable, n_draws: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """How often each metric is drawn, of shape (n_metrics, n_draws); as many in each category as there are."""
    counts = np.zeros((table.scores.shape[1], n_draws))
    for category in table.categories:
        inside = np.flatnonzero(table.category == category)
        counts[inside] = generator.multinomial(len(inside), np.full(len(inside), 1 / len(inside)), size=n_draws).T
    return counts
