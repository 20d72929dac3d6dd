"""Training is a function of name, seed and steps, and goes on where it stopped."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal, assert_array_less, assert_equal
from safetensors import safe_open
from safetensors.torch import load_file
from torch.testing import assert_close

from brainalign.datasets.scenes import EMPTY
from brainalign.models.zoo import RECIPES, load_zoo, train_zoo
from brainalign.models.zoo.training import learning_rate_share, training_scenes
from brainalign.models.zoo.weights import load_objective, random_objective, read_config

pytestmark = pytest.mark.training

STEPS = 6


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a model trained in one go, and what was told of its steps."""
    folder, told = tmp_path_factory.mktemp("zoo"), []
    outcome = train_zoo("mae-xs", 1, folder=folder, steps=STEPS, progress=lambda *step: told.append(step))
    return folder, told, outcome


def test_progress_is_told_of_every_step(trained):
    folder, told, outcome = trained
    assert_equal([step[:2] for step in told], [(i + 1, STEPS) for i in range(STEPS)])
    assert_allclose(outcome.loss, told[-1][2], rtol=1e-6)
    assert_equal(sorted(path.name for path in folder.iterdir()), ["mae-xs-1.safetensors"])
    assert 0 < outcome.seconds < 60


@pytest.mark.parametrize("stops", [(1,), (2, 5)])
def test_a_stopped_training_ends_as_if_it_had_not_stopped(trained, tmp_path, stops):
    for stop in stops:
        assert train_zoo("mae-xs", 1, folder=tmp_path, steps=STEPS, stop_after=stop) is None
        assert_equal([path.name for path in tmp_path.iterdir()], ["mae-xs-1.resume"])
    train_zoo("mae-xs", 1, folder=tmp_path, steps=STEPS)
    assert_equal([path.name for path in tmp_path.iterdir()], ["mae-xs-1.safetensors"])
    whole, resumed = (load_file(folder / "mae-xs-1.safetensors") for folder in (trained[0], tmp_path))
    assert_equal(set(whole), set(resumed))
    for name, tensor in whole.items():
        assert_close(resumed[name], tensor, rtol=0, atol=0)


def test_a_schedule_of_another_length_does_not_go_on(tmp_path):
    train_zoo("mae-xs", 0, folder=tmp_path, steps=STEPS, stop_after=2)
    with pytest.raises(ValueError, match="belongs to a schedule of 6 steps, not 7"):
        train_zoo("mae-xs", 0, folder=tmp_path, steps=7)


def test_weights_change_and_depend_on_the_seed(trained, tmp_path):
    start = random_objective("mae-xs", 1).model.state_dict()
    end = load_objective("mae-xs", 1, folder=trained[0]).model.state_dict()
    assert (end["blocks.0.attn.qkv.weight"] - start["blocks.0.attn.qkv.weight"]).abs().max() > 1e-3
    train_zoo("mae-xs", 2, folder=tmp_path, steps=STEPS)
    other = load_objective("mae-xs", 2, folder=tmp_path).model.state_dict()
    assert (end["blocks.0.attn.qkv.weight"] - other["blocks.0.attn.qkv.weight"]).abs().max() > 0.1


def test_the_file_says_what_it_holds(trained):
    path = trained[0] / "mae-xs-1.safetensors"
    config = read_config(path)
    assert_equal(
        {key: config[key] for key in ("name", "objective", "size", "seed", "steps", "digits", "num_heads", "depth")},
        {
            "name": "mae-xs",
            "objective": "mae",
            "size": "xs",
            "seed": 1,
            "steps": STEPS,
            "digits": [2, 4],
            "num_heads": 3,
            "depth": 3,
        },
    )
    assert_equal(config["library_class"], "timm.models.vision_transformer.VisionTransformer")
    with safe_open(path, framework="pt") as file:
        names = list(file.keys())
        assert_equal({file.get_tensor(name).dtype for name in names}, {torch.float16})
    assert_equal(
        {name for name in names if not name.startswith("objective.decoder.")},
        set(load_zoo("zoo:mae-xs@random").state_dict()),
    )


@pytest.mark.parametrize("seed", [0, 3])
def test_all_objectives_of_the_controlled_set_see_the_same_scenes(seed):
    recipes = [recipe for recipe in RECIPES.values() if recipe.group == "controlled"]
    assert_equal({(recipe.steps, recipe.batch) for recipe in recipes}, {(recipes[0].steps, recipes[0].batch)})
    first, *others = (training_scenes(recipe, seed, 17, recipe.steps).images for recipe in recipes)
    for images in others:
        assert_array_equal(images, first)
    assert np.abs(training_scenes(recipes[0], seed, 18, 800).images - first).max() > 0.1
    assert np.abs(training_scenes(recipes[0], seed + 1, 17, 800).images - first).max() > 0.1


def test_scenes_of_two_digits_come_first_where_a_recipe_says_so():
    recipe = RECIPES["clip-hard-s"]
    assert_equal(recipe.easy_share, 0.5)
    for step, expected in ((0, {2}), (9, {2}), (10, {2, 3, 4}), (19, {2, 3, 4})):
        counts = (training_scenes(recipe, 0, step, 20).cells != EMPTY).sum(1)
        assert_equal(set(counts.tolist()), expected)


def test_learning_rate_rises_and_falls():
    shares = [learning_rate_share(step, 1000) for step in range(1000)]
    assert_allclose(shares[:100], np.arange(1, 101) / 100)
    assert_array_less(np.diff(shares[100:]), 0)
    assert_allclose([shares[100], shares[550], shares[-1]], [1, 0.02 + 0.98 / 2, 0.02], atol=1e-5)
    assert_allclose(shares[325], 0.02 + 0.98 * (1 + math.cos(math.pi / 4)) / 2)
    assert_allclose(max(learning_rate_share(step, 6) for step in range(6)), 1)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"name": "mea-s"}, "unknown model of the mini-zoo 'mea-s'. Did you mean 'mae-s'"),
        ({"steps": 0}, "steps = 0 and seed = 0 were given"),
        ({"seed": -1}, "seed = -1 were given"),
    ],
)
def test_bad_requests_are_refused(asked, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        train_zoo(**{"name": "mae-s", "seed": 0, "folder": tmp_path, "steps": 5, **asked})
    assert_equal(list(tmp_path.iterdir()), [])
