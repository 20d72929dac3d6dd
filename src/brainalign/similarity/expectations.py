"""What biased and debiased CKA are on average when there is no relation, or when part of it is broken: closed forms.

Arrays are torch tensors.
"""

from __future__ import annotations

import torch
from torch import Tensor

from brainalign.arrays import center_to_unit_scale, check_paired, check_representation, sum_of_squares
from brainalign.similarity.dimensionality import participation_ratio

__all__ = [
    "expected_gaussian_cka",
    "expected_shuffled_cka",
    "shuffled_debiased_cka_factor",
]


def expected_gaussian_cka(X: Tensor | tuple[int, int], *, n_features: int) -> Tensor:
    """Linear CKA (biased) to expect between a representation and independent normal numbers.

    Parameters
    ----------
    X : Tensor of shape (..., n_samples, n_features_x), or (n_samples, n_features_x)
        Representation that is held fixed; or two whole numbers, which stand for independent normal numbers of that
        shape.
    n_features : int
        Number of features of the other, random representation.

    Returns
    -------
    Tensor of shape (...)
        In (0, 1].

    Raises
    ------
    TypeError
        For what is neither a tensor nor two whole numbers.
    ValueError
        For numbers that are too small, or bad types, shapes and values.

    Notes
    -----
    With m = n - 1, q features and the participation ratio PR of X: sqrt(PR) sqrt(q / (m (q + m + 1))), the square root
    of expected squares, which the mean comes close to as n grows. With X random too: sqrt(p q / ((p + m + 1)
    (q + m + 1))). Both tend to 1 only as *both* widths grow.

    Examples
    --------
    >>> round(float(expected_gaussian_cka((1024, 1024), n_features=250_000)), 4)
    0.7057
    """
    if n_features < 1:
        msg = f"expected_gaussian_cka: n_features must be 1 or more: got {n_features}."
        raise ValueError(msg)
    if isinstance(X, Tensor):
        check_representation(X, name="X", measure="expected_gaussian_cka")
        m = X.shape[-2] - 1
        own = participation_ratio(X) / m
    else:
        n_samples, width = _two_whole_numbers(X)
        m = n_samples - 1
        own = torch.tensor(width / (width + m + 1), dtype=torch.float64)
    return (own * n_features / (n_features + m + 1)).sqrt()


def expected_shuffled_cka(X: Tensor, Y: Tensor, *, n_shuffled: int | None = None) -> Tensor:
    """Mean linear CKA (biased) over all ways to shuffle samples of one representation. Exact.

    Parameters
    ----------
    X, Y : Tensor of shape (..., n_samples, n_features_x) and (..., n_samples, n_features_y)
        Representations of the same samples, at least 4.
    n_shuffled : int, optional
        How many samples, chosen at random, are permuted among themselves; None stands for all.

    Returns
    -------
    Tensor of shape (...)
        In (0, 1].

    Raises
    ------
    ValueError
        If n_shuffled does not fit, or for bad types, shapes and values.

    Notes
    -----
    A full shuffle leaves sqrt(PR_X PR_Y) / (n - 1), with the participation ratios PR: what biased CKA does not notice.
    A shuffle of some samples mixes four sums (all products of Gram entries, those on the diagonal, and both traces) by
    the chances that a pair of samples stays together; derived here. The samples chosen may by chance stay in place. The
    gradient follows the data.

    Examples
    --------
    >>> X = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    >>> expected_shuffled_cka(X, X)  # two dimensions of three
    tensor(0.6667)
    """
    X, Y = check_paired(X, Y, measure="expected_shuffled_cka", min_samples=4)
    dtype, n = X.dtype, X.shape[-2]
    n_shuffled = _check_n_shuffled(n, n_shuffled, "expected_shuffled_cka")
    X, Y = center_to_unit_scale(X).to(torch.float64), center_to_unit_scale(Y).to(torch.float64)
    x_diagonal, y_diagonal = X.square().sum(dim=-1), Y.square().sum(dim=-1)
    diagonal = (x_diagonal * y_diagonal).sum(dim=-1)
    apart = sum_of_squares(X.mT @ Y, precision=torch.float64) - diagonal  # pairs of different samples
    traces = x_diagonal.sum(dim=-1) * y_diagonal.sum(dim=-1)
    moved = n_shuffled / n
    stays, meets = (1, 0) if n_shuffled == 0 else (1 / n_shuffled, 1 - 1 / n_shuffled)
    of_diagonal = (1 - moved) * diagonal + moved * (stays * diagonal + meets * (traces - diagonal) / (n - 1))
    # Rows of centered Gram matrices sum to 0, which gives the sums over pairs that share one sample, or none.
    one_shared = (diagonal - apart) / (n - 2)
    none_shared = (traces - 4 * diagonal + 2 * apart) / ((n - 2) * (n - 3))
    same, shared, disjoint = _pair_chances(n, n_shuffled)
    numerator = of_diagonal + same * apart + shared * one_shared + disjoint * none_shared
    return (numerator / (_gram_norm(X) * _gram_norm(Y))).to(dtype)


def shuffled_debiased_cka_factor(n_samples: int, *, n_shuffled: int) -> float:
    """What is left, on average, of debiased linear CKA after some samples are shuffled: this factor times it. Exact.

    Parameters
    ----------
    n_samples : int
        Number of samples, at least 4.
    n_shuffled : int
        How many of them, chosen at random, are permuted among themselves.

    Returns
    -------
    float
        From 1 (none or one sample shuffled) to 0 (all).

    Raises
    ------
    ValueError
        If the numbers do not fit.

    Notes
    -----
    Tends to (1 - f)^2 for many samples of which a share f is shuffled. The same factor holds for every measure that is
    linear in a U-centered matrix of one representation, as its norm does not change with the order of samples. Derived
    here: rows of U-centered matrices sum to 0.

    Examples
    --------
    >>> round(shuffled_debiased_cka_factor(10_000, n_shuffled=2_000), 3)
    0.64
    >>> shuffled_debiased_cka_factor(10, n_shuffled=1)
    1.0
    """
    if n_samples < 4:
        msg = f"shuffled_debiased_cka_factor needs at least 4 samples: got {n_samples}."
        raise ValueError(msg)
    n_shuffled = _check_n_shuffled(n_samples, n_shuffled, "shuffled_debiased_cka_factor")
    same, shared, disjoint = _pair_chances(n_samples, n_shuffled)
    n = n_samples
    # Mean entry of the pairs that share one sample with a pair, or none, relative to the entry of the pair itself.
    return max(0.0, same - shared / (n - 2) + 2 * disjoint / ((n - 2) * (n - 3)))


def _pair_chances(n: int, s: int) -> tuple[float, float, float]:
    """Chances that a pair of samples lands on itself, on a pair that shares one sample, on one that shares none."""
    none_moves = (n - s) * (n - s - 1) / (n * (n - 1))
    if s < 2:
        return 1.0, 0.0, 0.0  # a single sample can only stay in its place
    one_moves = 2 * s * (n - s) / (n * (n - 1))
    both_move = s * (s - 1) / (n * (n - 1))
    same = none_moves + one_moves / s + both_move * 2 / (s * (s - 1))
    shared = one_moves * (1 - 1 / s) + both_move * 4 * (s - 2) / (s * (s - 1))
    disjoint = both_move * (s - 2) * (s - 3) / (s * (s - 1))
    return same, shared, disjoint


def _gram_norm(X: Tensor) -> Tensor:
    gram = X @ X.mT if X.shape[-2] <= X.shape[-1] else X.mT @ X
    return sum_of_squares(gram, precision=torch.float64).sqrt()


def _check_n_shuffled(n_samples: int, n_shuffled: int | None, measure: str) -> int:
    n_shuffled = n_samples if n_shuffled is None else n_shuffled
    if not 0 <= n_shuffled <= n_samples:
        msg = f"{measure}: of {n_samples} samples, 0 to {n_samples} can be shuffled: got n_shuffled = {n_shuffled}."
        raise ValueError(msg)
    return n_shuffled


def _two_whole_numbers(shape: tuple[int, int]) -> tuple[int, int]:
    if not isinstance(shape, tuple) or len(shape) != 2 or not all(isinstance(size, int) for size in shape):
        msg = f"expected_gaussian_cka: X must be a tensor, or a tuple of two whole numbers: got {shape!r}."
        raise TypeError(msg)
    if shape[0] < 2 or shape[1] < 1:
        msg = f"expected_gaussian_cka: a representation has at least 2 samples and 1 feature: got {shape}."
        raise ValueError(msg)
    return shape
