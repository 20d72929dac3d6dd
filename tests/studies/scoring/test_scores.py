"""The whole table: records that a score table takes, models of the mini-zoo, their twins, and models of texts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from brainalign.agreement import ScoreTable
from brainalign.catalogue.model_sets import RECIPE_SETS
from brainalign.models.zoo import as_pixels, load_zoo
from brainalign.studies.scoring import (
    COMPARISONS,
    PICTURE_RECIPES,
    draw_trials,
    list_models,
    planted_targets,
    score_behavior,
    score_networks,
    score_similarity,
    teacher_answers,
    zoo_embedding,
)
from brainalign.topology import icn_profiles
from tests.chapters.values import values_of

pytestmark = pytest.mark.training


def test_features_are_the_class_token_beside_the_mean_patch_of_every_layer():
    pictures = np.random.default_rng(0).random((5, 24, 24))
    found = zoo_embedding("zoo:supervised-xs")(pictures)
    assert found.shape == (5, 3, 96)
    model = load_zoo("zoo:supervised-xs")
    with torch.no_grad():
        tokens = model.forward_intermediates(
            as_pixels(torch.tensor(pictures, dtype=torch.float32)),
            norm=False,
            output_fmt="NLC",
            return_prefix_tokens=True,
            intermediates_only=True,
        )
    patches, prefix = tokens[-1]
    expected = torch.cat([prefix[:, 0], patches.mean(dim=1)], dim=1)
    assert_allclose(found[:, -1], expected, atol=1e-5)  # single precision


@pytest.mark.parametrize("name", ["tower-s", "clip-s", "meter-s@random"])
def test_of_models_with_two_towers_the_one_that_sees_is_taken(name):
    assert zoo_embedding(f"zoo:{name}")(np.zeros((2, 24, 24))).shape == (2, 4, 128)


def test_what_has_no_pictures_or_other_ones_is_refused():
    with pytest.raises(ValueError, match="'zoo:bert-s' is a BertForMaskedLM and sees"):
        zoo_embedding("zoo:bert-s")
    with pytest.raises(ValueError, match=r"shape \(n, 24, 24\): got \(2, 8, 8\)"):
        zoo_embedding("zoo:mae-xs")(np.zeros((2, 8, 8)))


def test_records_of_all_kinds_make_one_table_in_which_text_models_have_gaps():
    models = list_models(("supervised-xs", "mae-xs", "contrastive-xs"), n_seeds=1)
    seeing = models[models["sees_pictures"]]
    embeddings = {name: zoo_embedding(reference) for name, reference in seeing["reference"].items()}
    rng = np.random.default_rng(0)
    areas = planted_targets(60, generator=rng)
    trials = draw_trials(300, 80, generator=rng)
    by_behavior = score_behavior(embeddings, trials, families=models["family"], observer=teacher_answers(trials))
    records = [
        score_similarity(embeddings, areas),
        score_networks(models["reference"], {"published": icn_profiles("published")}),
        by_behavior,
    ]
    table = ScoreTable.from_records(pd.concat(records))
    assert table.scores.shape == (len(models), 3 * len(COMPARISONS) + 1 + 9 + 6)
    assert set(table.category) == {"neural", "behavior"}
    is_network = table.metrics["parent"] == "networks"
    assert table.scores.loc["minilm"].notna().to_numpy().tolist() == is_network.to_list()
    assert table.scores.loc["mae-xs"].notna().all()
    digit = table.scores["simulated digit: debiased CKA"]
    assert digit["supervised-xs"] > max(digit["mae-xs"], digit["supervised-xs@random"])
    place = table.scores["place, clean: accuracy"]
    assert place["mae-xs"] > place["supervised-xs"]


def test_a_picture_set_is_seen_once_for_all_areas_that_share_it():
    areas = planted_targets(60, generator=np.random.default_rng(0))
    calls = []

    def embed(pictures):
        calls.append(len(pictures))
        return torch.tensor(pictures).double().flatten(1)[:, None, :40]

    score_similarity({"pixels": embed}, areas, {"size": lambda X, Y: torch.tensor(X.shape[1])})
    assert calls == [60]


def test_models_are_listed_with_their_twins_and_kin():
    models = list_models()
    assert len(models) == 65
    assert models["family"]["supervised-xs/1"] == models["family"]["supervised-s"] == "supervised"
    assert models["family"]["clip-s/1@random"] == "untrained"
    assert_array_equal(models["recipe"][["mae-s", "mae-s/3"]], ["mae-s", "mae-s"])
    assert models["reference"]["meter-s/1@random"] == "zoo:meter-s/1#vision@random"
    with pytest.raises(ValueError, match="1 seed or more: got bert-s and 4"):
        list_models(("bert-s",))


@pytest.mark.parametrize("models", RECIPE_SETS)
@pytest.mark.parametrize("n_seeds", [2, 4])
def test_the_chapter_declares_every_model_that_is_listed(models, n_seeds):
    parameters = values_of("agreement", {"models": models, "n_seeds": n_seeds})
    listed = list_models(RECIPE_SETS[models], n_seeds=n_seeds)["reference"]
    read = listed.str.replace("#vision", "").str.replace("@random", "")
    assert set(read) <= set(parameters.data())
    assert {name for name in parameters.data() if name.startswith("zoo:")} == {*read, "zoo:teacher"} - {"minilm"}
    assert set(RECIPE_SETS["all"]) == set(PICTURE_RECIPES)
