"""Correlations between metrics over models, with ties, gaps and weights, and how sure they are.

Arrays are numpy arrays of double precision.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from brainalign.agreement.rank_correlation import rank_correlations
from brainalign.agreement.score_table import FEWEST_MODELS, ScoreTable

__all__ = [
    "METHODS",
    "Correlations",
    "ResampledCorrelations",
    "bootstrap_correlations",
    "correlations",
    "permuted_mean_correlations",
    "shuffle_scores",
]

METHODS = ("spearman", "pearson")
Method = Literal["spearman", "pearson"]


@dataclass(frozen=True, eq=False)
class Correlations:
    """Correlation of every two metrics.

    Attributes
    ----------
    matrix : DataFrame of shape (n_metrics, n_metrics)
        In [-1, 1], 1 on the diagonal; NaN where it is not defined.
    n_models : DataFrame of shape (n_metrics, n_metrics)
        How many models have scores on both metrics.
    method : str
        "spearman" or "pearson".
    """

    matrix: pd.DataFrame
    n_models: pd.DataFrame
    method: str

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """One row for each two metrics whose correlation is defined.

        Columns ``first``, ``second``, ``r``, ``n_models``, ``p`` (two-sided, from the t distribution with n - 2 degrees
        of freedom), ``p_bonferroni`` and ``p_bh`` (adjusted for the number of pairs by Bonferroni and by Benjamini and
        Hochberg 1995). The p-values take models for independent, which related models are not: they are too small then.
        """
        rows, columns = np.triu_indices(len(self.matrix), k=1)
        names = self.matrix.columns.to_numpy()
        table = pd.DataFrame(
            {
                "first": names[rows],
                "second": names[columns],
                "r": self.matrix.to_numpy()[rows, columns],
                "n_models": self.n_models.to_numpy()[rows, columns],
            }
        ).dropna()
        freedom = table["n_models"] - 2
        with np.errstate(divide="ignore"):
            t = table["r"].abs() * np.sqrt(freedom / (1 - table["r"] ** 2).clip(lower=0))
        table["p"] = 2 * stats.t.sf(t, freedom)
        table["p_bonferroni"] = (table["p"] * len(table)).clip(upper=1)
        table["p_bh"] = stats.false_discovery_control(table["p"]) if len(table) else table["p"]
        return table.reset_index(drop=True)

    @property
    def mean(self) -> float:
        """Mean over all pairs whose correlation is defined."""
        return float(self.pairs["r"].mean())


def correlations(table: ScoreTable, method: Method = "spearman", *, min_models: int = FEWEST_MODELS) -> Correlations:
    """Correlate every two metrics over the models.

    Parameters
    ----------
    table : ScoreTable
        Metrics that are averages of others are left out: see `ScoreTable.leaves`.
    method : {"spearman", "pearson"}
        Of ranks, or of the scores themselves.
    min_models : int
        Fewest common models for which a correlation is given.

    Returns
    -------
    Correlations

    Raises
    ------
    ValueError
        For an unknown method, or fewer than 3 models asked for.

    Notes
    -----
    Rules, as in scipy and pandas. Missing: a pair uses the models that have both scores, and ranks are
    taken among these. Ties: they share the mean of their ranks. Constant: where a metric has one value on the common
    models, or the models are fewer than `min_models`, the correlation is not defined: NaN, left out of every mean.

    Examples
    --------
    >>> scores = pd.DataFrame({"a": [1, 2, 3, 4], "b": [1, 4, 9, 16.0]}, index=list("wxyz"))
    >>> metrics = pd.DataFrame({"category": "neural", "parent": None}, index=["a", "b"])
    >>> correlations(ScoreTable(scores, metrics)).mean
    1.0
    """
    table = table.leaves()
    values = table.scores.to_numpy()
    present = (~np.isnan(values)).astype(float)
    common = present.T @ present
    drawn = _correlations_of_draws(values, np.ones((len(values), 1)), method, min_models)[:, 0]
    matrix = np.eye(values.shape[1])
    rows, columns = np.triu_indices(values.shape[1], k=1)
    matrix[rows, columns] = matrix[columns, rows] = drawn
    names = table.scores.columns
    return Correlations(
        pd.DataFrame(matrix, names, names), pd.DataFrame(common.astype(int), names, names), method=method
    )


@dataclass(frozen=True, eq=False)
class ResampledCorrelations:
    """Correlations of resampled tables.

    Attributes
    ----------
    draws : ndarray of shape (n_pairs, n_draws)
        Correlation of every pair, in the order of `numpy.triu_indices`, in every resample.
    """

    draws: NDArray[np.float64]

    @property
    def means(self) -> NDArray[np.float64]:
        """Mean over the pairs that are defined, for every resample."""
        return np.nanmean(self.draws, axis=0)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Quantiles of the mean correlation that hold the share `level` of the resamples between them."""
        low, high = np.quantile(self.means, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)


def bootstrap_correlations(
    table: ScoreTable,
    method: Method = "spearman",
    *,
    n_draws: int,
    generator: np.random.Generator,
    by_family: bool = False,
    min_models: int = FEWEST_MODELS,
) -> ResampledCorrelations:
    """Correlations of tables whose models are drawn again with replacement.

    Parameters
    ----------
    table : ScoreTable
        As in `correlations`.
    method : {"spearman", "pearson"}
        As in `correlations`.
    n_draws : int
        Number of resamples.
    generator : numpy.random.Generator
        Source of randomness.
    by_family : bool
        Draw whole families of models instead of single models. Right where models of one family are alike: their number
        does not count as evidence then, that of the families does.
    min_models : int
        Fewest common models, in the table itself, for which a pair is given.

    Returns
    -------
    ResampledCorrelations

    Raises
    ------
    ValueError
        For fewer than one draw, fewer than 3 families, or as in `correlations`.

    Notes
    -----
    A model drawn twice counts twice, as two tied models; all ranks are taken anew in every resample, among the models
    that have both scores. Nothing is approximated. Metrics that the same models have are ranked once a resample, and
    all their correlations are one matrix product; where gaps differ from metric to metric, every pair is ranked on its
    own. With few families the interval is rough, and a resample may hold a single family.
    """
    table = table.leaves()
    families = pd.factorize(table.families)[0] if by_family else np.arange(len(table.scores))
    n_families = families.max() + 1
    if n_draws < 1 or n_families < FEWEST_MODELS:
        msg = (
            f"a bootstrap needs n_draws of 1 or more and at least {FEWEST_MODELS} families or models, got {n_draws} "
            f"and {n_families}; draw models one by one (by_family=False) or name finer families."
        )
        raise ValueError(msg)
    counts = generator.multinomial(n_families, np.full(n_families, 1 / n_families), size=n_draws)
    weights = counts.T[families].astype(float)
    return ResampledCorrelations(_correlations_of_draws(table.scores.to_numpy(), weights, method, min_models))


def permuted_mean_correlations(
    table: ScoreTable,
    method: Method = "spearman",
    *,
    n_permutations: int,
    generator: np.random.Generator,
    min_models: int = FEWEST_MODELS,
) -> NDArray[np.float64]:
    """Mean correlation of tables in which the metrics have nothing to do with each other.

    Parameters
    ----------
    table : ScoreTable
        As in `correlations`.
    method : {"spearman", "pearson"}
        As in `correlations`.
    n_permutations : int
        Number of permuted tables.
    generator : numpy.random.Generator
        Source of randomness.
    min_models : int
        As in `correlations`.

    Returns
    -------
    ndarray of shape (n_permutations,)
        The scores of every metric are shuffled among the models that have one, so that gaps stay where they are.
    """
    table = table.leaves()
    means = np.empty(n_permutations)
    whole = np.ones((len(table.scores), 1))
    for index in range(n_permutations):
        values = _shuffled(table.scores.to_numpy(), generator)
        means[index] = np.nanmean(_correlations_of_draws(values, whole, method, min_models))
    return means


def shuffle_scores(table: ScoreTable, generator: np.random.Generator) -> ScoreTable:
    """The table with the scores of every metric shuffled among the models that have one: a null model."""
    shuffled = _shuffled(table.scores.to_numpy(), generator)
    return replace(table, scores=pd.DataFrame(shuffled, table.scores.index, table.scores.columns))


def _shuffled(values: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    shuffled = values.copy()
    for column in shuffled.T:
        present = ~np.isnan(column)
        column[present] = generator.permutation(column[present])
    return shuffled


def _correlations_of_draws(
    values: NDArray[np.float64], weights: NDArray[np.float64], method: str, min_models: int
) -> NDArray[np.float64]:
    """Correlation of every pair of columns, of shape (n_pairs, n_draws), for weights of shape (n_models, n_draws)."""
    if method not in METHODS:
        msg = f"method = {method!r} is unknown; choose one of {', '.join(METHODS)}."
        raise ValueError(msg)
    if min_models < FEWEST_MODELS:
        msg = f"min_models must be {FEWEST_MODELS} or more, got {min_models}: two models correlate at 1 or -1."
        raise ValueError(msg)
    rows, columns = np.triu_indices(values.shape[1], k=1)
    is_pearson = method == "pearson"
    found = _pearson(values, weights)[:, rows, columns].T if is_pearson else rank_correlations(values, weights)
    present = (~np.isnan(values)).astype(float)
    found[(present.T @ present)[rows, columns] < min_models] = np.nan
    return found


def _pearson(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weighted correlations over the rows that both columns have, of shape (n_draws, n_columns, n_columns)."""
    n_columns = values.shape[1]
    present = ~np.isnan(values)
    # Standardised first: sums of squares of scores with a large common offset would lose their digits.
    spread = np.nanstd(values, axis=0)
    scaled = (values - np.nanmean(values, axis=0)) / np.where(spread > 0, spread, 1)
    scaled = np.where(present, scaled, 0)
    right = np.hstack([present, scaled, scaled**2])
    found = np.empty((weights.shape[1], n_columns, n_columns))
    for draw, weight in enumerate(weights.T):
        weighted = weight[:, None] * right
        # Over the models that the row's metric has too: their number, the sum of scores, the sum of squares.
        total, sum_y, sum_yy = np.split(right[:, :n_columns].T @ weighted, 3, axis=1)
        sum_xy = scaled.T @ weighted[:, n_columns : 2 * n_columns]
        covariance = total * sum_xy - sum_y.T * sum_y
        variance = total * sum_yy - sum_y**2
        varies = variance > 1e-12 * total**2  # below that it is rounding
        with np.errstate(invalid="ignore", divide="ignore"):
            r = np.where(varies & varies.T, covariance / np.sqrt(variance * variance.T), np.nan)
        found[draw] = np.clip(r, -1, 1)
    return found
