"""Centered kernel alignment: whether two representations agree on which samples are alike.

Arrays are torch tensors. Every function takes batches, keeps the graph of gradients, and chooses between products of
samples and products of features by what costs less. Products are taken in the type of the data, their sums in double
precision: a float32 sum over the millions of entries of a Gram matrix keeps only four digits.
"""

from __future__ import annotations

import torch
from torch import Tensor

from brainalign.arrays import center_to_unit_scale, check_paired
from brainalign.similarity.registration import COLUMN_MEANS, SHAPE, UNBOUNDED, measure

__all__ = ["debiased_linear_cka", "linear_cka", "neuron_corrected_linear_cka", "rbf_cka"]


@measure(
    kind="score",
    bounds=(0.0, 1.0),
    identity=1.0,
    is_symmetric=True,
    is_metric=False,
    is_differentiable=True,
    invariances=SHAPE,
    centering=COLUMN_MEANS,
    normalization="Frobenius norms of the Gram matrices",
    reference="Kornblith et al. 2019",
)
def linear_cka(X: Tensor, Y: Tensor) -> Tensor:
    """Linear centered kernel alignment: the cosine between two centered Gram matrices.

    1 when Y is X up to rotation, scale and shift; 0 when every feature of X is uncorrelated with every one of Y.
    Directions of low variance hardly count: a principal component weighs with the square of its variance.

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
        What `brainalign.arrays.check_paired` refuses, and fewer than 3 samples: two are alike in any representation.

    Notes
    -----
    ||Y'X||_F^2 / (||X'X||_F ||Y'Y||_F) with the columns centered. Invariant to rotation, isotropic scaling and
    translation. It is biased: of independent data with few samples it is far above 0
    (`debiased_linear_cka` is not). Costs n (p^2 + pq + q^2) or n^2 (p + q), whichever is less.

    References
    ----------
    Kornblith et al. (2019). Similarity of neural network representations revisited. ICML, equation 3.

    Examples
    --------
    >>> X = torch.tensor([[0.0], [1.0], [2.0]])
    >>> linear_cka(X, 5 - 3 * X)
    tensor(1.)
    """
    X, Y = check_paired(X, Y, measure="linear_cka", min_samples=3)
    xy, xx, yy = gram_inner_products(center_to_unit_scale(X), center_to_unit_scale(Y))
    return (xy / (xx * yy).sqrt()).to(X.dtype).clamp(max=1)  # rounding


@measure(
    kind="score",
    bounds=(-1.0, 1.0),
    identity=1.0,
    is_symmetric=True,
    is_metric=False,
    is_differentiable=True,
    invariances=SHAPE,
    centering="Gram matrices U-centered",
    normalization="norms of the U-centered Gram matrices",
    reference="Song et al. 2012; Murphy et al. 2024",
)
def debiased_linear_cka(X: Tensor, Y: Tensor) -> Tensor:
    """Debiased linear CKA: the cosine between two U-centered Gram matrices.

    1 when Y is X up to rotation, scale and shift; around 0, also below it, when the two are independent, however few
    the samples.

    Parameters
    ----------
    X, Y : Tensor of shape (..., n_samples, n_features_x) and (..., n_samples, n_features_y)
        Representations of the same samples, at least 4.

    Returns
    -------
    Tensor of shape (...)
        Similarity in [-1, 1], 1 = same.

    Raises
    ------
    ValueError
        What `brainalign.arrays.check_paired` refuses, fewer than 4 samples, or a representation whose U-centered Gram
        matrix is 0 (one sample differs and all others are equal, for instance).

    Notes
    -----
    HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)) with the unbiased estimator of Song et al. With the columns centered, and
    k, l the diagonals of K = XX' and L = YY', it becomes

        n (n - 3) HSIC(K, L) = ||Y'X||_F^2 - n / (n - 2) k'l + sum(k) sum(l) / ((n - 1) (n - 2)),

    so that no n x n matrix is needed when features are few. Numerator and squared denominators are unbiased, their
    ratio is nearly so. Invariances and cost as `linear_cka`. Zeroing the diagonal of the *centered* Gram matrix (the
    adjusted RV coefficient) is something else and keeps some bias.

    References
    ----------
    Song et al. (2012). Feature selection via dependence maximization. JMLR 13, equation 5.
    Murphy, Zylberberg and Fyshe (2024). arXiv 2405.01012.

    Examples
    --------
    >>> X = torch.tensor([[0.0], [1.0], [2.0], [4.0]])
    >>> debiased_linear_cka(X, 5 - 3 * X)
    tensor(1.)
    """
    name = "debiased_linear_cka"
    X, Y = check_paired(X, Y, measure=name, min_samples=4)
    X, Y = center_to_unit_scale(X), center_to_unit_scale(Y)
    xy, xx, yy = debias_inner_products(gram_inner_products(X, Y), X, Y, measure=name)
    return (xy / (xx * yy).sqrt()).to(X.dtype).clamp(-1, 1)  # rounding


@measure(
    kind="score",
    bounds=(0.0, 1.0),
    identity=1.0,
    is_symmetric=True,
    is_metric=False,
    is_differentiable=True,
    invariances=SHAPE,
    centering="Gram matrices double-centered",
    normalization="bandwidth in units of the median distance; Frobenius norms of the Gram matrices",
    reference="Kornblith et al. 2019",
)
def rbf_cka(X: Tensor, Y: Tensor, *, bandwidth: float = 1.0) -> Tensor:
    """CKA with Gaussian kernels: whether two representations agree on which samples are *close*.

    1 when Y is X up to rotation, scale and shift. Far-away samples count as equally far, so clusters matter more than
    the axes between them.

    Parameters
    ----------
    X, Y : Tensor of shape (..., n_samples, n_features_x) and (..., n_samples, n_features_y)
        Representations of the same samples.
    bandwidth : float
        Width of the kernel as a fraction of the median distance between samples, of each representation by itself.

    Returns
    -------
    Tensor of shape (...)
        Similarity in [0, 1], 1 = same.

    Raises
    ------
    ValueError
        What `brainalign.arrays.check_paired` refuses, fewer than 3 samples, a bandwidth that is not above 0, or half of
        the pairs of samples being equal, so that the median distance is 0.

    Notes
    -----
    K_ij = exp(-d_ij^2 / (2 sigma^2)), sigma = bandwidth times the median of d_ij over i < j (the lower one of two
    middle values), then the cosine of the double-centered matrices. The gradient goes through sigma, too. Invariant to
    rotation, isotropic scaling and translation. For a large bandwidth it is `linear_cka` (error of order
    1 / bandwidth^2). Costs n^2 (p + q) and n^2 numbers of memory; like all biased CKA, high for few samples.

    References
    ----------
    Kornblith et al. (2019). Similarity of neural network representations revisited. ICML, section 4.

    Examples
    --------
    >>> X = torch.tensor([[0.0], [1.0], [2.0]])
    >>> rbf_cka(X, 5 - 3 * X)
    tensor(1.)
    """
    X, Y = check_paired(X, Y, measure="rbf_cka", min_samples=3)
    if not bandwidth > 0:
        msg = f"rbf_cka: bandwidth must be above 0, a fraction of the median distance: got {bandwidth}."
        raise ValueError(msg)
    K = _double_center(_gaussian_kernel(center_to_unit_scale(X), bandwidth, "X"))
    L = _double_center(_gaussian_kernel(center_to_unit_scale(Y), bandwidth, "Y"))
    return (_entry_sum(K, L) / (_entry_sum(K, K) * _entry_sum(L, L)).sqrt()).to(X.dtype).clamp(0, 1)  # rounding


@measure(
    kind="score",
    bounds=(-UNBOUNDED, UNBOUNDED),
    identity=None,
    is_symmetric=True,
    is_metric=False,
    is_differentiable=True,
    invariances=frozenset({"isotropic_scaling", "translation", "permutation"}),
    centering="Gram matrices U-centered",
    normalization="norms of the U-centered Gram matrices, without the products of a feature with itself",
    reference="Chun et al. 2025",
)
def neuron_corrected_linear_cka(X: Tensor, Y: Tensor) -> Tensor:
    """Estimate the linear CKA of two populations from a few samples of stimuli and a few sampled neurons of each.

    Debiased CKA of few neurons is too low: a sampled neuron is more like itself than like the population. Here no
    product of a sample or of a neuron with itself enters, so the expected numerator and squared denominators are those
    of all stimuli and all neurons.

    Parameters
    ----------
    X, Y : Tensor of shape (..., n_samples, n_features_x) and (..., n_samples, n_features_y)
        Responses of neurons drawn at random from two populations, at least 4 samples and 2 neurons each. The two draws
        must be independent: two views of the *same* neurons share their private part, and the estimate is too high.

    Returns
    -------
    Tensor of shape (...)
        Similarity, 1 = same; a noisy estimate may lie outside [-1, 1].

    Raises
    ------
    ValueError
        What `brainalign.arrays.check_paired` refuses, fewer than 4 samples or 2 neurons, or neurons so few or so
        unlike each other that the estimate of a population's own norm is not above 0.

    Notes
    -----
    With h(K, L) the debiased inner product of `debiased_linear_cka` and x_a the columns of X,

        ||X||^2 = (h(XX', XX') - sum_a h(x_a x_a', x_a x_a')) / (p (p - 1)),

    the mean over pairs of *different* neurons, likewise for Y, and the estimate is
    h(XX', YY') / (p q ||X|| ||Y||). Each h of one neuron is a closed form in its moments, so the cost is that of
    `linear_cka`. Invariant to translation, isotropic scaling and the order of neurons; *not* to rotation, which mixes
    neurons.

    References
    ----------
    Chun, Canatar, Chung and Lee (2025). Estimating neural representation alignment from sparsely sampled inputs and
    features. arXiv 2502.15104. Derived here from the principle stated there: means over different indices only.

    Examples
    --------
    Of two tuning curves that all neurons share, no neuron has a private part:

    >>> X = torch.tensor([[0.0], [1.0], [2.0], [4.0]])
    >>> neuron_corrected_linear_cka(X.expand(4, 2), X.expand(4, 3))
    tensor(1.)
    """
    name = "neuron_corrected_linear_cka"
    X, Y = check_paired(X, Y, measure=name, min_samples=4)
    for label, array in (("X", X), ("Y", Y)):
        if array.shape[-1] < 2:
            msg = f"{name} needs at least 2 neurons (columns) in {label}: got {array.shape[-1]}. Give more neurons."
            raise ValueError(msg)
    X, Y = center_to_unit_scale(X), center_to_unit_scale(Y)
    xy, xx, yy = debias_inner_products(gram_inner_products(X, Y), X, Y, measure=name)
    p, q = X.shape[-1], Y.shape[-1]
    shared_x, shared_y = xx - _own_neurons(X), yy - _own_neurons(Y)
    remedy = "its neurons share too little; give more neurons"
    refuse_vanishing(name, shared_x, xx, X.dtype, "X", remedy)
    refuse_vanishing(name, shared_y, yy, Y.dtype, "Y", remedy)
    scale = ((p - 1) / p * (q - 1) / q) ** 0.5
    return (scale * xy / (shared_x * shared_y).sqrt()).to(X.dtype)


def gram_inner_products(X: Tensor, Y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Inner products (K, L), (K, K) and (L, L) of the Gram matrices K = XX' and L = YY', in double precision."""
    (n, p), q = X.shape[-2:], Y.shape[-1]
    if n * (p + q) < p * p + p * q + q * q:
        K, L = X @ X.mT, Y @ Y.mT
        return _entry_sum(K, L), _entry_sum(K, K), _entry_sum(L, L)
    return tuple(_entry_sum(C, C) for C in (X.mT @ Y, X.mT @ X, Y.mT @ Y))


def debias_inner_products(
    products: tuple[Tensor, Tensor, Tensor], X: Tensor, Y: Tensor, *, measure: str
) -> tuple[Tensor, Tensor, Tensor]:
    """Inner products of the U-centered Gram matrices of centered data, from those of the Gram matrices."""
    xy, xx, yy = products
    k_x, k_y = squared_lengths(X), squared_lengths(Y)
    debiased = debias(xy, k_x, k_y), debias(xx, k_x, k_x), debias(yy, k_y, k_y)
    remedy = "all but one of its samples may be equal; give more samples that differ, or use linear_cka"
    refuse_vanishing(measure, debiased[1], xx, X.dtype, "X", remedy)
    refuse_vanishing(measure, debiased[2], yy, Y.dtype, "Y", remedy)
    return debiased


def squared_lengths(X: Tensor) -> Tensor:
    """Diagonal of the Gram matrix, in double precision for the sums to come."""
    return torch.linalg.vecdot(X, X).double()


def debias(product: Tensor, k_x: Tensor, k_y: Tensor) -> Tensor:
    """Inner product of two U-centered matrices from that of the centered ones and their diagonals."""
    n = k_x.shape[-1]
    traces = k_x.sum(dim=-1) * k_y.sum(dim=-1)
    return product - n / (n - 2) * (k_x * k_y).sum(dim=-1) + traces / ((n - 1) * (n - 2))


def _own_neurons(X: Tensor) -> Tensor:
    """Sum over neurons of the debiased inner product of the neuron's own Gram matrix with itself."""
    squares = X.double().square().mT  # (..., n_neurons, n_samples): the diagonals of those Gram matrices
    return debias(squares.sum(dim=-1).square(), squares, squares).sum(dim=-1)


def _entry_sum(A: Tensor, B: Tensor) -> Tensor:
    return (A * B).sum(dim=(-2, -1), dtype=torch.float64)


def _gaussian_kernel(X: Tensor, bandwidth: float, label: str) -> Tensor:
    K = X @ X.mT
    squares = K.diagonal(dim1=-2, dim2=-1)
    distances = squares.unsqueeze(-1) + squares.unsqueeze(-2) - 2 * K
    row, column = torch.triu_indices(*K.shape[-2:], offset=1, device=K.device)
    median = distances[..., row, column].median(dim=-1).values
    if (median <= 0).any():
        msg = (
            f"rbf_cka: half of the pairs of samples of {label} are equal, so that the median distance is 0; remove "
            "repeated samples."
        )
        raise ValueError(msg)
    return torch.exp(distances / (-2 * bandwidth**2 * median[..., None, None]))


def _double_center(K: Tensor) -> Tensor:
    return K - K.mean(dim=-1, keepdim=True) - K.mean(dim=-2, keepdim=True) + K.mean(dim=(-2, -1), keepdim=True)


def refuse_vanishing(measure: str, product: Tensor, scale: Tensor, dtype: torch.dtype, label: str, remedy: str) -> None:
    """Raise ValueError where a squared norm, a difference of numbers as large as `scale`, is but round-off or less."""
    if (product.detach() <= 16 * torch.finfo(dtype).eps * scale.detach()).any():
        msg = f"{measure} is not defined: the norm of the corrected Gram matrix of {label} is not above 0; {remedy}."
        raise ValueError(msg)
