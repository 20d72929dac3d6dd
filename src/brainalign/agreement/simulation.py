"""A score table whose structure is known, to see whether a method finds it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from brainalign.agreement.aggregation import explained_from_spread
from brainalign.agreement.score_table import ScoreTable

__all__ = ["PlantedTable", "simulate_scores"]


@dataclass(frozen=True, eq=False)
class PlantedTable:
    """A simulated table with what was planted in it.

    Attributes
    ----------
    table : ScoreTable
        Categories "neural" and "behavior".
    mean_correlation : float
        Expected mean Pearson correlation of two different metrics.
    correlation : float
        Expected correlation of the two categories' means.
    spread_ratio : float
        Expected spread of the neural mean over that of the behavioral one.
    explained : tuple of float
        Variance of the overall mean that the neural and the behavioral mean explain.
    """

    table: ScoreTable
    mean_correlation: float
    correlation: float
    spread_ratio: float
    explained: tuple[float, float]


def simulate_scores(
    *,
    n_models: int = 80,
    n_neural: int = 35,
    n_behavioral: int = 34,
    shared: float = 0.28,
    correlation: float = 0.385,
    spread_ratio: float = 0.267,
    n_families: int = 16,
    family_share: float = 0.5,
    generator: np.random.Generator,
) -> PlantedTable:
    """Scores made of one factor for each category and noise of each metric.

    Parameters
    ----------
    n_models, n_neural, n_behavioral : int
        Models, and metrics of the two categories.
    shared : float
        Share of a metric's variance that comes from the factor of its category, above 0 and below 1: the expected
        correlation of two metrics of one category.
    correlation, spread_ratio : float
        Of the means of both categories, neural over behavioral. The defaults are what the published 95.25 % and 33.33 %
        imply.
    n_families : int
        Families of models; each model belongs to one, as evenly as possible.
    family_share : float
        Share of the factors' variance that models of a family have in common, in [0, 1].
    generator : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    PlantedTable

    Raises
    ------
    ValueError
        For shares out of range, or a correlation of means that their noise does not allow.

    Notes
    -----
    score = 0.4 + spread_c (sqrt(shared) f_c + sqrt(1 - shared) noise), with unit factors that correlate at
    rho. The mean of m metrics has the variance spread_c^2 v_m, v_m = shared + (1 - shared) / m; two means correlate at
    rho shared / sqrt(v_neural v_behavioral), from which rho follows.
    """
    v_neural, v_behavioral = (shared + (1 - shared) / n for n in (n_neural, n_behavioral))
    rho = correlation * np.sqrt(v_neural * v_behavioral) / shared if shared > 0 else np.inf
    if not (0 < shared < 1 and 0 <= family_share <= 1 and abs(rho) <= 1 and spread_ratio > 0 and n_families >= 1):
        msg = (
            f"shared must lie between 0 and 1 (got {shared}), family_share in [0, 1] (got {family_share}), "
            f"spread_ratio and n_families above 0, and the factors' correlation {rho:.2f} within -1 and 1: raise "
            "shared or lower correlation."
        )
        raise ValueError(msg)
    families = np.arange(n_models) % n_families
    root = np.linalg.cholesky(np.array([[1, rho], [rho, 1]]) + 1e-12 * np.eye(2))
    of_family = generator.standard_normal((n_families, 2))[families]
    own = generator.standard_normal((n_models, 2))
    factors = (np.sqrt(family_share) * of_family + np.sqrt(1 - family_share) * own) @ root.T
    # Spreads of the single metrics, such that the means have the spread asked for; the behavioral ones are 0.1.
    spreads = (0.1 * spread_ratio * np.sqrt(v_behavioral / v_neural), 0.1)
    blocks = [
        0.4
        + spread * (np.sqrt(shared) * factor[:, None] + np.sqrt(1 - shared) * generator.standard_normal((n_models, n)))
        for spread, factor, n in zip(spreads, factors.T, (n_neural, n_behavioral), strict=True)
    ]
    n_metrics = n_neural + n_behavioral
    within = n_neural * (n_neural - 1) + n_behavioral * (n_behavioral - 1)
    mean_correlation = shared * (within + 2 * n_neural * n_behavioral * rho) / (n_metrics * (n_metrics - 1))
    return PlantedTable(
        _as_table(np.hstack(blocks), n_neural, families),
        float(mean_correlation),
        correlation,
        spread_ratio,
        explained_from_spread(spread_ratio, correlation),
    )


def _as_table(values: np.ndarray, n_neural: int, families: np.ndarray) -> ScoreTable:
    n_models, n_metrics = values.shape
    names = [f"neural {i + 1}" if i < n_neural else f"behavior {i + 1 - n_neural}" for i in range(n_metrics)]
    models = [f"model {i + 1}" for i in range(n_models)]
    metrics = pd.DataFrame({"category": [name.split()[0] for name in names], "parent": None}, index=names)
    named = pd.Series([f"family {family + 1}" for family in families], index=models)
    return ScoreTable(pd.DataFrame(values, index=models, columns=names), metrics, named)
