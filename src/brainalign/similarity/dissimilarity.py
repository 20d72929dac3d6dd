"""Representational dissimilarity matrices (RDMs): how differently each pair of samples is represented.

Here an RDM is a full symmetric matrix of shape (..., n_samples, n_samples) with zeros on its diagonal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from brainalign.arrays import center_columns, check_paired, widest_range
from brainalign.similarity.whitening import check_repeats, whiten

__all__ = [
    "RDMS",
    "Rdm",
    "correlation_rdm",
    "cosine_rdm",
    "crossnobis_rdm",
    "euclidean_rdm",
    "mahalanobis_rdm",
]

# Differences below this many units in the last place are what rounding leaves of equal numbers.
_ROUNDING = 64


@dataclass(frozen=True, kw_only=True)
class Rdm:
    """A dissimilarity of patterns, with what it does not notice.

    Attributes
    ----------
    function : callable
        Takes a representation, a noise covariance or None, and the name of the measure for the text of errors.
    invariances : frozenset of str
        What can be done to the features, the noise covariance held fixed, without changing the RDM but for a factor.
    noise_covariance : {"refused", "optional", "needed"}
        What becomes of a noise covariance.
    """

    function: Callable[[Tensor, Tensor | None, str], Tensor]
    invariances: frozenset[str]
    noise_covariance: Literal["refused", "optional", "needed"] = "refused"


def correlation_rdm(X: Tensor) -> Tensor:
    """Correlation distance between the patterns of all pairs of samples: 1 minus Pearson's r over the features.

    0 for patterns that differ by a shift and a positive scale only, 1 for uncorrelated, 2 for opposite ones.

    Parameters
    ----------
    X : Tensor of shape (..., n_samples, n_features)
        Representation, with at least 2 features.

    Returns
    -------
    Tensor of shape (..., n_samples, n_samples)
        Values in [0, 2].

    Raises
    ------
    ValueError
        If the pattern of a sample is constant, so that it has no correlation, or for bad types, shapes and values.

    Notes
    -----
    Each sample's mean over the *features* is removed, not each feature's mean over the samples. So the values do not
    change when each sample's pattern is shifted or scaled, and do change when the features are rotated or translated.

    Examples
    --------
    >>> correlation_rdm(torch.tensor([[0.0, 1.0], [2.0, 5.0], [3.0, -1.0]]))[0].abs().round(decimals=6)
    tensor([0., 0., 2.])
    """
    X, _ = check_paired(X, X, measure="correlation_rdm")
    return _correlation_rdm(X, None, "correlation_rdm")


def cosine_rdm(X: Tensor) -> Tensor:
    """Cosine distance between the patterns of all pairs of samples: 1 minus the cosine of their angle at the origin.

    Parameters
    ----------
    X : Tensor of shape (..., n_samples, n_features)
        Representation.

    Returns
    -------
    Tensor of shape (..., n_samples, n_samples)
        Values in [0, 2].

    Raises
    ------
    ValueError
        If the pattern of a sample is all zeros, so that it has no direction, or for bad types, shapes and values.

    Examples
    --------
    >>> cosine_rdm(torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]]))[0]
    tensor([0., 1., 0.])
    """
    X, _ = check_paired(X, X, measure="cosine_rdm")
    return _cosine_rdm(X, None, "cosine_rdm")


def euclidean_rdm(X: Tensor) -> Tensor:
    """Squared Euclidean distance between the patterns of all pairs of samples.

    Parameters
    ----------
    X : Tensor of shape (..., n_samples, n_features)
        Representation.

    Returns
    -------
    Tensor of shape (..., n_samples, n_samples)
        Values of 0 or more, in squared units of the features.

    Raises
    ------
    ValueError
        For bad types, shapes and values.

    Notes
    -----
    Squared, as is usual in the field: the squares are linear in the Gram matrix, and their noise is understood. Summed
    over features; other libraries divide by their number, which no comparison of RDMs notices.

    Examples
    --------
    >>> euclidean_rdm(torch.tensor([[0.0, 0.0], [3.0, 4.0]]))
    tensor([[ 0., 25.],
            [25.,  0.]])
    """
    X, _ = check_paired(X, X, measure="euclidean_rdm")
    return _euclidean_rdm(X, None, "euclidean_rdm")


def mahalanobis_rdm(X: Tensor, *, noise_covariance: Tensor) -> Tensor:
    """Squared Mahalanobis distance between the patterns of all pairs of samples, in units of the noise.

    Parameters
    ----------
    X : Tensor of shape (..., n_samples, n_features)
        Representation.
    noise_covariance : Tensor of shape (..., n_features, n_features)
        Covariance S of the noise over the features; symmetric and positive definite (see `noise_covariance`).

    Returns
    -------
    Tensor of shape (..., n_samples, n_samples)
        (x_i - x_j)' S^-1 (x_i - x_j), 0 or more.

    Raises
    ------
    ValueError
        If the covariance has another shape or is not positive definite, or for bad types, shapes and values.

    Notes
    -----
    With noise in X, every distance is too large by the noise's own part, about twice the number of features;
    `crossnobis_rdm` has no such bias.

    Examples
    --------
    >>> X = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    >>> mahalanobis_rdm(X, noise_covariance=torch.tensor([[9.0, 0.0], [0.0, 4.0]]))[0, 1]
    tensor(5.)
    """
    X, _ = check_paired(X, X, measure="mahalanobis_rdm")
    return _mahalanobis_rdm(X, noise_covariance, "mahalanobis_rdm")


def crossnobis_rdm(repeats: Tensor, *, noise_covariance: Tensor | None = None) -> Tensor:
    """Cross-validated squared Mahalanobis distance: the distance that noise does not bias.

    Differences of patterns are multiplied across repeats with independent noise, so that the noise averages out: the
    expected value is the distance of the true patterns, and a pair that does not differ comes out around 0.

    Parameters
    ----------
    repeats : Tensor of shape (..., n_repeats, n_samples, n_features)
        The same samples measured in at least 2 repeats (runs, folds) with independent noise.
    noise_covariance : Tensor of shape (..., n_features, n_features), optional
        Covariance S of the noise over the features; None stands for the identity.

    Returns
    -------
    Tensor of shape (..., n_samples, n_samples)
        Mean over all ordered pairs of different repeats a, b of (x_i^a - x_j^a)' S^-1 (x_i^b - x_j^b). May be negative.

    Raises
    ------
    ValueError
        With a single repeat, with a covariance of another shape or one that is not positive definite, or for bad
        types, shapes and values.

    Notes
    -----
    With m repeats, m - 1 times the value is m times the distance of the mean patterns less the mean of the repeats' own
    distances: the work grows with m, not with its square. See Walther et al. (2016), NeuroImage 137; Diedrichsen et
    al. (2020), arXiv 2007.02789.

    Examples
    --------
    >>> noiseless = torch.tensor([[0.0, 0.0], [3.0, 4.0]]).expand(4, 2, 2)
    >>> crossnobis_rdm(noiseless)[0, 1]
    tensor(25.)
    """
    repeats = check_repeats(repeats, "crossnobis_rdm")
    return _crossnobis_rdm(repeats, noise_covariance, "crossnobis_rdm")


def _correlation_rdm(X: Tensor, covariance: None, measure: str) -> Tensor:
    if X.shape[-1] < 2:
        msg = f"{measure}: a correlation over features needs at least 2 features: got {X.shape[-1]}."
        raise ValueError(msg)
    mean = X.mean(dim=-1, keepdim=True)
    floor = _ROUNDING * torch.finfo(X.dtype).eps * X.shape[-1] ** 0.5 * mean.detach().abs()
    return _one_minus_cosines(X - mean, floor, "the same value in all features", measure)


def _cosine_rdm(X: Tensor, covariance: None, measure: str) -> Tensor:
    return _one_minus_cosines(X, torch.zeros_like(X.detach()[..., :1]), "zero in all features", measure)


def _one_minus_cosines(patterns: Tensor, floor: Tensor, fault: str, measure: str) -> Tensor:
    lengths = torch.linalg.vector_norm(patterns, dim=-1, keepdim=True)
    bad = lengths.detach() <= floor
    if bad.any():
        msg = (
            f"{measure}: {int(bad.sum())} samples have {fault}, the first at {bad[..., 0].nonzero()[0].tolist()}; drop "
            "them or use the Euclidean RDM."
        )
        raise ValueError(msg)
    limits = torch.finfo(patterns.dtype)
    shortest, longest = lengths.detach().aminmax()
    if not limits.tiny / limits.eps < shortest.square() <= longest.square() < torch.inf:
        msg = f"{measure}: the squares of some values exceed the range of {patterns.dtype}; rescale the features."
        raise ValueError(msg)
    distances = _gram(patterns / lengths).neg_().add_(1)  # in place: new memory costs as much as the arithmetic
    distances.diagonal(dim1=-2, dim2=-1).zero_()
    return distances


def _euclidean_rdm(X: Tensor, covariance: None, measure: str) -> Tensor:
    return _squared_distances(X, measure).clamp(min=0)  # rounding alone can make a square negative


def _mahalanobis_rdm(X: Tensor, covariance: Tensor, measure: str) -> Tensor:
    return _squared_distances(whiten(X, covariance, measure), measure).clamp(min=0)


def _crossnobis_rdm(repeats: Tensor, covariance: Tensor | None, measure: str) -> Tensor:
    if covariance is not None:
        repeats = whiten(repeats, covariance, measure, extra=1)
    n_repeats = repeats.shape[-3]
    of_means = _squared_distances(repeats.mean(dim=-3), measure)
    within = torch.zeros_like(of_means)
    for repeat in repeats.unbind(dim=-3):  # one at a time: m matrices of n x n would not fit
        within = within + _squared_distances(repeat, measure)
    return (n_repeats * of_means - within / n_repeats) / (n_repeats - 1)


def _squared_distances(X: Tensor, measure: str) -> Tensor:
    limits, widest = torch.finfo(X.dtype), widest_range(X)
    squares = widest.square()
    if ((widest > 0) & (squares < limits.tiny / limits.eps) | (squares > limits.max / (4 * X.shape[-1]))).any():
        msg = f"{measure}: the squares of some values exceed the range of {X.dtype}; rescale the features."
        raise ValueError(msg)
    X = center_columns(X)  # a common offset would cost digits
    gram = _gram(X)
    norms = gram.diagonal(dim1=-2, dim2=-1)
    distances = norms.unsqueeze(-1) + norms.unsqueeze(-2) - 2 * gram
    distances.diagonal(dim1=-2, dim2=-1).zero_()  # what rounding left there
    return distances


class _SymmetricProduct(torch.autograd.Function):
    """X X', computing the upper half only: about 0.6 of the plain product's time, and half of its gradient's."""

    N_BLOCKS = 8

    @staticmethod
    def forward(ctx: Any, X: Tensor) -> Tensor:
        ctx.save_for_backward(X)
        n_samples = X.shape[-2]
        step = max(64, -(-n_samples // _SymmetricProduct.N_BLOCKS))
        product = X.new_empty(*X.shape[:-1], n_samples)
        for start in range(0, n_samples, step):
            stop = start + step
            product[..., start:stop, start:] = X[..., start:stop, :] @ X[..., start:, :].mT
            product[..., stop:, start:stop] = product[..., start:stop, stop:].mT
        return product

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (X,) = ctx.saved_tensors
        return (gradient + gradient.mT) @ X


def _gram(X: Tensor) -> Tensor:
    return _SymmetricProduct.apply(X)


RDMS: dict[str, Rdm] = {
    "correlation": Rdm(function=_correlation_rdm, invariances=frozenset({"isotropic_scaling", "permutation"})),
    "euclidean": Rdm(
        function=_euclidean_rdm,
        invariances=frozenset({"orthogonal", "isotropic_scaling", "translation", "permutation"}),
    ),
    "cosine": Rdm(function=_cosine_rdm, invariances=frozenset({"orthogonal", "isotropic_scaling", "permutation"})),
    "mahalanobis": Rdm(
        function=_mahalanobis_rdm,
        invariances=frozenset({"isotropic_scaling", "translation"}),
        noise_covariance="needed",
    ),
    "crossnobis": Rdm(
        function=_crossnobis_rdm,
        invariances=frozenset({"isotropic_scaling", "translation"}),
        noise_covariance="optional",
    ),
}
"""Dissimilarities by name, for `rsa`."""
