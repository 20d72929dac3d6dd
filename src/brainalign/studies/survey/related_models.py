"""Correlations over models that are related: families, not models, are the evidence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from brainalign.studies.survey.accuracy import (
    check_pair,
    correlation_with_interval,
    correlations_of_many,
    partial_correlation,
    pearson,
)

Array = NDArray[np.float64]
Method = Literal["pearson", "spearman"]

_EXACT_UP_TO = 50_000  # all orders of eight families are 40,320


@dataclass(frozen=True)
class PermutedCorrelation:
    """A correlation beside those of rearranged data.

    Attributes
    ----------
    r : float
        From -1 to 1.
    n : int
        Number of values it was computed over: families, or models.
    p : float
        Share of the rearrangements whose correlation is as far from 0, the observed order included.
    least_p : float
        The smallest p that so many rearrangements allow.
    """

    r: float
    n: int
    p: float
    least_p: float


def bootstrap_correlation(
    x: ArrayLike,
    y: ArrayLike,
    *,
    generator: np.random.Generator,
    method: Method = "spearman",
    families: ArrayLike | None = None,
    n_draws: int = 2000,
    level: float = 0.95,
) -> tuple[float, float, float]:
    """Correlation with an interval from resampled models, or from resampled families of models.

    Parameters
    ----------
    x, y : array_like of shape (n_models,)
        One value per model each.
    generator : numpy.random.Generator
        Source of randomness.
    method : {"spearman", "pearson"}
        Of ranks, or of the values themselves.
    families : array_like of shape (n_models,), optional
        Family of every model. Whole families are drawn then: models of one family are alike, and their number is not
        evidence.
    n_draws : int
        Number of resamples.
    level : float
        Coverage of the interval.

    Returns
    -------
    r, low, high : float
        The correlation and quantiles of the resampled ones. Resamples in which x or y does not vary are left out.

    Raises
    ------
    ValueError
        As `correlation_with_interval`; also for fewer than 3 families, an unknown method or no draws.
    """
    x, y = check_pair(x, y)
    if method not in get_args(Method) or n_draws < 1 or not 0 < level < 1:
        msg = f"method = {method!r}, n_draws = {n_draws}, level = {level}: choose spearman or pearson, 1 draw or more."
        raise ValueError(msg)
    codes = np.arange(len(x)) if families is None else _codes(families, len(x))
    members = [np.flatnonzero(codes == code) for code in range(codes.max() + 1)]
    if len(members) < 3:
        msg = f"{len(members)} families cannot be resampled; give at least 3."
        raise ValueError(msg)
    correlate = pearson if method == "pearson" else _spearman
    found = []
    for chosen in generator.integers(len(members), size=(n_draws, len(members))):
        rows = np.concatenate([members[family] for family in chosen])
        if np.ptp(x[rows]) > 0 and np.ptp(y[rows]) > 0:
            found.append(correlate(x[rows], y[rows]))
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return correlate(x, y), float(low), float(high)


def between_families(
    x: ArrayLike, y: ArrayLike, families: ArrayLike, *, generator: np.random.Generator, n_permutations: int = 9999
) -> PermutedCorrelation:
    """Correlation of the families' means: the family is the unit, however many models it has.

    Parameters
    ----------
    x, y : array_like of shape (n_models,)
        One value per model each.
    families : array_like of shape (n_models,)
        Family of every model.
    generator : numpy.random.Generator
        Source of the rearrangements; not used where all of them are done (up to 8 families).
    n_permutations : int
        Random orders of the families otherwise.

    Returns
    -------
    PermutedCorrelation

    Raises
    ------
    ValueError
        As `correlation_with_interval`, for families instead of models.
    """
    x, y = check_pair(x, y)
    means = pd.DataFrame({"x": x, "y": y}).groupby(_codes(families, len(x))).mean()
    a, b = check_pair(means["x"], means["y"], what="families")
    if math.factorial(len(a)) <= _EXACT_UP_TO:
        orders = np.array(list(permutations(range(len(a)))))
        null = correlations_of_many(a, b[orders])
        p = np.mean(np.abs(null) >= abs(pearson(a, b)) - 1e-12)
        return PermutedCorrelation(pearson(a, b), len(a), float(p), 1 / len(orders))
    null = correlations_of_many(a, generator.permuted(np.broadcast_to(b, (n_permutations, len(b))), axis=1))
    return _against_null(pearson(a, b), null, len(a))


def within_families(
    x: ArrayLike, y: ArrayLike, families: ArrayLike, *, generator: np.random.Generator, n_permutations: int = 9999
) -> PermutedCorrelation:
    """Correlation inside families: of the deviations from each family's mean, rearranged within families only.

    Parameters
    ----------
    x, y : array_like of shape (n_models,)
        One value per model each.
    families : array_like of shape (n_models,)
        Family of every model, or whatever else is to be held fixed: objective, block, size.
    generator : numpy.random.Generator
        Source of the rearrangements.
    n_permutations : int
        Number of random rearrangements.

    Returns
    -------
    PermutedCorrelation

    Raises
    ------
    ValueError
        As `correlation_with_interval`; also when nothing varies inside any family.
    """
    x, y = check_pair(x, y)
    codes = _codes(families, len(x))
    left = pd.DataFrame({"x": x, "y": y})
    left -= left.groupby(codes).transform("mean")
    if (left.std(ddof=0) < 1e-12 * np.array([x.std(), y.std()])).any():
        msg = "inside families nothing varies; give families of two models or more that differ."
        raise ValueError(msg)
    a, b = left["x"].to_numpy(), left["y"].to_numpy()
    drawn = np.broadcast_to(b, (n_permutations, len(b))).copy()
    for code in range(codes.max() + 1):
        inside = codes == code
        drawn[:, inside] = generator.permuted(drawn[:, inside], axis=1)
    return _against_null(pearson(a, b), correlations_of_many(a, drawn), len(a))


def correlate_scores(
    scores: pd.DataFrame,
    accuracy: pd.Series,
    families: Mapping[str, str],
    n_heads: Mapping[str, int],
    *,
    generator: np.random.Generator,
    n_draws: int = 2000,
) -> pd.DataFrame:
    """Correlation of accuracy with several scores, taken in every way that related models allow.

    Parameters
    ----------
    scores : DataFrame of shape (n_models, n_scores)
        Indexed by model, one kind of score per column.
    accuracy : Series
        Accuracy by model.
    families : mapping of str to str
        Family of every model, at least 4 families.
    n_heads : mapping of str to int
        Number of heads of every model, not the same for all.
    generator : numpy.random.Generator
        Source of resamples and rearrangements.
    n_draws : int
        Number of each.

    Returns
    -------
    DataFrame with one row per kind of score
        ``r``, ``low``, ``high``, ``p`` (Pearson, as if models were independent); ``rho``, ``rho_low``, ``rho_high``
        (Spearman, families resampled); ``partial`` (Pearson given the logarithm of the number of heads); ``between``,
        ``p_between`` and ``within``, ``p_within`` (see `between_families` and `within_families`).

    Raises
    ------
    ValueError
        As the functions that it calls.
    """
    known = accuracy.reindex(scores.index).to_numpy(dtype=np.float64)
    family = np.array([families[model] for model in scores.index])
    heads = np.log([n_heads[model] for model in scores.index])
    rows = {}
    for name, values in scores.items():
        plain = correlation_with_interval(values, known)
        rho, low, high = bootstrap_correlation(values, known, families=family, n_draws=n_draws, generator=generator)
        between = between_families(values, known, family, generator=generator, n_permutations=n_draws)
        within = within_families(values, known, family, generator=generator, n_permutations=n_draws)
        rows[name] = {
            "r": plain.r, "low": plain.low, "high": plain.high, "p": plain.p,
            "rho": rho, "rho_low": low, "rho_high": high,
            "partial": partial_correlation(values, known, heads).r,
            "between": between.r, "p_between": between.p,
            "within": within.r, "p_within": within.p,
        }  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("score")


def _against_null(r: float, null: Array, n: int) -> PermutedCorrelation:
    as_far = np.count_nonzero(np.abs(null) >= abs(r) - 1e-12)
    return PermutedCorrelation(r, n, float((1 + as_far) / (1 + len(null))), 1 / (1 + len(null)))


def _codes(families: ArrayLike, n_models: int) -> NDArray[np.intp]:
    families = np.asarray(families)
    if families.shape != (n_models,):
        msg = f"give the family of each of {n_models} models: got shape {families.shape}."
        raise ValueError(msg)
    return pd.factorize(families)[0]


def _spearman(x: Array, y: Array) -> float:
    return pearson(stats.rankdata(x), stats.rankdata(y))
