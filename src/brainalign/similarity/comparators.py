"""Comparisons of representational dissimilarity matrices (RDMs), by name.

Every pair of samples counts once, the diagonal never.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from brainalign.arrays import as_tensor, check_floating, unit_of
from brainalign.similarity.ranks import centered_ranks, count_inversions, count_ties, tied_ranks

__all__ = [
    "COMPARATORS",
    "Comparator",
    "compare_rdms",
]

# Differences below this many units in the last place are what rounding leaves of equal numbers.
_ROUNDING = 64


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
    ValueError
        For an unknown comparator, matrices that are not square, symmetric, finite and of real floating-point numbers,
        fewer than 3 samples, or an RDM whose entries are all equal (or all zero, for the cosines).

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
    >>> from brainalign.similarity.dissimilarity import euclidean_rdm
    >>> A = euclidean_rdm(torch.tensor([[0.0], [1.0], [3.0]]))
    >>> compare_rdms(A, 2 * A + 1, compare="tau_a")
    tensor(1.)
    """
    comparator = look_up(COMPARATORS, compare, "compare")
    A, B = (as_tensor(rdm, name=name, measure="compare_rdms") for rdm, name in ((A, "A"), (B, "B")))
    check_rdm(A, name="A", measure="compare_rdms")
    check_rdm(B, name="B", measure="compare_rdms")
    if A.shape[-1] != B.shape[-1]:
        msg = (
            f"compare_rdms: A and B must have the same samples: got {A.shape[-1]} and {B.shape[-1]}. Align them by "
            "sample first."
        )
        raise ValueError(msg)
    dtype = torch.promote_types(A.dtype, B.dtype)
    return comparator.function(_without_diagonal(A.to(dtype)), _without_diagonal(B.to(dtype)), "compare_rdms")


def look_up(table: dict[str, Any], name: str, argument: str) -> Any:
    """Entry of a table by its name; an unknown name is refused with ValueError."""
    if name not in table:
        msg = f"{argument} = {name!r} is unknown; choose one of {', '.join(table)}."
        raise ValueError(msg)
    return table[name]


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
    x, y = centered_ranks(x), centered_ranks(y)
    return ((x * y).sum(-1) / ((x * x).sum(-1) * (y * y).sum(-1)).sqrt()).to(A.dtype).clamp(-1, 1)  # rounding


def _rho_a(A: Tensor, B: Tensor, measure: str) -> Tensor:
    x, y = _entries(A, "X", measure), _entries(B, "Y", measure)
    m = x.shape[-1]
    return (12 * (centered_ranks(x) * centered_ranks(y)).sum(-1) / (m**3 - m)).to(A.dtype)


def _tau_a(A: Tensor, B: Tensor, measure: str) -> Tensor:
    x, y = torch.broadcast_tensors(_entries(A, "X", measure), _entries(B, "Y", measure))
    m = x.shape[-1]
    x, y = tied_ranks(x), tied_ranks(y)
    joint, _ = (x * m + y).sort(dim=-1)  # by x, then by y: what is tied in x is never out of order in y
    x, y = joint // m, joint % m
    pairs = m * (m - 1) // 2
    untied = pairs - count_ties(x) - count_ties(y.sort(dim=-1).values) + count_ties(joint)
    # Exact in whole numbers: m is below 2^26 for any matrix that fits in memory.
    return ((untied - 2 * count_inversions(y)).to(torch.float64) / pairs).to(A.dtype)


def _centered(A: Tensor, name: str, measure: str) -> Tensor:
    """Subtract the mean over pairs, the diagonal staying zero."""
    A = _to_unit_size(A)
    n_samples = A.shape[-1]
    mean = A.sum(dim=(-2, -1), keepdim=True) / (n_samples * (n_samples - 1))
    centered = A - mean
    centered.diagonal(dim1=-2, dim2=-1).zero_()
    values = centered.detach()
    lowest, highest = values.amin(dim=(-2, -1)), values.amax(dim=(-2, -1))  # aminmax over two dimensions is slow
    _refuse_constant(lowest, highest, mean.detach()[..., 0, 0].abs(), name, measure)
    return centered


def _double_centered(A: Tensor) -> Tensor:
    A = A - A.mean(dim=-1, keepdim=True)
    return A - A.mean(dim=-2, keepdim=True)


def _cosine_of(A: Tensor, B: Tensor) -> Tensor:
    # Sums of elementwise products: a matrix norm in single precision loses digits on a million entries.
    numerator = (A * B).sum(dim=(-2, -1))
    cosine = numerator / ((A * A).sum(dim=(-2, -1)).sqrt() * (B * B).sum(dim=(-2, -1)).sqrt())
    return cosine.clamp(-1, 1)  # rounding


def _entries(A: Tensor, name: str, measure: str) -> Tensor:
    """Dissimilarities of shape (..., n_pairs), each pair once, without the graph of gradients."""
    n_samples = A.shape[-1]
    above = torch.ones(n_samples, n_samples, dtype=torch.bool, device=A.device).triu(diagonal=1)
    entries = A.detach()[..., above]
    lowest, highest = entries.aminmax(dim=-1)
    _refuse_constant(lowest, highest, torch.maximum(lowest.abs(), highest.abs()), name, measure)
    return entries


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
    return _to_unit_size(A)


def _to_unit_size(A: Tensor) -> Tensor:
    """Divide by a power of two near the largest entry: no comparison notices, and squares stay in range."""
    return A / unit_of(A.detach().abs().amax(dim=(-2, -1), keepdim=True))


def _without_diagonal(matrix: Tensor) -> Tensor:
    on_diagonal = torch.eye(matrix.shape[-1], dtype=torch.bool, device=matrix.device)
    return matrix.masked_fill(on_diagonal, 0)


def check_rdm(rdm: Tensor, *, name: str, measure: str) -> None:
    """Refuse, with ValueError, what is no symmetric matrix of finite numbers for at least 3 samples."""
    check_floating(rdm, name=name, measure=measure)
    if rdm.ndim < 2 or rdm.shape[-1] != rdm.shape[-2] or rdm.shape[-1] < 3 or rdm.numel() == 0:
        msg = (
            f"{measure}: {name} must have shape (..., n_samples, n_samples) with at least 3 samples: got "
            f"{tuple(rdm.shape)}."
        )
        raise ValueError(msg)
    values = rdm.detach()
    if not torch.isfinite(values).all():
        msg = f"{measure}: {name} holds {int((~torch.isfinite(values)).sum())} values that are not finite."
        raise ValueError(msg)
    asymmetry = (values - values.mT).abs().max()
    if asymmetry > values.abs().max() * torch.finfo(rdm.dtype).eps ** 0.5:
        msg = (
            f"{measure}: {name} is not symmetric: entries differ from their mirror by up to {asymmetry:.3g}. "
            "Average it with its transpose if both halves are estimates of the same."
        )
        raise ValueError(msg)


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
