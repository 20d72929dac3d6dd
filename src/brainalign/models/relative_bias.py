"""Relative-position biases: what a model adds to its scaled logits for every pair of patches."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

_WITH_CLASS_TOKEN = 3  # rows for class to patch, patch to class, class to class


def window_of(n_rows: int, told: Sequence[tuple[int, int]] = ()) -> tuple[int, int]:
    """Grid of patches that a table of relative-position biases was made for.

    Parameters
    ----------
    n_rows : int
        Rows of the table: (2 rows - 1) (2 columns - 1), and 3 of the class token.
    told : sequence of tuple of int
        Rows and columns of patches of which the configuration tells, the likeliest first; without it a square is
        assumed.

    Returns
    -------
    tuple of int
        Rows and columns of patches.

    Raises
    ------
    ValueError
        When the rows fit no square grid with a class token, or not the one that was told.

    Examples
    --------
    >>> window_of(732)
    (14, 14)
    """
    for grid in told:
        if n_rows == (2 * grid[0] - 1) * (2 * grid[1] - 1) + _WITH_CLASS_TOKEN:
            return grid
    if told:
        grids = " or ".join(f"{rows} x {columns}" for rows, columns in told)
        msg = (
            f"a table of {n_rows} relative-position biases is not that of {grids} patches with a class token, of which "
            "the configuration tells; is config.json that of this file?"
        )
        raise ValueError(msg)
    width = math.isqrt(max(n_rows - _WITH_CLASS_TOKEN, 0))
    if width**2 != n_rows - _WITH_CLASS_TOKEN or width % 2 == 0:
        msg = (
            f"a table of {n_rows} relative-position biases fits no square grid with a class token: (2 n - 1)^2 + 3 "
            "rows are expected."
        )
        raise ValueError(msg)
    return (width + 1) // 2, (width + 1) // 2


def relative_position_bias(
    tables: Sequence[Tensor],
    n_layers: int,
    grid: tuple[int, int] | None = None,
    own: tuple[int, int] | None = None,
) -> Tensor:
    """Biases of every layer, head and pair of positions, from the tables that the model keeps.

    Parameters
    ----------
    tables : sequence of Tensor of shape ((2 side - 1)^2 + 3, n_heads)
        A table per layer, or one that all layers share.
    n_layers : int
        Number of layers.
    grid : tuple of int, optional
        Grid of patches to resample the tables to; without it, the grid they were made for.
    own : tuple of int, optional
        Grid that they were made for; without it a square.

    Returns
    -------
    Tensor of shape (n_layers, n_heads, n, n)
        With the class token first; what the model adds after scaling by the root of head_dim.

    Raises
    ------
    ValueError
        When the number or the rows of the tables do not fit.

    References
    ----------
    Bao et al. 2021, arXiv:2106.08254 (BEiT); the resampling is that of its code, as kept in timm.
    """
    from timm.layers import gen_relative_position_index, resize_rel_pos_bias_table  # seconds

    if len(tables) not in (1, n_layers):
        msg = f"{len(tables)} tables of relative-position biases for {n_layers} layers: expected one, or one per layer."
        raise ValueError(msg)
    own = own or window_of(len(tables[0]))
    new = grid or own
    if new != own:
        shape = ((2 * new[0] - 1) * (2 * new[1] - 1) + _WITH_CLASS_TOKEN, tables[0].shape[1])
        tables = [resize_rel_pos_bias_table(table, new_window_size=new, new_bias_shape=shape) for table in tables]
    index = gen_relative_position_index(new, class_token=True)
    biases = torch.stack([table[index].permute(2, 0, 1) for table in tables])
    return biases.expand(n_layers, *biases.shape[1:])
