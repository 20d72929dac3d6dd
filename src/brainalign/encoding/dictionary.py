"""Sparse dictionary learning: thousands of neurons' time courses as sums of a few temporal atoms."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.decomposition import MiniBatchDictionaryLearning
from sklearn.exceptions import ConvergenceWarning

from brainalign.numeric import as_doubles

_BATCH = 16  # neurons a step: few, so that a few hundred neurons make enough steps to leave the start
_MOST_SWEEPS = 20_000  # of the coordinate descent; the library's own limit is too low for neurons that are nearly equal


@dataclass(frozen=True)
class Dictionary:
    """A sparse dictionary of temporal atoms.

    Attributes
    ----------
    atoms : ndarray of shape (n_samples, n_atoms)
        Time courses on the samples it was learned from, each of length 1.
    loadings : ndarray of shape (n_atoms, n_neurons)
        How much of each atom is in each neuron; many are zero. Relative to a neuron of length 1, so that a lone
        loading is a correlation.
    mean, spread : ndarray of shape (n_neurons,)
        By which neurons are standardized before they are described.
    """

    atoms: NDArray[np.float64]
    loadings: NDArray[np.float64]
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]

    def project(self, activations: ArrayLike) -> NDArray[np.float64]:
        """Time courses of the atoms on other samples, with the loadings held fixed.

        Parameters
        ----------
        activations : array_like of shape (n_other_samples, n_neurons)
            The same neurons on other stimuli.

        Returns
        -------
        ndarray of shape (n_other_samples, n_atoms)
            Least squares: the time courses D for which ``D @ loadings`` comes nearest to the standardized activations.
            Each sample is described by itself, so no sample can leak into another.

        Raises
        ------
        ValueError
            Another number of neurons.
        """
        activations = as_doubles(activations, name="activations")
        if activations.ndim != 2 or activations.shape[1] != len(self.mean):
            msg = f"this dictionary describes {len(self.mean)} neurons (columns); got shape {activations.shape}."
            raise ValueError(msg)
        standard = (activations - self.mean) / self.spread
        return np.linalg.lstsq(self.loadings.T, standard.T, rcond=None)[0].T

    def explained(self, activations: ArrayLike) -> float:
        """Share of the variance of standardized activations that the projection keeps, at most 1."""
        standard = (as_doubles(activations, name="activations") - self.mean) / self.spread
        left = standard - self.project(activations) @ self.loadings
        return float(1 - left.var(axis=0).sum() / standard.var(axis=0).sum())


def dictionary(
    activations: ArrayLike,
    n_atoms: int,
    *,
    sparsity: float = 0.1,
    n_passes: int = 30,
    generator: np.random.Generator,
) -> Dictionary:
    """Learn a sparse dictionary of the neurons' time courses.

    Parameters
    ----------
    activations : array_like of shape (n_samples, n_neurons)
        Training samples only: whatever is tested later must not be among them.
    n_atoms : int
        Number of atoms, 1 to the smaller of both sides.
    sparsity : float
        Above 0 and below 1: a loading is zero where the atom would correlate with a neuron by less than this.
    n_passes : int
        How often every neuron is visited.
    generator : Generator
        Order of the neurons.

    Returns
    -------
    Dictionary
        Atoms by falling sum of squared loadings. The sign of an atom means nothing; it is chosen so that its loadings
        have a positive sum.

    Raises
    ------
    ValueError
        Wrong sizes, numbers that are not finite, a neuron that does not vary, or a penalty under which an atom is
        used by no neuron.

    Notes
    -----
    With X the standardized activations scaled to columns of length 1, minimises
    ``1/2 |X - D A|^2 + sparsity * |A|_1`` over atoms D of length 1 and loadings A, by scikit-learn.

    References
    ----------
    Mairal et al. 2009 (online dictionary learning); Sun et al. 2024, arXiv:2410.19542 (64 atoms as regressors).
    """
    activations = as_doubles(activations, name="activations")
    mean, spread = _checked_moments(activations, n_atoms, sparsity)
    rows = ((activations - mean) / spread).T / np.sqrt(len(activations))  # a neuron a row, of length 1
    learner = MiniBatchDictionaryLearning(
        n_atoms,
        alpha=sparsity,
        max_iter=n_passes,
        batch_size=min(_BATCH, len(rows)),
        fit_algorithm="cd",
        transform_algorithm="lasso_cd",
        transform_alpha=sparsity,
        transform_max_iter=_MOST_SWEEPS,
        tol=0.0,
        max_no_improvement=None,
        random_state=int(generator.integers(2**31)),
    )
    with warnings.catch_warnings():
        # The library wants eight digits; among neurons that are nearly equal it may stop at seven.
        warnings.simplefilter("ignore", ConvergenceWarning)
        loadings = learner.fit(rows).transform(rows).T
    atoms = learner.components_.T
    if idle := int((~loadings.any(axis=1)).sum()):
        msg = f"{idle} of {n_atoms} atoms serve no neuron; take fewer atoms or a sparsity below {sparsity:g}."
        raise ValueError(msg)
    order = np.argsort(-np.square(loadings).sum(axis=1), kind="stable")
    signs = np.where(loadings.sum(axis=1) < 0, -1.0, 1.0)
    return Dictionary((atoms * signs)[:, order], (loadings * signs[:, None])[order], mean, spread)


def _checked_moments(
    activations: NDArray[np.float64], n_atoms: int, sparsity: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if activations.ndim != 2 or not np.isfinite(activations).all():
        msg = f"activations must be a finite matrix (n_samples, n_neurons); got shape {activations.shape}."
        raise ValueError(msg)
    if not 1 <= n_atoms <= min(activations.shape) or not 0 < sparsity < 1:
        msg = (
            f"n_atoms = {n_atoms} must lie between 1 and {min(activations.shape)} for activations of shape "
            f"{activations.shape}, sparsity = {sparsity:g} between 0 and 1."
        )
        raise ValueError(msg)
    spread = activations.std(axis=0)
    if not spread.all():
        msg = f"{np.count_nonzero(spread == 0)} neurons do not vary over the samples; leave them out."
        raise ValueError(msg)
    return activations.mean(axis=0), spread
