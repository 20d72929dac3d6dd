"""Calibration: what each statistic of the study finds in simulated brains whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest

from brainalign.datasets.cortex import Drive, autoregressive_noise, simulate_cortex
from brainalign.encoding.delays import delay
from brainalign.encoding.modality import compare_modalities
from brainalign.encoding.network_maps import match_networks, rotated_maps, shifted_maps, system_scores
from brainalign.encoding.polarity import polarity
from brainalign.encoding.redundancy import redundancy
from brainalign.encoding.ridge import fit_ridge
from brainalign.encoding.splits import contiguous_folds

DELAY = 1
"""Volumes by which the simulated parcels come later than their sources."""

# Sources 0 to 3 belong to pictures, 4 to 7 to text; sources 0 and 4 to the first of four layers, and so on.
_N_LAYERS, _N_SOURCES, _NEURONS_A_LAYER = 4, 8, 6
_PICTURE, _TEXT = slice(0, _N_LAYERS), slice(_N_LAYERS, _N_SOURCES)
_MAP_SOURCE, _IDLE_SOURCE = 1, 6
_GAIN = 0.5
_PLAN = (
    Drive(1, "visual", _GAIN, DELAY),
    Drive(4, "language", _GAIN, DELAY),
    Drive(2, "attention", _GAIN, DELAY),
    Drive(5, "attention", _GAIN, DELAY),
    Drive(0, "default mode", _GAIN, DELAY),
    Drive(4, "default mode", _GAIN, DELAY),
    Drive(3, "default mode", -_GAIN, DELAY),
    Drive(7, "default mode", -_GAIN, DELAY),
)
_DELAYS = (0, 1, 2)
_PENALTY = 10.0
_N_FOLDS, _N_EXCHANGES, _N_SURROGATES = 3, 199, 39
_MEMORY, _LONG_MEMORY = 0.4, 0.8
_MARGIN = 15  # volumes after which nothing is left of that memory


Means = dict[str, NDArray[np.float64]]
"""Mean time course of the parcels of every system."""

PValues = dict[str, tuple[float, float]]
"""By statistic: p where the plan has the effect, and p where the plan has its decoy."""


@dataclass(frozen=True)
class _Setting:
    systems: dict[str, NDArray[np.bool_]]
    orders: NDArray[np.int64]
    n_volumes: int


def calibrate(
    systems: dict[str, NDArray[np.bool_]],
    orders: NDArray[np.int64],
    *,
    n_simulations: int,
    n_volumes: int = 300,
    generator: np.random.Generator,
) -> pd.DataFrame:
    """P values of every statistic, in simulated brains where it should and where it should not find something.

    Parameters
    ----------
    systems : dict of str to ndarray of bool, of shape (n_parcels,)
        From `brainalign.datasets.surfaces.study_systems`.
    orders : ndarray of int, of shape (n_draws, n_parcels)
        Rotations from `spin_parcels`.
    n_simulations : int
        Simulated brains of each kind, 1 or more.
    n_volumes : int
        Length of each, 120 or more.
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
        Sizes below those.

    Notes
    -----
    Decoys: of prediction, parcels that nothing drives in a cortex where others are driven; of the match of maps, the
    map of a source that drives nothing; of redundancy, neurons that share nothing but are slow; of polarity, a system
    that one layer drives, with one sign; of modality, a system that pictures and text drive alike.
    """
    if n_simulations < 1 or n_volumes < 120:
        msg = f"n_simulations = {n_simulations} must be 1 or more, n_volumes = {n_volumes} 120 or more."
        raise ValueError(msg)
    setting = _Setting(systems, orders, n_volumes)
    rows = [row for _ in range(n_simulations) for row in _one_simulation(setting, generator)]
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


def _one_simulation(setting: _Setting, generator: np.random.Generator) -> list[tuple[str, str, float]]:
    sources = autoregressive_noise((setting.n_volumes, _N_SOURCES), _MEMORY, generator)
    rows = []
    for truth, plan in (("planted", _PLAN), ("nothing", ())):
        cortex = simulate_cortex(sources, plan, setting.systems, spread=0.0, generator=generator)
        means = {name: cortex.responses[:, system].mean(axis=1) for name, system in setting.systems.items()}
        found = _of_prediction(sources, means) | _of_maps(setting, sources, cortex.responses)
        found |= _of_polarity(sources, means) | _of_modality(sources, means, generator)
        for statistic, (p_effect, p_decoy) in found.items():
            rows.append((statistic, truth, p_effect))
            if truth == "planted":
                rows.append((statistic, "decoy", p_decoy))
    return rows + _of_redundancy(setting, sources, generator)


def _of_prediction(sources: NDArray, means: Means) -> PValues:
    names = ["language", "others"]
    responses = np.stack([means[name] for name in names], axis=1)
    folds = contiguous_folds(len(sources), _N_FOLDS, gap=len(_DELAYS) - 1)
    systems = {name: np.arange(2) == column for column, name in enumerate(names)}
    delayed = delay(sources, _DELAYS)
    p = system_scores(delayed, responses, systems, folds, penalty=_PENALTY, margin=_MARGIN)["p"]
    return {"prediction": (p["language"], p["others"])}


def _of_maps(setting: _Setting, sources: NDArray, responses: NDArray) -> PValues:
    sizes = {"n_delays": len(_DELAYS), "penalty": _PENALTY, "margin": _MARGIN}
    maps, null = shifted_maps(delay(sources, _DELAYS), responses, **sizes)
    chosen, visual = [_MAP_SOURCE, _IDLE_SOURCE], {"visual": setting.systems["visual"]}
    draws = {"shifts": null[:, chosen], "rotations": rotated_maps(maps[chosen], setting.orders)}
    return {f"match of maps, {name}": tuple(match_networks(maps[chosen], visual, d)["p"]) for name, d in draws.items()}


def _of_polarity(sources: NDArray, means: Means) -> PValues:
    layers, loadings = np.arange(_N_SOURCES) % _N_LAYERS, np.eye(_N_SOURCES)
    delayed = delay(sources, (DELAY,))
    both, one_sign = (
        polarity(delayed, loadings, layers, means[system], penalty=_PENALTY, margin=_MARGIN).p_value
        for system in ("default mode", "language")
    )
    return {"polarity": (both, one_sign)}


def _of_modality(sources: NDArray, means: Means, generator: np.random.Generator) -> PValues:
    responses = np.stack([means[name] for name in ("visual", "attention")], axis=1)
    half = len(sources) // 2
    guesses = []
    for part in (_PICTURE, _TEXT):
        delayed = delay(sources[:, part], _DELAYS)
        guesses.append(fit_ridge(delayed[:half], responses[:half], penalties=(_PENALTY,)).predict(delayed[half:]))
    options = {"block": _MARGIN, "n_draws": _N_EXCHANGES, "generator": generator}
    return {"modality": tuple(compare_modalities(*guesses, responses[half:], **options).p_values)}


def _of_redundancy(
    setting: _Setting, sources: NDArray[np.float64], generator: np.random.Generator
) -> list[tuple[str, str, float]]:
    shape = (setting.n_volumes, _N_LAYERS * _NEURONS_A_LAYER)
    together = np.repeat(sources, shape[1] // _N_SOURCES, axis=1) + autoregressive_noise(shape, _MEMORY, generator)
    units = {"planted": together, "nothing": autoregressive_noise(shape, _MEMORY, generator)}
    units["decoy"] = autoregressive_noise(shape, _LONG_MEMORY, generator)
    return [
        ("redundancy", truth, redundancy(activations, n_draws=_N_SURROGATES, generator=generator).p_value)
        for truth, activations in units.items()
    ]
