"""Random matrices of growing width, by the published recipe."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

N_SAMPLES, N_WIDTHS, WIDEST, SEED = 1024, 50, 250_000, 2024


def published_widths(widest: int = WIDEST) -> list[int]:
    """Widths of the published figure, up to a limit.

    Parameters
    ----------
    widest : int
        Largest width wanted, at least 10.

    Returns
    -------
    list of int
        Up to 50 widths from 10 to 250,000, spaced evenly on a logarithmic axis.

    References
    ----------
    Murphy et al. 2024, arXiv:2405.01012, Figure 1 (code release).
    """
    widths = np.geomspace(10, WIDEST, N_WIDTHS).astype(int)
    return [int(width) for width in widths if width <= widest]


def published_random_matrices(widest: int = WIDEST) -> tuple[Tensor, Iterator[Tensor]]:
    """Reference matrix and the random matrices that the published figure compares it with.

    Parameters
    ----------
    widest : int
        Largest width wanted, at least 10.

    Returns
    -------
    reference : Tensor of shape (1024, 1024)
        Uniform random numbers.
    others : iterator of Tensor of shape (1024, width)
        One matrix for each of `published_widths`, drawn when it is asked for; the last one alone takes 2 GB.

    Notes
    -----
    The numbers are those of the study, digit by digit: the same generator, the same seed and the same order of draws.

    References
    ----------
    Murphy et al. 2024, arXiv:2405.01012, Figure 1 (code release).
    """
    state = np.random.RandomState(SEED)  # the generator that numpy.random.seed(2024) sets up
    reference = torch.from_numpy(state.rand(N_SAMPLES, N_SAMPLES))
    return reference, (torch.from_numpy(state.rand(N_SAMPLES, width)) for width in published_widths(widest))
