"""Redundancy: how far time courses, or maps, tell the same story more than once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brainalign.encoding.network_maps import dice
from brainalign.encoding.ridge import standardization
from brainalign.encoding.shifts import share_at_least
from brainalign.encoding.splits import Split


@dataclass(frozen=True)
class Redundancy:
    """How redundant a set of time courses is, and how redundant its surrogates are.

    Attributes
    ----------
    overlap : float
        Mean absolute correlation of pairs, 0 to 1; higher is more redundant.
    participation_ratio : float
        Effective number of independent time courses, 1 to their number; lower is more redundant.
    null_overlap, null_participation_ratio : ndarray of shape (n_draws,)
        The same of surrogates with the same spectra.
    p_value : float
        Share of surrogates with at least that overlap.
    """

    overlap: float
    participation_ratio: float
    null_overlap: NDArray[np.float64]
    null_participation_ratio: NDArray[np.float64]
    p_value: float


def redundancy(activations: ArrayLike, *, n_draws: int, generator: np.random.Generator) -> Redundancy:
    """Measure the redundancy of time courses against surrogates that share nothing but their rhythms.

    Parameters
    ----------
    activations : array_like of shape (n_samples, n_units)
        Neurons, atoms or parcels.
    n_draws : int
        Number of surrogates, 19 or more.
    generator : Generator
        Source of their phases.

    Returns
    -------
    Redundancy

    Raises
    ------
    ValueError
        Fewer than 2 units, a unit that does not vary, or too few draws.

    Notes
    -----
    Slow time courses correlate by chance, and few samples make any set look low-dimensional: only the distance from
    the surrogates is redundancy.
    """
    activations = np.asarray(activations, dtype=float)
    if activations.ndim != 2 or activations.shape[1] < 2 or n_draws < 19:
        msg = (
            f"activations of shape {activations.shape} need 2 units (columns) or more, and n_draws = {n_draws}, 19 or "
            "more."
        )
        raise ValueError(msg)
    if not activations.std(axis=0).all():
        msg = f"{np.count_nonzero(activations.std(axis=0) == 0)} units do not vary over the samples; leave them out."
        raise ValueError(msg)
    draws = (np.corrcoef(spectrum_surrogate(activations, generator=generator).T) for _ in range(n_draws))
    null = np.array([(mean_overlap(draw), participation_ratio(draw)) for draw in draws])
    found = np.corrcoef(activations.T)
    overlap = mean_overlap(found)
    p_value = float(share_at_least(overlap, null[:, 0]))
    return Redundancy(overlap, participation_ratio(found), null[:, 0], null[:, 1], p_value)


def mean_overlap(correlation: ArrayLike) -> float:
    """Mean absolute correlation of pairs, from a correlation matrix of shape (n, n); 0 to 1."""
    matrix = np.abs(np.asarray(correlation, dtype=float))
    n = len(matrix)
    return float((matrix.sum() - np.trace(matrix)) / (n * (n - 1)))


def participation_ratio(correlation: ArrayLike) -> float:
    """Effective number of dimensions of a correlation matrix.

    Parameters
    ----------
    correlation : array_like of shape (n, n)
        Symmetric.

    Returns
    -------
    float
        ``(sum of eigenvalues)^2 / sum of squared eigenvalues``: n for unrelated units, 1 when all say the same.

    References
    ----------
    Gao et al. 2017, bioRxiv 214262.
    """
    matrix = np.asarray(correlation, dtype=float)
    return float(np.trace(matrix) ** 2 / np.square(matrix).sum())


def spectrum_surrogate(activations: ArrayLike, *, generator: np.random.Generator) -> NDArray[np.float64]:
    """Time courses with the same mean and spectrum, column by column, and phases drawn anew for each.

    Parameters
    ----------
    activations : array_like of shape (n_samples, n_units)
        Real time courses.
    generator : Generator
        Source of the phases.

    Returns
    -------
    ndarray of shape (n_samples, n_units)

    References
    ----------
    Theiler et al. 1992, Physica D 58.
    """
    activations = np.asarray(activations, dtype=float)
    spectrum = np.fft.rfft(activations, axis=0)
    turns = np.exp(2j * np.pi * generator.random(spectrum.shape))
    turns[0] = 1.0
    if len(activations) % 2 == 0:  # the highest frequency of an even number of samples is real
        turns[-1] = np.where(turns[-1].real < 0, -1.0, 1.0)
    return np.fft.irfft(spectrum * turns, n=len(activations), axis=0)


def map_overlap(maps: ArrayLike) -> float:
    """Mean overlap of all pairs of maps.

    Parameters
    ----------
    maps : array_like of bool, of shape (n_maps, n_parcels)
        Where each atom predicts; 2 maps or more.

    Returns
    -------
    float
        Mean Dice coefficient, 0 to 1.
    """
    maps = np.asarray(maps, dtype=bool)
    first, second = np.triu_indices(len(maps), k=1)
    return float(dice(maps[first], maps[second]).mean())


def removal_curve(
    features: ArrayLike,
    responses: ArrayLike,
    folds: Sequence[Split],
    *,
    groups: ArrayLike | None = None,
    penalty: float,
    order: Literal["random", "greedy"] = "random",
    n_orders: int = 10,
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    """Held-out prediction while atoms are taken away one by one and the rest is fitted anew.

    Parameters
    ----------
    features : array_like of shape (n_samples, n_features)
        Atoms, maybe with delays.
    responses : array_like of shape (n_samples, n_targets)
        Parcels to predict.
    folds : sequence of (train, test)
        Indices of samples.
    groups : array_like of shape (n_features,), optional
        Features with one number go together, for example the delays of an atom; by default each goes alone.
    penalty : float
        Ridge penalty on standardized features, above 0.
    order : {"random", "greedy"}
        By chance, or always the one whose loss costs least on the training samples.
    n_orders : int
        Random orders to average.
    generator : Generator
        Source of the random orders.

    Returns
    -------
    ndarray of shape (n_groups,)
        Mean held-out correlation over targets and folds, with 0, 1, ..., n_groups - 1 groups removed. A redundant set
        keeps its level until few are left.

    Raises
    ------
    ValueError
        Sizes that do not fit, or an unknown order.
    """
    features, responses = np.asarray(features, dtype=float), np.asarray(responses, dtype=float)
    groups = np.arange(features.shape[1]) if groups is None else np.asarray(groups)
    if len(features) != len(responses) or len(groups) != features.shape[1] or order not in ("random", "greedy"):
        msg = (
            f"features {features.shape}, responses {responses.shape} and groups {groups.shape} must fit together, and "
            f"order = {order!r} must be 'random' or 'greedy'."
        )
        raise ValueError(msg)
    names = np.unique(groups)
    curves = []
    for train, test in folds:
        fit = _Normal(features, responses, train, test, penalty)
        if order == "greedy":
            curves.append(_follow(fit, groups, _greedy_order(fit, groups, names)))
        else:
            curves += [_follow(fit, groups, generator.permutation(names)) for _ in range(n_orders)]
    return np.mean(curves, axis=0)


class _Normal:
    """Normal equations of a ridge regression on one fold, solved for any subset of the features."""

    def __init__(self, features: NDArray, responses: NDArray, train: NDArray, test: NDArray, penalty: float) -> None:
        center, scale = standardization(features[train])
        X, Y = (features - center) / scale, responses - responses[train].mean(axis=0)
        self.gram = X[train].T @ X[train] + penalty * np.eye(X.shape[1])
        self.cross = X[train].T @ Y[train]
        self.test = X[test]
        self.answer = Y[test] - Y[test].mean(axis=0)

    def weights(self, kept: NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.linalg.solve(self.gram[np.ix_(kept, kept)], self.cross[kept])

    def gain(self, kept: NDArray[np.bool_]) -> float:
        """By how much the penalized training error falls, summed over targets."""
        return float((self.cross[kept] * self.weights(kept)).sum())

    def score(self, kept: NDArray[np.bool_]) -> float:
        guess = self.test[:, kept] @ self.weights(kept)
        guess -= guess.mean(axis=0)
        norms = np.linalg.norm(guess, axis=0) * np.linalg.norm(self.answer, axis=0)
        return float(((guess * self.answer).sum(axis=0) / np.where(norms > 0, norms, np.inf)).mean())


def _follow(fit: _Normal, groups: NDArray, order: Sequence) -> list[float]:
    """Held-out scores before each removal in turn."""
    return [fit.score(np.isin(groups, order[n_removed:])) for n_removed in range(len(order))]


def _greedy_order(fit: _Normal, groups: NDArray, names: NDArray) -> list:
    order, left = [], list(names)
    while len(left) > 1:
        gains = [fit.gain(np.isin(groups, [name for name in left if name != out])) for out in left]
        order.append(left.pop(int(np.argmax(gains))))
    return order + left
