"""A mask picks the same places in the brain, however the volume is stored."""

import nibabel
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from brainalign.datasets.grids import on_grid

SHAPE = (4, 5, 6)
AFFINE = np.array([[-2.0, 0, 0, 90], [0, 2.0, 0, -126], [0, 0, 2.5, -72], [0, 0, 0, 1]])
VALUES = np.random.default_rng(0).integers(-9, 9, (*SHAPE, 3)).astype(np.int16)
GRID = nibabel.Nifti1Image(np.ones(SHAPE, np.int8), AFFINE)


def stored(values, axes, affine=AFFINE):
    """The volume stored another way round: the header's own arithmetic, not that of the code under test."""
    order, signs = zip(*axes, strict=True)
    turned = np.transpose(values, (*order, 3))[tuple(slice(None, None, sign) for sign in signs)]
    change = np.zeros((4, 4))
    change[3, 3] = 1
    for new, (old, sign) in enumerate(axes):
        change[old, new] = sign
        change[old, 3] = 0 if sign > 0 else values.shape[old] - 1
    return nibabel.Nifti1Image(np.ascontiguousarray(turned), affine @ change)


@pytest.mark.parametrize(
    "axes",
    [
        ((0, 1), (1, 1), (2, 1)),
        ((0, -1), (1, 1), (2, 1)),
        ((0, 1), (1, -1), (2, 1)),
        ((0, 1), (1, 1), (2, -1)),
        ((0, -1), (1, -1), (2, -1)),
        ((1, 1), (0, 1), (2, 1)),
        ((2, 1), (1, -1), (0, -1)),
        ((1, -1), (2, 1), (0, 1)),
    ],
)
def test_a_volume_stored_another_way_round_is_turned_back(axes):
    found = on_grid(stored(VALUES, axes), GRID, where="run 1")
    assert_array_equal(np.asarray(found.dataobj), VALUES)
    assert found.get_data_dtype() == np.int16


def shifted(*millimetres):
    affine = AFFINE.copy()
    affine[:3, 3] += millimetres
    return affine


OBLIQUE = AFFINE @ np.array(
    [[np.cos(0.2), -np.sin(0.2), 0, 0], [np.sin(0.2), np.cos(0.2), 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
)


@pytest.mark.parametrize(
    ("shape", "affine", "message"),
    [
        (SHAPE, shifted(2, 0, 0), "other voxels"),
        (SHAPE, shifted(0, 0, -1), "other voxels"),
        (SHAPE, np.eye(4), "other voxels"),
        (SHAPE, AFFINE * [[1.5], [1.5], [1.5], [1]], "other voxels"),
        (SHAPE, OBLIQUE, "other voxels"),
        ((4, 5, 7), AFFINE, "shape"),
        ((6, 5, 4), AFFINE, "shape"),
    ],
)
def test_other_voxels_are_refused(shape, affine, message):
    with pytest.raises(ValueError, match=rf"run 1.*{message}"):
        on_grid(nibabel.Nifti1Image(np.zeros((*shape, 2), np.int16), affine), GRID, where="run 1")


def test_the_rounding_of_a_header_is_no_other_voxel():
    nearly = nibabel.Nifti1Image(
        VALUES, AFFINE + np.random.default_rng(1).normal(0, 1e-3, (4, 4)) * [[1], [1], [1], [0]]
    )
    assert_array_equal(np.asarray(on_grid(nearly, GRID, where="run 1").dataobj), VALUES)
