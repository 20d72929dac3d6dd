"""Greedy pruning removes the least important block, scores anew, and remembers where blocks came from."""

import pytest
import torch
from torch.testing import assert_close

from brainalign.studies.pruning import CRITERIA, block_importance, find_blocks, n_removable, prune, remove_blocks
from tests.studies.pruning.networks import pictures, small_resnet


def test_each_step_removes_the_smallest_score_of_the_network_that_is_left():
    model, batch = small_resnet(26), pictures()
    pruned = prune(model, batch, 4)
    left, names = model, [block.path for block in find_blocks(model)]
    for removal in pruned.removals:
        scores = block_importance(left, batch)
        weakest = scores.idxmin()
        assert removal.block == names.pop([block.path for block in find_blocks(left)].index(weakest))
        assert removal.scores.to_list() == scores.to_list()
        left = remove_blocks(left, [weakest])
    assert_close(left.state_dict(), pruned.model.state_dict(), rtol=0, atol=0)
    assert pruned.order == [removal.block for removal in pruned.removals]


@pytest.mark.parametrize("criterion", CRITERIA)
def test_all_that_can_go_goes_under_every_criterion(criterion):
    model, batch = small_resnet(26), pictures()
    n_blocks = n_removable(find_blocks(model))
    pruned = prune(model, batch, n_blocks, criterion, generator=torch.Generator().manual_seed(0))
    assert [len(stage) for stage in pruned.model.stages] == [2, 2, 2]
    assert len(set(pruned.order)) == n_blocks == 6
    assert not {"stages.1.0", "stages.2.0"} & set(pruned.order)
    assert all(removal.stage == removal.block[:-2] for removal in pruned.removals)
    assert pruned.model(batch.inputs).shape == (24, 10)


def test_fine_tuning_follows_every_removal_and_is_kept():
    seen = []

    def fine_tune(model):
        seen.append(len(find_blocks(model)))
        with torch.no_grad():
            model.head.bias.add_(1)

    model = small_resnet()
    pruned = prune(model, pictures(), 3, fine_tune=fine_tune)
    assert seen == [8, 7, 6]
    for n_steps, removal in enumerate(pruned.removals, start=1):
        assert_close(removal.model.head.bias, model.head.bias + n_steps)


@pytest.mark.parametrize("n_blocks", [0, 4, -1])
def test_more_than_can_go_is_refused_with_the_limit(n_blocks):
    with pytest.raises(
        ValueError, match=rf"n_blocks = {n_blocks}; from 1 to 3 blocks of CifarResNet can go when every"
    ):
        prune(small_resnet(), pictures(), n_blocks)
