"""Which models the chapter on families surveys, and what it declares to read."""

from __future__ import annotations

import pytest

from brainalign.catalogue.model_sets import surveyed_models
from brainalign.models.registry import models
from brainalign.models.zoo import RECIPES, trained_seeds
from brainalign.runs.model_files import files_reference
from tests.chapters.values import values_of


def test_the_default_is_minilm_and_every_transformer_of_the_mini_zoo_with_all_towers():
    references = surveyed_models("zoo")
    assert references[0] == "minilm"
    assert len(set(references)) == len(references)
    files = {files_reference(name) for name in references} - {"minilm"}
    shipped = {files_reference(f"zoo:{name}/{seed}") for name in RECIPES for seed in trained_seeds(name)}
    assert files == shipped - {"zoo:teacher"}
    towers = [name for name in references if "#" in name]
    assert {name.partition("#")[2] for name in towers} == {"vision", "text"}
    assert all(name.startswith(("zoo:clip", "zoo:meter")) for name in towers)


def test_the_study_is_optional_and_nothing_of_it_is_needed_for_drawn_weights():
    study = values_of("survey", {"models": "study"})
    assert surveyed_models("study") == [row.id for row in models(study="topology")]
    assert set(study.data()) == {"minilm", "icn-published", "model-list"}
    assert "hf:openai-community/gpt2" in study.optional_data()
    hubs = {row.reference.partition("#")[0] for row in models(study="topology")}
    assert set(study.optional_data()) >= hubs
    assert set(study.optional_data()) - hubs == {"smollm2", "dinov2-s-saliency"}
    assert values_of("survey", {"models": "study", "weights": "drawn"}).optional_data() == ()
    assert set(values_of("survey").optional_data()) == {"smollm2", "dinov2-s-saliency"}


@pytest.mark.parametrize("chosen", ["few", "study"])
def test_models_of_ones_own_come_last_and_are_declared(chosen):
    parameters = values_of(
        "survey", {"models": chosen, "also": "zoo:contrastive-s/3,zoo:clip-s#text", "networks": "hcp"}
    )
    assert surveyed_models(chosen, parameters.also)[-2:] == ["zoo:contrastive-s/3", "zoo:clip-s#text"]
    assert {"zoo:contrastive-s/3", "zoo:clip-s", "hcp-connectomes", "minilm"} <= set(parameters.data())
    assert "icn-published" not in parameters.data()
