"""What a similarity would be without any relation, how sure it is, and what noise takes from it.

Arrays are torch tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import torch
from torch import Tensor

from brainalign.arrays import center_to_unit_scale, check_paired, check_representation
from brainalign.similarity.dimensionality import participation_ratio
from brainalign.similarity.measures import Measure, get_measure

__all__ = [
    "NoiseCorrection",
    "PermutationTest",
    "ResamplingInterval",
    "bootstrap_interval",
    "expected_gaussian_cka",
    "expected_shuffled_cka",
    "noise_corrected",
    "permutation_test",
    "shuffled_debiased_cka_factor",
]

ALTERNATIVES = ("greater", "less", "two-sided")
"""Which null values count against the measured one, see `permutation_test`."""

RESAMPLES = ("halves", "replacement")
"""How samples are drawn again, see `bootstrap_interval`."""

# Null values this many units in the last place short of the measured one count as equal to it.
_ROUNDING = 64

AnyMeasure = Measure | str | Callable[[Tensor, Tensor], Tensor]


# ---- Expected values in closed form ----------------------------------------------------------------------------------


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
        For what is neither a tensor of real floating-point numbers nor two whole numbers.
    ValueError
        For numbers that are too small, or bad shapes and values.

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
    TypeError
        For what is not a tensor of real floating-point numbers.
    ValueError
        If n_shuffled does not fit, or for bad shapes and values.

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
    apart = (X.mT @ Y).square().sum(dim=(-2, -1)) - diagonal  # pairs of different samples
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
    return gram.square().sum(dim=(-2, -1)).sqrt()


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


# ---- Permutations ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PermutationTest:
    """A measured similarity beside those of shuffled samples.

    Attributes
    ----------
    value : Tensor of shape (...)
        What was measured.
    null : Tensor of shape (..., n_permutations)
        The same after shuffling.
    p_value : Tensor of shape (...)
        Chance of a value as extreme if the samples did not correspond, never below 1 / (n_permutations + 1).
    """

    value: Tensor
    null: Tensor
    p_value: Tensor


def permutation_test(
    measure: AnyMeasure,
    X: Tensor,
    Y: Tensor,
    *,
    n_permutations: int,
    generator: torch.Generator,
    alternative: Literal["greater", "less", "two-sided"] | None = None,
    batch_size: int = 1,
) -> PermutationTest:
    """Test whether two representations are more alike than if their samples did not correspond.

    Parameters
    ----------
    measure : Measure, str or callable
        A registered measure, its name, or a function of X and Y.
    X, Y : Tensor of shape (..., n_samples, n_features_x) and (..., n_samples, n_features_y)
        Representations of the same samples. The samples of Y are shuffled, all features and batches alike.
    n_permutations : int
        Number of shuffles, 1 or more; 999 allow p-values down to 0.001.
    generator : torch.Generator
        Source of randomness.
    alternative : {"greater", "less", "two-sided"}, optional
        Which values count as extreme. None stands for "less" with a registered distance or angle, else "greater".
    batch_size : int
        How many shuffles the measure is given at once, in a new dimension before the samples; faster for small data,
        at that many times the memory.

    Returns
    -------
    PermutationTest

    Raises
    ------
    TypeError
        For a generator that is none, or what the measure refuses.
    ValueError
        If numbers do not fit, the alternative is unknown, or what the measure refuses.

    Notes
    -----
    p = (b + 1) / (n + 1) with b of n null values at least as extreme, ties (up to rounding) counted: exact at any n, as
    the measured value is one of the equally likely ones under the null hypothesis (Phipson and Smyth 2010, Statistical
    Applications in Genetics and Molecular Biology 9). Two-sided: twice the smaller of both, at most 1. The hypothesis
    is that samples are exchangeable: neighbors in time, or repeats of one stimulus, are not.

    Examples
    --------
    >>> X = torch.arange(6.0).unsqueeze(-1)
    >>> float(permutation_test("linear_cka", X, X, n_permutations=19, generator=torch.Generator()).p_value)
    0.05
    """
    measure, alternative = _resolve(measure, alternative)
    n_samples = _check_rows(X, Y, generator, "permutation_test")
    if n_permutations < 1 or batch_size < 1:
        msg = (
            f"permutation_test: n_permutations and batch_size must be 1 or more: got {n_permutations} and {batch_size}."
        )
        raise ValueError(msg)
    with torch.no_grad():
        value = measure(X, Y)
        null = []
        for start in range(0, n_permutations, batch_size):
            count = min(batch_size, n_permutations - start)
            orders = torch.stack([_draw_order(n_samples, generator) for _ in range(count)])
            null.append(measure(X.unsqueeze(-3), Y[..., orders.to(Y.device), :]))
        null = torch.cat(null, dim=-1)
    return PermutationTest(value, null, _p_value(value, null, alternative))


def _p_value(value: Tensor, null: Tensor, alternative: str) -> Tensor:
    value = value.unsqueeze(-1)
    slack = _ROUNDING * torch.finfo(value.dtype).eps * value.abs()
    above = (null >= value - slack).sum(dim=-1, dtype=torch.float64)
    below = (null <= value + slack).sum(dim=-1, dtype=torch.float64)
    n = null.shape[-1]
    match alternative:
        case "greater":
            return (above + 1) / (n + 1)
        case "less":
            return (below + 1) / (n + 1)
        case _:
            return (2 * (torch.minimum(above, below) + 1) / (n + 1)).clamp(max=1)


def _draw_order(n_samples: int, generator: torch.Generator) -> Tensor:
    return torch.randperm(n_samples, generator=generator, device=generator.device)


def _resolve(measure: AnyMeasure, alternative: str | None) -> tuple[Callable[[Tensor, Tensor], Tensor], str]:
    measure = get_measure(measure) if isinstance(measure, str) else measure
    if alternative is None:
        alternative = "less" if isinstance(measure, Measure) and measure.kind != "score" else "greater"
    if alternative not in ALTERNATIVES:
        msg = f"alternative = {alternative!r} is unknown; choose one of {', '.join(ALTERNATIVES)}."
        raise ValueError(msg)
    return measure, alternative


def _check_rows(X: Tensor, Y: Tensor, generator: torch.Generator, name: str) -> int:
    if not isinstance(generator, torch.Generator):
        msg = f"{name}: generator must be a torch.Generator: got {type(generator).__name__}."
        raise TypeError(msg)
    check_paired(X, Y, measure=name)
    return X.shape[-2]


# ---- Resampling ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ResamplingInterval:
    """A measured similarity with an interval for what other samples would have given.

    Attributes
    ----------
    value : Tensor of shape (...)
        What was measured.
    low, high : Tensor of shape (...)
        Ends of the interval.
    level : float
        Nominal chance that the interval holds the value of endlessly many samples.
    resampled : Tensor of shape (..., n_resamples)
        Values of the resamples, as they are.
    """

    value: Tensor
    low: Tensor
    high: Tensor
    level: float
    resampled: Tensor


def bootstrap_interval(
    measure: AnyMeasure,
    X: Tensor,
    Y: Tensor,
    *,
    n_resamples: int,
    generator: torch.Generator,
    level: float = 0.95,
    resample: Literal["halves", "replacement"] = "halves",
) -> ResamplingInterval:
    """Interval for a similarity, from drawing the samples again.

    Parameters
    ----------
    measure : Measure, str or callable
        A registered measure, its name, or a function of X and Y.
    X, Y : Tensor of shape (..., n_samples, n_features_x) and (..., n_samples, n_features_y)
        Representations of the same samples; both are drawn together.
    n_resamples : int
        How often samples are drawn, 2 or more; 1000 are usual.
    generator : torch.Generator
        Source of randomness.
    level : float
        Nominal coverage, between 0 and 1.
    resample : {"halves", "replacement"}
        "halves": half of the samples, none twice. "replacement": as many as there are, some twice (the classical
        bootstrap).

    Returns
    -------
    ResamplingInterval

    Raises
    ------
    TypeError
        For a generator that is none, or what the measure refuses.
    ValueError
        If numbers do not fit, or what the measure refuses: a measure that needs 4 samples needs 8 to be halved.

    Notes
    -----
    The value is taken to differ from the truth as the resampled values differ from the value: the interval runs from
    twice the value less the upper quantile to twice the value less the lower one. A half drawn without replacement
    differs from the whole with the variance by which the whole differs from the truth. With replacement, a sample drawn
    twice is exactly like itself, which lifts every measure of similarity between *samples* (CKA, RSA, nearest
    neighbors): debiased CKA of independent data rises to about its biased value, and the interval misses the truth. In
    simulations (normal data, 8 features, 40 or 100 samples, debiased CKA and Euclidean RSA, level 0.95) halves covered
    the truth in 87 to 100 of 100 cases, resamples with replacement in 5 to 89.
    The interval is not cut at the bounds of the measure.

    References
    ----------
    Politis, D. N., Romano, J. P., & Wolf, M. (1999). Subsampling. Springer.

    Examples
    --------
    >>> X = torch.arange(8.0).unsqueeze(-1)
    >>> interval = bootstrap_interval("linear_cka", X, -X, n_resamples=10, generator=torch.Generator())
    >>> round(float(interval.low), 5), round(float(interval.high), 5)
    (1.0, 1.0)
    """
    measure, _ = _resolve(measure, None)
    n_samples = _check_rows(X, Y, generator, "bootstrap_interval")
    if n_resamples < 2 or not 0 < level < 1:
        msg = (
            "bootstrap_interval: n_resamples must be 2 or more, and level between 0 and 1: got "
            f"{n_resamples} and {level}."
        )
        raise ValueError(msg)
    if resample not in RESAMPLES:
        msg = f"resample = {resample!r} is unknown; choose one of {', '.join(RESAMPLES)}."
        raise ValueError(msg)
    with torch.no_grad():
        value = measure(X, Y)
        drawn = []
        for _ in range(n_resamples):
            rows = _draw_rows(n_samples, resample, generator).to(X.device)
            drawn.append(measure(X[..., rows, :], Y[..., rows, :]))
        drawn = torch.stack(drawn, dim=-1)
        tails = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=drawn.dtype, device=drawn.device)
        lower, upper = torch.quantile(drawn, tails, dim=-1)
    return ResamplingInterval(value, 2 * value - upper, 2 * value - lower, level, drawn)


def _draw_rows(n_samples: int, resample: str, generator: torch.Generator) -> Tensor:
    if resample == "halves":
        return _draw_order(n_samples, generator)[: n_samples // 2]
    return torch.randint(n_samples, (n_samples,), generator=generator, device=generator.device)


# ---- Noise -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NoiseCorrection:
    """A similarity before and after what noise takes from it is given back.

    Attributes
    ----------
    value : Tensor of shape (...)
        Corrected similarity; may come out above the measure's upper bound.
    raw : Tensor of shape (...)
        Mean similarity of single repeats of X with single repeats of Y.
    reliability_x, reliability_y : Tensor of shape (...)
        Mean similarity of different repeats of X, and of Y; 1 where there is a single repeat.
    """

    value: Tensor
    raw: Tensor
    reliability_x: Tensor
    reliability_y: Tensor


def noise_corrected(measure: AnyMeasure, X: Tensor, Y: Tensor) -> NoiseCorrection:
    """Similarity that two representations would have if they were measured without noise.

    Parameters
    ----------
    measure : Measure, str or callable
        A symmetric score of the form of a cosine or a correlation, that noise does not lift: debiased linear CKA, or
        RSA. Biased measures count the noise as similarity, and their correction is wrong.
    X : Tensor of shape (..., n_repeats_x, n_samples, n_features_x)
        Repeats with independent noise; one repeat stands for a representation without noise, such as a model.
    Y : Tensor of shape (..., n_repeats_y, n_samples, n_features_y)
        Likewise.

    Returns
    -------
    NoiseCorrection

    Raises
    ------
    TypeError
        For what the measure refuses.
    ValueError
        If a registered measure is a distance or not symmetric, X or Y has no dimension of repeats, the repeats of one
        do not agree at all (reliability 0 or less), or what the measure refuses.

    Notes
    -----
    s(X, Y) / sqrt(s(X_a, X_b) s(Y_c, Y_d)), means over all pairs of repeats in the numerator and of different repeats
    in the denominator (Spearman 1904, American Journal of Psychology 15: attenuation). The value is not cut at 1: a
    ratio of estimates that cannot exceed its bound is biased. The reliability enters by its square root, not squared.

    Examples
    --------
    >>> X = torch.tensor([[[0.0], [1.0], [2.0], [5.0]]])
    >>> float(noise_corrected("linear_cka", X, X).value)
    1.0
    """
    measure, _ = _resolve(measure, None)
    if isinstance(measure, Measure) and (measure.kind != "score" or not measure.is_symmetric):
        msg = f"noise_corrected: {measure.name} is not a symmetric score; use debiased_linear_cka or rsa."
        raise ValueError(msg)
    for name, array in (("X", X), ("Y", Y)):
        if array.ndim < 3:
            msg = (
                f"noise_corrected: {name} must have shape (..., n_repeats, n_samples, n_features): got "
                f"{tuple(array.shape)}. Without repeats, insert a dimension of size 1."
            )
            raise ValueError(msg)
    repeats_x, repeats_y = X.unbind(dim=-3), Y.unbind(dim=-3)
    raw = _mean([measure(x, y) for x in repeats_x for y in repeats_y])
    reliability_x = _reliability(measure, repeats_x, raw, "X")
    reliability_y = _reliability(measure, repeats_y, raw, "Y")
    return NoiseCorrection(raw / (reliability_x * reliability_y).sqrt(), raw, reliability_x, reliability_y)


def _reliability(
    measure: Callable[[Tensor, Tensor], Tensor], repeats: tuple[Tensor, ...], raw: Tensor, name: str
) -> Tensor:
    if len(repeats) == 1:
        return torch.ones_like(raw)
    reliability = _mean([measure(first, second) for first, second in combinations(repeats, 2)])
    lowest = reliability.detach().min()
    if not lowest > 0:
        msg = (
            f"noise_corrected: the {len(repeats)} repeats of {name} do not agree (reliability {lowest:.3g}), so "
            "there is nothing to correct by; give more repeats or samples."
        )
        raise ValueError(msg)
    return reliability


def _mean(values: list[Tensor]) -> Tensor:
    return torch.stack(values).mean(dim=0)
