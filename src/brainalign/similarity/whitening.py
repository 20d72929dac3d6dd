"""Covariance of the noise of repeated measurements, and patterns in units of it.

Arrays are torch tensors.
"""

from __future__ import annotations

import torch
from torch import Tensor

from brainalign.arrays import as_tensor, check_floating, check_paired

__all__ = [
    "noise_covariance",
]


def noise_covariance(repeats: Tensor, *, shrinkage: float = 0.0) -> Tensor:
    """Covariance of the noise over the features, from how the repeats of each sample differ.

    Parameters
    ----------
    repeats : Tensor of shape (..., n_repeats, n_samples, n_features)
        The same samples measured in at least 2 repeats with independent noise.
    shrinkage : float
        Weight in [0, 1] of the diagonal of variances: the result is (1 - shrinkage) times the covariance plus shrinkage
        times its diagonal. More than 0 is needed where n_features exceeds n_samples * (n_repeats - 1).

    Returns
    -------
    Tensor of shape (..., n_features, n_features)
        Unbiased covariance of the noise of one measurement.

    Raises
    ------
    ValueError
        With a single repeat, a shrinkage outside [0, 1], or bad types, shapes and values.

    Examples
    --------
    >>> noise_covariance(torch.tensor([[[0.0], [5.0]], [[2.0], [5.0]]]))
    tensor([[1.]])
    """
    repeats = check_repeats(repeats, "noise_covariance")
    if not 0 <= shrinkage <= 1:
        msg = f"noise_covariance: shrinkage must lie in [0, 1]: got {shrinkage}."
        raise ValueError(msg)
    n_repeats, n_samples, _ = repeats.shape[-3:]
    residuals = (repeats - repeats.mean(dim=-3, keepdim=True)).flatten(-3, -2)
    covariance = residuals.mT @ residuals / (n_samples * (n_repeats - 1))
    variances = torch.diag_embed(covariance.diagonal(dim1=-2, dim2=-1))
    return (1 - shrinkage) * covariance + shrinkage * variances


def whiten(X: Tensor, covariance: Tensor, measure: str, *, extra: int = 0) -> Tensor:
    """Patterns whose Euclidean distances are the Mahalanobis distances of X; `extra` dimensions precede the samples."""
    covariance = as_tensor(covariance, name="noise_covariance", measure=measure)
    check_floating(covariance, name="noise_covariance", measure=measure)
    n_features = X.shape[-1]
    if tuple(covariance.shape[-2:]) != (n_features, n_features):
        msg = (
            f"{measure}: noise_covariance must have shape (..., {n_features}, {n_features}), one row and column per "
            f"feature: got {tuple(covariance.shape)}."
        )
        raise ValueError(msg)
    covariance = covariance.to(X.dtype)
    values = covariance.detach()
    if not torch.isfinite(values).all():
        msg = f"{measure}: noise_covariance holds values that are not finite; remove or impute them."
        raise ValueError(msg)
    asymmetry = (values - values.mT).abs().max()
    if asymmetry > values.abs().max() * torch.finfo(X.dtype).eps ** 0.5:
        msg = (
            f"{measure}: noise_covariance is not symmetric: entries differ from their mirror by up to {asymmetry:.3g}."
        )
        raise ValueError(msg)
    factor, failed = torch.linalg.cholesky_ex(covariance)
    if (failed != 0).any():
        msg = (
            f"{measure}: noise_covariance is not positive definite (its leading {int(failed.max())} x "
            f"{int(failed.max())} block is not); estimate it with shrinkage above 0."
        )
        raise ValueError(msg)
    for _ in range(extra):
        factor = factor.unsqueeze(-3)
    return torch.linalg.solve_triangular(factor, X.mT, upper=False).mT


def check_repeats(repeats: Tensor, measure: str) -> Tensor:
    """The repeats as a tensor; what is not at least 2 repeats of a representation is refused."""
    repeats, _ = check_paired(repeats, repeats, measure=measure)
    if repeats.ndim < 3 or repeats.shape[-3] < 2:
        msg = (
            f"{measure} needs shape (..., n_repeats, n_samples, n_features) with at least 2 repeats: got "
            f"{tuple(repeats.shape)}. Give the repeats before they are averaged."
        )
        raise ValueError(msg)
    return repeats
