"""Which blocks are found, and which may go."""

import pytest
import timm
import torch
import torchvision
from torch import nn

from brainalign.models.zoo import load_zoo
from brainalign.studies.pruning import Batch, candidates, find_blocks, n_removable, resnet_cifar


@pytest.mark.parametrize("make", [timm.create_model, torchvision.models.get_model], ids=["timm", "torchvision"])
def test_blocks_of_both_libraries_are_found_in_order(make):
    for name, sizes in (("resnet18", (2, 2, 2, 2)), ("resnet50", (3, 4, 6, 3))):
        blocks = find_blocks(make(name))
        expected = [f"layer{stage + 1}.{i}" for stage, size in enumerate(sizes) for i in range(size)]
        assert [block.path for block in blocks] == expected
        opening = {"resnet18": 3, "resnet50": 4}[name]  # the first stage of resnet18 keeps its channels
        assert sum(block.changes_shape for block in blocks) == opening


def test_blocks_of_a_transformer_are_one_stage():
    blocks = find_blocks(load_zoo("zoo:supervised-xs@random"))
    assert [block.path for block in blocks] == ["blocks.0", "blocks.1", "blocks.2"]
    assert {block.stage for block in blocks} == {"blocks"}
    assert not any(block.changes_shape for block in blocks)


@pytest.mark.parametrize(
    ("depth", "minimum", "n_candidates", "removable"),
    [(56, 2, 25, 21), (56, 1, 25, 24), (56, 9, 0, 0), (20, 2, 7, 3), (14, 2, 0, 0), (14, 1, 4, 3), (110, 2, 52, 48)],
)
def test_blocks_that_may_go(depth, minimum, n_candidates, removable):
    blocks = find_blocks(resnet_cifar(depth, width=1))
    assert len(candidates(blocks, min_per_stage=minimum)) == n_candidates
    assert n_removable(blocks, min_per_stage=minimum) == removable


def test_a_stage_at_its_minimum_gives_none():
    blocks = [block for block in find_blocks(resnet_cifar(20, width=1)) if block.path != "stages.1.2"]
    chosen = candidates(blocks, min_per_stage=2)
    assert {block.stage for block in chosen} == {"stages.0", "stages.2"}


def test_a_minimum_below_one_is_refused():
    with pytest.raises(ValueError, match="min_per_stage = 0 must be at least 1"):
        candidates(find_blocks(resnet_cifar(8)), min_per_stage=0)


def test_a_network_without_residual_blocks_is_refused_in_words():
    with pytest.raises(ValueError, match=r"Sequential has no residual blocks .* conv1, conv2 and downsample"):
        find_blocks(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))


def test_several_stacks_are_refused_with_their_paths():
    model = load_zoo("zoo:clip-s@random")
    with pytest.raises(ValueError, match=r"several stacks of blocks: visual\.\S+"):
        find_blocks(model)
    assert len(find_blocks(model.visual)) >= 2


@pytest.mark.parametrize(
    ("inputs", "labels", "counts"),
    [
        (torch.zeros(3, 1), torch.zeros(2), "inputs 3, labels 2"),
        (torch.zeros(0, 1), None, "inputs 0"),
        ({"ids": torch.zeros(2, 4), "mask": torch.zeros(3, 4)}, None, "ids 2, mask 3"),
        ({}, None, "nothing"),
    ],
)
def test_parts_of_a_batch_must_fit(inputs, labels, counts):
    with pytest.raises(ValueError, match=f"the same number of samples in every part, at least 1: got {counts}"):
        Batch(inputs, labels)


def test_parts_of_a_batch_are_all_of_it():
    ids = torch.arange(10).reshape(5, 2)
    sizes = [len(part) for part in Batch(ids).parts(2)]
    named = list(Batch({"ids": ids}, torch.zeros(5)).parts(2))
    assert sizes == [2, 2, 1]
    assert torch.cat([part["ids"] for part in named]).tolist() == ids.tolist()
