"""From many metrics to one score for each model, and which category of metrics decides it.

Arrays are numpy arrays of double precision.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from brainalign.agreement.kemeny import kemeny_order, preference_matrix
from brainalign.agreement.score_table import FEWEST_MODELS, ScoreTable

__all__ = [
    "AGGREGATES",
    "CategoryGap",
    "aggregate",
    "category_gap",
    "category_scores",
    "explained_by_category",
    "explained_from_spread",
    "rankings",
    "spread_from_explained",
]

How = Literal["mean", "zscore", "rank", "borda", "kemeny", "flat_zscore", "flat_rank", "reliability"]
Missing = Literal["skip", "zero"]

AGGREGATES: tuple[str, ...] = get_args(How)
"""Ways to average, see `aggregate`."""

FLAT = ("flat_zscore", "flat_rank")
"""Ways in which every metric counts the same, whatever its category has beside it."""


def aggregate(
    table: ScoreTable, how: How = "mean", *, missing: Missing = "skip", reliability: pd.Series | None = None
) -> pd.Series:
    """One score for each model from all its metrics.

    Parameters
    ----------
    table : ScoreTable
        Metrics that are averages of others are left out.
    how : {"mean", "zscore", "rank", "borda", "kemeny", "flat_zscore", "flat_rank", "reliability"}
        "mean": plain means up the hierarchy, as Brain-Score does. "zscore": the same with every metric and then every
        category brought to mean 0 and standard deviation 1. "rank": the same with mean ranks, as the share of the
        models that a model beats. "borda": that share for the single metrics only. "kemeny": the order with the least
        (weighted) disagreement with the orders by the single metrics, found by local search. "reliability": z-scores
        weighted by the reliability of each metric. In all of these every category counts the same. "flat_zscore" and
        "flat_rank": means of the z-scores, or of the shares of models beaten, of all metrics; a category counts as much
        as it has metrics.
    missing : {"skip", "zero"}
        "skip": means run over the scores that are there. "zero": a missing score counts as 0, as Brain-Score does with
        failed runs; with "mean" only.
    reliability : Series, optional
        Reliability of every metric in [0, 1], for "reliability" only; see `reliability`.

    Returns
    -------
    Series of length n_models
        More is better. The unit depends on `how`; with "kemeny" it is the number of models that come after. NaN for a
        model without any score in one of the categories.

    Raises
    ------
    ValueError
        For an unknown name, "zero" with another way than "mean", or a reliability that is missing or not asked for.

    Notes
    -----
    "mean" depends on the unit and the spread of every metric; "zscore" is invariant to linear maps of a metric, "rank",
    "borda" and "kemeny" to every increasing map. A constant metric has the z-score 0 and beats half of the models.

    Examples
    --------
    >>> scores = pd.DataFrame({"V1": [0.1, 0.2, 0.3], "choices": [0.1, 0.9, 0.5]}, index=["a", "b", "c"])
    >>> metrics = pd.DataFrame({"category": ["neural", "behavior"], "parent": None}, index=["V1", "choices"])
    >>> aggregate(ScoreTable(scores, metrics), "rank").tolist()
    [0.0, 0.75, 0.75]
    """
    table = table.leaves()
    weights = leaf_weights(table, how, missing, reliability)
    counts = np.ones((table.scores.shape[1], 1))
    return pd.Series(overall_of_draws(table, how, weights, counts, missing)[:, 0], table.scores.index, name=how)


def rankings(table: ScoreTable, ways: tuple[How, ...] = ("mean", "zscore", "rank")) -> pd.DataFrame:
    """Rank of every model under several aggregates.

    Parameters
    ----------
    table : ScoreTable
        As in `aggregate`.
    ways : tuple of str
        Ways to average, without "reliability".

    Returns
    -------
    DataFrame of shape (n_models, n_ways)
        1 is the best; ties share the mean of their ranks, NaN where a model has no aggregate.
    """
    return pd.DataFrame({how: aggregate(table, how) for how in ways}).rank(ascending=False)


def category_scores(table: ScoreTable, how: How = "mean", *, missing: Missing = "skip") -> pd.DataFrame:
    """The scores of each category that `aggregate` takes the mean of.

    Parameters
    ----------
    table : ScoreTable
        As in `aggregate`.
    how : {"mean", "zscore", "rank", "borda", "flat_zscore", "flat_rank"}
        As in `aggregate`: the ways whose result is a mean over categories.
    missing : {"skip", "zero"}
        As in `aggregate`.

    Returns
    -------
    DataFrame of shape (n_models, n_categories)

    Raises
    ------
    ValueError
        For another way to average.
    """
    if how in ("kemeny", "reliability"):
        allowed = ", ".join(way for way in AGGREGATES if way not in ("kemeny", "reliability"))
        msg = f"category_scores: '{how}' is not a mean of scores of categories; choose one of {allowed}."
        raise ValueError(msg)
    table = table.leaves()
    weights = leaf_weights(table, how, missing, None)
    counts = np.ones((table.scores.shape[1], 1))
    parts = _categories_of_draws(table, how, weights, counts, missing)
    return pd.DataFrame(dict(zip(table.categories, parts[:, :, 0], strict=True)), index=table.scores.index)


def explained_by_category(table: ScoreTable, how: How = "mean", *, missing: Missing = "skip") -> pd.DataFrame:
    """How much of the differences between models in the aggregate goes with each category.

    Parameters
    ----------
    table : ScoreTable
        As in `aggregate`.
    how : {"mean", "zscore", "rank", "borda", "flat_zscore", "flat_rank"}
        As in `category_scores`.
    missing : {"skip", "zero"}
        As in `aggregate`.

    Returns
    -------
    DataFrame of shape (n_categories, 4)
        ``spread``: standard deviation of the category's score over models. ``correlation``: Pearson, with the
        aggregate. ``explained``: its square, the variance that a regression of the aggregate on this category alone
        explains; these shares do not add up to 1. ``contribution``: covariance with the aggregate over the aggregate's
        variance, times the weight of the category; these do add up to 1 (a negative one means that the category works
        against the others).

    Raises
    ------
    ValueError
        When fewer than three models have an aggregate, or as in `category_scores`.
    """
    parts = category_scores(table, how, missing=missing)
    shares = _shares(table.leaves(), how)
    spread, correlation, contribution = _of_whole(parts.to_numpy(), shares)
    found = {"spread": spread, "correlation": correlation, "explained": correlation**2, "contribution": contribution}
    return pd.DataFrame(found, index=parts.columns)


def spread_from_explained(explained_a: float, explained_b: float) -> tuple[float, float]:
    """Spread ratio and correlation of two categories, from the variance that each explains in their mean.

    Parameters
    ----------
    explained_a, explained_b : float
        Squared correlation of each category with the mean of both, in [0, 1), of which at most one may be 0. The
        correlations themselves are taken to be positive.

    Returns
    -------
    ratio : float
        Standard deviation of a over that of b.
    correlation : float
        Of a and b.

    Raises
    ------
    ValueError
        For shares outside [0, 1), or two that are 0.

    Notes
    -----
    Of two categories that count the same; otherwise the ratio is that of the weighted spreads. With centered scores as
    vectors, the mean lies in the plane of both categories and between them. Its angles with a
    and b are arccos(r_a) and arccos(r_b), and add up to the angle between a and b, so that c = r_a r_b - sqrt((1 -
    explained_a) (1 - explained_b)). By the law of sines the lengths are as s = sqrt((1 - explained_b) / (1 -
    explained_a)). Derived here.

    Examples
    --------
    >>> ratio, correlation = spread_from_explained(0.3333, 0.9525)
    >>> round(ratio, 3), round(correlation, 3)
    (0.267, 0.385)
    """
    if not (0 <= explained_a < 1 and 0 <= explained_b < 1 and explained_a + explained_b > 0):
        msg = (
            "shares of explained variance lie between 0 and 1 (1 excluded), and not both are 0: got "
            f"{explained_a} and {explained_b}."
        )
        raise ValueError(msg)
    ratio = np.sqrt((1 - explained_b) / (1 - explained_a))
    correlation = np.sqrt(explained_a * explained_b) - np.sqrt((1 - explained_a) * (1 - explained_b))
    return float(ratio), float(correlation)


def explained_from_spread(ratio: float, correlation: float) -> tuple[float, float]:
    """Variance of the mean of two categories that each explains, from their spread ratio and correlation.

    Parameters
    ----------
    ratio : float
        Standard deviation of a over that of b, above 0.
    correlation : float
        Of a and b, in [-1, 1].

    Returns
    -------
    explained_a, explained_b : float
        Squared correlation of each with the mean. Equal spreads give (1 + correlation) / 2 for both.

    Raises
    ------
    ValueError
        For values out of range, or two categories that cancel each other.

    Examples
    --------
    >>> explained_from_spread(1.0, 0.5)
    (0.75, 0.75)
    """
    variance = ratio**2 + 2 * correlation * ratio + 1
    if not (ratio > 0 and -1 <= correlation <= 1 and variance > 0):
        msg = (
            f"the ratio must be above 0, the correlation in [-1, 1], the mean not constant: got {ratio}, {correlation}."
        )
        raise ValueError(msg)
    return float((ratio + correlation) ** 2 / variance), float((1 + correlation * ratio) ** 2 / variance)


@dataclass(frozen=True, eq=False)
class CategoryGap:
    """How much more one category explains of the aggregate than another, beside metrics dealt at random.

    Attributes
    ----------
    explained : Series of length n_categories
        Share of the variance that each category explains, in [0, 1]; see `explained_by_category`.
    observed : float
        Share of the first category less that of the second, in [-1, 1].
    null : ndarray of shape (n_permutations,)
        The same difference when the metrics are dealt at random to categories of the same sizes.
    """

    explained: pd.Series
    observed: float
    null: NDArray[np.float64]

    @property
    def p_value(self) -> float:
        """Share of deals, the observed one among them, whose difference is at least as large in either direction."""
        as_large = np.abs(self.null) >= abs(self.observed) - 1e-12
        return float((1 + as_large.sum()) / (1 + len(self.null)))


def category_gap(
    table: ScoreTable,
    first: str,
    second: str,
    how: How = "mean",
    *,
    n_permutations: int,
    generator: np.random.Generator,
) -> CategoryGap:
    """Whether one category explains more of the aggregate than another, by more than any two groups of metrics would.

    Parameters
    ----------
    table : ScoreTable
        As in `aggregate`. Deeper hierarchy is left out, for what is observed and for the null model alike: metrics
        can only change places if all of a category count the same.
    first, second : str
        Two categories of the table.
    how : {"mean", "zscore", "rank", "borda", "flat_zscore", "flat_rank"}
        As in `category_scores`.
    n_permutations : int
        How often the metrics are dealt.
    generator : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    CategoryGap

    Raises
    ------
    ValueError
        For a category that the table does not have, or as in `explained_by_category`.

    Notes
    -----
    With the hierarchy kept in the observed value alone, a metric that stands for itself would weigh more there than it
    could in any deal, and the difference would look like one of categories.
    """
    table = table.without_hierarchy()
    for name in (first, second):
        if name not in table.categories:
            msg = f"the table has no category '{name}'; it has {', '.join(table.categories)}."
            raise ValueError(msg)
    explained = explained_by_category(table, how)["explained"]
    # The metrics are dealt as labels of columns: a table of its own for every deal would cost most of the time.
    values, labels, shares = table.scores.to_numpy(), table.category.to_numpy(), _shares(table, how)
    one, other = table.categories.index(first), table.categories.index(second)
    null = np.empty(n_permutations)
    for index in range(n_permutations):
        dealt = generator.permutation(labels)
        parts = [_group_of_draws(values[:, dealt == name], None, how, "skip")[:, 0] for name in table.categories]
        share = _of_whole(np.column_stack(parts), shares)[1] ** 2
        null[index] = share[one] - share[other]
    return CategoryGap(explained, float(explained[first] - explained[second]), null)


def overall_of_draws(
    table: ScoreTable, how: str, weights: NDArray[np.float64], counts: NDArray[np.float64], missing: str
) -> NDArray[np.float64]:
    """Aggregates of shape (n_models, n_draws), where metric m is in the table `counts[m, draw]` times."""
    if how == "kemeny":
        values, shares = table.scores.to_numpy(), weights / len(table.categories)
        inside = np.array([table.category == category for category in table.categories], dtype=float)
        has_all = ((~np.isnan(values)).astype(float) @ (inside[:, :, None] * counts) > 0).all(axis=0)
        return np.stack(
            [_kemeny_score(values, shares * drawn, ranked) for drawn, ranked in zip(counts.T, has_all.T, strict=True)],
            axis=1,
        )
    parts = _categories_of_draws(table, how, weights, counts, missing)
    return np.average(parts, axis=0, weights=_shares(table, how))


def _shares(table: ScoreTable, how: str) -> NDArray[np.float64]:
    """Weight of every category in the aggregate, with sum 1: all the same, or as many as it has metrics."""
    if how in FLAT:
        return table.category.value_counts(normalize=True)[list(table.categories)].to_numpy()
    return np.full(len(table.categories), 1 / len(table.categories))


def _of_whole(parts: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spread, correlation with the aggregate and contribution of every category, of shape (3, n_categories)."""
    complete = parts[~np.isnan(parts).any(axis=1)]
    if len(complete) < FEWEST_MODELS:
        msg = (
            f"only {len(complete)} models have a score in every category; leave out metrics with many gaps, or a "
            "category."
        )
        raise ValueError(msg)
    whole = complete @ shares
    centered = complete - complete.mean(axis=0)
    covariance = centered.T @ (whole - whole.mean()) / (len(complete) - 1)
    spread = complete.std(axis=0, ddof=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = np.clip(covariance / (spread * whole.std(ddof=1)), -1, 1)
        contribution = shares * covariance / whole.var(ddof=1)
    return np.stack([spread, correlation, contribution])


def _categories_of_draws(
    table: ScoreTable, how: str, weights: NDArray[np.float64], counts: NDArray[np.float64], missing: str
) -> NDArray[np.float64]:
    """Scores of the categories, of shape (n_categories, n_models, n_draws)."""
    values, drawn, labels = table.scores.to_numpy(), weights[:, None] * counts, table.category.to_numpy()
    return np.stack(
        [_group_of_draws(values[:, labels == name], drawn[labels == name], how, missing) for name in table.categories]
    )


def _group_of_draws(
    values: NDArray[np.float64], drawn: NDArray[np.float64] | None, how: str, missing: str
) -> NDArray[np.float64]:
    """Weighted means of metrics, in the unit of the way to average, of shape (n_models, n_draws)."""
    drawn = np.ones((values.shape[1], 1)) if drawn is None else drawn
    values = np.nan_to_num(values) if missing == "zero" else _transform(values, how)
    total = (~np.isnan(values)).astype(float) @ drawn
    with np.errstate(invalid="ignore"):
        means = np.where(total > 0, np.nan_to_num(values) @ drawn / total, np.nan)
    return means if how == "borda" or how in FLAT else _transform(means, how)


def _transform(values: NDArray[np.float64], how: str) -> NDArray[np.float64]:
    """Bring every column to the unit that is averaged."""
    if how == "mean":
        return values
    if how in ("zscore", "flat_zscore", "reliability"):
        centered = values - np.nanmean(values, axis=0)
        spread = np.nanstd(values, axis=0)
        # Means of equal numbers differ by rounding; that is no spread.
        varies = spread > 1e-12 * np.nanmax(np.abs(values), axis=0)
        return np.where(varies, centered / np.where(varies, spread, 1), np.where(np.isnan(values), np.nan, 0))
    ranks = rankdata(np.round(values, 12), axis=0, nan_policy="omit")  # the same, for ties
    n_present = (~np.isnan(values)).sum(axis=0)
    return (ranks - 1) / np.maximum(n_present - 1, 1)


def _kemeny_score(
    values: NDArray[np.float64], weights: NDArray[np.float64], ranked: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """How many models come after each one; NaN for models that are not ranked."""
    score = np.full(len(values), np.nan)
    if ranked.any():
        order = np.flatnonzero(ranked)[kemeny_order(preference_matrix(values[ranked], weights))]
        score[order] = np.arange(len(order))[::-1]
    return score


def leaf_weights(table: ScoreTable, how: str, missing: str, reliability: pd.Series | None) -> NDArray[np.float64]:
    """Weight of every metric in its category, after the names of an aggregate were checked."""
    if how not in AGGREGATES:
        nearest = difflib.get_close_matches(str(how), AGGREGATES, n=1, cutoff=0)[0]
        msg = f"how = {how!r} is unknown; did you mean '{nearest}'? Known are {', '.join(AGGREGATES)}."
        raise ValueError(msg)
    if missing not in get_args(Missing) or (missing == "zero" and how != "mean"):
        msg = f"missing = {missing!r} with how = {how!r} is not possible; use 'skip', or 'zero' with 'mean'."
        raise ValueError(msg)
    if (how == "reliability") != (reliability is not None):
        msg = "reliability must be given with how = 'reliability', and only then; see brainalign.agreement.reliability."
        raise ValueError(msg)
    weights = (table.without_hierarchy() if how in FLAT else table).weights()
    if reliability is not None:
        of_metrics = reliability.reindex(weights.index)
        if not of_metrics.between(0, 1).all():
            name = of_metrics.index[~of_metrics.between(0, 1)][0]
            msg = f"the reliability of '{name}' is {of_metrics[name]}; give every metric one in [0, 1]."
            raise ValueError(msg)
        weights = weights * of_metrics
    return weights.to_numpy()
