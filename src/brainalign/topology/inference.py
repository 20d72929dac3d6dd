"""Inference for designed comparisons: treatments within blocks, with the trained model as the unit."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from brainalign.numeric import as_doubles

Array = NDArray[np.float64]

_EXACT_UP_TO = 16  # 2^16 sign patterns are done in a moment


def block_design(values: pd.Series, treatments: Mapping[str, str], blocks: Mapping[str, str]) -> pd.DataFrame:
    """Arrange one value per model as a table of blocks by treatments.

    Parameters
    ----------
    values : Series indexed by model
        What was measured.
    treatments, blocks : mapping of str to str
        Treatment and block of every model.

    Returns
    -------
    DataFrame of shape (n_blocks, n_treatments)
        In the order in which blocks and treatments first appear. Blocks in which a model is missing are left out, so
        that a model that failed does not bend the comparison of the others.

    Raises
    ------
    ValueError
        When a model has no treatment or block, two models share both, or no block is complete.
    """
    unplaced = [name for name in values.index if name not in treatments or name not in blocks]
    if unplaced:
        msg = f"no treatment or block is given for {', '.join(map(str, unplaced))}."
        raise ValueError(msg)
    places = pd.MultiIndex.from_arrays(
        [[blocks[name] for name in values.index], [treatments[name] for name in values.index]],
        names=["block", "treatment"],
    )
    if places.has_duplicates:
        msg = f"two models have the same block and treatment: {', '.join(places[places.duplicated()][0])}."
        raise ValueError(msg)
    order = list(dict.fromkeys(places.get_level_values(1)))
    rows = list(dict.fromkeys(places.get_level_values(0)))
    table = pd.Series(values.to_numpy(dtype=np.float64), index=places).unstack().loc[rows, order].dropna()
    if not len(table):
        msg = f"no block has all of {', '.join(order)}."
        raise ValueError(msg)
    return table


@dataclass(frozen=True)
class TreatmentEffect:
    """Whether the mean differs between treatments, beyond blocks and chance.

    Attributes
    ----------
    F : float
        Mean square of treatments over that of the residuals.
    p : float
        Share of the permutations within blocks whose F is as large, the observed order included.
    shares : Series
        Share of the variance of ``blocks``, ``treatments`` and ``residual``; they sum to 1. That of treatments is above
        0 also where they do nothing, by `chance_share` on average.
    omega_squared : float
        Share of the variance of the treatments without what chance gives them; 0 on average where they do nothing, and
        below 0 by chance.
    chance_share : float
        Share that treatments without any effect have of what is not due to blocks, on average.
    """

    F: float
    p: float
    shares: pd.Series
    omega_squared: float
    chance_share: float


def treatment_effect(values: pd.DataFrame, *, n_permutations: int, generator: np.random.Generator) -> TreatmentEffect:
    """Permutation test of the differences between treatments in a complete block design.

    Parameters
    ----------
    values : DataFrame of shape (n_blocks, n_treatments)
        One value per block and treatment. A block is what the treatments have in common, for example the first weights
        and the data of a seed in one size.
    n_permutations : int
        How many random rearrangements of the treatments within every block are drawn, at least 1.
    generator : numpy.random.Generator
        Source of the rearrangements.

    Returns
    -------
    TreatmentEffect

    Raises
    ------
    ValueError
        With fewer than two blocks or treatments, or a value that is missing.

    Notes
    -----
    If the treatment did nothing, the values of a block could have come in any order; nothing is assumed about their
    distribution or about differences between blocks (Anderson and ter Braak 2003, Journal of Statistical Computation
    and Simulation 73). omega^2 = (SS_treatments - df_treatments MS_residual) / (SS_total + MS_residual) (Olejnik and
    Algina 2003, Psychological Methods 8).
    """
    table = _complete(values)
    if n_permutations < 1:
        msg = f"n_permutations = {n_permutations} leaves no test; give at least 1."
        raise ValueError(msg)
    blocks, treatments, residual = _sums_of_squares(table)
    if treatments + residual == 0:
        msg = "all treatments have the same value in every block; there is nothing to test."
        raise ValueError(msg)
    n_blocks, n_treatments = table.shape
    drawn = generator.permuted(np.broadcast_to(table, (n_permutations, *table.shape)), axis=-1)
    null = drawn.mean(axis=1).var(axis=-1)  # grows with F: blocks and the total are the same in every rearrangement
    observed = table.mean(axis=0).var()
    p = (1 + np.count_nonzero(null >= observed * (1 - 1e-12))) / (1 + n_permutations)
    free, free_residual = n_treatments - 1, (n_blocks - 1) * (n_treatments - 1)
    error = residual / free_residual
    ratio = treatments / free / error if residual else np.inf
    sums = pd.Series({"blocks": blocks, "treatments": treatments, "residual": residual})
    by_chance = free / (free + free_residual) * (treatments + residual) / sums.sum()
    return TreatmentEffect(float(ratio), float(p), sums / sums.sum(), _omega_squared(table), float(by_chance))


def effect_difference(
    first: pd.DataFrame, second: pd.DataFrame, *, n_draws: int, generator: np.random.Generator
) -> tuple[float, float, float]:
    """By how much treatments move one outcome more than another, with an interval over blocks.

    Two effects are not compared by their p-values: one may pass a threshold and the other fail it, and they may not
    differ.

    Parameters
    ----------
    first, second : DataFrame of shape (n_blocks, n_treatments)
        Two outcomes of the same blocks and treatments.
    n_draws : int
        Bootstrap draws of blocks, at least 1.
    generator : numpy.random.Generator
        Source of the draws.

    Returns
    -------
    difference, low, high : float
        omega squared of the first less that of the second, and the middle 95 % of the draws.

    Raises
    ------
    ValueError
        For outcomes of other shapes, or as in `treatment_effect`.
    """
    tables = [_complete(values) for values in (first, second)]
    if tables[0].shape != tables[1].shape or n_draws < 1:
        msg = (
            f"outcomes have shapes {tables[0].shape} and {tables[1].shape}, which must agree; n_draws = {n_draws} >= 1."
        )
        raise ValueError(msg)
    n_blocks = len(tables[0])
    chosen = [generator.integers(n_blocks, size=n_blocks) for _ in range(n_draws)]
    chosen = [rows for rows in chosen if len(np.unique(rows)) > 1]
    drawn = [_omega_squared(tables[0][rows]) - _omega_squared(tables[1][rows]) for rows in chosen]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return _omega_squared(tables[0]) - _omega_squared(tables[1]), float(low), float(high)


def _omega_squared(table: NDArray[np.float64]) -> float:
    blocks, treatments, residual = _sums_of_squares(table)
    free = table.shape[1] - 1
    error = residual / ((len(table) - 1) * free)
    total = blocks + treatments + residual + error
    return float((treatments - free * error) / total) if total else 0.0


def paired_contrasts(values: pd.DataFrame, pairs: Sequence[tuple[str, str]], *, level: float = 0.95) -> pd.DataFrame:
    """Differences between pairs of treatments, block by block, corrected for their number.

    Parameters
    ----------
    values : DataFrame of shape (n_blocks, n_treatments)
        As in `treatment_effect`.
    pairs : sequence of (str, str)
        Columns to compare; the difference is the first minus the second.
    level : float
        Coverage of the interval, between 0 and 1.

    Returns
    -------
    DataFrame with one row per pair
        ``first``, ``second``, ``difference`` (mean over blocks), ``low`` and ``high`` (interval of Student's t),
        ``effect`` (mean difference in standard deviations of the differences; not a number when they are all equal),
        ``blocks_above`` (in how many blocks the first is larger), ``p`` (sign flips), ``p_holm`` and ``p_bh``.

    Raises
    ------
    ValueError
        With fewer than two blocks, a missing value, an unknown column, or no pair.
    """
    table = pd.DataFrame(_complete(values), columns=values.columns)
    unknown = sorted({name for pair in pairs for name in pair} - set(table.columns))
    if unknown or not pairs:
        msg = f"pairs must name columns of the table ({', '.join(table.columns)}): got {', '.join(unknown) or 'none'}."
        raise ValueError(msg)
    rows = []
    for first, second in pairs:
        differences = (table[first] - table[second]).to_numpy()
        rows.append({"first": first, "second": second, **_summary(differences, level)})
    found = pd.DataFrame(rows)
    return found.assign(p_holm=holm(found["p"]), p_bh=stats.false_discovery_control(found["p"]))


def sign_flip_p(differences: ArrayLike) -> float:
    """Two-sided p-value of a mean difference of pairs, from all patterns of signs.

    Parameters
    ----------
    differences : array_like of shape (n,)
        One difference per pair, 2 to 16 of them.

    Returns
    -------
    float
        Share of the 2^n patterns of signs whose mean is as far from 0; never below 2 / 2^n.

    Raises
    ------
    ValueError
        With fewer or more pairs, or a value that is not finite.

    Notes
    -----
    Exact if a pair's difference is as likely to have the other sign (Fisher 1935, The Design of Experiments).
    """
    differences = as_doubles(differences, name="differences")
    if differences.ndim != 1 or not 2 <= differences.size <= _EXACT_UP_TO or not np.isfinite(differences).all():
        msg = f"give 2 to {_EXACT_UP_TO} finite differences: got shape {differences.shape}."
        raise ValueError(msg)
    signs = np.array(list(itertools.product((1.0, -1.0), repeat=differences.size)))
    means = np.abs(signs @ differences)
    return float(np.mean(means >= means[0] * (1 - 1e-12)))


def holm(p: ArrayLike) -> Array:
    """Holm's adjusted p-values: below alpha for some false alarm in a share alpha of all families at most.

    Parameters
    ----------
    p : array_like of shape (n,)
        P-values of one family of tests, from 0 to 1.

    Returns
    -------
    ndarray of shape (n,)
        Adjusted values, from p to 1, in the order given.

    References
    ----------
    Holm 1979, Scandinavian Journal of Statistics 6.
    """
    p = as_doubles(p, name="p")
    if p.ndim != 1 or not p.size or not ((p >= 0) & (p <= 1)).all():
        msg = f"p-values must be numbers from 0 to 1, at least one: got {p}."
        raise ValueError(msg)
    order = np.argsort(p)
    adjusted = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)))
    return adjusted[np.argsort(order)]


def _summary(differences: Array, level: float) -> dict[str, float]:
    n, mean, sd = differences.size, differences.mean(), differences.std(ddof=1)
    half = stats.t.ppf((1 + level) / 2, n - 1) * sd / np.sqrt(n)
    return {
        "difference": mean,
        "low": mean - half,
        "high": mean + half,
        "effect": mean / sd if sd > 0 else np.nan,
        "blocks_above": int(np.count_nonzero(differences > 0)),
        "p": sign_flip_p(differences),
    }


def _sums_of_squares(table: Array) -> tuple[float, float, float]:
    centred = table - table.mean()
    blocks = table.shape[1] * np.sum(centred.mean(axis=1) ** 2)
    treatments = table.shape[0] * np.sum(centred.mean(axis=0) ** 2)
    residual = centred - centred.mean(axis=1, keepdims=True) - centred.mean(axis=0)
    return float(blocks), float(treatments), float(np.sum(residual**2))


def _complete(values: pd.DataFrame) -> Array:
    table = values.to_numpy(dtype=np.float64)
    if table.ndim != 2 or min(table.shape) < 2:
        msg = f"a block design needs at least 2 blocks and 2 treatments: got {table.shape}."
        raise ValueError(msg)
    missing = int(np.count_nonzero(~np.isfinite(table)))
    if missing:
        msg = f"{missing} values of the design are missing or not finite; leave the whole block out."
        raise ValueError(msg)
    return table
