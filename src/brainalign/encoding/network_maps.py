"""Maps on the cortex against networks: how well they match, and whether by more than smoothness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial.transform import Rotation

from brainalign.encoding.refits import shifted_scores
from brainalign.encoding.ridge import standardization
from brainalign.encoding.shifts import admissible_shifts, share_at_least, shifted_products
from brainalign.encoding.splits import Split
from brainalign.numeric import as_doubles, as_labels, as_mask

_MIRROR = np.diag([-1.0, 1.0, 1.0])  # the right hemisphere turns as the mirror image of the left one


def spin_parcels(
    sphere_centers: ArrayLike, is_left: ArrayLike, n_draws: int, *, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Random rotations of the cortex, as orders of its parcels.

    Parameters
    ----------
    sphere_centers : array_like of shape (n_parcels, 3)
        Middle of every parcel on the sphere of its hemisphere.
    is_left : array_like of bool, of shape (n_parcels,)
        Hemisphere of every parcel.
    n_draws : int
        Number of rotations, 1 or more.
    generator : Generator
        Source of the rotations.

    Returns
    -------
    ndarray of int, of shape (n_draws, n_parcels)
        ``map[order]`` is the map after the rotation. Each parcel goes to one place and no value is lost.

    Raises
    ------
    ValueError
        Positions of a wrong shape, or no draw.

    Notes
    -----
    Both hemispheres turn by one rotation, mirrored. Rotated parcels are matched with places so that they move least in
    sum (the Hungarian variant of the spin test).

    References
    ----------
    Alexander-Bloch et al. 2018, NeuroImage 178; Markello and Misic 2021, NeuroImage 236.
    """
    centers, left = as_doubles(sphere_centers, name="sphere_centers"), as_mask(is_left, name="is_left")
    if centers.shape != (len(left), 3) or n_draws < 1:
        msg = f"positions have shape {centers.shape}, expected ({len(left)}, 3); n_draws = {n_draws}, at least 1."
        raise ValueError(msg)
    orders = np.tile(np.arange(len(left)), (n_draws, 1))
    for order, turn in zip(orders, Rotation.random(n_draws, rng=generator).as_matrix(), strict=True):
        for side, matrix in ((left, turn), (~left, _MIRROR @ turn @ _MIRROR)):
            nearness = centers[side] @ (centers[side] @ matrix.T).T  # places by turned parcels
            order[side] = np.flatnonzero(side)[linear_sum_assignment(nearness, maximize=True)[1]]
    return orders


def dice(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """Overlap of sets of parcels: twice the shared ones over the sum of both sizes.

    Parameters
    ----------
    first, second : array_like of bool, of shape (..., n_parcels)
        Leading dimensions broadcast.

    Returns
    -------
    ndarray of shape (...)
        From 0 (nothing shared) to 1 (the same); 0 when both are empty.
    """
    a, b = as_mask(first, name="first"), as_mask(second, name="second")
    sizes = a.sum(axis=-1) + b.sum(axis=-1)
    return 2 * (a & b).sum(axis=-1) / np.maximum(sizes, 1)


def strongest_parcels(maps: ArrayLike, share: float = 0.2) -> NDArray[np.bool_]:
    """Parcels of the largest absolute value, which count as a map's own.

    Parameters
    ----------
    maps : array_like of shape (..., n_parcels)
        Signed or unsigned values.
    share : float
        Share of the parcels, above 0 to 1; at least one parcel.

    Returns
    -------
    ndarray of bool, of shape (..., n_parcels)

    Raises
    ------
    ValueError
        A share out of its range.
    """
    if not 0 < share <= 1:
        msg = f"share = {share:g} must be above 0 and at most 1."
        raise ValueError(msg)
    sizes = np.abs(as_doubles(maps, name="maps"))
    n_own = max(round(share * sizes.shape[-1]), 1)
    return sizes >= np.partition(sizes, -n_own, axis=-1)[..., [-n_own]]


def rotated_maps(maps: ArrayLike, orders: ArrayLike) -> NDArray[np.float64]:
    """Every map after every rotation.

    Parameters
    ----------
    maps : array_like of shape (n_maps, n_parcels)
    orders : array_like of int, of shape (n_draws, n_parcels)
        From `spin_parcels`.

    Returns
    -------
    ndarray of shape (n_draws, n_maps, n_parcels)
    """
    return as_doubles(maps, name="maps")[:, as_labels(orders, name="orders")].swapaxes(0, 1)


def shifted_maps(
    features: ArrayLike, responses: ArrayLike, *, n_delays: int, penalty: float, margin: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Maps of encoding weights, real ones and those of circularly shifted responses.

    Parameters
    ----------
    features : array_like of shape (n_samples, n_delays * n_atoms)
        Atoms at the first delay, then at the second, as `brainalign.encoding.delay` puts them.
    responses : array_like of shape (n_samples, n_parcels)
        What is predicted.
    n_delays : int
        Number of delays; the weights of an atom are summed over them.
    penalty : float
        Ridge penalty on standardized features, above 0.
    margin : int
        Smallest shift, longer than the memory of the responses.

    Returns
    -------
    maps : ndarray of shape (n_atoms, n_parcels)
    null : ndarray of shape (n_shifts, n_atoms, n_parcels)

    Raises
    ------
    ValueError
        Features that are no multiple of the delays, or too few shifts.

    Notes
    -----
    All samples are used: a map describes, it does not predict. Unlike rotations, shifts keep how the noise of the
    parcels goes together, which follows the networks even where nothing drives them.
    """
    X, Y = as_doubles(features, name="features"), as_doubles(responses, name="responses")
    if X.shape[1] % n_delays:
        msg = f"{X.shape[1]} features can not be {n_delays} delays of the same atoms."
        raise ValueError(msg)
    center, scale = standardization(X)
    Z = (X - center) / scale
    inverse = np.linalg.inv(Z.T @ Z + penalty * np.eye(Z.shape[1]))
    summed = inverse.reshape(n_delays, -1, Z.shape[1]).sum(axis=0)  # the sum over delays needs no array of its own
    maps = summed @ shifted_products(Z, Y - Y.mean(axis=0))
    return maps[0], maps[admissible_shifts(len(X), margin)]


def match_networks(
    maps: ArrayLike, networks: Mapping[str, ArrayLike], null: ArrayLike, *, share: float = 0.2
) -> pd.DataFrame:
    """Match every map with every network, against maps of a null model.

    Parameters
    ----------
    maps : array_like of shape (n_maps, n_parcels)
        Signed or unsigned values, for example encoding weights.
    networks : mapping of str to array_like of bool, of shape (n_parcels,)
        Parcels of every network.
    null : array_like of shape (n_draws, n_maps, n_parcels)
        From `rotated_maps` or `shifted_maps`.
    share : float
        Share of the parcels, those of the largest size, that count as the map's own for the overlap; 0 to 1.

    Returns
    -------
    DataFrame
        Columns ``map``, ``network``, ``correlation`` (of the map's absolute values with the network as zeros and
        ones, -1 to 1), ``dice`` (0 to 1) and ``p`` (one-sided, of the correlation).

    Raises
    ------
    ValueError
        Maps that do not fit the networks or the null model, that are not finite or do not vary in size.

    Notes
    -----
    The absolute values are used because the sign of an atom, and so of its map, means nothing.
    """
    sizes, null = np.abs(as_doubles(maps, name="maps")), np.abs(as_doubles(null, name="null"))
    members = np.stack([as_mask(mask, name=f"network {name}") for name, mask in networks.items()])
    _check_maps(sizes, members, null)
    z_members = (members - members.mean(axis=1, keepdims=True)) / members.std(axis=1, keepdims=True)
    found = _standard_rows(sizes) @ z_members.T / sizes.shape[1]
    by_chance = _standard_rows(null) @ z_members.T / sizes.shape[1]
    own = strongest_parcels(sizes, share)
    index = pd.MultiIndex.from_product([range(len(sizes)), networks], names=["map", "network"])
    columns = {
        "correlation": found.ravel(),
        "dice": dice(own[:, None], members[None]).ravel(),
        "p": share_at_least(found, by_chance).ravel(),
    }
    return pd.DataFrame(columns, index=index).reset_index()


def system_scores(
    features: ArrayLike,
    responses: ArrayLike,
    systems: Mapping[str, ArrayLike],
    folds: Sequence[Split],
    *,
    penalty: float,
    margin: int,
    runs: ArrayLike | None = None,
) -> pd.DataFrame:
    """How well the mean of each system is predicted in held-out time, against refits to shifted responses.

    Parameters
    ----------
    features : array_like of shape (n_samples, n_features)
        Features with all their delays.
    responses : array_like of shape (n_samples, n_parcels)
        What is predicted.
    systems : mapping of str to array_like of bool, of shape (n_parcels,)
        Parcels of every system.
    folds : sequence of (train, test)
        From `brainalign.encoding.contiguous_folds`.
    penalty : float
        Ridge penalty on standardized features, above 0: one for all, so that a shift is fitted like the real thing.
    margin : int
        Smallest shift, longer than the memory of the responses.
    runs : array_like of shape (n_samples,), optional
        Run labels; responses are shifted within runs.

    Returns
    -------
    DataFrame
        One row per system: ``score``, correlation with the mean of its parcels (-1 to 1), ``null``, the 95th percentile
        of the refits, and ``p`` (one-sided).

    Raises
    ------
    ValueError
        Sizes that do not fit, or too few shifts; see `brainalign.encoding.shifts.admissible_shifts`.

    Notes
    -----
    A system is one target: what its parcels share, signal and noise, counts once and not once a parcel.
    """
    responses = as_doubles(responses, name="responses")
    masks = [as_mask(mask, name=f"system {name}") for name, mask in systems.items()]
    means = np.stack([responses[:, mask].mean(axis=1) for mask in masks], axis=1)
    shortest = len(responses) if runs is None else int(np.unique(runs, return_counts=True)[1].min())
    shifts = np.append(0, admissible_shifts(shortest, margin))
    score, *null = shifted_scores(features, means, folds, penalty=penalty, shifts=shifts, runs=runs)
    columns = {"score": score, "null": np.quantile(null, 0.95, axis=0), "p": share_at_least(score, null)}
    return pd.DataFrame(columns, index=pd.Index(systems, name="system"))


def _standard_rows(maps: NDArray[np.float64]) -> NDArray[np.float64]:
    return (maps - maps.mean(axis=-1, keepdims=True)) / maps.std(axis=-1, keepdims=True)


def _check_maps(sizes: NDArray[np.float64], members: NDArray[np.bool_], null: NDArray[np.float64]) -> None:
    n_parcels = members.shape[1]
    if sizes.ndim != 2 or sizes.shape[1] != n_parcels or null.shape[1:] != sizes.shape:
        msg = (
            f"networks have {n_parcels} parcels, maps shape {sizes.shape} and null maps {null.shape}; expected "
            f"(n_maps, {n_parcels}) and (n_draws, n_maps, {n_parcels})."
        )
        raise ValueError(msg)
    if not np.isfinite(sizes).all() or not sizes.std(axis=1).all():
        msg = "a map is not finite or has the same size everywhere; leave out atoms without weights."
        raise ValueError(msg)
    if not members.any(axis=1).all() or members.all(axis=1).any():
        msg = "a network holds no parcel or all of them; there is nothing to match."
        raise ValueError(msg)
