"""Shifts and mirrorings, found again in the pictures that come out."""

import pytest
import torch

from brainalign.studies.pruning import shift_and_flip


def all_versions(picture, most):
    """Every version that may come out, cut from the padded picture by hand."""
    _, height, width = picture.shape
    padded = torch.zeros(picture.shape[0], height + 2 * most, width + 2 * most)
    padded[:, most : most + height, most : most + width] = picture
    cuts = [padded[:, i : i + height, j : j + width] for i in range(2 * most + 1) for j in range(2 * most + 1)]
    return [*cuts, *(cut.flip(2) for cut in cuts)]


def test_only_shifted_and_mirrored_pictures_come_out_and_all_of_them_do():
    generator = torch.Generator().manual_seed(0)
    picture = torch.randn(2, 5, 6, generator=generator)
    found = shift_and_flip(picture.expand(600, -1, -1, -1), generator, max_shift=1)
    versions = torch.stack(all_versions(picture, 1))
    which = (found[:, None] == versions).flatten(2).all(dim=2)
    assert (which.sum(dim=1) == 1).all()
    counts = which.sum(dim=0)  # 600 / 18 = 33 each
    assert counts.min() > 10
    assert counts.max() < 70


def test_pictures_of_a_batch_stay_apart():
    generator = torch.Generator().manual_seed(0)
    pictures = torch.arange(1.0, 9)[:, None, None, None].expand(8, 3, 8, 8)
    found = shift_and_flip(pictures, generator)
    assert [set(one.unique().tolist()) - {0.0} for one in found] == [{float(n)} for n in range(1, 9)]
    assert found.shape == pictures.shape


def test_the_generator_decides():
    pictures = torch.randn(16, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    first, again, other = (shift_and_flip(pictures, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_negative_shift_is_refused():
    with pytest.raises(ValueError, match="max_shift = -1 must be at least 0"):
        shift_and_flip(torch.zeros(1, 1, 2, 2), torch.Generator(), max_shift=-1)
