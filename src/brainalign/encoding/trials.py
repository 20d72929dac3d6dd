"""One simulated brain, put to each statistic: where its effect is planted, where nothing is, and where a decoy is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainalign.datasets.cortex import Drive, autoregressive_noise
from brainalign.encoding.delays import delay
from brainalign.encoding.depth import mirror_test, opposed_ends
from brainalign.encoding.encoding_model import fit_encoding
from brainalign.encoding.modality import compare_modalities
from brainalign.encoding.network_maps import match_networks, rotated_maps, shifted_maps, system_scores
from brainalign.encoding.polarity import polarity
from brainalign.encoding.redundancy import redundancy
from brainalign.encoding.removal import removal_test
from brainalign.encoding.ridge import fit_ridge
from brainalign.encoding.significance import p_values
from brainalign.encoding.splits import Split, contiguous_folds

DELAY = 1
"""Volumes by which the simulated parcels come later than their sources."""

# Sources 0 to 3 belong to pictures, 4 to 7 to text; sources 0 and 4 to the first of four layers, and so on.
N_SOURCES = 8
_N_LAYERS, _NEURONS_A_LAYER = 4, 6
_PICTURE, _TEXT = slice(0, _N_LAYERS), slice(_N_LAYERS, N_SOURCES)
_MAP_SOURCE, _IDLE_SOURCE = 1, 6
_GAIN = 0.5
PLAN = (
    Drive(1, "visual", _GAIN, DELAY),
    Drive(4, "language", _GAIN, DELAY),
    Drive(2, "attention", _GAIN, DELAY),
    Drive(5, "attention", _GAIN, DELAY),
    Drive(0, "default mode", _GAIN, DELAY),
    Drive(4, "default mode", _GAIN, DELAY),
    Drive(3, "default mode", -_GAIN, DELAY),
    Drive(7, "default mode", -_GAIN, DELAY),
)
"""What drives the planted cortex."""

MEMORY = 0.4
"""Correlation of the sources from volume to volume."""

_LONG_MEMORY = 0.8
_MARGIN = 15  # volumes after which nothing is left of that memory
_DELAYS = (0, 1, 2)
_PENALTY = 10.0
_N_FOLDS, _N_EXCHANGES, _N_SURROGATES, _N_SHIFTS = 3, 199, 39, 199
_N_REMOVALS, _N_REMOVED, _N_COPIES = 19, 9, 3  # fewer, since every one is a whole curve of fits


Calls = list[tuple[str, str, float]]
"""Statistic, truth and p value."""


@dataclass(frozen=True)
class Trial:
    """One set of sources, a cortex that they drive, and one that nothing drives.

    Attributes
    ----------
    sources : ndarray of shape (n_volumes, 8)
        Time courses.
    planted, nothing : ndarray of shape (n_volumes, n_parcels)
        Responses of both.
    systems : dict of str to ndarray of bool, of shape (n_parcels,)
        Parcels by system.
    orders : ndarray of int, of shape (n_draws, n_parcels), or None
        Rotations.
    generator : Generator
        Source of what the statistics draw.
    """

    sources: NDArray[np.float64]
    planted: NDArray[np.float64]
    nothing: NDArray[np.float64]
    systems: dict[str, NDArray[np.bool_]]
    orders: NDArray[np.int64] | None
    generator: np.random.Generator

    def means(self, truth: str, *systems: str) -> NDArray[np.float64]:
        """Mean responses of some systems, of shape (n_volumes, n_systems)."""
        responses = self.planted if truth == "planted" else self.nothing
        return np.stack([responses[:, self.systems[name]].mean(axis=1) for name in systems], axis=1)


def of_prediction(trial: Trial) -> Calls:
    """Prediction of a system that is driven, and of parcels that nothing drives."""
    folds = contiguous_folds(len(trial.sources), _N_FOLDS, gap=len(_DELAYS) - 1)
    delayed = delay(trial.sources, _DELAYS)
    systems = {name: np.arange(2) == column for column, name in enumerate(("language", "others"))}
    calls = []
    for truth in ("planted", "nothing"):
        responses = trial.means(truth, *systems)
        p = system_scores(delayed, responses, systems, folds, penalty=_PENALTY, margin=_MARGIN)["p"]
        calls += _both("prediction", truth, p["language"], p["others"])
    return calls


def of_shifted_predictions(trial: Trial) -> Calls:
    """The same, with held-out predictions that are shifted after the fit, which is not repeated."""
    folds = contiguous_folds(len(trial.sources), _N_FOLDS, gap=len(_DELAYS) - 1)
    delayed, calls = delay(trial.sources, _DELAYS), []
    for truth in ("planted", "nothing"):
        responses = trial.means(truth, "language", "others")
        for name, predicted in _held_out(delayed, responses, folds).items():
            language, others = p_values(predicted, responses, "circular", _N_SHIFTS, trial.generator)
            calls += _both(f"shifted predictions, {name}", truth, language, others)
    return calls


def _held_out(delayed: NDArray, responses: NDArray, folds: list[Split]) -> dict[str, NDArray[np.float64]]:
    """Held-out predictions, with one penalty for all, and with one chosen inside every training part."""
    fixed = np.empty_like(responses)
    for train, test in folds:
        fixed[test] = fit_ridge(delayed[train], responses[train], penalties=[_PENALTY]).predict(delayed[test])
    nested = fit_encoding(delayed, responses, n_folds=5, gap=_MARGIN, return_weights=False).predictions
    return {"one penalty": fixed, "chosen penalty": nested}


def of_maps(trial: Trial) -> Calls:
    """Match with the visual system of the source that drives it, and of one that drives nothing."""
    chosen, visual = [_MAP_SOURCE, _IDLE_SOURCE], {"visual": trial.systems["visual"]}
    calls = []
    for truth, responses in (("planted", trial.planted), ("nothing", trial.nothing)):
        delayed = delay(trial.sources, _DELAYS)
        maps, null = shifted_maps(delayed, responses, n_delays=len(_DELAYS), penalty=_PENALTY, margin=_MARGIN)
        draws = {"shifts": null[:, chosen]}
        if trial.orders is not None:
            draws["rotations"] = rotated_maps(maps[chosen], trial.orders)
        for name, drawn in draws.items():
            calls += _both(f"match of maps, {name}", truth, *match_networks(maps[chosen], visual, drawn)["p"])
    return calls


def of_redundancy(trial: Trial) -> Calls:
    """Overlap and participation ratio of neurons that share sources, that share nothing, and that are only slow."""
    shape = (len(trial.sources), _N_LAYERS * _NEURONS_A_LAYER)
    noise = autoregressive_noise(shape, MEMORY, trial.generator)
    units = {
        "planted": np.repeat(trial.sources, shape[1] // N_SOURCES, axis=1) + noise,
        "nothing": autoregressive_noise(shape, MEMORY, trial.generator),
        "decoy": autoregressive_noise(shape, _LONG_MEMORY, trial.generator),
    }
    calls = []
    for truth, activations in units.items():
        found = redundancy(activations, n_draws=_N_SURROGATES, generator=trial.generator)
        calls += [("overlap", truth, found.p_overlap), ("participation ratio", truth, found.p_participation)]
    return calls


def of_removal(trial: Trial) -> Calls:
    """Removal of units that say the same, of units that share nothing, and of units of which most are idle."""
    generator, n_volumes = trial.generator, len(trial.sources)
    driving = trial.sources[:, : _N_REMOVED // _N_COPIES]
    copies = np.repeat(driving, _N_COPIES, axis=1)
    alone = autoregressive_noise((n_volumes, _N_REMOVED), MEMORY, generator)
    noise = autoregressive_noise((n_volumes, 1), MEMORY, generator)
    told = {"planted": (copies + 0.3 * alone, driving), "nothing": (alone, alone), "decoy": (alone, alone[:, :2])}
    folds = contiguous_folds(n_volumes, 2, gap=1)
    options = {"penalty": _PENALTY, "n_orders": 1, "n_draws": _N_REMOVALS, "generator": generator}
    calls = []
    for truth, (units, signal) in told.items():
        response = signal.sum(axis=1, keepdims=True) / np.sqrt(signal.shape[1]) + noise
        calls.append(("removal", truth, removal_test(units, response, folds, **options).p_value))
    return calls


def of_polarity(trial: Trial) -> Calls:
    """Two signs over layers, their mirror and opposed ends, in a system of two signs and in one of one sign."""
    layers, loadings = np.arange(N_SOURCES) % _N_LAYERS, np.eye(N_SOURCES)
    delayed = delay(trial.sources, (DELAY,))
    tests = {"both signs": polarity, "opposed ends": opposed_ends, "mirror across halves": mirror_test}
    calls = []
    for truth in ("planted", "nothing"):
        responses = trial.means(truth, "default mode", "language").T
        for name, test in tests.items():
            p = [test(delayed, loadings, layers, r, penalty=_PENALTY, margin=_MARGIN).p_value for r in responses]
            calls += _both(name, truth, *p)
    return calls


def of_modality(trial: Trial) -> Calls:
    """Difference of picture and text sources in a system of one kind, and in one of both."""
    half = len(trial.sources) // 2
    calls = []
    for truth in ("planted", "nothing"):
        responses, guesses = trial.means(truth, "visual", "attention"), []
        for part in (_PICTURE, _TEXT):
            delayed = delay(trial.sources[:, part], _DELAYS)
            guesses.append(fit_ridge(delayed[:half], responses[:half], penalties=(_PENALTY,)).predict(delayed[half:]))
        options = {"block": _MARGIN, "n_draws": _N_EXCHANGES, "generator": trial.generator}
        calls += _both("modality", truth, *compare_modalities(*guesses, responses[half:], **options).p_values)
    return calls


def _both(statistic: str, truth: str, effect: float, decoy: float) -> Calls:
    """Where nothing drives the cortex, the decoy is nothing too, and is not counted twice."""
    calls = [(statistic, truth, float(effect))]
    return [*calls, (statistic, "decoy", float(decoy))] if truth == "planted" else calls
