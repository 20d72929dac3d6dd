"""What noise takes from a similarity, and giving it back.

Arrays are torch tensors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from brainalign.similarity.measures import AnyMeasure, Measure, as_measure

__all__ = [
    "NoiseCorrection",
    "noise_corrected",
]


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
    measure = as_measure(measure)
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
