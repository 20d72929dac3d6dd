"""The CIFAR family of residual networks has the published sizes."""

import pytest
import torch
from torch.testing import assert_close

from brainalign.studies.pruning import count_parameters, find_blocks, macs, resnet_cifar

PUBLISHED = {32: 69_124_736, 44: 97_436_288, 56: 125_747_840, 110: 253_149_824}
A_BLOCK = 4_718_592


@pytest.mark.parametrize(("depth", "published"), PUBLISHED.items())
def test_operations_are_the_published_integers(depth, published):
    assert macs(resnet_cifar(depth), (3, 32, 32)) == published


def test_parameters_of_resnet56_are_the_published_number():
    model = resnet_cifar(56)
    assert count_parameters(model, running_statistics=True) == 861_770
    assert count_parameters(model) == 861_770 - 2 * 2032  # two statistics for each normalized channel


def test_half_the_side_and_twice_the_channels_from_stage_to_stage():
    model = resnet_cifar(8, width=3, n_channels=1, n_classes=7).eval()
    maps = torch.zeros(2, 3, 8, 8)
    sizes = []
    for stage in model.stages:
        maps = stage(maps)
        sizes.append(tuple(maps.shape[1:]))
    assert sizes == [(3, 8, 8), (6, 4, 4), (12, 2, 2)]
    assert model(torch.zeros(2, 1, 8, 8)).shape == (2, 7)


def test_a_block_adds_its_branch_to_the_skip():
    model = resnet_cifar(8, width=2).eval()
    block = model.stages[1][0]
    x = torch.rand(1, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    branch = block.bn2(block.conv2(torch.relu(block.bn1(block.conv1(x)))))
    assert_close(block(x), torch.relu(block.downsample(x) + branch))


def test_first_weights_follow_from_the_generator_and_have_variance_two_over_fan_in():
    first, again, other = (resnet_cifar(20, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    weight = first.stages[2][1].conv1.weight
    assert_close(weight, again.stages[2][1].conv1.weight, rtol=0, atol=0)
    assert not torch.equal(weight, other.stages[2][1].conv1.weight)
    assert_close(weight.var(), torch.tensor(2 / (64 * 9)), rtol=0.03, atol=0)


def test_only_the_blocks_that_open_the_second_and_third_stage_change_the_shape():
    blocks = find_blocks(resnet_cifar(56))
    assert len(blocks) == 27
    assert [block.path for block in blocks if block.changes_shape] == ["stages.1.0", "stages.2.0"]


@pytest.mark.parametrize("depth", [2, 7, 21, 57, 0, -4])
def test_other_depths_are_refused(depth):
    with pytest.raises(ValueError, match=rf"depth = {depth} is not 6 n \+ 2; give 8, 14, 20"):
        resnet_cifar(depth)


def test_sizes_below_one_are_refused_together():
    with pytest.raises(ValueError, match="width = 0, n_classes = -1 must be at least 1"):
        resnet_cifar(8, width=0, n_classes=-1)
