"""Positions of tokens and patches: a model's own, resampled to another grid, or another model's in their stead."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def grid_of(
    n_positions: int, told: Sequence[tuple[int, int]] = (), most_prefix: int = 2
) -> tuple[int, tuple[int, int] | None]:
    """Tokens before the patches, and the grid of the patches, from the number of rows of a picture's table.

    Parameters
    ----------
    n_positions : int
        Rows of the table.
    told : sequence of tuple of int
        Rows and columns of patches of which the configuration tells, the likeliest first; without it a square is
        assumed.
    most_prefix : int
        Most tokens that there may be before the patches: class, distillation and register tokens.

    Returns
    -------
    n_prefix : int
        Tokens before the patches.
    grid : tuple of int or None
        Rows and columns of patches; None where none are told and the rows form no square (then `n_prefix` is 0).

    Raises
    ------
    ValueError
        The rows are not those of any grid that was told.

    Examples
    --------
    >>> grid_of(197), grid_of(198), grid_of(196)
    ((1, (14, 14)), (2, (14, 14)), (0, (14, 14)))
    >>> grid_of(64, [(16, 4)])
    (0, (16, 4))
    """
    for grid in told:
        n_prefix = n_positions - grid[0] * grid[1]
        if 0 <= n_prefix <= most_prefix:
            return n_prefix, grid
    if told:
        grids = " or ".join(f"{rows} x {columns}" for rows, columns in told)
        msg = (
            f"a table of {n_positions} positions is not that of {grids} patches after at most {most_prefix} other "
            "tokens, of which the configuration tells; is config.json that of this file?"
        )
        raise ValueError(msg)
    side = math.isqrt(n_positions)
    n_prefix = n_positions - side**2
    return (n_prefix, (side, side)) if n_prefix <= most_prefix else (0, None)


def resample_grid(positions: Tensor, n_prefix: int, grid: tuple[int, int], new_grid: tuple[int, int]) -> Tensor:
    """Positions of another number of patches, by bicubic interpolation over the grid.

    Parameters
    ----------
    positions : Tensor of shape (n_prefix + rows * columns, d)
        Prefix tokens, then patches row by row.
    n_prefix : int
        Class, distillation and register tokens; they are kept as they are.
    grid, new_grid : tuple of int
        Rows and columns of patches before and after.

    Returns
    -------
    Tensor of shape (n_prefix + new_rows * new_columns, d)

    Notes
    -----
    As timm resamples positions for pictures of another size (with antialiasing).
    """
    from timm.layers import resample_abs_pos_embed  # timm takes seconds to import

    return resample_abs_pos_embed(positions[None], list(new_grid), list(grid), num_prefix_tokens=n_prefix)[0]


def interpolate_width(positions: Tensor, width: int) -> Tensor:
    """Positions of another width, as the study borrows them: the table as one long row, interpolated linearly.

    Parameters
    ----------
    positions : Tensor of shape (n, any width)
        Positions of another model.
    width : int
        Width that is needed.

    Returns
    -------
    Tensor of shape (n, width)

    Notes
    -----
    The interpolation runs across the ends of rows, so that a row holds a little of its neighbours.

    References
    ----------
    Chen et al. 2025, arXiv:2510.24342 (code release: ``get_gpt2_pos_embedding``).
    """
    n = len(positions)
    if positions.shape[1] == width:
        return positions
    flat = positions.float().reshape(1, 1, -1)
    return functional.interpolate(flat, size=n * width, mode="linear", align_corners=False).reshape(n, width)


def rescale_to_weights(positions: Tensor, query: Sequence[Tensor], key: Sequence[Tensor]) -> Tensor:
    r"""Positions per layer with the spread of the layer's weights, as the study scales borrowed positions.

    Parameters
    ----------
    positions : Tensor of shape (n, d)
        Borrowed positions.
    query, key : sequence of Tensor
        Weights of every layer, each key head once.

    Returns
    -------
    Tensor of shape (n_layers, n, d)

    Notes
    -----
    .. math:: \operatorname{std}(P_l) = \tfrac12 (\operatorname{std}(W_{Q,l}) + \operatorname{std}(W_{K,l}))

    References
    ----------
    Chen et al. 2025, arXiv:2510.24342 (code release: ``qwen-process.py``).
    """
    spread = positions.std()
    scales = [(W_Q.std() + W_K.std()) / 2 / spread for W_Q, W_K in zip(query, key, strict=True)]
    return positions * torch.stack(scales)[:, None, None]


def apply_norm(positions: Tensor, weight: Tensor, bias: Tensor | None, *, kind: str, eps: float) -> Tensor:
    """Positions after a model's norm.

    Parameters
    ----------
    positions : Tensor of shape (n, d)
        Positions.
    weight, bias : Tensor of shape (d,)
        Parameters of the norm; without bias where the model has none.
    kind : {"layer", "rms"}
        Layer norm, or root-mean-square norm.
    eps : float
        The model's epsilon.

    Returns
    -------
    Tensor of shape (n, d)
    """
    shape = positions.shape[-1:]
    if kind == "rms":
        return functional.rms_norm(positions, shape, weight, eps)
    return functional.layer_norm(positions, shape, weight, bias, eps)
