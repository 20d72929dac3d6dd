"""Ranks with ties, and how many pairs are out of order.

Values have shape (..., m); every row is ranked by itself.
"""

from __future__ import annotations

import torch
from torch import Tensor


def centered_ranks(values: Tensor) -> Tensor:
    """Ranks less their mean, ties given their mean rank, in double precision."""
    ordered, order = values.sort(dim=-1)
    first, last = _runs(ordered)
    ranks = (first + last - (values.shape[-1] - 1)).to(torch.float64) / 2
    return torch.empty_like(ranks).scatter_(-1, order, ranks)


def tied_ranks(values: Tensor) -> Tensor:
    """Whole ranks from 0, ties given the lowest."""
    ordered, order = values.sort(dim=-1)
    first, _ = _runs(ordered)
    return torch.empty_like(first).scatter_(-1, order, first)


def count_ties(ordered: Tensor) -> Tensor:
    """Pairs of equal values in each sorted row: of a run of t values, the k-th makes k - 1 pairs."""
    first, _ = _runs(ordered)
    return (torch.arange(ordered.shape[-1], device=ordered.device) - first).sum(dim=-1)


def count_inversions(values: Tensor) -> Tensor:
    """Pairs i < j with value i above value j, for whole values in [0, m) of shape (..., m).

    Bit by bit from the highest: the values are kept grouped by their higher bits, each group in its first order. A pair
    of one group is out of order if the earlier has this bit and the later has not; then each group is split.
    """
    m = values.shape[-1]
    index = torch.arange(m, device=values.device)
    inversions = torch.zeros_like(values[..., 0])
    for bit in reversed(range((m - 1).bit_length())):
        first, last = _runs(values >> (bit + 1))
        ones = (values >> bit) & 1
        ones_so_far = ones.cumsum(dim=-1)
        ones_before_group = (ones_so_far - ones).gather(-1, first)
        ones_before = ones_so_far - ones - ones_before_group
        inversions = inversions + (ones_before * (1 - ones)).sum(dim=-1)
        ones_in_group = ones_so_far.gather(-1, last) - ones_before_group
        target = torch.where(ones == 1, last + 1 - ones_in_group + ones_before, index - ones_before)
        values = torch.empty_like(values).scatter_(-1, target, values)
    return inversions


def _runs(values: Tensor) -> tuple[Tensor, Tensor]:
    """First and last index of the run of equal neighbors that each value belongs to."""
    m = values.shape[-1]
    index = torch.arange(m, device=values.device)
    edge = torch.ones_like(values[..., :1], dtype=torch.bool)
    changes = values[..., 1:] != values[..., :-1]
    first = torch.where(torch.cat([edge, changes], dim=-1), index, 0).cummax(dim=-1).values
    last = torch.where(torch.cat([changes, edge], dim=-1), index, m).flip(-1).cummin(dim=-1).values.flip(-1)
    return first, last
