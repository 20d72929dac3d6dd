"""Polarity: whether some layers drive a network up and others drive it down.

The sign of an atom means nothing: a dictionary with any atom turned round is the same dictionary. Whatever is asked
about signs here is asked of neurons, where turning an atom round turns its loadings and its weights, and cancels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brainalign.encoding.shifts import admissible_shifts, share_at_least, shifted_products
from brainalign.numeric import as_doubles, as_labels


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

    @property
    def agreement(self) -> float:
        """Correlation of the layers' weights in one half with those in the other, -1 to 1; 0 if one does not vary."""
        return float(correlate_layers(*self.by_layer))


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
    return as_doubles(loadings, name="loadings").T @ as_doubles(weights, name="weights")


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
    X, y = as_doubles(features, name="features"), as_doubles(response, name="response")
    loadings, layers = as_doubles(loadings, name="loadings"), as_labels(layers, name="layers")
    check_polarity(X, loadings, layers, y)
    n_half = len(X) // 2
    shifts = admissible_shifts(n_half, margin)
    to_layers = loadings @ layer_means(layers)
    halves = [shifted_weights(X[part], y[part], to_layers, penalty) for part in halves_of(n_half)]
    by_shift = np.stack(halves, axis=1)  # (n_shifts, 2, n_layers)
    observed, null = _both_signs(by_shift[:1])[0], _both_signs(by_shift[shifts])
    p_rising, p_falling = share_at_least(observed, null)
    return Polarity(by_shift[0], float(observed[0]), float(observed[1]), float(p_rising), float(p_falling))


def halves_of(n_half: int) -> tuple[slice, slice]:
    """The first and the second half of twice as many samples."""
    return slice(0, n_half), slice(n_half, 2 * n_half)


def layer_means(layers: ArrayLike) -> NDArray[np.float64]:
    """Matrix of shape (n_neurons, n_layers) that turns values of neurons into means over layers."""
    names, place = np.unique(as_labels(layers, name="layers"), return_inverse=True)
    return np.eye(len(names))[place] / np.bincount(place)[place][:, None]


def shifted_weights(
    features: NDArray[np.float64], response: NDArray[np.float64], loadings: NDArray[np.float64], penalty: float
) -> NDArray[np.float64]:
    """Weights of neurons, or of means of neurons, at every circular shift of the response.

    Parameters
    ----------
    features : ndarray of shape (n_samples, n_atoms)
        Time courses of the atoms.
    response : ndarray of shape (n_samples,)
        What they predict.
    loadings : ndarray of shape (n_atoms, n_columns)
        Of neurons, or of their means over layers.
    penalty : float
        Ridge penalty on standardized atoms.

    Returns
    -------
    ndarray of shape (n_samples, n_columns)
        Row s belongs to a response that comes s samples later.
    """
    spread = features.std(axis=0)
    Z = (features - features.mean(axis=0)) / spread
    ridge = Z.T @ Z + penalty * np.eye(Z.shape[1])
    cross = shifted_products(Z, (response - response.mean())[:, None])[:, :, 0]
    # A neuron holds loading * spread of each standardized atom.
    return np.linalg.solve(ridge, cross.T).T @ (loadings * spread[:, None])


def _both_signs(by_shift: NDArray[np.float64]) -> NDArray[np.float64]:
    """Held-out weight of the layer chosen as most positive, and minus that of the most negative; (n_shifts, 2)."""
    rows = np.arange(len(by_shift))
    measured = []
    for one, other in ((0, 1), (1, 0)):
        highest, lowest = by_shift[:, one].argmax(axis=1), by_shift[:, one].argmin(axis=1)
        measured.append((by_shift[rows, other, highest], -by_shift[rows, other, lowest]))
    return np.mean(measured, axis=0).T


def correlate_layers(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlation of two profiles over layers, the last axis; 0 where one does not vary."""
    a, b = (values - values.mean(axis=-1, keepdims=True) for values in (first, second))
    size = np.sqrt(np.square(a).sum(axis=-1) * np.square(b).sum(axis=-1))
    return (a * b).sum(axis=-1) / np.where(size > 0, size, np.inf)


def check_polarity(
    features: NDArray[np.float64], loadings: NDArray[np.float64], layers: NDArray, response: NDArray[np.float64]
) -> None:
    """Refuse sizes that do not fit, and neurons of one layer only.

    Raises
    ------
    ValueError
        The text says what was given and what is expected.
    """
    if features.ndim != 2 or response.shape != (len(features),) or loadings.shape != (features.shape[1], len(layers)):
        msg = (
            f"features {features.shape}, loadings {loadings.shape}, layers {layers.shape} and response "
            f"{response.shape} do not fit: expected (n, k), (k, p), (p,) and (n,)."
        )
        raise ValueError(msg)
    if len(np.unique(layers)) < 2:
        msg = "polarity over layers needs neurons of at least 2 layers; got 1."
        raise ValueError(msg)
