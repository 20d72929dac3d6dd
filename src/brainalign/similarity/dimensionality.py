"""How many dimensions a representation fills, and how many two representations share."""

from __future__ import annotations

import torch
from torch import Tensor

from brainalign.arrays import center_to_unit_scale, check_paired, sum_of_squares
from brainalign.similarity.registration import COLUMN_MEANS, SHAPE, UNBOUNDED, measure

__all__ = ["effective_shared_dimensionality", "participation_ratio"]


def participation_ratio(X: Tensor) -> Tensor:
    """Effective number of dimensions over which the variance of a representation is spread.

    1 when all variance lies along one direction, d when it is spread equally over d orthogonal directions.

    Parameters
    ----------
    X : Tensor of shape (..., n_samples, n_features)
        Representation.

    Returns
    -------
    Tensor of shape (...)
        From 1 to the rank of the centered representation.

    Raises
    ------
    ValueError
        For bad types, shapes and values.

    Notes
    -----
    (sum_i l_i)^2 / sum_i l_i^2 with the eigenvalues l_i of the covariance, computed from ||X||^4 / ||X'X||^2 without
    them. Invariant to rotation, isotropic scaling and translation. Finite samples make it too small: independent noise
    of p features in n samples has (n - 1) p / (n + p) on average, nearly, not p.

    References
    ----------
    Gao, P., et al. (2017). A theory of multineuronal dimensionality, dynamics and measurement. bioRxiv 214262.

    Examples
    --------
    >>> participation_ratio(torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]))
    tensor(2.)
    """
    X, _ = check_paired(X, X, measure="participation_ratio")
    X = center_to_unit_scale(X)
    total = sum_of_squares(X, precision=torch.float64)
    return (total.square() / sum_of_squares(_smaller_gram(X), precision=torch.float64)).to(X.dtype)


@measure(
    kind="score",
    bounds=(0.0, UNBOUNDED),
    identity=None,
    is_symmetric=True,
    is_metric=False,
    is_differentiable=True,
    invariances=SHAPE,
    centering=COLUMN_MEANS,
    normalization="participation ratios",
    reference="Giaffar et al. 2024",
)
def effective_shared_dimensionality(X: Tensor, Y: Tensor) -> Tensor:
    """Effective number of dimensions that two representations share.

    0 when no direction of one, over the samples, occurs in the other; the participation ratio of a representation when
    it is compared with itself.

    Parameters
    ----------
    X, Y : Tensor of shape (..., n_samples, n_features_x) and (..., n_samples, n_features_y)
        Representations of the same samples.

    Returns
    -------
    Tensor of shape (...)
        From 0 to the square root of the product of both participation ratios; more is more alike.

    Raises
    ------
    ValueError
        For bad types, shapes and values.

    Notes
    -----
    tr(Y'X X'Y) tr(X'X) tr(Y'Y) / (tr((X'X)^2) tr((Y'Y)^2)), which is linear CKA times the square root of both
    participation ratios. Symmetric; invariant to rotation, isotropic scaling and translation. Biased upwards by finite
    samples, as CKA is.

    References
    ----------
    Giaffar, H., Rullan Buxo, C., & Aoi, M. (2024). The effective number of shared dimensions between paired datasets.
    AISTATS.

    Examples
    --------
    >>> X = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    >>> effective_shared_dimensionality(X, X[:, :1])
    tensor(1.)
    """
    X, Y = check_paired(X, Y, measure="effective_shared_dimensionality", min_samples=3)
    X, Y = center_to_unit_scale(X), center_to_unit_scale(Y)
    n_samples, width, other = X.shape[-2], X.shape[-1], Y.shape[-1]
    if n_samples * (width + other) < 2 * width * other:
        shared = ((X @ X.mT).to(torch.float64) * (Y @ Y.mT)).sum(dim=(-2, -1))
    else:
        shared = sum_of_squares(X.mT @ Y, precision=torch.float64)
    x_ratio, y_ratio = (
        sum_of_squares(Z, precision=torch.float64) / sum_of_squares(_smaller_gram(Z), precision=torch.float64)
        for Z in (X, Y)
    )
    return (shared * x_ratio * y_ratio).to(X.dtype)


def _smaller_gram(X: Tensor) -> Tensor:
    return X @ X.mT if X.shape[-2] <= X.shape[-1] else X.mT @ X
