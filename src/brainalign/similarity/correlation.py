"""Canonical correlations: how well the best linear view of one representation follows one of the other.

Arrays are torch tensors. Computed in double precision, whatever the data's type: whitening undoes the largest
differences in scale. Where features are as many as samples, all of these are 1 for any data; that is refused.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from brainalign.arrays import center_to_unit_scale, check_paired
from brainalign.similarity.alignment import nuclear_norm_of_product
from brainalign.similarity.registration import COLUMN_MEANS, SHAPE, SUBSPACE, measure

__all__ = ["mean_canonical_correlation", "pwcca", "svcca"]


@measure(
    kind="score",
    bounds=(0.0, 1.0),
    identity=1.0,
    is_symmetric=True,
    is_metric=False,
    is_differentiable=True,
    invariances=SUBSPACE,
    centering=COLUMN_MEANS,
    normalization="whitened; mean over the narrower representation's dimensions",
    reference="Hotelling 1936; Raghu et al. 2017",
)
def mean_canonical_correlation(X: Tensor, Y: Tensor) -> Tensor:
    """Mean canonical correlation (CCA): whether two representations span the same directions over the samples.

    1 when one is a linear map of the other; 0 when every feature of X is uncorrelated with every one of Y. How much
    variance a direction has does not matter.

    Parameters
    ----------
    X, Y : Tensor of shape (..., n_samples, n_features_x) and (..., n_samples, n_features_y)
        Representations of the same samples, with fewer features than n_samples - 1.

    Returns
    -------
    Tensor of shape (...)
        Similarity in [0, 1], 1 = same.

    Raises
    ------
    ValueError
        What `brainalign.arrays.check_paired` refuses, or n_samples - 1 features or more, when it is 1 for any data.

    Warns
    -----
    UserWarning
        If X and Y together have more than n_samples - 1 features: some of the correlations are then 1 for any data.

    Notes
    -----
    Sum of the singular values of Q_X'Q_Y over min(p, q), with orthonormal bases Q of the centered columns. Linearly
    dependent columns count once (p and q are ranks). Not the mean of *squared* correlations. Invariant to invertible
    linear maps and translation. Equal to `normalized_bures_similarity` of whitened data only when p = q. Costs a
    singular value decomposition of X and of Y.

    References
    ----------
    Hotelling (1936). Relations between two sets of variates. Biometrika 28.
    Raghu, Gilmer, Yosinski and Sohl-Dickstein (2017). SVCCA. NeurIPS.

    Examples
    --------
    >>> X = torch.tensor([[1.0], [0.0], [-1.0], [0.0]])
    >>> mean_canonical_correlation(X, torch.tensor([[1.0], [1.0], [-1.0], [-1.0]])) ** 2
    tensor(0.5000)
    """
    name = "mean_canonical_correlation"
    X, Y = check_paired(X, Y, measure=name)
    (U, p), (V, q) = _leading_basis(X, 1.0, name, "X"), _leading_basis(Y, 1.0, name, "Y")
    _warn_of_forced_overlap(p, q, X.shape[-2], name)
    return (nuclear_norm_of_product(U, V) / torch.minimum(p, q)).to(X.dtype).clamp(max=1)  # rounding


@measure(
    kind="score",
    bounds=(0.0, 1.0),
    identity=1.0,
    is_symmetric=True,
    is_metric=False,
    is_differentiable=True,
    invariances=SHAPE,
    centering=COLUMN_MEANS,
    normalization="principal components up to 99 % of the variance, whitened; mean over the fewer components",
    reference="Raghu et al. 2017",
)
def svcca(X: Tensor, Y: Tensor, *, variance: float = 0.99) -> Tensor:
    """Mean canonical correlation of the leading principal components.

    1 when the components of one are a linear map of those of the other. Directions of little variance, noise for the
    most part, are left out first; all others count alike.

    Parameters
    ----------
    X, Y : Tensor of shape (..., n_samples, n_features_x) and (..., n_samples, n_features_y)
        Representations of the same samples.
    variance : float
        Share of the variance to keep, of each representation by itself: the fewest components that reach it.

    Returns
    -------
    Tensor of shape (...)
        Similarity in [0, 1], 1 = same.

    Raises
    ------
    ValueError
        What `brainalign.arrays.check_paired` refuses, a share outside (0, 1], or n_samples - 1 components or more.

    Warns
    -----
    UserWarning
        If the components of X and Y together are more than n_samples - 1: some correlations are then 1 for any data.

    Notes
    -----
    `mean_canonical_correlation` of the components, the mean over the fewer ones. Invariant to rotation, isotropic
    scaling and translation, not to a general linear map, which changes the components. The value jumps where a
    component comes in; its gradient is that of the leading subspaces and divides by the gap to the components left out.

    References
    ----------
    Raghu, Gilmer, Yosinski and Sohl-Dickstein (2017). SVCCA: singular vector canonical correlation analysis for deep
    learning dynamics and interpretability. NeurIPS.

    Examples
    --------
    The second feature has 0.01 % of the variance:

    >>> X = torch.tensor([[1.0, 0.01], [0.0, -0.01], [-1.0, 0.01], [0.0, -0.01]])
    >>> svcca(X, X[:, :1])
    tensor(1.)
    """
    X, Y = check_paired(X, Y, measure="svcca")
    if not 0 < variance <= 1:
        msg = f"svcca: variance is the share to keep and must lie in (0, 1]: got {variance}."
        raise ValueError(msg)
    (U, p), (V, q) = _leading_basis(X, variance, "svcca", "X"), _leading_basis(Y, variance, "svcca", "Y")
    _warn_of_forced_overlap(p, q, X.shape[-2], "svcca")
    return (nuclear_norm_of_product(U, V) / torch.minimum(p, q)).to(X.dtype).clamp(max=1)  # rounding


@measure(
    kind="score",
    bounds=(0.0, 1.0),
    identity=1.0,
    is_symmetric=False,
    is_metric=False,
    is_differentiable=True,
    invariances=frozenset({"isotropic_scaling", "translation", "permutation"}),
    source_invariances=frozenset({"orthogonal", "invertible_linear"}),
    arguments=("source", "target"),
    centering=COLUMN_MEANS,
    normalization="whitened; mean weighted by how much of the target's features each direction carries",
    reference="Morcos et al. 2018",
)
def pwcca(*, source: Tensor, target: Tensor) -> Tensor:
    """Canonical correlations, weighted by how much of the target each canonical direction carries.

    1 when the target is a linear map of the source. Directions that hardly show in the target's features hardly count.

    Parameters
    ----------
    source, target : Tensor of shape (..., n_samples, n_features_x) and (..., n_samples, n_features_y)
        Representations of the same samples, with fewer features than n_samples - 1. The target gives the weights.

    Returns
    -------
    Tensor of shape (...)
        Similarity in [0, 1], 1 = same; not symmetric.

    Raises
    ------
    ValueError
        What `brainalign.arrays.check_paired` refuses, or n_samples - 1 features or more, when it is 1 for any data.

    Warns
    -----
    UserWarning
        If both together have more than n_samples - 1 features: some of the correlations are then 1 for any data.

    Notes
    -----
    With canonical variates h_i of the target Y (orthonormal) and correlations r_i, sum_i a_i r_i / sum_i a_i,
    a_i = sum_j |h_i'y_j| over the target's features. Implementations differ in which input gives the weights: here it
    is always the target. Invariant to invertible maps of the source; of the target only to isotropic scaling, shifts
    and the order of features. The weights hang on single singular vectors: where two correlations are equal they are
    not unique, and in the gradient such a pair does not turn.

    References
    ----------
    Morcos, Raghu and Bengio (2018). Insights on representational similarity in neural networks with canonical
    correlation. NeurIPS, section 2.

    Examples
    --------
    >>> X = torch.tensor([[1.0], [0.0], [-1.0], [0.0]])
    >>> pwcca(source=X, target=5 - 3 * X)
    tensor(1.)
    """
    X, Y = check_paired(source, target, measure="pwcca")
    (U, p), (V, q) = _leading_basis(X, 1.0, "pwcca", "source"), _leading_basis(Y, 1.0, "pwcca", "target")
    _warn_of_forced_overlap(p, q, X.shape[-2], "pwcca")
    directions, correlations = _LeftSingularPairs.apply(V.mT @ U)
    carried = (center_to_unit_scale(Y.double()).mT @ (V @ directions)).abs().sum(dim=-2)
    # Where ranks are lower than widths, the padding's zero singular values have arbitrary directions.
    carried = carried * (torch.arange(carried.shape[-1], device=p.device) < torch.minimum(p, q).unsqueeze(-1))
    return ((carried * correlations).sum(dim=-1) / carried.sum(dim=-1)).to(X.dtype).clamp(max=1)  # rounding


def _leading_basis(X: Tensor, variance: float, measure: str, label: str) -> tuple[Tensor, Tensor]:
    """Orthonormal basis of the leading principal components over the samples, and their number.

    The basis has min(n, p) columns; those beyond the number are 0.
    """
    precision = torch.finfo(X.dtype).eps
    basis, count = _LeadingBasis.apply(center_to_unit_scale(X.double()), variance, precision)
    n = X.shape[-2]
    if (count >= n - 1).any():
        msg = (
            f"{measure}: {label} has {int(count.max())} linearly independent components for {n} samples, so that all "
            f"canonical correlations are 1 for any data; give more samples, or keep at most {n - 2} principal "
            "components."
        )
        raise ValueError(msg)
    return basis, count


def _warn_of_forced_overlap(p: Tensor, q: Tensor, n: int, measure: str) -> None:
    forced = (p + q - (n - 1)).max()
    if forced > 0:
        msg = (
            f"{measure}: X and Y have so many components for {n} samples that {int(forced)} of the canonical "
            "correlations are 1 for any data; give more samples."
        )
        warnings.warn(msg, UserWarning, stacklevel=3)


class _LeadingBasis(torch.autograd.Function):
    """Left singular vectors up to a share of the variance, and their number.

    The gradient is right for functions that depend on the span alone, not on the choice of basis in it; so only gaps to
    the directions left out are divided by, never gaps inside.
    """

    @staticmethod
    def forward(ctx: FunctionCtx, X: Tensor, variance: float, precision: float) -> tuple[Tensor, Tensor]:
        U, s, Vh = torch.linalg.svd(X, full_matrices=False)
        nonzero = s > 4 * precision * s[..., :1]
        shares = s.square().cumsum(dim=-1) / s.square().sum(dim=-1, keepdim=True)
        # A component is kept if those before it do not reach the share yet.
        before = torch.nn.functional.pad(shares, (1, -1))
        kept = nonzero & (before < variance * (1 - 4 * precision))
        ctx.save_for_backward(U, s, Vh, kept)
        count = kept.sum(dim=-1)
        ctx.mark_non_differentiable(count)
        return U * kept.unsqueeze(-2), count

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, grad: Tensor, _: Tensor) -> tuple[Tensor, None, None]:
        U, s, Vh, kept = ctx.saved_tensors
        grad = grad * kept.unsqueeze(-2)
        inner = U.mT @ grad  # rows: all directions; columns: the kept ones
        crossing = ~kept.unsqueeze(-1) & kept.unsqueeze(-2)
        gaps = s.square().unsqueeze(-2) - s.square().unsqueeze(-1)
        turn = torch.where(crossing, inner / torch.where(crossing, gaps, 1.0), 0.0)
        within = turn * s.unsqueeze(-2) + (turn * s.unsqueeze(-1)).mT
        outside = (grad - U @ inner) / torch.where(kept, s, 1.0).unsqueeze(-2)
        return (U @ within + outside) @ Vh, None, None


class _LeftSingularPairs(torch.autograd.Function):
    """Left singular vectors and singular values; vectors of equal values do not turn in the gradient."""

    @staticmethod
    def forward(ctx: FunctionCtx, C: Tensor) -> tuple[Tensor, Tensor]:
        U, s, Vh = torch.linalg.svd(C, full_matrices=False)
        ctx.save_for_backward(U, s, Vh)
        return U, s

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, for_u: Tensor, for_s: Tensor) -> Tensor:
        U, s, Vh = ctx.saved_tensors
        inner = U.mT @ for_u
        gaps = s.square().unsqueeze(-2) - s.square().unsqueeze(-1)
        apart = gaps.abs() > 1e3 * torch.finfo(s.dtype).eps * s[..., :1, None].square()
        turn = torch.where(apart, (inner - inner.mT) / torch.where(apart, gaps, 1.0), 0.0) * s.unsqueeze(-2)
        nonzero = s > 1e3 * torch.finfo(s.dtype).eps * s[..., :1]
        outside = nonzero.unsqueeze(-2) * (for_u - U @ inner) / torch.where(nonzero, s, 1.0).unsqueeze(-2)
        return (U @ (turn + torch.diag_embed(for_s)) + outside) @ Vh
