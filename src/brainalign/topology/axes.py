"""Principal axes of similarities to brain networks, and a model's score along the first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from brainalign.numeric import as_doubles


@dataclass(frozen=True)
class Space:
    """Principal axes of head-to-network similarities.

    Attributes
    ----------
    mean : ndarray of shape (n_networks,)
        Centre of the heads that the space was fitted on.
    axes : ndarray of shape (n_components, n_networks)
        Principal axes. The first is turned so that its loadings sum to a positive number: to the right means more
        similar to the networks.
    explained : ndarray of shape (n_components,)
        Share of the variance along each axis, from 0 to 1.
    """

    mean: NDArray[np.float64]
    axes: NDArray[np.float64]
    explained: NDArray[np.float64]

    def project(self, similarities: ArrayLike) -> NDArray[np.float64]:
        """Coordinates of heads.

        Parameters
        ----------
        similarities : array_like of shape (..., n_networks)
            What `icn_similarity` returned.

        Returns
        -------
        ndarray of shape (..., n_components)
        """
        return (as_doubles(similarities, name="similarities") - self.mean) @ self.axes.T


def fit_space(similarities: ArrayLike, *, weights: ArrayLike | None = None, n_components: int = 2) -> Space:
    """Fit the space on the heads of one or several models.

    Parameters
    ----------
    similarities : array_like of shape (..., n_networks)
        Similarities of all heads that shall span the space; leading axes are flattened.
    weights : array_like of shape (...), optional
        How much every head counts, for example less for the heads of a model that has many. Equal by default, as in
        the study.
    n_components : int
        Number of axes.

    Returns
    -------
    Space

    Raises
    ------
    ValueError
        With fewer heads than axes + 1, or weights that are negative, all zero or of another shape.

    References
    ----------
    Chen et al. 2025, arXiv:2510.24342: principal components of the unscaled similarities of all heads. The weights are
    ours.
    """
    similarities = as_doubles(similarities, name="similarities")
    table = similarities.reshape(-1, similarities.shape[-1])
    if len(table) <= n_components:
        msg = f"{n_components} axes need at least {n_components + 1} heads: got {len(table)}."
        raise ValueError(msg)
    shares = _shares(weights, similarities.shape[:-1])
    mean = shares @ table
    centred = (table - mean) * np.sqrt(shares)[:, None]
    _, spreads, axes = np.linalg.svd(centred, full_matrices=False)
    axes = axes[:n_components]
    # The sign of a principal axis is arbitrary; fix it, or a score would change its meaning from run to run.
    signs = np.where(axes.sum(axis=1) < 0, -1.0, 1.0)
    return Space(mean, axes * signs[:, None], spreads[:n_components] ** 2 / np.sum(spreads**2))


def _shares(weights: ArrayLike | None, shape: tuple[int, ...]) -> NDArray[np.float64]:
    if weights is None:
        return np.full(np.prod(shape), 1 / np.prod(shape))
    weights = as_doubles(weights, name="weights")
    if weights.shape != shape or not np.isfinite(weights).all() or (weights < 0).any() or weights.sum() == 0:
        msg = (
            f"weights must be finite non-negative numbers, one per head, of shape {shape}, and not all zero: got shape "
            f"{weights.shape}, sum {weights.sum():.3g}."
        )
        raise ValueError(msg)
    return weights.ravel() / weights.sum()


def alignment_scores(projections: ArrayLike) -> pd.Series:
    """Scores of one model from where its heads lie.

    Parameters
    ----------
    projections : array_like of shape (..., n_components)
        Coordinates of the model's heads; only the first axis counts.

    Returns
    -------
    Series with entries ``sum``, ``mean``, ``median``
        ``sum`` is the published score; it grows with the number of heads. All may have either sign; larger is closer
        to the networks.

    References
    ----------
    Chen et al. 2025, arXiv:2510.24342: the sum over a model's heads of the centred first component.
    """
    first = as_doubles(projections, name="projections")[..., 0].ravel()
    return pd.Series({"sum": first.sum(), "mean": first.mean(), "median": np.median(first)})
