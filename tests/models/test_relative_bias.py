import pytest
import torch
from numpy.testing import assert_equal

from brainalign.models import spatial_attention
from brainalign.models.relative_bias import relative_position_bias, window_of


@pytest.mark.parametrize("side", [2, 3, 14, 24])
def test_window(side):
    assert_equal(window_of((2 * side - 1) ** 2 + 3), (side, side))


@pytest.mark.parametrize("n_rows", [0, 2, 3, 7, 731, 19])
def test_rows_that_fit_no_grid(n_rows):
    with pytest.raises(ValueError, match=rf"a table of {n_rows} relative-position biases fits no square grid"):
        window_of(n_rows)


def test_every_entry_is_told_from_every_other():
    # Number i in row i of the table: the bias then shows which row a pair of positions takes.
    table = torch.arange(12.0)[:, None]
    bias = relative_position_bias([table], 1)[0, 0]
    assert_equal(
        bias.tolist(),
        [
            [11, 9, 9, 9, 9],
            [10, 4, 3, 1, 0],
            [10, 5, 4, 2, 1],
            [10, 7, 6, 4, 3],
            [10, 8, 7, 5, 4],
        ],
    )


def test_resampling_keeps_the_class_token_and_a_constant():
    table = torch.full((12, 2), 0.5)
    table[-3:] = torch.tensor([1.0, 2.0, 3.0])[:, None]
    bias = relative_position_bias([table], 4, (5, 5))
    assert_equal(bias.shape, (4, 2, 26, 26))
    torch.testing.assert_close(bias[..., 1:, 1:], torch.full((4, 2, 25, 25), 0.5))
    assert_equal([bias[0, 0, 0, 1].item(), bias[0, 0, 1, 0].item(), bias[0, 0, 0, 0].item()], [1, 2, 3])


def test_a_number_of_tables_that_fits_no_model():
    with pytest.raises(ValueError, match="2 tables of relative-position biases for 3"):
        relative_position_bias([torch.zeros(12, 2)] * 2, 3)


@pytest.mark.parametrize("name", ["BEiT", "timm's BEiT"])
def test_a_model_with_relative_biases_alone(saved, name):
    weights = spatial_attention(saved(name)[1])
    assert_equal((weights.position_kind, weights.n_prefix, weights.grid), ("relative", 1, (4, 4)))
    assert weights.positions is None
    assert_equal(weights.n_positions, 17)
    torch.testing.assert_close(torch.from_numpy(weights.logits(3)), torch.from_numpy(weights.bias[3]).double())
    assert_equal(spatial_attention(saved(name)[1], grid=3).bias.shape[-2:], (10, 10))


def test_relative_biases_cannot_be_normalized(saved):
    with pytest.raises(ValueError, match="has no table of positions"):
        spatial_attention(saved("timm's BEiT")[1], positions="normed")
