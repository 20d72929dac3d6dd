"""Representational dissimilarity matrices (RDMs), and how to compare them.

An RDM holds how differently each pair of samples is represented. Here it is a full symmetric matrix of shape
(..., n_samples, n_samples) with zeros on its diagonal; every pair counts once in a comparison.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from brainalign.arrays import center_columns, check_paired

__all__ = [
    "COMPARATORS",
    "RDMS",
    "Comparator",
    "Rdm",
    "compare_rdms",
    "correlation_rdm",
    "cosine_rdm",
    "crossnobis_rdm",
    "euclidean_rdm",
    "mahalanobis_rdm",
    "noise_covariance",
    "rsa",
]

# Differences below this many units in the last place are what rounding leaves of equal numbers.
_ROUNDING = 64


# ---- Dissimilarity matrices ------------------------------------------------------------------------------------------


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
    TypeError
        For what is not a tensor of real floating-point numbers.
    ValueError
        If the pattern of a sample is constant, so that it has no correlation, or for bad shapes and values.

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
    TypeError
        For what is not a tensor of real floating-point numbers.
    ValueError
        If the pattern of a sample is all zeros, so that it has no direction, or for bad shapes and values.

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
    TypeError
        For what is not a tensor of real floating-point numbers.
    ValueError
        For bad shapes and values.

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
    TypeError
        For what is not a tensor of real floating-point numbers.
    ValueError
        If the covariance has another shape or is not positive definite, or for bad shapes and values.

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
    TypeError
        For what is not a tensor of real floating-point numbers.
    ValueError
        With a single repeat, with a covariance of another shape or one that is not positive definite, or for bad shapes
        and values.

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
    _check_repeats(repeats, "crossnobis_rdm")
    return _crossnobis_rdm(repeats, noise_covariance, "crossnobis_rdm")


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
    TypeError
        For what is not a tensor of real floating-point numbers.
    ValueError
        With a single repeat, a shrinkage outside [0, 1], or bad shapes and values.

    Examples
    --------
    >>> noise_covariance(torch.tensor([[[0.0], [5.0]], [[2.0], [5.0]]]))
    tensor([[1.]])
    """
    _check_repeats(repeats, "noise_covariance")
    if not 0 <= shrinkage <= 1:
        msg = f"noise_covariance: shrinkage must lie in [0, 1]: got {shrinkage}."
        raise ValueError(msg)
    n_repeats, n_samples, _ = repeats.shape[-3:]
    residuals = (repeats - repeats.mean(dim=-3, keepdim=True)).flatten(-3, -2)
    covariance = residuals.mT @ residuals / (n_samples * (n_repeats - 1))
    variances = torch.diag_embed(covariance.diagonal(dim1=-2, dim2=-1))
    return (1 - shrinkage) * covariance + shrinkage * variances


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
    # Scaled after the product, where there are n_samples^2 numbers and not n_samples * n_features.
    distances = 1 - _gram(patterns) / (lengths * lengths.mT)
    distances.diagonal(dim1=-2, dim2=-1).zero_()
    return distances


def _euclidean_rdm(X: Tensor, covariance: None, measure: str) -> Tensor:
    return _squared_distances(X).clamp(min=0)  # rounding alone can make a square negative


def _mahalanobis_rdm(X: Tensor, covariance: Tensor, measure: str) -> Tensor:
    return _squared_distances(_whiten(X, covariance, measure)).clamp(min=0)


def _squared_distances(X: Tensor) -> Tensor:
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


def _crossnobis_rdm(repeats: Tensor, covariance: Tensor | None, measure: str) -> Tensor:
    if covariance is not None:
        repeats = _whiten(repeats, covariance, measure, extra=1)
    n_repeats = repeats.shape[-3]
    of_means = _squared_distances(repeats.mean(dim=-3))
    within = torch.zeros_like(of_means)
    for repeat in repeats.unbind(dim=-3):  # one at a time: m matrices of n x n would not fit
        within = within + _squared_distances(repeat)
    return (n_repeats * of_means - within / n_repeats) / (n_repeats - 1)


def _whiten(X: Tensor, covariance: Tensor, measure: str, *, extra: int = 0) -> Tensor:
    """Patterns whose Euclidean distances are the Mahalanobis distances of X; `extra` dimensions precede the samples."""
    if not isinstance(covariance, Tensor) or not covariance.is_floating_point():
        msg = f"{measure}: noise_covariance must be a tensor of real floating-point numbers; convert it first."
        raise TypeError(msg)
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


def _without_diagonal(matrix: Tensor) -> Tensor:
    on_diagonal = torch.eye(matrix.shape[-1], dtype=torch.bool, device=matrix.device)
    return matrix.masked_fill(on_diagonal, 0)


def _check_repeats(repeats: Tensor, measure: str) -> None:
    check_paired(repeats, repeats, measure=measure)
    if repeats.ndim < 3 or repeats.shape[-3] < 2:
        msg = (
            f"{measure} needs shape (..., n_repeats, n_samples, n_features) with at least 2 repeats: got "
            f"{tuple(repeats.shape)}. Give the repeats before they are averaged."
        )
        raise ValueError(msg)


# ---- Comparisons -----------------------------------------------------------------------------------------------------


def compare_rdms(A: Tensor, B: Tensor, *, compare: str = "pearson") -> Tensor:
    """How similar two dissimilarity matrices are.

    Parameters
    ----------
    A, B : Tensor of shape (..., n_samples, n_samples)
        Symmetric dissimilarities of the same samples, at least 3; the diagonal is not read.
    compare : str
        One of `COMPARATORS`:

        - "pearson": correlation over the pairs of samples;
        - "cosine": the same without removing the mean, for dissimilarities with a meaningful zero;
        - "spearman": correlation of ranks, ties given their mean rank;
        - "rho_a": the expected Spearman correlation if ties were broken at random;
        - "tau_a": Kendall's; concordant less discordant pairs of entries over all, ties counted as neither;
        - "whitened_pearson", "whitened_cosine": the first two after decorrelating the entries by the covariance that
          estimates of squared distances have under independent, equal noise of the samples.

    Returns
    -------
    Tensor of shape (...)
        In [-1, 1]; 1 for equal RDMs (tau_a and rho_a stay below when entries are tied).

    Raises
    ------
    TypeError
        For what is not a tensor of real floating-point numbers.
    ValueError
        For an unknown comparator, matrices that are not square, symmetric and finite, fewer than 3 samples, or an RDM
        whose entries are all equal (or all zero, for the cosines).

    Notes
    -----
    The covariance of two entries of a squared-distance RDM under independent noise is proportional to 4 for the same
    pair, 1 for pairs that share a sample, 0 else (Diedrichsen et al. 2020, arXiv 2007.02789). Its inverse maps the
    entries to a fourth of the double-centered matrix, so that the whitened cosine is the cosine of the two
    double-centered RDMs, in O(n^2) and without the matrix of n^4 entries; for squared Euclidean RDMs it is linear CKA.
    The mean that the whitened Pearson correlation removes is the plain one, which is also the best one under that
    covariance. Rank comparators have no gradient: their result carries no graph. rho_a: Schuett et al. 2023, eLife 12.

    Examples
    --------
    >>> A = euclidean_rdm(torch.tensor([[0.0], [1.0], [3.0]]))
    >>> compare_rdms(A, 2 * A + 1, compare="tau_a")
    tensor(1.)
    """
    comparator = _look_up(COMPARATORS, compare, "compare")
    _check_rdms(A, B)
    dtype = torch.promote_types(A.dtype, B.dtype)
    return comparator.function(_without_diagonal(A.to(dtype)), _without_diagonal(B.to(dtype)), "compare_rdms")


def _pearson(A: Tensor, B: Tensor, measure: str) -> Tensor:
    return _cosine_of(_centered(A, "X", measure), _centered(B, "Y", measure))


def _cosine(A: Tensor, B: Tensor, measure: str) -> Tensor:
    return _cosine_of(_not_zero(A, "X", measure), _not_zero(B, "Y", measure))


def _whitened_pearson(A: Tensor, B: Tensor, measure: str) -> Tensor:
    return _cosine_of(_double_centered(_centered(A, "X", measure)), _double_centered(_centered(B, "Y", measure)))


def _whitened_cosine(A: Tensor, B: Tensor, measure: str) -> Tensor:
    return _cosine_of(_double_centered(_not_zero(A, "X", measure)), _double_centered(_not_zero(B, "Y", measure)))


def _spearman(A: Tensor, B: Tensor, measure: str) -> Tensor:
    x, y = _entries(A, "X", measure), _entries(B, "Y", measure)
    x, y = _centered_ranks(x), _centered_ranks(y)
    return ((x * y).sum(-1) / ((x * x).sum(-1) * (y * y).sum(-1)).sqrt()).to(A.dtype)


def _rho_a(A: Tensor, B: Tensor, measure: str) -> Tensor:
    x, y = _entries(A, "X", measure), _entries(B, "Y", measure)
    m = x.shape[-1]
    return (12 * (_centered_ranks(x) * _centered_ranks(y)).sum(-1) / (m**3 - m)).to(A.dtype)


def _tau_a(A: Tensor, B: Tensor, measure: str) -> Tensor:
    x, y = torch.broadcast_tensors(_entries(A, "X", measure), _entries(B, "Y", measure))
    m = x.shape[-1]
    x, y = _tied_ranks(x), _tied_ranks(y)
    joint, _ = (x * m + y).sort(dim=-1)  # by x, then by y: what is tied in x is never out of order in y
    x, y = joint // m, joint % m
    pairs = m * (m - 1) // 2
    untied = pairs - _count_ties(x) - _count_ties(y.sort(dim=-1).values) + _count_ties(joint)
    # Exact in whole numbers: m is below 2^26 for any matrix that fits in memory.
    return ((untied - 2 * _count_inversions(y)).to(torch.float64) / pairs).to(A.dtype)


def _centered(A: Tensor, name: str, measure: str) -> Tensor:
    """Subtract the mean over pairs, the diagonal staying zero."""
    n_samples = A.shape[-1]
    mean = A.sum(dim=(-2, -1), keepdim=True) / (n_samples * (n_samples - 1))
    centered = A - mean
    centered.diagonal(dim1=-2, dim2=-1).zero_()
    lowest, highest = centered.detach().flatten(-2).aminmax(dim=-1)
    _refuse_constant(lowest, highest, mean.detach()[..., 0, 0].abs(), name, measure)
    return centered


def _double_centered(A: Tensor) -> Tensor:
    A = A - A.mean(dim=-1, keepdim=True)
    return A - A.mean(dim=-2, keepdim=True)


def _cosine_of(A: Tensor, B: Tensor) -> Tensor:
    # Sums of elementwise products: a matrix norm in single precision loses digits on a million entries.
    numerator = (A * B).sum(dim=(-2, -1))
    return numerator / ((A * A).sum(dim=(-2, -1)).sqrt() * (B * B).sum(dim=(-2, -1)).sqrt())


def _entries(A: Tensor, name: str, measure: str) -> Tensor:
    """Dissimilarities of shape (..., n_pairs), each pair once, without the graph of gradients."""
    n_samples = A.shape[-1]
    above = torch.ones(n_samples, n_samples, dtype=torch.bool, device=A.device).triu(diagonal=1)
    entries = A.detach()[..., above]
    lowest, highest = entries.aminmax(dim=-1)
    _refuse_constant(lowest, highest, torch.maximum(lowest.abs(), highest.abs()), name, measure)
    return entries


def _runs(values: Tensor) -> tuple[Tensor, Tensor]:
    """First and last index of the run of equal neighbors that each value belongs to."""
    m = values.shape[-1]
    index = torch.arange(m, device=values.device)
    edge = torch.ones_like(values[..., :1], dtype=torch.bool)
    changes = values[..., 1:] != values[..., :-1]
    first = torch.where(torch.cat([edge, changes], dim=-1), index, 0).cummax(dim=-1).values
    last = torch.where(torch.cat([changes, edge], dim=-1), index, m).flip(-1).cummin(dim=-1).values.flip(-1)
    return first, last


def _centered_ranks(values: Tensor) -> Tensor:
    """Ranks less their mean, ties given their mean rank, in double precision."""
    ordered, order = values.sort(dim=-1)
    first, last = _runs(ordered)
    ranks = (first + last - (values.shape[-1] - 1)).to(torch.float64) / 2
    return torch.empty_like(ranks).scatter_(-1, order, ranks)


def _tied_ranks(values: Tensor) -> Tensor:
    """Whole ranks from 0, ties given the lowest."""
    ordered, order = values.sort(dim=-1)
    first, _ = _runs(ordered)
    return torch.empty_like(first).scatter_(-1, order, first)


def _count_ties(ordered: Tensor) -> Tensor:
    """Pairs of equal values in each sorted row: of a run of t values, the k-th makes k - 1 pairs."""
    first, _ = _runs(ordered)
    return (torch.arange(ordered.shape[-1], device=ordered.device) - first).sum(dim=-1)


def _count_inversions(values: Tensor) -> Tensor:
    """Pairs i < j with value i above value j, for whole values in [0, m) of shape (..., m).

    Bit by bit from the highest: the values are kept grouped by their higher bits, each group in its first order. A pair
    of one group is out of order if the earlier has this bit and the later has not; then each group is split.
    """
    m = values.shape[-1]
    index = torch.arange(m, device=values.device)
    inversions = torch.zeros_like(values[..., 0])
    for bit in reversed(range((m - 1).bit_length())):
        first, last = _runs(values >> (bit + 1))
        ones = (values >> bit) & 1
        ones_so_far = ones.cumsum(dim=-1)
        ones_before_group = (ones_so_far - ones).gather(-1, first)
        ones_before = ones_so_far - ones - ones_before_group
        inversions = inversions + (ones_before * (1 - ones)).sum(dim=-1)
        ones_in_group = ones_so_far.gather(-1, last) - ones_before_group
        target = torch.where(ones == 1, last + 1 - ones_in_group + ones_before, index - ones_before)
        values = torch.empty_like(values).scatter_(-1, target, values)
    return inversions


def _refuse_constant(lowest: Tensor, highest: Tensor, size: Tensor, name: str, measure: str) -> None:
    if (highest - lowest <= _ROUNDING * torch.finfo(size.dtype).eps * size).any():
        msg = (
            f"{measure}: all dissimilarities of {name} are equal (up to rounding); there is nothing to compare. Use "
            "other samples, or the cosine comparator if the RDM is not zero."
        )
        raise ValueError(msg)


def _not_zero(A: Tensor, name: str, measure: str) -> Tensor:
    if (A.detach() == 0).flatten(-2).all(dim=-1).any():
        msg = f"{measure}: all dissimilarities of {name} are zero; there is nothing to compare. Use other samples."
        raise ValueError(msg)
    return A


def _check_rdms(A: Tensor, B: Tensor) -> None:
    for name, array in (("A", A), ("B", B)):
        if not isinstance(array, Tensor) or not array.is_floating_point():
            msg = f"compare_rdms: {name} must be a tensor of real floating-point numbers; convert it first."
            raise TypeError(msg)
        if array.ndim < 2 or array.shape[-1] != array.shape[-2] or array.shape[-1] < 3 or array.numel() == 0:
            msg = (
                f"compare_rdms: {name} must have shape (..., n_samples, n_samples) with at least 3 samples: got "
                f"{tuple(array.shape)}."
            )
            raise ValueError(msg)
        values = array.detach()
        if not torch.isfinite(values).all():
            msg = f"compare_rdms: {name} holds {int((~torch.isfinite(values)).sum())} values that are not finite."
            raise ValueError(msg)
        asymmetry = (values - values.mT).abs().max()
        if asymmetry > values.abs().max() * torch.finfo(array.dtype).eps ** 0.5:
            msg = (
                f"compare_rdms: {name} is not symmetric: entries differ from their mirror by up to {asymmetry:.3g}. "
                "Average it with its transpose if both halves are estimates of the same."
            )
            raise ValueError(msg)
    if A.shape[-1] != B.shape[-1]:
        msg = (
            f"compare_rdms: A and B must have the same samples: got {A.shape[-1]} and {B.shape[-1]}. Align them by "
            "sample first."
        )
        raise ValueError(msg)


# ---- The measure -----------------------------------------------------------------------------------------------------


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


@dataclass(frozen=True, kw_only=True)
class Comparator:
    """A comparison of two RDMs, with its properties.

    Attributes
    ----------
    function : callable
        Takes two RDMs with zero diagonal, and the name of the measure for the text of errors.
    is_differentiable : bool
        Whether a gradient exists.
    ignores_shift : bool
        Whether a constant added to all entries leaves the value as it is.
    is_rank_based : bool
        Whether any increasing function of the entries does.
    """

    function: Callable[[Tensor, Tensor, str], Tensor]
    is_differentiable: bool
    ignores_shift: bool
    is_rank_based: bool = False


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

COMPARATORS: dict[str, Comparator] = {
    "pearson": Comparator(function=_pearson, is_differentiable=True, ignores_shift=True),
    "cosine": Comparator(function=_cosine, is_differentiable=True, ignores_shift=False),
    "spearman": Comparator(function=_spearman, is_differentiable=False, ignores_shift=True, is_rank_based=True),
    "rho_a": Comparator(function=_rho_a, is_differentiable=False, ignores_shift=True, is_rank_based=True),
    "tau_a": Comparator(function=_tau_a, is_differentiable=False, ignores_shift=True, is_rank_based=True),
    "whitened_pearson": Comparator(function=_whitened_pearson, is_differentiable=True, ignores_shift=True),
    "whitened_cosine": Comparator(function=_whitened_cosine, is_differentiable=True, ignores_shift=False),
}
"""Comparisons of RDMs by name, for `rsa` and `compare_rdms`."""


def rsa(
    X: Tensor,
    Y: Tensor,
    *,
    rdm: str = "correlation",
    compare: str = "pearson",
    noise_covariances: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Representational similarity analysis: whether the same pairs of samples look alike in both representations.

    1 when the dissimilarities of all pairs of samples agree (up to a shift and a scale, with the default comparator).
    Around 0 when they are unrelated. The features themselves are never compared.

    Parameters
    ----------
    X, Y : Tensor of shape (..., n_samples, n_features_x) and (..., n_samples, n_features_y)
        Representations of the same samples, at least 3. For ``rdm="crossnobis"``, of shape
        (..., n_repeats, n_samples, n_features), where both may have different numbers of repeats.
    rdm : {"correlation", "euclidean", "cosine", "mahalanobis", "crossnobis"}
        Dissimilarity, see the functions named ``*_rdm``. Euclidean distances are squared.
    compare : str
        Comparison of the two RDMs, see `compare_rdms`.
    noise_covariances : tuple of two Tensors, optional
        Covariances of the noise of X and of Y: needed for "mahalanobis", optional for "crossnobis", else refused.

    Returns
    -------
    Tensor of shape (...)
        In [-1, 1], 1 for most alike.

    Raises
    ------
    TypeError
        For what is not a tensor of real floating-point numbers.
    ValueError
        For an unknown name, covariances missing or not used, or data that `check_paired` or the chosen dissimilarity
        refuses.

    Notes
    -----
    With the defaults, invariant to permutation of the features, to isotropic scaling and to a shift and a scale of each
    sample's own pattern; not to rotation nor to translation. Costs O(n^2 p) for the RDMs and O(n^2) for the comparison
    (O(n^2 log n) for the rank comparators). The value is *not* linear CKA; ``rdm="euclidean",
    compare="whitened_cosine"`` is.

    References
    ----------
    Kriegeskorte, N., Mur, M., & Bandettini, P. (2008). Frontiers in Systems Neuroscience 2, 4.

    Examples
    --------
    >>> X = torch.tensor([[0.0, 1.0, 5.0], [2.0, 2.0, 1.0], [3.0, -1.0, 0.0]])
    >>> round(float(rsa(X, 3 * X)), 6)
    1.0
    """
    dissimilarity = _look_up(RDMS, rdm, "rdm")
    comparator = _look_up(COMPARATORS, compare, "compare")
    if rdm == "crossnobis":
        X, Y = _check_paired_repeats(X, Y)
    else:
        X, Y = check_paired(X, Y, measure="rsa", min_samples=3)
    covariances = _check_covariances(noise_covariances, rdm, dissimilarity)
    A, B = (
        dissimilarity.function(array, covariance, "rsa") for array, covariance in zip((X, Y), covariances, strict=True)
    )
    return comparator.function(A, B, "rsa")


def _check_paired_repeats(X: Tensor, Y: Tensor) -> tuple[Tensor, Tensor]:
    _check_repeats(X, "rsa")
    _check_repeats(Y, "rsa")
    first, _ = check_paired(X[..., 0, :, :], Y[..., 0, :, :], measure="rsa", min_samples=3)
    return X.to(first.dtype), Y.to(first.dtype)


def _check_covariances(
    covariances: tuple[Tensor, Tensor] | None, rdm: str, dissimilarity: Rdm
) -> tuple[Tensor | None, Tensor | None]:
    if covariances is None:
        if dissimilarity.noise_covariance == "needed":
            msg = f"rsa: rdm = {rdm!r} needs noise_covariances=(of X, of Y); noise_covariance() estimates them."
            raise ValueError(msg)
        return None, None
    if dissimilarity.noise_covariance == "refused":
        msg = f"rsa: rdm = {rdm!r} makes no use of noise_covariances; leave them out, or use 'mahalanobis'."
        raise ValueError(msg)
    if not isinstance(covariances, tuple | list) or len(covariances) != 2:
        msg = "rsa: noise_covariances must be two tensors, the covariance of X and that of Y."
        raise ValueError(msg)
    return covariances[0], covariances[1]


def _look_up(table: dict[str, Any], name: str, argument: str) -> Any:
    if name not in table:
        msg = f"{argument} = {name!r} is unknown; choose one of {', '.join(table)}."
        raise ValueError(msg)
    return table[name]
