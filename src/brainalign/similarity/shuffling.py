"""Breaking the correspondence between two representations, wholly or in part."""

from __future__ import annotations

import torch
from torch import Tensor


def shuffle_rows(X: Tensor, fraction: float = 1.0, *, generator: torch.Generator) -> Tensor:
    """Permute a random part of the samples among themselves.

    Parameters
    ----------
    X : Tensor of shape (..., n_samples, n_features)
        Representation; rows are samples.
    fraction : float
        Share of the samples that take part, from 0 (none) to 1 (all).
    generator : torch.Generator
        Source of randomness.

    Returns
    -------
    Tensor of the shape of X
        The same rows in another order. A row that takes part may come to lie where it was.

    Raises
    ------
    ValueError
        For a fraction outside [0, 1].
    """
    if not 0 <= fraction <= 1:
        msg = f"fraction = {fraction} is not a share of the samples; give a number from 0 to 1."
        raise ValueError(msg)
    n_samples = X.shape[-2]
    chosen = torch.randperm(n_samples, generator=generator)[: round(fraction * n_samples)]
    order = torch.arange(n_samples)
    order[chosen] = chosen[torch.randperm(len(chosen), generator=generator)]
    return X[..., order.to(X.device), :]


def shuffle_rows_in_turn(X: Tensor, fractions: list[float], *, generator: torch.Generator) -> list[Tensor]:
    """Shuffle by growing fractions, each time the result of the time before.

    Parameters
    ----------
    X : Tensor of shape (..., n_samples, n_features)
        Representation.
    fractions : list of float
        Nominal fraction of every step, from 0 to 1.
    generator : torch.Generator
        Source of randomness.

    Returns
    -------
    list of Tensor
        One shuffled representation a step.

    Notes
    -----
    This is what the released code of Murphy et al. 2024 (arXiv:2405.01012) does: the shuffled array is fed into the
    next step, so more is shuffled than the axis of the figure says. See `effective_fractions`.
    """
    steps = []
    for fraction in fractions:
        X = shuffle_rows(X, fraction, generator=generator)
        steps.append(X)
    return steps


def draw_order(n_samples: int, generator: torch.Generator) -> Tensor:
    """Whole numbers from 0 to n_samples - 1 in a random order, on the device of the generator."""
    return torch.randperm(n_samples, generator=generator, device=generator.device)


def check_generator(generator: torch.Generator, name: str) -> None:
    """Refuse, with TypeError, what is no source of random numbers."""
    if not isinstance(generator, torch.Generator):
        msg = f"{name}: generator must be a torch.Generator: got {type(generator).__name__}."
        raise TypeError(msg)


def effective_fractions(fractions: list[float]) -> list[float]:
    r"""Expected share of samples that any of the shuffles so far has touched.

    Parameters
    ----------
    fractions : list of float
        Nominal fraction of every step of `shuffle_rows_in_turn`.

    Returns
    -------
    list of float
        :math:`1 - \prod_{k \le i} (1 - f_k)` for every step i.

    Examples
    --------
    >>> [round(f, 2) for f in effective_fractions([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])]
    [0.0, 0.2, 0.52, 0.81, 0.96, 1.0]
    """
    kept = torch.cumprod(1 - torch.tensor(fractions, dtype=torch.float64), dim=0)
    return (1 - kept).tolist()
