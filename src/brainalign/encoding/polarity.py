"""Polarity: whether some layers drive a network up and others drive it down.

The sign of an atom means nothing: a dictionary with any atom turned round is the same dictionary. Whatever is asked
about signs here is asked of neurons, where turning an atom round turns its loadings and its weights, and cancels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from brainalign.encoding.shifts import admissible_shifts, share_at_least, shifted_products


@dataclass(frozen=True)
class Polarity:
    """Whether layers of both signs drive a response, told by two halves of the data.

    Attributes
    ----------
    by_layer : ndarray of shape (2, n_layers)
        Mean signed weight of the neurons of every layer, in each half.
    rising, falling : float
        Weight in one half of the layer that the other half calls most positive, and minus that of the most negative
        one; both are above 0 where both signs are there.
    p_rising, p_falling : float
        Against circular shifts of the response.
    """

    by_layer: NDArray[np.float64]
    rising: float
    falling: float
    p_rising: float
    p_falling: float

    @property
    def strength(self) -> float:
        """The smaller of both: polarity needs both signs."""
        return min(self.rising, self.falling)

    @property
    def p_value(self) -> float:
        """The larger of both: either alone must hold."""
        return max(self.p_rising, self.p_falling)


def neuron_weights(loadings: ArrayLike, weights: ArrayLike) -> NDArray[np.float64]:
    """Weights of atoms handed back to the neurons that make them up.

    Parameters
    ----------
    loadings : array_like of shape (n_atoms, n_neurons)
        Of a dictionary.
    weights : array_like of shape (n_atoms, n_targets)
        Of an encoding model on the atoms.

    Returns
    -------
    ndarray of shape (n_neurons, n_targets)
        ``loadings.T @ weights``: the same whatever the signs of the atoms.
    """
    return np.asarray(loadings, dtype=float).T @ np.asarray(weights, dtype=float)


def layer_profiles(weights: ArrayLike, layers: ArrayLike) -> pd.DataFrame:
    """Mean positive and mean negative part of the neurons' weights in every layer.

    Parameters
    ----------
    weights : array_like of shape (n_neurons,)
        Signed weights on one target.
    layers : array_like of shape (n_neurons,)
        Layer of every neuron.

    Returns
    -------
    DataFrame of shape (n_layers, 2)
        Columns ``positive`` and ``negative``, both 0 or more.
    """
    weights = pd.Series(np.asarray(weights, dtype=float))
    parts = pd.DataFrame({"positive": weights.clip(lower=0), "negative": -weights.clip(upper=0)})
    return parts.groupby(np.asarray(layers)).mean().rename_axis("layer")


def atom_profiles(loadings: ArrayLike, weights: ArrayLike, layers: ArrayLike) -> pd.DataFrame:
    """How strongly atoms with positive, and atoms with negative weights, load on every layer.

    Parameters
    ----------
    loadings : array_like of shape (n_atoms, n_neurons)
        Of a dictionary.
    weights : array_like of shape (n_atoms,)
        Of the atoms on one target.
    layers : array_like of shape (n_neurons,)
        Layer of every neuron.

    Returns
    -------
    DataFrame of shape (n_layers, 2)
        Columns ``positive`` and ``negative``: mean absolute loading of those atoms. It hangs on the signs of the atoms,
        which are arbitrary; `layer_profiles` does not.
    """
    sizes, weights = np.abs(np.asarray(loadings, dtype=float)), np.asarray(weights, dtype=float)
    parts = {"positive": sizes[weights > 0].sum(axis=0), "negative": sizes[weights < 0].sum(axis=0)}
    return pd.DataFrame(parts).groupby(np.asarray(layers)).mean().rename_axis("layer")


def mirror_index(profiles: pd.DataFrame) -> float:
    """Correlation over layers of the positive and the negative profile.

    Parameters
    ----------
    profiles : DataFrame of shape (n_layers, 2)
        From `layer_profiles` or `atom_profiles`; 3 layers or more.

    Returns
    -------
    float
        -1 for mirrored trends, 1 for equal ones; 0 where a profile does not vary.

    Raises
    ------
    ValueError
        Fewer than 3 layers, where any two profiles correlate by 1 or -1.
    """
    if len(profiles) < 3:
        msg = f"a trend over layers needs 3 layers or more; got {len(profiles)}."
        raise ValueError(msg)
    centered = profiles - profiles.mean()
    size = np.sqrt(np.square(centered).sum().prod())
    return float(centered.prod(axis=1).sum() / size) if size > 0 else 0.0


def polarity(
    features: ArrayLike, loadings: ArrayLike, layers: ArrayLike, response: ArrayLike, *, penalty: float, margin: int
) -> Polarity:
    """Test whether neurons of some layers drive a response up and those of others drive it down.

    Parameters
    ----------
    features : array_like of shape (n_samples, n_atoms)
        Time courses of the atoms, already delayed to meet the response.
    loadings : array_like of shape (n_atoms, n_neurons)
        Of the dictionary.
    layers : array_like of shape (n_neurons,)
        Layer of every neuron.
    response : array_like of shape (n_samples,)
        For example the mean of a network's parcels.
    penalty : float
        Ridge penalty on standardized atoms, above 0.
    margin : int
        Smallest circular shift, longer than the memory of the response.

    Returns
    -------
    Polarity

    Raises
    ------
    ValueError
        Sizes that do not fit, fewer than 2 layers, or halves too short for the shifts.

    Notes
    -----
    Weights are fitted in each half of the samples. One half chooses the most positive and the most negative layer, the
    other half measures them, and the roles are exchanged: without that a mirror would be there by selection. Polarity
    is claimed only when both signs are above what shifted responses give (an intersection-union test), so a network
    that all layers drive the same way does not pass.
    """
    X, y = np.asarray(features, dtype=float), np.asarray(response, dtype=float)
    loadings, layers = np.asarray(loadings, dtype=float), np.asarray(layers)
    _check(X, loadings, layers, y)
    names, place = np.unique(layers, return_inverse=True)
    by_layer = np.eye(len(names))[place] / np.bincount(place)[place][:, None]  # (n_neurons, n_layers): means
    n_half = len(X) // 2
    shifts = admissible_shifts(n_half, margin)
    halves = [_layer_weights(X[part], y[part], loadings @ by_layer, penalty) for part in _halves(n_half)]
    by_shift = np.stack(halves, axis=1)  # (n_shifts, 2, n_layers)
    observed, null = _both_signs(by_shift[:1])[0], _both_signs(by_shift[shifts])
    p_rising, p_falling = share_at_least(observed, null)
    return Polarity(by_shift[0], float(observed[0]), float(observed[1]), float(p_rising), float(p_falling))


def _halves(n_half: int) -> tuple[slice, slice]:
    return slice(0, n_half), slice(n_half, 2 * n_half)


def _layer_weights(X: NDArray, y: NDArray, to_layers: NDArray, penalty: float) -> NDArray[np.float64]:
    """Mean weight of every layer at every circular shift of the response, of shape (n_half, n_layers)."""
    spread = X.std(axis=0)
    Z = (X - X.mean(axis=0)) / spread
    ridge = Z.T @ Z + penalty * np.eye(Z.shape[1])
    cross = shifted_products(Z, (y - y.mean())[:, None])[:, :, 0]
    # A neuron holds loading * spread of each standardized atom.
    return np.linalg.solve(ridge, cross.T).T @ (to_layers * spread[:, None])


def _both_signs(by_shift: NDArray[np.float64]) -> NDArray[np.float64]:
    """Held-out weight of the layer chosen as most positive, and minus that of the most negative; (n_shifts, 2)."""
    rows = np.arange(len(by_shift))
    measured = []
    for one, other in ((0, 1), (1, 0)):
        highest, lowest = by_shift[:, one].argmax(axis=1), by_shift[:, one].argmin(axis=1)
        measured.append((by_shift[rows, other, highest], -by_shift[rows, other, lowest]))
    return np.mean(measured, axis=0).T


def _check(X: NDArray, loadings: NDArray, layers: NDArray, y: NDArray) -> None:
    if X.ndim != 2 or y.shape != (len(X),) or loadings.shape != (X.shape[1], len(layers)):
        msg = (
            f"features {X.shape}, loadings {loadings.shape}, layers {layers.shape} and response {y.shape} do not fit: "
            "expected (n, k), (k, p), (p,) and (n,)."
        )
        raise ValueError(msg)
    if len(np.unique(layers)) < 2:
        msg = "polarity over layers needs neurons of at least 2 layers; got 1."
        raise ValueError(msg)
