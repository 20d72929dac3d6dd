"""Whether two representations are more alike than with their samples shuffled.

Arrays are torch tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from brainalign.arrays import check_paired
from brainalign.similarity.measures import AnyMeasure, Measure, as_measure
from brainalign.similarity.shuffling import check_generator, draw_order

__all__ = [
    "ALTERNATIVES",
    "PermutationTest",
    "permutation_test",
]

# Null values this many units in the last place short of the measured one count as equal to it.
_ROUNDING = 64

ALTERNATIVES = ("greater", "less", "two-sided")
"""Which null values count against the measured one, see `permutation_test`."""


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
    measure = as_measure(measure)
    alternative = _resolve_alternative(measure, alternative)
    check_generator(generator, "permutation_test")
    X, Y = check_paired(X, Y, measure="permutation_test")
    n_samples = X.shape[-2]
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
            orders = torch.stack([draw_order(n_samples, generator) for _ in range(count)])
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


def _resolve_alternative(measure: Callable[[Tensor, Tensor], Tensor], alternative: str | None) -> str:
    if alternative is None:
        return "less" if isinstance(measure, Measure) and measure.kind != "score" else "greater"
    if alternative not in ALTERNATIVES:
        msg = f"alternative = {alternative!r} is unknown; choose one of {', '.join(ALTERNATIVES)}."
        raise ValueError(msg)
    return alternative
