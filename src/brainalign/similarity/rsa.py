"""Representational similarity analysis: dissimilarities of both representations, compared."""

from __future__ import annotations

from torch import Tensor

from brainalign.arrays import check_paired, unit_of
from brainalign.similarity.comparators import COMPARATORS, look_up
from brainalign.similarity.dissimilarity import RDMS, Rdm
from brainalign.similarity.registration import measure
from brainalign.similarity.whitening import check_repeats

__all__ = [
    "rsa",
]


@measure(
    kind="score",
    bounds=(-1.0, 1.0),
    identity=1.0,
    is_symmetric=True,
    is_metric=False,
    is_differentiable=True,
    invariances=frozenset({"isotropic_scaling", "permutation"}),
    centering="by default, mean of each sample over its features removed",
    normalization="by default, length of each sample; mean and spread of the dissimilarities",
    reference="Kriegeskorte et al. 2008",
)
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
    >>> import torch
    >>> X = torch.tensor([[0.0, 1.0, 5.0], [2.0, 2.0, 1.0], [3.0, -1.0, 0.0]])
    >>> round(float(rsa(X, 3 * X)), 6)
    1.0
    """
    dissimilarity = look_up(RDMS, rdm, "rdm")
    comparator = look_up(COMPARATORS, compare, "compare")
    if rdm == "crossnobis":
        X, Y = _check_paired_repeats(X, Y)
    else:
        X, Y = check_paired(X, Y, measure="rsa", min_samples=3)
    # Comparisons of RDMs notice no unit of theirs, but squares of very small or large numbers would be lost.
    X, Y = (array / unit_of(array.detach().abs().amax(dim=_axes(rdm), keepdim=True)) for array in (X, Y))
    covariances = _check_covariances(noise_covariances, rdm, dissimilarity)
    A, B = (
        dissimilarity.function(array, covariance, "rsa") for array, covariance in zip((X, Y), covariances, strict=True)
    )
    return comparator.function(A, B, "rsa")


def _axes(rdm: str) -> tuple[int, ...]:
    """Dimensions of one representation, those of its repeats among them."""
    return (-3, -2, -1) if rdm == "crossnobis" else (-2, -1)


def _check_paired_repeats(X: Tensor, Y: Tensor) -> tuple[Tensor, Tensor]:
    X, Y = check_repeats(X, "rsa"), check_repeats(Y, "rsa")
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
