"""Importance: silencing is what the study does, and nothing is computed twice."""

import copy

import pandas as pd
import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.testing import assert_close
from torch.utils.flop_counter import FlopCounterMode

from brainalign.runs.registry import get_chapter
from brainalign.similarity import angular_procrustes_distance, debiased_linear_cka, linear_cka
from brainalign.studies.pruning import CRITERIA, Batch, block_importance, candidates, find_blocks, resnet_cifar
from brainalign.studies.pruning.passes import evaluating, read, read_silenced
from tests.chapters.values import values_of
from tests.studies.pruning.networks import pictures, small_resnet


def penultimate(model, inputs):
    maps = model.stages(torch.relu(model.bn1(model.conv1(inputs))))
    return maps.mean(dim=(2, 3))


def with_zeroed_branch(model, path):
    """The study's way: the weights of the batch normalization before the sum are set to zero."""
    silenced = copy.deepcopy(model)
    norm = silenced.get_submodule(path).bn2
    torch.nn.init.zeros_(norm.weight)
    torch.nn.init.zeros_(norm.bias)
    return silenced


@torch.no_grad()
def test_silenced_readings_are_those_of_zeroed_branches():
    model, batch = small_resnet(), pictures()
    chosen = candidates(find_blocks(model))
    whole, silenced = read_silenced(model, batch.inputs, chosen)
    assert_close(whole.representation, penultimate(model, batch.inputs))
    assert_close(whole.output, model(batch.inputs))
    for block, reading in zip(chosen, silenced, strict=True):
        theirs = with_zeroed_branch(model, block.path)
        assert_close(reading.representation, penultimate(theirs, batch.inputs))
        assert_close(reading.output, theirs(batch.inputs))


@pytest.mark.parametrize(
    ("criterion", "distance"),
    [
        ("linear_cka", lambda X, Y: 1 - linear_cka(X, Y)),
        ("debiased_linear_cka", lambda X, Y: 1 - debiased_linear_cka(X, Y)),
        ("angular_procrustes", angular_procrustes_distance),
    ],
)
@torch.no_grad()
def test_scores_are_distances_to_the_whole_representation(criterion, distance):
    model, batch = small_resnet(), pictures(100)  # more than one part
    scores = block_importance(model, batch, criterion)
    whole = penultimate(model, batch.inputs)
    expected = {
        path: float(distance(whole, penultimate(with_zeroed_branch(model, path), batch.inputs)))
        for path in scores.index
    }
    pd.testing.assert_series_equal(scores, pd.Series(expected, name=criterion), atol=2e-4, check_names=False)
    assert scores.name == criterion
    assert (scores > 1e-3).all()


@torch.no_grad()
def test_the_loss_without_a_block_is_compared_with_that_of_the_whole():
    model, batch = small_resnet(), pictures()
    scores = block_importance(model, batch, "leave_one_out_loss")
    path = scores.index[2]
    without = cross_entropy(with_zeroed_branch(model, path)(batch.inputs), batch.labels)
    assert_close(scores[path], float(without - cross_entropy(model(batch.inputs), batch.labels)), rtol=1e-4, atol=1e-5)


def test_another_loss_may_be_given():
    model, batch = small_resnet(), pictures()
    scores = block_importance(model, batch, "leave_one_out_loss", loss=lambda output, labels: torch.tensor(3.0))
    assert scores.tolist() == [0.0] * len(scores)


def test_the_weight_norm_is_the_mean_of_absolute_kernels():
    model = small_resnet()
    scores = block_importance(model, pictures(), "weight_norm")
    block = model.get_submodule("stages.1.2")
    weights = torch.cat([block.conv1.weight.flatten(), block.conv2.weight.flatten()])
    assert_close(scores["stages.1.2"], float(weights.detach().abs().mean()), rtol=1e-5, atol=0)


def test_chance_follows_the_generator():
    model, batch = small_resnet(), pictures()
    draws = [
        block_importance(model, batch, "random", generator=torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    ]
    pd.testing.assert_series_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).all()


def test_a_block_that_does_nothing_scores_zero():
    model = with_zeroed_branch(small_resnet(), "stages.1.1")
    for criterion in ("linear_cka", "debiased_linear_cka", "angular_procrustes", "leave_one_out_loss"):
        scores = block_importance(model, pictures(), criterion).abs()  # without a block the loss may also fall
        assert scores.idxmin() == "stages.1.1"
        assert scores["stages.1.1"] < 2e-3  # an angle in float32 is no better


def test_scoring_25_blocks_of_resnet56_costs_at_most_06_of_25_passes():
    """Counted, so that no other work on the machine can change it."""
    model, batch = resnet_cifar(56, width=2), Batch(torch.rand(12, 3, 8, 8))
    with FlopCounterMode(display=False) as one, evaluating(model):
        read(model, batch.inputs)
    with FlopCounterMode(display=False) as all_blocks:
        assert len(block_importance(model, batch)) == 25
    assert all_blocks.get_total_flops() < 0.6 * 25 * one.get_total_flops()


def test_the_model_is_left_as_it_was():
    model = small_resnet().train()
    model.stages[0].eval()
    before = copy.deepcopy(model.state_dict())
    modes = [module.training for module in model.modules()]
    block_importance(model, pictures())
    assert [module.training for module in model.modules()] == modes
    assert_close(model.state_dict(), before, rtol=0, atol=0)
    assert not any("forward" in vars(module) for module in model.modules())
    assert not any(module._forward_pre_hooks or module._forward_hooks for module in model.modules())


def test_an_error_on_the_way_leaves_the_model_as_it_was():
    model = small_resnet()

    def fail(output, labels):
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        block_importance(model, pictures(), "leave_one_out_loss", loss=fail)
    assert not any("forward" in vars(module) for module in model.modules())


@pytest.mark.parametrize(
    ("batch", "criterion", "text"),
    [
        (pictures(9), "linear_cka", "the batch has 9 samples, the network 10 classes; give at least as many"),
        (Batch(pictures().inputs), "leave_one_out_loss", r"needs labels; give Batch\(inputs, labels\)"),
        (pictures(), "random", "the criterion 'random' needs random numbers; give generator="),
        (pictures(), "linear_ckaa", "unknown criterion 'linear_ckaa'. Did you mean 'linear_cka'"),
    ],
)
def test_bad_input_is_refused(batch, criterion, text):
    with pytest.raises(ValueError, match=text):
        block_importance(small_resnet(), batch, criterion)


def test_without_a_block_to_spare_it_says_why():
    with pytest.raises(ValueError, match="no block of CifarResNet can be removed"):
        block_importance(small_resnet(14), pictures())


def test_every_criterion_is_named_and_explained():
    assert list(CRITERIA) == [criterion.name for criterion in CRITERIA.values()]
    assert all(criterion.meaning.endswith(".") for criterion in CRITERIA.values())
    assert {c.name for c in CRITERIA.values() if c.distance} == {
        c.name for c in CRITERIA.values() if c.reads == "representation"
    }


def test_the_chapter_offers_every_criterion():
    assert values_of("pruning").criteria == list(CRITERIA)
    assert get_chapter("pruning").declaration.parameters["criteria"].choices == list(CRITERIA)
