"""The shipped models are there, are what their cards say, and can do what their cards say."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_less, assert_equal
from open_clip.model import CLIP
from timm.models.vision_transformer import VisionTransformer
from torch.testing import assert_close
from transformers import BertForMaskedLM, GPT2LMHeadModel

from brainalign.datasets import ChecksumError, MissingDataError
from brainalign.datasets.scenes import draw_scenes
from brainalign.models.meter import Meter
from brainalign.models.zoo import (
    RECIPES,
    as_pixels,
    evaluate_zoo,
    load_zoo,
    read_cards,
    trained_seeds,
    write_cards,
    zoo_folder,
    zoo_names,
)
from brainalign.models.zoo.weights import file_name, load_objective, read_config

pytestmark = pytest.mark.training

SHIPPED = [(name, seed) for name, recipe in RECIPES.items() for seed in recipe.seeds]
CLASSES = {
    "supervised-s": VisionTransformer,
    "clip-s": CLIP,
    "meter-s": Meter,
    "bert-s": BertForMaskedLM,
    "gpt-s": GPT2LMHeadModel,
}
TASK = {recipe.name: recipe.objective for recipe in RECIPES.values()}


@pytest.fixture(scope="module")
def cards():
    return {(card.name, card.seed): card for card in read_cards()}


def test_every_recipe_has_its_weights_and_its_card(cards):
    assert_equal(sorted(cards), sorted(SHIPPED))
    present = {path.name for path in zoo_folder().glob("*.safetensors")}
    assert_equal(present, {file_name(*one) for one in SHIPPED})
    for name in zoo_names():
        assert_equal(trained_seeds(name), RECIPES[name].seeds)


def test_there_are_as_many_models_as_the_comparison_needs():
    controlled = Counter(
        (recipe.objective, recipe.size)
        for name, recipe in RECIPES.items()
        for _ in recipe.seeds
        if recipe.group == "controlled"
    )
    assert_equal(set(controlled.values()), {4})
    assert_equal({size for _, size in controlled}, {"xs", "s"})
    assert_array_less(3, len({objective for objective, _ in controlled}))


def test_all_weights_together_are_small():
    sizes = [path.stat().st_size for path in zoo_folder().iterdir()]
    assert sum(sizes) < 25e6
    assert max(sizes) < 2e6


@pytest.mark.parametrize("name", zoo_names())
def test_files_hold_what_they_say(name, cards):
    recipe = RECIPES[name]
    for seed in recipe.seeds:
        config, card = read_config(zoo_folder() / file_name(name, seed)), cards[name, seed]
        assert_equal((config["name"], config["seed"], config["steps"]), (name, seed, recipe.steps))
        assert_equal((card.objective, card.steps, card.batch), (recipe.objective, recipe.steps, recipe.batch))
        assert_equal(card.library_class, config["library_class"])
        assert_equal(card.differs, recipe.differs)
        assert 0 < card.minutes < 15  # of one processor thread; two cores take half of it
    objective = load_objective(name, recipe.seeds[-1])
    assert not objective.training
    for tensor in objective.state_dict().values():
        assert torch.isfinite(tensor).all()


@pytest.mark.parametrize(("name", "kind"), CLASSES.items())
def test_models_are_those_of_the_libraries(name, kind):
    for reference in (f"zoo:{name}", f"zoo:{name}@random"):
        model = load_zoo(reference)
        assert_equal(type(model), kind)
        assert not model.training


def test_a_reference_names_a_seed():
    first, same, other = (load_zoo(f"zoo:mae-xs{seed}").state_dict() for seed in ("", "/0", "/1"))
    for key, tensor in first.items():
        assert_close(same[key], tensor)
    assert (first["blocks.0.mlp.fc1.weight"] - other["blocks.0.mlp.fc1.weight"]).abs().max() > 0.1
    twin = load_zoo("zoo:mae-xs/1@random").state_dict()
    # Training moves weights, and leaves them near where they began.
    key = "blocks.2.mlp.fc2.weight"
    correlation = np.corrcoef(twin[key].flatten(), other[key].flatten())[0, 1]
    assert 0.3 < correlation < 0.9999


@pytest.mark.parametrize(
    ("reference", "error", "message"),
    [
        ("zoo:supervized-s", ValueError, r"unknown model of the mini-zoo 'supervized-s'\. Did you mean 'supervised-s'"),
        ("zoo:mae-s/99", MissingDataError, r"mae-s-99\.safetensors is missing .* brainalign zoo train mae-s --seed 99"),
        ("timm:vit_tiny_patch16_224", ValueError, "is no model of the mini-zoo; give zoo:NAME"),
    ],
)
def test_bad_references(reference, error, message):
    with pytest.raises(error, match=message):
        load_zoo(reference)


def test_a_file_of_another_model_is_refused(tmp_path):
    (tmp_path / "mae-xs-0.safetensors").write_bytes((zoo_folder() / "mae-xs-1.safetensors").read_bytes())
    message = re.escape("holds mae-xs of seed 1, not mae-xs of seed 0")
    with pytest.raises(ChecksumError, match=message):
        load_objective("mae-xs", 0, folder=tmp_path)


def test_cards_are_kept_in_the_order_of_the_table(tmp_path, cards):
    chosen = [cards["meter-s", 0], cards["mae-xs", 1], cards["mae-xs", 0]]
    write_cards(chosen[:2], tmp_path)
    write_cards(chosen[1:], tmp_path)
    assert_equal(
        [(card.name, card.seed) for card in read_cards(tmp_path)], [("mae-xs", 0), ("mae-xs", 1), ("meter-s", 0)]
    )
    assert_equal(read_cards(tmp_path)[2], cards["meter-s", 0])


@pytest.mark.parametrize("name", ["supervised-xs", "meter-s", "clip-s"])
def test_cards_are_reproduced_on_other_scenes(name, cards):
    """On 300 scenes of another stream, within four standard errors of a share (an AUC or R@1 varies less)."""
    measured = evaluate_zoo(name, n_scenes=300, stream=7)
    card = cards[name, 0].results
    assert_equal(list(measured), list(card))
    for metric, result in measured.items():
        share = min(max(card[metric]["value"], 0.03), 0.97)
        assert_allclose(
            result.value, card[metric]["value"], atol=4 * np.sqrt(share * (1 - share) / 300), err_msg=metric
        )


def test_trained_models_beat_their_random_twins(cards):
    for (name, seed), card in cards.items():
        metric, result = next(iter(card.results.items()))
        if metric == "digits exchanged" or card.objective == "captioned":
            continue  # some of these are shipped because they fail
        assert_array_less(result["random_twin"], result["value"], err_msg=f"{name} {seed} {metric}")
    for objective in ("supervised", "distilled"):
        for size in ("s", "xs"):
            for seed in range(4):
                probe = cards[f"{objective}-{size}", seed].results["digit probe, AUC"]
                assert_array_less(probe["random_twin"] + 0.1, probe["value"])


def test_text_models_know_what_follows_and_nothing_more(cards):
    for name in ("bert-s", "gpt-s"):
        for seed in (0, 1):
            results = cards[name, seed].results
            assert_array_less(0.95, results["converse relation"]["value"])
            assert_array_less(0.8, results["copied digit"]["value"])
            assert_allclose(results["first relation"]["value"], 0.25, atol=0.06)


def test_the_contrast_that_the_book_teaches(cards):
    """Fusion with grounding learns who is left of whom; matching without false captions of the same words does not."""
    exchanged = {
        one: card.results["digits exchanged"] for one, card in cards.items() if "digits exchanged" in card.results
    }
    for seed in (0, 1):
        assert_array_less(0.97, exchanged["meter-s", seed]["value"])
        assert_array_less(0.93, cards["meter-s", seed].results["hidden relation"]["value"])
        assert_array_less(0.85, exchanged["clip-hard-s", seed]["value"])
        assert_allclose(exchanged["clip-s", seed]["value"], 0.5, atol=0.06)
    assert_array_less(exchanged["meter-plain-s", 0]["value"], 0.6)
    for one, result in exchanged.items():
        # The wrong picture and none leave chance: the text gives nothing away.
        assert_allclose([result["wrong_image"], result["no_image"]], 0.5, atol=0.08, err_msg=str(one))


def test_pictures_have_three_equal_channels():
    images = torch.from_numpy(draw_scenes(2, generator=np.random.default_rng(0)).images)
    pixels = as_pixels(images)
    assert_equal(tuple(pixels.shape), (2, 3, 24, 24))
    assert_close(pixels[:, 2], images)
