"""Removal: how much of a prediction is left while units are taken away, and whether that is redundancy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import solve_triangular

from brainalign.encoding.delays import delay
from brainalign.encoding.redundancy import spectrum_surrogate
from brainalign.encoding.ridge import standardization
from brainalign.encoding.shifts import share_at_least
from brainalign.encoding.splits import Split
from brainalign.numeric import as_doubles, as_labels


@dataclass(frozen=True)
class Removal:
    """Held-out prediction while units are removed in random order, beside units that share nothing.

    Attributes
    ----------
    curve : ndarray of shape (n_units,)
        Score with 0, 1, ..., n_units - 1 units removed.
    null_curves : ndarray of shape (n_draws, n_units)
        The same of surrogate units that explain as much together and share nothing.
    kept, null_kept : float, ndarray of shape (n_draws,)
        Mean of the curve over its first value, of the units and of their surrogates: 1 when removal costs nothing.
    p_value : float
        Share of surrogates that keep at least as much.
    """

    curve: NDArray[np.float64]
    null_curves: NDArray[np.float64]
    kept: float
    null_kept: NDArray[np.float64]
    p_value: float


def removal_test(
    units: ArrayLike,
    responses: ArrayLike,
    folds: Sequence[Split],
    *,
    delays: Sequence[int] = (0,),
    penalty: float,
    n_orders: int = 4,
    n_draws: int,
    generator: np.random.Generator,
) -> Removal:
    """Ask whether units can be removed at random with less loss than units that share nothing.

    Parameters
    ----------
    units : array_like of shape (n_samples, n_units)
        Atoms that predict parcels, or parcels that predict atoms.
    responses : array_like of shape (n_samples, n_targets)
        What they predict.
    folds : sequence of (train, test)
        Indices of samples.
    delays : sequence of int
        Delays of the units; all delays of a unit go with it.
    penalty : float
        Ridge penalty on standardized features, above 0.
    n_orders : int
        Random orders in every fold.
    n_draws : int
        Number of surrogates, 19 or more.
    generator : Generator
        Source of orders and surrogates.

    Returns
    -------
    Removal

    Raises
    ------
    ValueError
        Too few draws, or what `removal_curve` refuses.

    Notes
    -----
    A curve that stays level is no redundancy by itself: where few of many units carry the prediction, most can go as
    well. Surrogates have the units' spectra and keep the weights of the fit on all samples, in units that share
    nothing. Their responses are what those weights make of them, with the variance that the real units explain, plus
    the real residuals: what they lose they lose because no other unit can say it. In held-out time they may predict
    less than the real units from the start, since more independent units are harder to fit; so curves are compared
    relative to their first value.
    """
    if n_draws < 19:
        msg = f"n_draws = {n_draws}; 19 or more are needed."
        raise ValueError(msg)
    units, responses = as_doubles(units, name="units"), as_doubles(responses, name="responses")
    options: dict[str, Any] = {
        "groups": np.tile(np.arange(units.shape[1]), len(delays)), "penalty": penalty, "n_orders": n_orders,
        "generator": generator,
    }  # fmt: skip
    features = delay(units, delays)
    curve = removal_curve(features, responses, folds, **options)
    weights = _ridge_weights(features, responses, penalty)
    explained = _standard(features) @ weights
    left, spread = responses - explained, explained.std(axis=0)
    null = []
    for _ in range(n_draws):
        drawn = delay(spectrum_surrogate(units, generator=generator), delays)
        signal = _standard(drawn) @ weights
        signal *= spread / signal.std(axis=0)
        null.append(removal_curve(drawn, signal + left, folds, **options))
    kept, null_kept = _kept(curve[None])[0], _kept(np.array(null))
    return Removal(curve, np.array(null), float(kept), null_kept, float(share_at_least(kept, null_kept)))


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
    features, responses = as_doubles(features, name="features"), as_doubles(responses, name="responses")
    groups = np.arange(features.shape[1]) if groups is None else as_labels(groups, name="groups")
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
        self.test = X[test] - X[test].mean(axis=0)
        self.answer = Y[test] - Y[test].mean(axis=0)

    def gain(self, kept: NDArray[np.bool_]) -> float:
        """By how much the penalized training error falls, summed over targets."""
        return float((self.cross[kept] * np.linalg.solve(self.gram[np.ix_(kept, kept)], self.cross[kept])).sum())

    def score(self, guess: NDArray[np.float64]) -> float:
        """Mean correlation over targets of centered predictions of the test block."""
        norms = np.linalg.norm(guess, axis=0) * np.linalg.norm(self.answer, axis=0)
        return float(((guess * self.answer).sum(axis=0) / np.where(norms > 0, norms, np.inf)).mean())


def _follow(fit: _Normal, groups: NDArray, order: Sequence) -> list[float]:
    """Held-out scores before each removal in turn.

    With the Cholesky factor L of the Gram matrix, features in the order in which they would come back, the prediction
    of the first m features is the sum of the first m terms of ``(L^-1 test.T).T @ (L^-1 cross)``: the leading block of
    a lower triangular inverse is the inverse of the leading block. One factor serves all subsets.
    """
    columns = [np.flatnonzero(groups == name) for name in reversed(list(order))]
    back = np.concatenate(columns)
    factor = np.linalg.cholesky(fit.gram[np.ix_(back, back)])
    tested = solve_triangular(factor, fit.test[:, back].T, lower=True)
    told = solve_triangular(factor, fit.cross[back], lower=True)
    guess, scores, ends = np.zeros_like(fit.answer), [], np.cumsum([len(own) for own in columns])
    for begin, end in zip([0, *ends], ends, strict=False):
        guess += tested[begin:end].T @ told[begin:end]
        scores.append(fit.score(guess))
    return scores[::-1]


def _greedy_order(fit: _Normal, groups: NDArray, names: NDArray) -> list:
    order, left = [], list(names)
    while len(left) > 1:
        gains = [fit.gain(np.isin(groups, [name for name in left if name != out])) for out in left]
        order.append(left.pop(int(np.argmax(gains))))
    return order + left


def _kept(curves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of each curve over its first value; 0 where there was nothing to lose."""
    first = np.where(curves[:, 0] > 0, curves[:, 0], np.inf)
    return curves.mean(axis=1) / first


def _standard(features: NDArray[np.float64]) -> NDArray[np.float64]:
    center, scale = standardization(features)
    return (features - center) / scale


def _ridge_weights(features: NDArray, responses: NDArray, penalty: float) -> NDArray[np.float64]:
    Z = _standard(features)
    return np.linalg.solve(Z.T @ Z + penalty * np.eye(Z.shape[1]), Z.T @ (responses - responses.mean(axis=0)))
