"""Which metrics go together, which stand alone, and what their noise hides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from brainalign.agreement.correlation import Correlations, Method
from brainalign.agreement.score_table import ScoreTable

__all__ = ["Clustering", "cluster_metrics", "consistency", "disattenuated", "mean_by_group", "reliability"]


@dataclass(frozen=True, eq=False)
class Clustering:
    """Metrics in a tree of likeness.

    Attributes
    ----------
    linkage : ndarray of shape (n_metrics - 1, 4)
        Tree in scipy's form; distances are 1 - r.
    labels : Series of length n_metrics
        Number of the cluster of every metric, from 1.
    """

    linkage: NDArray[np.float64]
    labels: pd.Series


def cluster_metrics(found: Correlations, *, n_clusters: int) -> Clustering:
    """Group metrics that rank models alike.

    Parameters
    ----------
    found : Correlations
        Of at least two metrics.
    n_clusters : int
        Into how many groups the tree is cut.

    Returns
    -------
    Clustering

    Raises
    ------
    ValueError
        For a number of clusters that does not fit.

    Notes
    -----
    Average linkage on the distance 1 - r. A correlation that is not defined counts as 0.
    """
    n_metrics = len(found.matrix)
    if not 1 <= n_clusters <= n_metrics or n_metrics < 2:
        msg = (
            f"{n_metrics} metrics cannot be put into {n_clusters} clusters; give 2 metrics or more, and 1 to that many."
        )
        raise ValueError(msg)
    distances = 1 - np.nan_to_num(found.matrix.to_numpy())
    linkage = hierarchy.linkage(squareform(distances, checks=False), method="average")
    labels = hierarchy.fcluster(linkage, n_clusters, criterion="maxclust")
    return Clustering(linkage, pd.Series(labels, index=found.matrix.index, name="cluster"))


def mean_by_group(found: Correlations, groups: pd.Series) -> pd.DataFrame:
    """Mean correlation of two different metrics of one group, and of one metric of one group with one of another.

    Parameters
    ----------
    found : Correlations
    groups : Series
        Group of every metric, by its name.

    Returns
    -------
    DataFrame of shape (n_groups, n_groups)
        In [-1, 1]; groups in the order in which they first come. NaN where no correlation is defined, as for a group of
        one metric with itself.

    Raises
    ------
    ValueError
        When a metric has no group.
    """
    of_metrics = groups.reindex(found.matrix.index)
    if of_metrics.isna().any():
        msg = f"groups names no group of '{of_metrics.index[of_metrics.isna()][0]}'; give one for every metric."
        raise ValueError(msg)
    others = found.matrix.mask(np.eye(len(found.matrix), dtype=bool)).to_numpy()
    names = list(dict.fromkeys(of_metrics))
    members = {name: np.flatnonzero(of_metrics == name) for name in names}
    means = pd.DataFrame(index=names, columns=names, dtype=float)
    for first in names:
        for second in names:
            block = others[np.ix_(members[first], members[second])]
            known = block[~np.isnan(block)]
            means.loc[first, second] = known.mean() if known.size else np.nan
    return means


def consistency(table: ScoreTable, method: Method = "spearman") -> pd.Series:
    """Correlation of every metric with the mean of all others.

    Parameters
    ----------
    table : ScoreTable
        Metrics that are averages of others are left out.
    method : {"spearman", "pearson"}
        Of ranks, or of the scores.

    Returns
    -------
    Series of length n_metrics
        In [-1, 1]; NaN for a constant metric. The mean of the others is that of their z-scores, over those that a model
        has. Known as the corrected item-total correlation.

    Raises
    ------
    ValueError
        When there are fewer than two metrics.
    """
    table = table.leaves()
    if table.scores.shape[1] < 2:
        msg = "consistency needs at least two metrics; the table has one that is not an average of others."
        raise ValueError(msg)
    spread = table.scores.std(ddof=0)
    standard = (table.scores - table.scores.mean()) / spread.where(spread > 0)
    total, n_present = standard.sum(axis=1), standard.notna().sum(axis=1)
    values = {}
    for name, column in standard.items():
        rest = (total - column.fillna(0)) / (n_present - column.notna()).replace(0, np.nan)
        values[name] = column.corr(rest, method=method)
    return pd.Series(values, name="consistency")


def reliability(table: ScoreTable, repeats: pd.Series) -> pd.Series:
    """How well one score of a model predicts another one of the same model, for every metric.

    Parameters
    ----------
    table : ScoreTable
        Every row is one measurement.
    repeats : Series of length n_models
        What each row is a repeat of, for example the recipe of which the rows are training runs with several seeds.
        Rows that repeat nothing are not used.

    Returns
    -------
    Series of length n_metrics
        Intraclass correlation of single measurements, ICC(1) of Shrout and Fleiss: the share of the variance that lies
        between what is repeated. At most 1; 0 is chance, and chance can make it negative.

    Raises
    ------
    ValueError
        When repeats does not cover the rows, or a metric has fewer than two things measured twice.

    References
    ----------
    Shrout, P. E., & Fleiss, J. L. (1979). Intraclass correlations. Psychological Bulletin 86, 420-428.
    """
    if repeats.reindex(table.scores.index).isna().any():
        msg = (
            "repeats must say for every row of the table what it repeats; give rows without repeats names of their own."
        )
        raise ValueError(msg)
    of_rows = repeats.reindex(table.scores.index)
    return pd.Series({name: _intraclass(column.dropna(), of_rows) for name, column in table.scores.items()})


def _intraclass(scores: pd.Series, repeats: pd.Series) -> float:
    groups = scores.groupby(repeats.loc[scores.index])
    sizes = groups.size()
    repeated = sizes.index[sizes > 1]
    if len(repeated) < 2:
        msg = f"'{scores.name}' has {len(repeated)} things with repeated scores; at least 2 are needed."
        raise ValueError(msg)
    sizes, means, within = sizes[repeated], groups.mean()[repeated], groups.var()[repeated]
    n, k = sizes.sum(), len(repeated)
    grand = (sizes * means).sum() / n
    between_square = (sizes * (means - grand) ** 2).sum() / (k - 1)
    within_square = (within * (sizes - 1)).sum() / (n - k)
    typical = (n - (sizes**2).sum() / n) / (k - 1)  # repeats of each, when their numbers differ
    return float((between_square - within_square) / (between_square + (typical - 1) * within_square))


def disattenuated(found: Correlations, of_metrics: pd.Series) -> pd.DataFrame:
    """Correlations that the metrics would have without noise of measurement.

    Parameters
    ----------
    found : Correlations
        Measured ones.
    of_metrics : Series
        Reliability of every metric, see `reliability`.

    Returns
    -------
    DataFrame of shape (n_metrics, n_metrics)
        r / sqrt(reliability of one times that of the other), 1 on the diagonal. Not cut at 1: the ratio of two
        estimates can exceed it. NaN where a reliability is not above 0, or is NaN: all scores are the same.

    Raises
    ------
    ValueError
        When a metric is not among the reliabilities.

    References
    ----------
    Spearman, C. (1904). The proof and measurement of association between two things. American Journal of Psychology 15.
    """
    known = of_metrics.reindex(found.matrix.index)
    missing = known.index.difference(of_metrics.index, sort=False)
    if len(missing):
        msg = f"there is no reliability of '{missing[0]}'; give one for every metric."
        raise ValueError(msg)
    root = np.sqrt(known.where(known > 0)).to_numpy()
    corrected = found.matrix.to_numpy() / np.outer(root, root)
    np.fill_diagonal(corrected, 1)
    return pd.DataFrame(corrected, found.matrix.index, found.matrix.columns)
