"""Positions at the grid that pictures have."""

from __future__ import annotations

import pytest
from numpy.testing import assert_array_equal

from brainalign.models.input_positions import spatial_attention_at
from brainalign.models.spatial import spatial_attention

MODEL = "zoo:supervised-s"


def test_positions_of_smaller_pictures_are_resampled_and_not_the_first_rows():
    own = spatial_attention(MODEL)
    rows, columns = own.grid
    assert_array_equal(spatial_attention_at(MODEL, range(own.n_prefix + rows * columns)).positions, own.positions)
    smaller = spatial_attention_at(MODEL, range(own.n_prefix + 9))
    assert smaller.grid == (3, 3)
    assert_array_equal(smaller.positions, spatial_attention(MODEL, grid=3).positions)


def test_texts_have_no_grid():
    assert spatial_attention_at("zoo:bert-s", range(7)).grid is None


def test_pictures_that_are_no_square_are_refused():
    with pytest.raises(ValueError, match="square"):
        spatial_attention_at(MODEL, range(spatial_attention(MODEL).n_prefix + 11))


def test_the_choice_of_positions_is_passed_on():
    normed = spatial_attention_at("zoo:mae-s", range(37), positions="normed")
    assert normed.position_kind == "normed"
