"""Parameters of the chapter that opens models up, as typed on a command line."""

import pytest

from brainalign.runs.errors import UsageError
from tests.chapters.values import values_of

LISTS = ("model-list", "architectures")  # what a model is called and how it is built stands there


def test_every_model_is_declared_once():
    found = values_of("opened", {})
    assert found.data() == ("digits", "zoo:clip-hard-s", "zoo:meter-s", "zoo:tower-s", "zoo:bert-s", *LISTS)
    same = values_of("opened", {"vit": "zoo:tower-s/1", "reader": "zoo:gpt-s", "clip": "zoo:gpt-s"})
    assert same.data() == ("digits", "zoo:gpt-s", "zoo:meter-s", "zoo:tower-s/1", *LISTS)


def test_the_study_takes_models_of_the_hubs():
    paper = values_of("opened", {}, profile="paper")
    assert paper.data() == (
        "digits",
        "open_clip:ViT-B-16/openai",
        "meter:pretrain-224",
        "timm:vit_base_patch16_224.augreg_in21k",
        "hf:FacebookAI/roberta-base",
        *LISTS,
    )


def test_what_is_no_model_and_no_neuron_is_refused():
    with pytest.raises(UsageError, match="opened: clip = 'clip-hard' is not allowed"):
        values_of("opened", {"clip": "clip-hard"})
    with pytest.raises(UsageError, match="opened: neuron = 'spike' is not allowed"):
        values_of("opened", {"neuron": "spike"})


def test_a_model_of_photographs_is_optional():
    assert values_of("opened", {}).optional_data() == ("dinov2-s-saliency",)
