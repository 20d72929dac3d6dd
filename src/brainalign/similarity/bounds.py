"""What one measure says about another: bounds between linear CKA and normalized Bures similarity (Procrustes).

Written NBS: the normalized Bures similarity, cosine of the angular Procrustes distance. All bounds hold for every pair
of representations of the same samples, whatever their widths. Arrays are torch tensors.
"""

from __future__ import annotations

import torch
from torch import Tensor

from brainalign.arrays import as_tensor, check_floating

__all__ = ["bures_interval", "cka_lower_bound", "kept_components_similarity"]


def bures_interval(
    cka: Tensor, *, participation_x: Tensor, participation_y: Tensor, rank: int
) -> tuple[Tensor, Tensor]:
    """Between which values the normalized Bures similarity must lie, given linear CKA.

    Parameters
    ----------
    cka : Tensor of shape (...)
        Linear CKA (biased), in [0, 1].
    participation_x, participation_y : Tensor of shape (...)
        Participation ratios of both representations, 1 or more.
    rank : int
        Rank of the product X'Y, or anything that is not below it: the smaller number of features, for instance.

    Returns
    -------
    lowest, highest : Tensor of shape (...)
        Both in [0, 1].

    Raises
    ------
    ValueError
        For whole, complex or half-precision numbers, or values out of their range.

    Notes
    -----
    CKA / sqrt(PR_X PR_Y) <= NBS^2 <= rank * CKA / sqrt(PR_X PR_Y), from the nuclear norm of X'Y lying between its
    Frobenius norm and sqrt(rank) times that. With the ranks of both instead of the participation ratios below, and 1
    above, these are the wider bounds of Cloos et al. (2024), arXiv 2407.07059.

    Examples
    --------
    >>> one = torch.tensor(1.0)
    >>> bures_interval(torch.tensor(0.25), participation_x=one, participation_y=one, rank=1)
    (tensor(0.5000), tensor(0.5000))
    """
    name = "bures_interval"
    cka = _check(cka, "cka", name, 0, 1)
    participation_x = _check(participation_x, "participation_x", name, 1)
    product = participation_x * _check(participation_y, "participation_y", name, 1)
    if rank < 1:
        msg = f"rank must be 1 or more: got {rank}."
        raise ValueError(msg)
    lowest = cka / product.sqrt()
    return lowest.sqrt(), (rank * lowest).clamp(max=1).sqrt()


def cka_lower_bound(nbs: Tensor, *, participation_x: Tensor, participation_y: Tensor) -> Tensor:
    """Value that linear CKA cannot be below, given the normalized Bures similarity: high Procrustes implies high CKA.

    Parameters
    ----------
    nbs : Tensor of shape (...)
        Normalized Bures similarity, cosine of the angular Procrustes distance, in [0, 1].
    participation_x, participation_y : Tensor of shape (...)
        Participation ratios of both representations, 1 or more.

    Returns
    -------
    Tensor of shape (...)
        Lower bound in [0, 1]; 0 where nothing follows.

    Raises
    ------
    ValueError
        For whole, complex or half-precision numbers, or values out of their range.

    Notes
    -----
    1 - CKA <= 8 (1 - NBS) / (PR_X^-1/2 + PR_Y^-1/2). With X and Y of unit size and Q the best rotation, the Gram
    matrices differ by at most (s_X + s_Y) ||X - YQ||, s being the largest singular values, and
    ||X - YQ||^2 = 2 (1 - NBS); then the inequality of Dunkl and Williams for the normalized Gram matrices,
    s^2 <= ||XX'|| = PR_X^-1/2 and (s_X + s_Y)^2 <= 2 (s_X^2 + s_Y^2). There is no such bound the other way: see
    `kept_components_similarity`.

    Examples
    --------
    >>> one = torch.tensor(1.0)
    >>> cka_lower_bound(torch.tensor(0.875), participation_x=one, participation_y=one)
    tensor(0.5000)
    """
    name = "cka_lower_bound"
    nbs = _check(nbs, "nbs", name, 0, 1)
    participation_x = _check(participation_x, "participation_x", name, 1)
    total = participation_x.rsqrt() + _check(participation_y, "participation_y", name, 1).rsqrt()
    return (1 - 8 * (1 - nbs) / total).clamp(min=0)


def kept_components_similarity(variances: Tensor, *, n_kept: int) -> tuple[Tensor, Tensor]:
    """Similarities of a representation with its own leading principal components alone.

    Shows why a high CKA says little about Procrustes: CKA weighs a component by its squared, Procrustes by its plain
    variance.

    Parameters
    ----------
    variances : Tensor of shape (..., n_components)
        Variances of the principal components, 0 or more, from the largest on.
    n_kept : int
        How many of the leading components are kept.

    Returns
    -------
    cka, nbs : Tensor of shape (...)
        sqrt(sum_kept l^2 / sum l^2) and sqrt(sum_kept l / sum l).

    Raises
    ------
    ValueError
        If the variances are no real floating-point numbers, negative, all zero or not ordered, or n_kept does not fit.

    Examples
    --------
    >>> cka, nbs = kept_components_similarity(torch.tensor([0.5] + [0.5 / 100] * 100), n_kept=1)
    >>> round(float(cka), 3), round(float(nbs), 3)
    (0.995, 0.707)
    """
    variances = _check(variances, "variances", "kept_components_similarity", 0)
    if variances.ndim == 0 or not 1 <= n_kept <= variances.shape[-1]:
        n_components = variances.shape[-1] if variances.ndim else 0
        msg = f"of {n_components} components, 1 to {n_components} can be kept: got n_kept = {n_kept}."
        raise ValueError(msg)
    if (variances.diff(dim=-1) > 0).any() or (variances[..., 0] == 0).any():
        msg = "variances must not be all zero and must fall from the first component to the last; sort them first."
        raise ValueError(msg)
    squares = variances.square()
    cka = (squares[..., :n_kept].sum(dim=-1) / squares.sum(dim=-1)).sqrt()
    return cka, (variances[..., :n_kept].sum(dim=-1) / variances.sum(dim=-1)).sqrt()


def _check(values: Tensor, name: str, function: str, lowest: float, highest: float = float("inf")) -> Tensor:
    values = as_tensor(values, name=name, measure=function)
    check_floating(values, name=name, measure=function)
    rounding = 1e3 * torch.finfo(values.dtype).eps
    inside = (values >= lowest - rounding) & (values <= highest + rounding) & torch.isfinite(values)
    if not inside.all():
        worst = values.detach()[~inside].flatten()[0]
        msg = f"{name} must lie in [{lowest}, {highest}]: got {worst:.6g}."
        raise ValueError(msg)
    return values.clamp(min=lowest, max=highest)  # what rounding put outside
