"""Trends over depth: profiles of positive and negative weights, whether they mirror each other, and opposed ends.

A mirror comes easily. Atoms have it by construction, since every atom belongs to one of two groups. So have neurons
whose weights are nothing but noise: where chance lifts a layer, its positive part grows and its negative part shrinks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from brainalign.encoding.polarity import check_polarity, correlate_layers, halves_of, layer_means, shifted_weights
from brainalign.encoding.shifts import admissible_shifts, share_at_least
from brainalign.numeric import as_doubles, as_labels

N_QUARTERS = 4


@dataclass(frozen=True)
class MirrorTest:
    """Whether the positive profile of one half of the data mirrors the negative profile of the other.

    Attributes
    ----------
    index : float
        Mean of both mirror indices across halves, -1 to 1.
    within : float
        Mean of the mirror indices within halves, where noise makes a mirror of its own.
    p_value : float
        Share of circular shifts of the response with an index at most as large.
    """

    index: float
    within: float
    p_value: float


@dataclass(frozen=True)
class OpposedEnds:
    """Whether the first and the last quarter of the layers drive a response with opposite signs.

    Attributes
    ----------
    by_quarter : ndarray of shape (4,)
        Mean signed weight of the neurons of every quarter.
    p_first, p_last : float
        Two-sided, against circular shifts of the response.
    """

    by_quarter: NDArray[np.float64]
    p_first: float
    p_last: float

    @property
    def p_value(self) -> float:
        """The larger of both where the signs are opposite, else 1."""
        return max(self.p_first, self.p_last) if self.by_quarter[0] * self.by_quarter[-1] < 0 else 1.0


def depth_quarters(layers: ArrayLike) -> NDArray[np.int64]:
    """Quarter of the depth in which every neuron lies, so that models with different numbers of layers compare.

    Parameters
    ----------
    layers : array_like of shape (n_neurons,)
        Layers, of 4 or more different ones.

    Returns
    -------
    ndarray of shape (n_neurons,)
        0 for the first quarter of the layers to 3 for the last.

    Raises
    ------
    ValueError
        Fewer than 4 layers.

    Examples
    --------
    >>> depth_quarters([0, 1, 2, 3, 4, 5]).tolist()
    [0, 0, 1, 2, 2, 3]
    """
    names, place = np.unique(as_labels(layers, name="layers"), return_inverse=True)
    if len(names) < N_QUARTERS:
        msg = f"quarters of the depth need 4 layers or more; got {len(names)}."
        raise ValueError(msg)
    return place * N_QUARTERS // len(names)


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
    weights = pd.Series(as_doubles(weights, name="weights"))
    parts = pd.DataFrame({"positive": weights.clip(lower=0), "negative": -weights.clip(upper=0)})
    return parts.groupby(as_labels(layers, name="layers")).mean().rename_axis("layer")


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
    sizes, weights = np.abs(as_doubles(loadings, name="loadings")), as_doubles(weights, name="weights")
    parts = {"positive": sizes[weights > 0].sum(axis=0), "negative": sizes[weights < 0].sum(axis=0)}
    return pd.DataFrame(parts).groupby(as_labels(layers, name="layers")).mean().rename_axis("layer")


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
    _refuse_few_layers(len(profiles))
    positive, negative = profiles.to_numpy(dtype=float).T
    return float(correlate_layers(positive, negative))


def mirror_test(
    features: ArrayLike, loadings: ArrayLike, layers: ArrayLike, response: ArrayLike, *, penalty: float, margin: int
) -> MirrorTest:
    """Compare the mirror index of neurons, across halves of the data, with that of shifted responses.

    Parameters
    ----------
    features, loadings, layers, response, penalty, margin
        As `brainalign.encoding.polarity` takes them, with 3 layers or more.

    Returns
    -------
    MirrorTest

    Raises
    ------
    ValueError
        Fewer than 3 layers, or what `brainalign.encoding.polarity` refuses.

    Notes
    -----
    The index does not see the signs of atoms. It has little power where few layers drive the response: if one layer of
    four drives it up and another down, the two profiles correlate by -1/3, which noise gives often.
    """
    X, y = as_doubles(features, name="features"), as_doubles(response, name="response")
    loadings, layers = as_doubles(loadings, name="loadings"), as_labels(layers, name="layers")
    check_polarity(X, loadings, layers, y)
    _refuse_few_layers(len(np.unique(layers)))
    n_half, means = len(X) // 2, layer_means(layers)
    shifts = admissible_shifts(n_half, margin)
    weights = [shifted_weights(X[part], y[part], loadings, penalty) for part in halves_of(n_half)]
    (up_1, down_1), (up_2, down_2) = ((w.clip(min=0) @ means, (-w).clip(min=0) @ means) for w in weights)
    across = (correlate_layers(up_1, down_2) + correlate_layers(up_2, down_1)) / 2
    within = (correlate_layers(up_1[:1], down_1[:1]) + correlate_layers(up_2[:1], down_2[:1])) / 2
    p_value = share_at_least(-across[0], -across[shifts])
    return MirrorTest(float(across[0]), float(within[0]), float(p_value))


def opposed_ends(
    features: ArrayLike, loadings: ArrayLike, layers: ArrayLike, response: ArrayLike, *, penalty: float, margin: int
) -> OpposedEnds:
    """Test whether the first quarter of the layers drives a response with one sign and the last with the other.

    Parameters
    ----------
    features, loadings, layers, response, penalty, margin
        As `brainalign.encoding.polarity` takes them, with 4 layers or more.

    Returns
    -------
    OpposedEnds

    Raises
    ------
    ValueError
        Fewer than 4 layers, or what `brainalign.encoding.polarity` refuses.

    Notes
    -----
    Both ends are named beforehand, so all samples serve for one fit. Either end must differ from what shifted
    responses give (an intersection-union test). Polarity between other layers is not found.
    """
    X, y = as_doubles(features, name="features"), as_doubles(response, name="response")
    loadings, layers = as_doubles(loadings, name="loadings"), as_labels(layers, name="layers")
    check_polarity(X, loadings, layers, y)
    to_quarters = loadings @ layer_means(depth_quarters(layers))
    shifts = admissible_shifts(len(X), margin)
    by_shift = shifted_weights(X, y, to_quarters, penalty)
    p_first, p_last = share_at_least(np.abs(by_shift[0, [0, -1]]), np.abs(by_shift[shifts][:, [0, -1]]))
    return OpposedEnds(by_shift[0], float(p_first), float(p_last))


def _refuse_few_layers(n_layers: int) -> None:
    if n_layers < 3:  # any two profiles over 2 layers correlate by 1 or -1
        msg = f"a trend over layers needs 3 layers or more; got {n_layers}."
        raise ValueError(msg)
