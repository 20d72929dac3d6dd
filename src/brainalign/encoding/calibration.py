"""Calibration: how often each statistic of the study calls something in simulated brains whose truth is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest

from brainalign.datasets.cortex import autoregressive_noise, simulate_cortex
from brainalign.encoding import trials

STATISTICS: dict[str, Callable[[trials.Trial], trials.Calls]] = {
    "prediction": trials.of_prediction,
    "shifted predictions": trials.of_shifted_predictions,
    "match of maps": trials.of_maps,
    "redundancy": trials.of_redundancy,
    "removal": trials.of_removal,
    "polarity": trials.of_polarity,
    "modality": trials.of_modality,
}
"""What can be calibrated; some have several variants, which get a row each."""

_FEWEST_VOLUMES = 120


def calibrate(
    statistic: str,
    systems: dict[str, NDArray[np.bool_]],
    *,
    n_simulations: int,
    n_volumes: int = 300,
    orders: NDArray[np.int64] | None = None,
    generator: np.random.Generator,
) -> pd.DataFrame:
    """P values of one statistic, in simulated brains where it should and where it should not find something.

    Parameters
    ----------
    statistic : str
        One of `STATISTICS`.
    systems : dict of str to ndarray of bool, of shape (n_parcels,)
        From `brainalign.datasets.surfaces.study_systems`.
    n_simulations : int
        Simulated brains of each kind, 1 or more.
    n_volumes : int
        Length of each, 120 or more.
    orders : ndarray of int, of shape (n_draws, n_parcels), optional
        Rotations from `brainalign.encoding.spin_parcels`; the match of maps is tried with them as well if they are
        there.
    generator : Generator
        Source of everything.

    Returns
    -------
    DataFrame
        Columns ``statistic``, ``truth`` and ``p``, one row a simulation. ``truth`` is ``"planted"`` (the effect is
        there), ``"nothing"`` (nothing drives the cortex, units share nothing) or ``"decoy"`` (something else is there,
        see Notes).

    Raises
    ------
    ValueError
        An unknown statistic, or sizes below those.

    Notes
    -----
    Decoys: of prediction, parcels that nothing drives in a cortex where others are driven; of the match of maps, the
    map of a source that drives nothing; of redundancy, neurons that share nothing but are slow; of removal, units that
    share nothing and of which most are idle; of polarity, a system that one layer drives, with one sign; of modality,
    a system that pictures and text drive alike.
    """
    if statistic not in STATISTICS:
        msg = f"there is no statistic '{statistic}'; there are: {', '.join(STATISTICS)}."
        raise ValueError(msg)
    if n_simulations < 1 or n_volumes < _FEWEST_VOLUMES:
        msg = f"n_simulations = {n_simulations} must be 1 or more, n_volumes = {n_volumes} {_FEWEST_VOLUMES} or more."
        raise ValueError(msg)
    rows = []
    for _ in range(n_simulations):
        sources = autoregressive_noise((n_volumes, trials.N_SOURCES), trials.MEMORY, generator)
        planted, nothing = (
            simulate_cortex(sources, plan, systems, spread=0.0, generator=generator).responses
            for plan in (trials.PLAN, ())
        )
        trial = trials.Trial(sources, planted, nothing, systems, orders, generator)
        rows += STATISTICS[statistic](trial)
    return pd.DataFrame(rows, columns=["statistic", "truth", "p"])


def rejection_rates(p_values: pd.DataFrame, *, level: float = 0.05) -> pd.DataFrame:
    """How often each statistic calls something at a level.

    Parameters
    ----------
    p_values : DataFrame
        From `calibrate`.
    level : float
        Nominal rate of false calls.

    Returns
    -------
    DataFrame
        Columns ``statistic``, ``truth``, ``rate``, and ``low`` and ``high``, its exact 95 % confidence limits. Power
        where the truth is planted, rate of false calls elsewhere.
    """
    rows = []
    for (statistic, truth), p in p_values.groupby(["statistic", "truth"], sort=False)["p"]:
        found = binomtest(int((p <= level).sum()), len(p))
        limits = found.proportion_ci()
        rows.append((statistic, truth, found.statistic, limits.low, limits.high))
    return pd.DataFrame(rows, columns=["statistic", "truth", "rate", "low", "high"])
