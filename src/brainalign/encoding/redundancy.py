"""Redundancy: how far time courses, or maps, tell the same story more than once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brainalign.encoding.network_maps import dice
from brainalign.encoding.shifts import share_at_least
from brainalign.numeric import as_doubles, as_mask


@dataclass(frozen=True)
class Redundancy:
    """How redundant a set of time courses is, and how redundant its surrogates are.

    Attributes
    ----------
    overlap : float
        Mean absolute correlation of pairs, 0 to 1; higher is more redundant.
    effective_dimensions : float
        Effective number of independent time courses, 1 to their number; lower is more redundant.
    null_overlap, null_dimensions : ndarray of shape (n_draws,)
        The same of surrogates with the same spectra.
    p_overlap, p_participation : float
        Share of surrogates with at least that overlap, and with at most that participation ratio.
    """

    overlap: float
    effective_dimensions: float
    null_overlap: NDArray[np.float64]
    null_dimensions: NDArray[np.float64]
    p_overlap: float
    p_participation: float


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
    activations = as_doubles(activations, name="activations")
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
    null = np.array([(mean_overlap(draw), effective_dimensions(draw)) for draw in draws])
    found = np.corrcoef(activations.T)
    overlap, ratio = mean_overlap(found), effective_dimensions(found)
    p_overlap, p_participation = share_at_least([overlap, -ratio], null * [1, -1])
    return Redundancy(overlap, ratio, null[:, 0], null[:, 1], float(p_overlap), float(p_participation))


def mean_overlap(correlation: ArrayLike) -> float:
    """Mean absolute correlation of pairs, from a correlation matrix of shape (n, n); 0 to 1."""
    matrix = np.abs(as_doubles(correlation, name="correlation"))
    n = len(matrix)
    return float((matrix.sum() - np.trace(matrix)) / (n * (n - 1)))


def effective_dimensions(correlation: ArrayLike) -> float:
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
    matrix = as_doubles(correlation, name="correlation")
    return float(np.trace(matrix) ** 2 / np.square(matrix).sum())


def variance_spectrum(correlation: ArrayLike) -> NDArray[np.float64]:
    """Shares of the variance of standardized time courses along their principal components.

    Parameters
    ----------
    correlation : array_like of shape (n, n)
        Symmetric.

    Returns
    -------
    ndarray of shape (n,)
        From the largest share on; sums to 1.
    """
    values = np.linalg.eigvalsh(as_doubles(correlation, name="correlation"))[::-1]
    return values / values.sum()


def without_mean(correlation: ArrayLike) -> NDArray[np.float64]:
    """Correlations that are left when the mean of all standardized time courses is regressed out of each.

    Parameters
    ----------
    correlation : array_like of shape (n, n)
        Symmetric. The time courses themselves are not needed.

    Returns
    -------
    ndarray of shape (n, n)
        Partial correlations given the mean; what all units share, a scanner's global signal for example, is gone.

    Raises
    ------
    ValueError
        A mean that does not vary, or a unit that is nothing but the mean.
    """
    matrix = as_doubles(correlation, name="correlation")
    with_mean, of_mean = matrix.sum(axis=0), matrix.sum()
    left = matrix - np.outer(with_mean, with_mean) / of_mean if of_mean > 1e-9 else np.zeros_like(matrix)
    spread = np.sqrt(np.clip(np.diag(left), 0, None))
    if (spread < 1e-6).any():
        msg = "the mean of all units does not vary, or a unit is nothing but that mean; nothing is left without it."
        raise ValueError(msg)
    return left / np.outer(spread, spread)


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
    activations = as_doubles(activations, name="activations")
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
    maps = as_mask(maps, name="maps")
    first, second = np.triu_indices(len(maps), k=1)
    return float(dice(maps[first], maps[second]).mean())
