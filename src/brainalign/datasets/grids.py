"""Volumes of one brain in two files: the same voxels, whatever way round they are stored."""

from __future__ import annotations

from itertools import product

import numpy as np
from nibabel.orientations import io_orientation, ornt_transform
from nibabel.spatialimages import SpatialImage

__all__ = ["on_grid"]

_TOLERANCE = 0.1
"""Share of a voxel by which corners of the two volumes may lie apart."""


def on_grid(image: SpatialImage, grid: SpatialImage, *, where: str) -> SpatialImage:
    """Turn a volume to the axes of another one, unless the two lie on different voxels.

    Parameters
    ----------
    image : SpatialImage of shape (i, j, k) or (i, j, k, n)
        For example the signal.
    grid : SpatialImage of shape (i, j, k)
        For example the mask.
    where : str
        Name of the image for the message.

    Returns
    -------
    SpatialImage
        With the axes of `grid`; `image` itself where they are the same.

    Raises
    ------
    ValueError
        When the shapes differ, or corners lie further apart than a tenth of a voxel: the same indices would be other
        places in the brain.
    """
    turned = image.as_reoriented(ornt_transform(io_orientation(image.affine), io_orientation(grid.affine)))
    if turned.shape[:3] != grid.shape[:3]:
        msg = f"{where} has the shape {image.shape}; expected {tuple(grid.shape[:3])} as the mask, then samples."
        raise ValueError(msg)
    corners = np.array([(*corner, 1.0) for corner in product(*((0, size - 1) for size in grid.shape[:3]))]).T
    apart = np.linalg.norm(((turned.affine - grid.affine) @ corners)[:3], axis=0).max()
    smallest = np.linalg.norm(grid.affine[:3, :3], axis=0).min()
    if not apart <= _TOLERANCE * smallest:
        msg = (
            f"{where} lies on other voxels than the mask: corners are up to {apart:.3g} mm apart, voxels are "
            f"{smallest:.3g} mm wide. Resample one to the other, for example with nilearn.image.resample_to_img()."
        )
        raise ValueError(msg)
    return turned
