"""The losses are those of their formulas, and they train what they should."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal, assert_array_less, assert_equal
from torch.testing import assert_close

from brainalign.datasets.scenes import caption_truth, detokenize, draw_scenes
from brainalign.models.zoo import RECIPES, zoo_names
from brainalign.models.zoo.architectures import patch_cells
from brainalign.models.zoo.objectives import OBJECTIVES
from brainalign.models.zoo.objectives.contrast import info_nce
from brainalign.models.zoo.objectives.fusion import false_captions
from brainalign.models.zoo.objectives.masked_patches import as_patches
from brainalign.models.zoo.weights import load_objective, random_objective

# Parameters that no path of the loss reaches: what the library builds and the objective has no use for.
_POOLER = {f"model.text_transformer.pooler.dense.{kind}" for kind in ("weight", "bias")}
UNUSED = {"tower-s": {"model.proj"}, "meter-s": _POOLER, "meter-plain-s": _POOLER}


def scenes_of(n=6, seed=0, **asked):
    return draw_scenes(n, generator=np.random.default_rng(seed), **asked)


def started(name, seed=0):
    objective = random_objective(name, seed).train()
    if name.startswith("distilled"):
        objective.adopt({"teacher": load_objective("teacher", 0).model})
    return objective


def one_of_each_objective():
    return list({RECIPES[name].objective: name for name in reversed(zoo_names())}.values())


@pytest.mark.parametrize("name", one_of_each_objective())
def test_a_step_lowers_the_loss_and_reaches_every_parameter(name):
    objective, scenes = started(name), scenes_of(8)
    loss = objective.loss(scenes, np.random.default_rng(0))
    loss.backward()
    idle = {key for key, parameter in objective.named_parameters() if parameter.grad is None}
    assert_equal(idle, UNUSED.get(name, set()))
    with torch.no_grad():
        for parameter in objective.parameters():
            if parameter.grad is not None:
                parameter -= 1e-3 * parameter.grad
    assert objective.loss(scenes, np.random.default_rng(0)) < loss


@pytest.mark.parametrize("size", ["xs", "s"])
def test_objectives_of_the_controlled_set_start_from_the_same_weights(size):
    names = [name for name, recipe in RECIPES.items() if recipe.group == "controlled" and recipe.size == size]
    assert_equal(len({RECIPES[name].objective for name in names}), 5)
    first, *others = (random_objective(name, 3).model.state_dict() for name in names)
    other_seed = random_objective(names[0], 2).model.state_dict()
    shared = {key for key in first if not key.startswith("head.")}
    for other in others:
        assert_equal({key for key in other if not key.startswith("head.")}, shared)
        for key in shared:
            assert_close(other[key], first[key], rtol=0, atol=0)
    assert (first["blocks.1.attn.qkv.weight"] - other_seed["blocks.1.attn.qkv.weight"]).abs().max() > 0.1


def test_first_weights_leave_the_global_generator_alone():
    before = torch.random.get_rng_state()
    random_objective("clip-s", 0)
    random_objective("meter-s", 0)
    assert_array_equal(torch.random.get_rng_state().numpy(), before.numpy())


def test_patches_are_cut_row_by_row_and_lie_in_their_cells():
    image = torch.arange(24 * 24, dtype=torch.float32).reshape(1, 24, 24)
    patches = as_patches(image)
    for number in (0, 1, 6, 35):
        row, column = divmod(number, 6)
        expected = image[0, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4].flatten()
        assert_close(patches[0, number], expected)
    cells = [3 * (row * 4 // 8) + column * 4 // 8 for row in range(6) for column in range(6)]
    assert_equal(patch_cells().tolist(), cells)


@torch.no_grad()
def test_masked_patches_do_not_leak_into_their_reconstruction():
    objective, scenes = started("mae-xs"), scenes_of(4)
    predicted, target, masked, _ = objective.reconstruct(scenes, np.random.default_rng(0))
    assert_equal(masked.sum(1).tolist(), [14] * 4)  # 40 % of 36
    spoilt = target.clone()
    spoilt[masked] = 5.0
    side = spoilt.reshape(4, 6, 6, 4, 4).transpose(2, 3).reshape(4, 24, 24).numpy()
    again, seen, _, _ = objective.reconstruct(dataclasses.replace(scenes, images=side), np.random.default_rng(0))
    assert_close(again, predicted)
    assert_close(seen[masked], spoilt[masked])
    visible = target.clone()
    visible[~masked] += 1.0
    side = visible.reshape(4, 6, 6, 4, 4).transpose(2, 3).reshape(4, 24, 24).numpy()
    changed = objective.reconstruct(dataclasses.replace(scenes, images=side), np.random.default_rng(0))[0]
    assert (changed - predicted).abs().max() > 1e-3


@torch.no_grad()
def test_masked_loss_counts_ink_six_times():
    objective, scenes = started("mae-xs"), scenes_of(4)
    predicted, target, masked, inked = objective.reconstruct(scenes, np.random.default_rng(0))
    total = weight = 0.0
    for scene, patch in masked.nonzero().tolist():
        share = 6.0 if inked[scene, patch] else 1.0
        total += share * float((predicted[scene, patch] - target[scene, patch]).square().mean())
        weight += share
    assert_allclose(float(objective.loss(scenes, np.random.default_rng(0))), total / weight, rtol=1e-5)


def test_contrastive_loss_is_that_of_simclr_on_half_of_the_scenes():
    objective, scenes = started("contrastive-xs"), scenes_of(10)
    loss = objective.loss(scenes, np.random.default_rng(1))
    with torch.no_grad():
        views = objective.embed_views(scenes.first(5), np.random.default_rng(1)).flatten(0, 1).double()
    total = 0.0
    for i in range(10):
        scores = [math.exp(float(views[i] @ views[k]) / 0.2) for k in range(10) if k != i]
        total -= math.log(math.exp(float(views[i] @ views[(i + 5) % 10]) / 0.2) / sum(scores))
    assert_allclose(loss.item(), total / 10, rtol=1e-5)


def test_info_nce_by_hand():
    images, texts = torch.eye(2), torch.tensor([[1.0, 0.0], [0.6, 0.8]])
    scale = math.log(2.0)
    # Similarities times 2: rows (2, 1.2) and (0, 1.6).
    rows = [math.log(1 + math.exp(1.2 - 2)), math.log(1 + math.exp(-1.6))]
    columns = [math.log(1 + math.exp(-2)), math.log(1 + math.exp(1.2 - 1.6))]
    expected = (sum(rows) / 2 + sum(columns) / 2) / 2
    assert_allclose(float(info_nce(images, texts, torch.tensor(scale))), expected, rtol=1e-6)
    # The scale stops at 100.
    assert_close(info_nce(images, texts, torch.tensor(99.0)), info_nce(images, texts, torch.tensor(math.log(100.0))))


def test_false_captions_are_of_the_three_kinds():
    scenes = scenes_of(3000, digits=(4, 4))
    false = false_captions(scenes, np.random.default_rng(0))
    kinds = [(false == other).all(1).mean() for other in (scenes.swapped, scenes.inverted)]
    # Exchanging digits and turning a relation round never agree; another scene rarely has the same three words.
    assert_allclose(kinds, [0.36, 0.24], atol=0.03)
    words = np.array([[false[i, 2] - 10, false[i, 3] - 6, false[i, 5] - 10] for i in range(3000)])
    assert_equal(detokenize(false[:1])[0].split()[0], "a")
    true = np.array([caption_truth(scenes.cells[i : i + 1], words[i : i + 1])[0, 0] for i in range(300)])
    assert_array_less(true.mean(), 0.05)


@torch.no_grad()
def test_reading_several_texts_is_reading_each():
    objective, scenes = started("meter-s").eval(), scenes_of(3)
    together = objective.read(scenes.images, [scenes.captions, scenes.swapped])
    for read, tokens in zip(together, (scenes.captions, scenes.swapped), strict=True):
        alone = objective.model(objective.pixels(scenes.images), objective.tensor(tokens))
        assert_close(read.cls, alone.cls)
        assert_close(read.text_features, alone.text_features)


@pytest.mark.parametrize(
    ("name", "part", "parent"), [("clip-s", "visual", "tower-s"), ("meter-s", "vit_model.visual", "tower-s")]
)
def test_parts_start_from_their_parents(name, part, parent):
    objective, trained = started(name), started(parent, seed=5).model
    objective.adopt({part: trained})
    key = "transformer.resblocks.2.mlp.c_fc.weight"
    assert_close(objective.model.get_submodule(part).state_dict()[key], trained.state_dict()[key])


def test_a_parent_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="'visual' cannot start from DigitNet: "):
        started("clip-s").adopt({"visual": started("teacher").model})


def test_every_recipe_has_an_objective():
    assert_equal({recipe.objective for recipe in RECIPES.values()}, set(OBJECTIVES))
