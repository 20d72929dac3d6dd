"""Which block went next is found from the weights, and criteria are held against it and against chance."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch

from brainalign.studies.pruning import find_blocks, prune, remove_blocks
from brainalign.studies.pruning.next_block import (
    find_removed,
    mean_ranks_of_halves,
    random_choices,
    rank_of,
    score_next_blocks,
)
from tests.studies.pruning.networks import pictures, small_resnet


def shaken(model, size, *, seed=0):
    generator = torch.Generator().manual_seed(seed)
    model = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += size * parameter.std(correction=0) * torch.randn(parameter.shape, generator=generator)
    return model


@pytest.mark.parametrize("path", ["stages.0.0", "stages.0.2", "stages.1.1", "stages.2.2"])
def test_the_block_that_went_is_found_though_training_moved_the_weights(path):
    model = small_resnet()
    found = find_removed(model, shaken(remove_blocks(model, [path]), 0.3))
    assert found.block == path
    assert found.margin > 1
    assert find_removed(model, remove_blocks(model, [path])).margin == np.inf


@pytest.mark.parametrize("gone", [[], ["stages.0.1", "stages.1.1"], ["stages.0.1", "stages.0.2"]])
def test_networks_that_are_not_one_block_apart_are_refused(gone):
    model = small_resnet()
    with pytest.raises(ValueError, match="one block"):
        find_removed(model, remove_blocks(model, gone) if gone else model)


def pruned_by(criterion):
    model = small_resnet(26)
    return [model, *(removal.model for removal in prune(model, pictures(), 4, criterion).removals)]


@pytest.mark.parametrize("criterion", ["linear_cka", "weight_norm"])
def test_the_criterion_that_pruned_names_every_block(criterion):
    steps = score_next_blocks(pruned_by(criterion), pictures(), [criterion]).steps
    assert len(steps) == 4
    assert (steps["removed"] == steps["chosen"]).all()
    assert (steps["rank"] == 0).all()


def test_candidates_and_shares_are_counted():
    networks = pruned_by("linear_cka")
    steps = score_next_blocks(networks, pictures()).steps
    assert steps["criterion"].tolist() == ["linear_cka", "weight_norm"] * 4
    first = steps.iloc[0]
    assert first["n_candidates"] == 10  # four blocks a stage, of which two change the shape
    assert first["share"] == (0.4 if first["removed"].startswith("stages.0") else 0.3)
    assert steps["n_candidates"].iloc[2] == 9


def test_what_cannot_be_scored_is_refused():
    networks = pruned_by("linear_cka")
    with pytest.raises(ValueError, match="at least two"):
        score_next_blocks(networks[:1], pictures())
    with pytest.raises(ValueError, match="min_per_stage = 4"):
        score_next_blocks(networks, pictures(), min_per_stage=4)
    with pytest.raises(ValueError, match="'random' reads chance"):
        score_next_blocks(networks, pictures(), ["random"])


def test_ranks_go_from_the_lowest_score_to_the_highest():
    scores = {"a": 0.1, "b": 0.5, "c": 0.5, "d": 0.9, "e": 0.2}
    assert [rank_of(name, scores) for name in "aecd"] == [0, 0.25, 0.625, 1]
    assert rank_of("a", {"a": 3.0}) == 0


def test_halves_of_the_pictures_spread_around_the_value_of_all():
    found = score_next_blocks(pruned_by("weight_norm"), pictures(40))
    means = mean_ranks_of_halves(found, 30, generator=torch.Generator().manual_seed(0))
    mean = found.steps.query("criterion == 'linear_cka'")["rank"].mean()
    assert means.min() <= mean <= means.max()
    assert means.std() > 0
    with pytest.raises(ValueError, match="'weight_norm' does not read"):
        mean_ranks_of_halves(found, 3, criterion="weight_norm", generator=torch.Generator())


def test_a_random_choice_is_right_as_often_as_there_are_candidates():
    found = score_next_blocks(pruned_by("linear_cka"), pictures())
    drawn = random_choices(found, 20_000, generator=np.random.default_rng(0))
    steps = found.steps.drop_duplicates("step")
    expected = pd.Series({"stage": steps["share"].sum(), "block": (1 / steps["n_candidates"]).sum(), "rank": 0.5})
    pd.testing.assert_series_equal(drawn.mean(), expected, rtol=0.05)


def test_the_network_is_left_as_it_was():
    networks = pruned_by("linear_cka")
    networks[0].train()
    score_next_blocks(networks, pictures())
    assert networks[0].training
    assert len(find_blocks(networks[0])) == 12
