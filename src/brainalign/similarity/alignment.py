"""Procrustes distances and their kin: how well the best rotation lays one representation over another.

Arrays are torch tensors. All of these need only the sum of the singular values of X'Y, the nuclear norm. Its gradient
is a closed form, the orthogonal polar factor, in which repeated singular values do no harm; derivatives of singular
vectors, which are undefined there, are never taken.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from brainalign.arrays import center_columns, center_to_unit_scale, check_paired, sum_of_squares, widest_range
from brainalign.similarity.registration import COLUMN_MEANS, QUARTER_TURN, SHAPE, SIZE_AND_SHAPE, UNBOUNDED, measure

__all__ = ["angular_procrustes_distance", "normalized_bures_similarity", "procrustes_distance", "shape_distance"]


@measure(
    kind="angle",
    bounds=(0.0, QUARTER_TURN),
    identity=0.0,
    is_symmetric=True,
    is_metric=True,
    is_differentiable=True,
    invariances=SHAPE,
    centering=COLUMN_MEANS,
    normalization="Frobenius norms",
    padding="zero columns, which change nothing",
    reference="Williams et al. 2021",
)
def angular_procrustes_distance(X: Tensor, Y: Tensor) -> Tensor:
    """Angle that remains between two representations after the best rotation of one onto the other.

    0 when Y is X up to rotation, scale and shift; a right angle when every feature of X is uncorrelated with every one
    of Y.

    Parameters
    ----------
    X, Y : Tensor of shape (..., n_samples, n_features_x) and (..., n_samples, n_features_y)
        Representations of the same samples.

    Returns
    -------
    Tensor of shape (...)
        Distance in [0, pi / 2], in radians; 0 = same. Angles below the square root of the type's precision (1e-8 in
        double, 3e-4 in float32) cannot be told from 0.

    Raises
    ------
    ValueError
        What `brainalign.arrays.check_paired` refuses.

    Notes
    -----
    arccos of `normalized_bures_similarity`, a metric: the triangle inequality holds. Some publish it as a score,
    1 - 2 theta / pi, others publish cos(theta) under the same name. Invariant to rotation, isotropic scaling and
    translation; zero columns change nothing, so widths may differ. The gradient at distance 0, where none exists, is
    0. Costs as `normalized_bures_similarity`.

    References
    ----------
    Williams, Kunz, Kornblith and Linderman (2021). Generalized shape metrics on neural representations. NeurIPS,
    equation 5.

    Examples
    --------
    >>> X = torch.tensor([[-1.0], [0.0], [1.0]])
    >>> Y = torch.tensor([[1.0], [-2.0], [1.0]])
    >>> angular_procrustes_distance(X, Y)
    tensor(1.5708)
    """
    X, Y = check_paired(X, Y, measure="angular_procrustes_distance", min_samples=3)
    return angle(_normalized_bures(center_to_unit_scale(X), center_to_unit_scale(Y))).to(X.dtype)


@measure(
    kind="distance",
    bounds=(0.0, UNBOUNDED),
    identity=0.0,
    is_symmetric=True,
    is_metric=True,
    is_differentiable=True,
    invariances=SIZE_AND_SHAPE,
    centering=COLUMN_MEANS,
    padding="zero columns, which change nothing",
    reference="Williams et al. 2021",
)
def procrustes_distance(X: Tensor, Y: Tensor) -> Tensor:
    """Euclidean distance that remains between two representations after the best rotation of one onto the other.

    0 when Y is X up to rotation and shift. Size counts: this distance compares sizes and shapes.

    Parameters
    ----------
    X, Y : Tensor of shape (..., n_samples, n_features_x) and (..., n_samples, n_features_y)
        Representations of the same samples.

    Returns
    -------
    Tensor of shape (...)
        Distance, 0 or more, in the unit of the data; 0 = same. Distances below the square root of the type's precision
        times the size of the data cannot be told from 0.

    Raises
    ------
    ValueError
        What `brainalign.arrays.check_paired` refuses.

    Notes
    -----
    sqrt(||X||_F^2 + ||Y||_F^2 - 2 ||X'Y||_*) with the columns centered: the smallest ||X - YQ||_F over orthogonal Q,
    the narrower one filled up with zero columns. A metric. Some publish its square under the same name. The gradient at
    distance 0, where none exists, is 0. Costs as `normalized_bures_similarity`.

    References
    ----------
    Williams, Kunz, Kornblith and Linderman (2021). Generalized shape metrics on neural representations. NeurIPS,
    equation 4.

    Examples
    --------
    >>> X = torch.tensor([[-1.0], [0.0], [1.0]])
    >>> procrustes_distance(X, 2 - 3 * X)  # 2 sqrt(1 + 0 + 1)
    tensor(2.8284)
    """
    X, Y = check_paired(X, Y, measure="procrustes_distance")
    unit = torch.maximum(widest_range(X), widest_range(Y))
    X, Y = center_columns(X / unit), center_columns(Y / unit)
    sizes = sum_of_squares(X, precision=torch.float64) + sum_of_squares(Y, precision=torch.float64)
    squared = sizes - 2 * nuclear_norm_of_product(X, Y)
    return (unit[..., 0, 0] * square_root(squared)).to(X.dtype)


@measure(
    kind="score",
    bounds=(0.0, 1.0),
    identity=1.0,
    is_symmetric=True,
    is_metric=False,
    is_differentiable=True,
    invariances=SHAPE,
    centering=COLUMN_MEANS,
    normalization="Frobenius norms",
    padding="zero columns, which change nothing",
    reference="Tang et al. 2020; Harvey et al. 2024",
)
def normalized_bures_similarity(X: Tensor, Y: Tensor) -> Tensor:
    """Cosine between two representations after the best rotation of one onto the other.

    1 when Y is X up to rotation, scale and shift; 0 when every feature of X is uncorrelated with every one of Y.
    A principal component weighs with its variance, not with the square of it as in CKA.

    Parameters
    ----------
    X, Y : Tensor of shape (..., n_samples, n_features_x) and (..., n_samples, n_features_y)
        Representations of the same samples.

    Returns
    -------
    Tensor of shape (...)
        Similarity in [0, 1], 1 = same.

    Raises
    ------
    ValueError
        What `brainalign.arrays.check_paired` refuses.

    Notes
    -----
    ||X'Y||_* / (||X||_F ||Y||_F) with the columns centered: also the fidelity of the two Gram matrices, and the cosine
    of `angular_procrustes_distance`. The gradient of the nuclear norm ||X'Y||_* = sum of s_i is Y V U' with
    X'Y = U diag(s) V', where singular values of 0 take no part (the shortest of the subgradients).
    Costs n p q and a singular value decomposition of the smaller of p, q or n.

    References
    ----------
    Tang, Maddox, Dickens, Diethe and Damianou (2020). Similarity of neural networks with gradients. arXiv 2003.11498.
    Harvey, Larsen and Williams (2024). Duality of Bures and shape distances. UniReps, equation 7.

    Examples
    --------
    >>> X = torch.tensor([[-1.0], [0.0], [1.0]])
    >>> normalized_bures_similarity(X, 5 - 3 * X)
    tensor(1.)
    """
    X, Y = check_paired(X, Y, measure="normalized_bures_similarity", min_samples=3)
    return _normalized_bures(center_to_unit_scale(X), center_to_unit_scale(Y)).to(X.dtype).clamp(max=1)  # rounding


@measure(
    kind="angle",
    bounds=(0.0, QUARTER_TURN),
    identity=0.0,
    is_symmetric=True,
    is_metric=True,
    is_differentiable=True,
    invariances=SHAPE,
    centering=COLUMN_MEANS,
    normalization="half-way whitened by default, then Frobenius norms",
    padding="zero columns, which change nothing",
    reference="Williams et al. 2021",
)
def shape_distance(X: Tensor, Y: Tensor, *, alpha: float = 0.5) -> Tensor:
    """Angle that remains after partial whitening and the best rotation: between Procrustes and CCA.

    0 when Y is X up to rotation, scale and shift. The lower `alpha`, the less the variance of a direction matters; at 0
    any invertible linear map leaves the distance as it is.

    Parameters
    ----------
    X, Y : Tensor of shape (..., n_samples, n_features_x) and (..., n_samples, n_features_y)
        Representations of the same samples.
    alpha : float
        1: no whitening, `angular_procrustes_distance`; 0: full whitening, arccos of the sum of the canonical
        correlations over sqrt(pq).

    Returns
    -------
    Tensor of shape (...)
        Distance in [0, pi / 2], in radians; 0 = same.

    Raises
    ------
    ValueError
        What `brainalign.arrays.check_paired` refuses, alpha outside [0, 1], or alpha = 0 with as many features as
        centered samples have dimensions (p >= n - 1): whitened, such data are all the same.

    Notes
    -----
    With X scaled to unit Frobenius norm and X = U diag(s) V', the whitened X (X'X)^(-1/2) is the polar factor UV', and
    `angular_procrustes_distance` is taken of alpha X + (1 - alpha) UV'. Singular values of 0 are left out of UV', so no
    floor for eigenvalues is needed. A metric for each alpha. Scaling to unit norm first makes the
    mixture free of the data's unit; values are those of implementations that do not scale, given scaled data. The
    gradient of UV' divides by sums of singular values, never by differences; it does not exist where the rank changes.
    Computed in double precision. Costs a singular value decomposition of X and of Y.

    References
    ----------
    Williams, Kunz, Kornblith and Linderman (2021). Generalized shape metrics on neural representations. NeurIPS,
    section 2.2.

    Examples
    --------
    >>> X = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    >>> shape_distance(X, X * torch.tensor([1.0, 5.0]), alpha=0) < 1e-6
    tensor(True)
    """
    X, Y = check_paired(X, Y, measure="shape_distance", min_samples=3)
    if not 0 <= alpha <= 1:
        msg = f"shape_distance: alpha must lie in [0, 1]: got {alpha}."
        raise ValueError(msg)
    n, p, q = X.shape[-2], X.shape[-1], Y.shape[-1]
    if alpha == 0 and max(p, q) >= n - 1:
        msg = (
            f"shape_distance: with alpha=0 and {max(p, q)} features for {n} samples all whitened representations are "
            "the same; give more samples, fewer features (principal components), or alpha above 0."
        )
        raise ValueError(msg)
    partly_white = [_whiten_partly(array, alpha) for array in (X, Y)]
    return angle(_normalized_bures(*partly_white)).to(X.dtype)


def nuclear_norm_of_product(X: Tensor, Y: Tensor) -> Tensor:
    """Sum of the singular values of X'Y, in double precision, with a closed-form gradient.

    Parameters
    ----------
    X, Y : Tensor of shape (..., n, p) and (..., n, q)

    Returns
    -------
    Tensor of shape (...)
        The nuclear norm ||X'Y||_*.
    """
    if torch.is_grad_enabled() and (X.requires_grad or Y.requires_grad):
        return _NuclearNormOfProduct.apply(X, Y)
    return torch.linalg.svdvals(narrow(X).mT @ narrow(Y)).sum(dim=-1, dtype=torch.float64)


def narrow(X: Tensor) -> Tensor:
    """X, or a square matrix with the same Gram matrix where X has more columns than rows."""
    return torch.linalg.qr(X.detach().mT, mode="r").R.mT if X.shape[-1] > X.shape[-2] else X


def angle(cosine: Tensor) -> Tensor:
    """Arc cosine; 0, and with gradient 0, where round-off lifts the cosine to 1 or above."""
    inside = cosine < 1
    return torch.where(inside, torch.where(inside, cosine, 0.0).arccos(), 0.0)


def square_root(square: Tensor) -> Tensor:
    """Square root; 0, and with gradient 0, where round-off lowers the square to 0 or below."""
    inside = square > 0
    return torch.where(inside, torch.where(inside, square, 1.0).sqrt(), 0.0)


def _normalized_bures(X: Tensor, Y: Tensor) -> Tensor:
    sizes = sum_of_squares(X, precision=torch.float64) * sum_of_squares(Y, precision=torch.float64)
    return nuclear_norm_of_product(X, Y) / sizes.sqrt()


def _whiten_partly(X: Tensor, alpha: float) -> Tensor:
    precision = torch.finfo(X.dtype).eps
    X = center_to_unit_scale(X.double())
    X = X / sum_of_squares(X, precision=torch.float64).sqrt()[..., None, None]
    return X if alpha == 1 else alpha * X + (1 - alpha) * _PolarFactor.apply(X, precision)


class _NuclearNormOfProduct(torch.autograd.Function):
    """||X'Y||_*; the gradient is Y V U' in X and X U V' in Y."""

    @staticmethod
    def forward(ctx: FunctionCtx, X: Tensor, Y: Tensor) -> Tensor:
        # A matrix with more columns than rows is written R'Q', so that the decomposition is one of n x n.
        (A, P), (B, Q) = _factor(X), _factor(Y)
        U, s, Vh = torch.linalg.svd(A.mT @ B, full_matrices=False)
        floor = max(A.shape[-1], B.shape[-1]) * torch.finfo(s.dtype).eps * s[..., :1]
        U = U * (s > floor).unsqueeze(-2)
        ctx.save_for_backward(X, Y, P @ U if P is not None else U, Q @ Vh.mT if Q is not None else Vh.mT)
        return s.sum(dim=-1, dtype=torch.float64)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        X, Y, U, V = ctx.saved_tensors
        grad = grad.to(X.dtype)[..., None, None]
        for_x = (grad * ((Y @ V) @ U.mT)).sum_to_size(X.shape) if ctx.needs_input_grad[0] else None
        for_y = (grad * ((X @ U) @ V.mT)).sum_to_size(Y.shape) if ctx.needs_input_grad[1] else None
        return for_x, for_y


class _PolarFactor(torch.autograd.Function):
    """X (X'X)^(-1/2) = UV', from the singular values above `precision` times the largest."""

    @staticmethod
    def forward(ctx: FunctionCtx, X: Tensor, precision: float) -> Tensor:
        U, s, Vh = torch.linalg.svd(X, full_matrices=False)
        kept = s > 4 * precision * s[..., :1]
        U = U * kept.unsqueeze(-2)
        ctx.save_for_backward(U, torch.where(kept, s, torch.inf), Vh)
        return U @ Vh

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, grad: Tensor) -> tuple[Tensor, None]:
        U, s, Vh = ctx.saved_tensors  # s is infinite where a singular value is left out
        V = Vh.mT * torch.isfinite(s).unsqueeze(-2)
        inner = U.mT @ grad @ V
        turn = (inner - inner.mT) / (s.unsqueeze(-1) + s.unsqueeze(-2))
        left = (grad @ V - U @ inner) / s.unsqueeze(-2)  # what leaves the span of U
        right = (U.mT @ grad - inner @ V.mT) / s.unsqueeze(-1)  # what leaves the span of V
        return U @ turn @ V.mT + left @ V.mT + U @ right, None


def _factor(X: Tensor) -> tuple[Tensor, Tensor | None]:
    """A and P with X = A P' and P orthonormal; P is None for X itself, where it has no more columns than rows."""
    if X.shape[-1] <= X.shape[-2]:
        return X, None
    P, R = torch.linalg.qr(X.mT)
    return R.mT, P
