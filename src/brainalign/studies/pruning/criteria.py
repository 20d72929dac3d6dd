"""Criteria: what makes a block important."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

import torch
from torch import Tensor, nn

from brainalign.similarity import angular_procrustes_distance, debiased_linear_cka, linear_cka


@dataclass(frozen=True)
class Criterion:
    """A way to score blocks; the block with the smallest score goes first.

    Attributes
    ----------
    name : str
        Name in `CRITERIA`.
    reads : {"representation", "loss", "weights", "chance"}
        What it looks at: the representation with and without the block, the loss with and without it, the weights of
        the block, or nothing (a null model).
    meaning : str
        What the score says, in a sentence.
    distance : callable, optional
        Of a criterion that reads the representation: from two tensors of shape (n_samples, n_features) to a number,
        0 = the block changes nothing.
    """

    name: str
    reads: Literal["representation", "loss", "weights", "chance"]
    meaning: str
    distance: Callable[[Tensor, Tensor], Tensor] | None = None


def _one_minus_cka(X: Tensor, Y: Tensor) -> Tensor:
    return 1 - linear_cka(X, Y)


def _one_minus_debiased_cka(X: Tensor, Y: Tensor) -> Tensor:
    return 1 - debiased_linear_cka(X, Y)


CRITERIA: dict[str, Criterion] = {
    criterion.name: criterion
    for criterion in (
        Criterion(
            "linear_cka",
            "representation",
            "1 - biased linear CKA between the representations with and without the block: the study's criterion.",
            _one_minus_cka,
        ),
        Criterion(
            "debiased_linear_cka",
            "representation",
            "The same with debiased CKA, whose value does not grow when samples are few.",
            _one_minus_debiased_cka,
        ),
        Criterion(
            "angular_procrustes",
            "representation",
            "Angle that remains after the best rotation of one representation onto the other, in radians.",
            angular_procrustes_distance,
        ),
        Criterion("leave_one_out_loss", "loss", "How much the loss rises on the batch without the block."),
        Criterion("weight_norm", "weights", "Mean absolute weight of the block's convolutions and linear maps."),
        Criterion("random", "chance", "A random number: the null model."),
    )
}
"""All criteria by name."""


def get_criterion(name: str) -> Criterion:
    """A criterion by name.

    Raises
    ------
    ValueError
        For an unknown name; the text gives the nearest one and all.
    """
    if name in CRITERIA:
        return CRITERIA[name]
    near = get_close_matches(name, CRITERIA, n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    msg = f"unknown criterion '{name}'.{hint} There are: {', '.join(CRITERIA)}."
    raise ValueError(msg)


def mean_absolute_weight(block: nn.Module) -> float:
    """Mean absolute value of the weight matrices and kernels of a block; biases and normalizations do not count.

    A mean, not a sum: blocks of wide stages hold more weights, and a sum would find them important for that.
    """
    weights = [parameter.detach().flatten() for parameter in block.parameters() if parameter.ndim > 1]
    return torch.cat(weights).double().abs().mean().tolist()
