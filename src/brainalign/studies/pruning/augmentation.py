"""Changes to training pictures that leave their class as it is."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad


def shift_and_flip(pictures: Tensor, generator: torch.Generator, *, max_shift: int = 4) -> Tensor:
    """Every picture moved by a random number of pixels, and every second one, on average, mirrored.

    Parameters
    ----------
    pictures : Tensor of shape (n, channels, height, width)
        Pictures around zero: what moves in from outside is zero.
    generator : torch.Generator
        Draws shifts and mirrorings, on the CPU.
    max_shift : int
        Most pixels that a picture moves up, down, left or right; all shifts are equally likely.

    Returns
    -------
    Tensor of shape (n, channels, height, width)

    Raises
    ------
    ValueError
        For a negative `max_shift`.

    Notes
    -----
    The same as padding each side by `max_shift` and cutting the size of the picture out at a random place.

    References
    ----------
    He et al. (2016). Deep residual learning for image recognition. CVPR, section 4.2.
    """
    if max_shift < 0:
        msg = f"max_shift = {max_shift} must be at least 0."
        raise ValueError(msg)
    n, _, height, width = pictures.shape
    corners = torch.randint(2 * max_shift + 1, (2, n, 1), generator=generator)
    rows, columns = corners[0] + torch.arange(height), corners[1] + torch.arange(width)
    mirrored = torch.rand(n, 1, generator=generator) < 0.5
    columns = torch.where(mirrored, columns.flip(1), columns)
    padded = pad(pictures, [max_shift] * 4)
    which = torch.arange(n, device=pictures.device)[:, None, None]
    rows, columns = rows.to(pictures.device)[:, :, None], columns.to(pictures.device)[:, None, :]
    # Indexing by three tensors around the channels puts the channels last.
    return padded[which, :, rows, columns].permute(0, 3, 1, 2).contiguous()
