"""The registry: its rows are sound, and its sizes are those of the libraries' own classes."""

from __future__ import annotations

import csv
from collections import Counter

import pytest
import torch

from brainalign.catalogue.locations import project_root
from brainalign.catalogue.references import parse_reference
from brainalign.models.architectures import (
    architectures,
    build_config,
    build_empty,
    get_architecture,
    timm_contents,
    transformers_contents,
)
from brainalign.models.layouts.match import find_layouts
from brainalign.models.meter import RELEASED
from brainalign.models.registry import (
    GROUPS,
    architecture_config,
    find_entries,
    get_model,
    measure_entry,
    models,
    nearest_ids,
)
from brainalign.models.zoo.recipes import RECIPES

# What the reconstruction of the study's list decides (the study publishes the total and the nine names only).
RECONSTRUCTED = {
    "LLM": 12,
    "LLM-RoPE": 31,
    "LMM-language": 10,
    "LMM-language-RoPE": 9,
    "LMM-vision": 10,
    "LMM-vision-RoPE": 6,
    "ViT": 26,
    "ViT-Variants-global-semantic": 33,
    "ViT-Variants-local-reconstructive": 14,
}
# Counts of the released weights, typed independently of the dimensions, so that one mistyped in the file is seen.
PUBLISHED_PARAMETERS = {
    "minilm": 22_713_216,
    "bert-base-uncased": 110_106_428,
    "roberta-base": 124_697_433,
    "gpt2": 124_439_808,
    "gpt2-xl": 1_557_611_200,
    "qwen2.5-0.5b": 494_032_768,
    "qwen2.5-7b-instruct": 7_615_616_512,
    "qwen2.5-72b": 72_706_203_648,
    "deepseek-r1-distill-qwen-1.5b": 1_777_088_000,
    "qwen3-0.6b": 596_049_920,
    "qwen3-8b": 8_190_735_360,
    "llama-3.2-1b": 1_235_814_400,
    "llama-3.1-8b": 8_030_261_248,
    "llama-2-7b": 6_738_415_616,
    "mistral-7b-v0.3": 7_248_023_552,
    "deit-tiny": 5_717_416,
    "meter-pretrain-224": 358_431_835,
}
# Whole models whose rows are towers: the towers and what lies outside them.
PUBLISHED_WHOLES = {
    "clip-vit-base-patch32": 151_277_313,
    "clip-vit-large-patch14-336": 427_944_193,
    "qwen2-vl-2b": 2_208_985_600,
    "qwen2.5-vl-3b": 3_754_622_976,
    "qwen2.5-vl-72b": 73_410_777_344,
}
SIZED = [entry for entry in models() if entry.full_bytes is not None]
TIMM = [entry for entry in models() if entry.hub == "timm"]


def rows():
    with open(project_root() / "data" / "models.csv", encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


# The rows


def test_every_id_and_every_reference_is_there_once():
    ids = [row["id"] for row in rows()]
    references = [row["reference"] for row in rows()]
    assert [name for name, n in Counter(ids).items() if n > 1] == []
    assert [name for name, n in Counter(references).items() if n > 1] == []
    assert [entry.id for entry in models()] == ids


def test_the_topological_study_has_its_151_models_in_nine_groups():
    study = models(study="topology")
    assert len(study) == 151
    assert tuple(sorted(RECONSTRUCTED)) == tuple(sorted(GROUPS))
    assert Counter(entry.group for entry in study) == RECONSTRUCTED
    assert all(entry.reconstructed for entry in study)
    others = [entry for entry in models() if entry.study != "topology"]
    assert all(entry.group is None and not entry.reconstructed for entry in others)
    families = {"minilm", "smollm2", "dinov2-saliency", "meter", "bridgetower", "vilt", "roberta", "zoo"}
    assert families == {entry.family for entry in others}


def test_references_are_canonical_and_agree_with_the_columns():
    for entry in models():
        reference = parse_reference(entry.reference)
        assert (str(reference), reference.hub, reference.tower) == (entry.reference, entry.hub, entry.tower), entry.id
        assert parse_reference(entry.id).name == reference.name
        assert (entry.tower is not None) == (entry.group or "").startswith("LMM"), entry.id
        assert (entry.architecture is not None) == (entry.hub in ("hf", "package") and entry.full_bytes is not None)


def test_a_missing_size_has_a_reason():
    unsized = [entry for entry in models() if None in (entry.parameters, entry.full_bytes, entry.topology_bytes)]
    assert {entry.family for entry in unsized} == {"deepseek-vl2", "meter"}
    for entry in unsized:
        assert (entry.parameters, entry.full_bytes, entry.topology_bytes) == (None, None, None)
        assert entry.note.startswith("No sizes"), entry.id


def test_topology_needs_a_part_of_every_checkpoint():
    for entry in SIZED:
        assert 0 < entry.topology_bytes < 0.27 * entry.full_bytes, entry.id


def test_accuracies_have_source_and_protocol_or_a_reason():
    for entry in models():
        told = (bool(entry.top1_protocol), bool(entry.top1_source))
        if entry.top1 is None:
            assert told == (False, False), entry.id
            assert entry.knn_top1 is None
            assert entry.hub != "timm" or "No Top-1" in entry.note, entry.id
        else:
            assert told == (True, True), entry.id
            assert 60 < entry.top1 < 90
            assert entry.knn_top1 is None or 70 < entry.knn_top1 <= entry.top1
    assert len([e for e in models() if "timm evaluation" in e.top1_protocol]) == 35
    assert len([e for e in models() if "frozen features" in e.top1_protocol]) == 15


@pytest.mark.parametrize(
    ("model_id", "top1", "knn"),
    [
        ("deit-base-distilled", 83.384, None),
        ("vit-base-16-augreg-in21k-ft-in1k", 84.534, None),
        ("beitv2-large-ft-in22k-in1k", 88.406, None),
        ("dino-base-8", 80.1, 77.4),
        ("dinov2-giant", 86.5, 83.5),
        ("mae-huge", 76.6, None),
    ],
)
def test_some_published_accuracies(model_id, top1, knn):
    entry = get_model(model_id)
    assert (entry.top1, entry.knn_top1) == (top1, knn)


def test_the_mini_zoo_is_listed_whole():
    """All but the convolutional teacher, which has no attention."""
    transformers = [name for name, recipe in RECIPES.items() if recipe.objective != "convolutional"]
    assert [entry.reference for entry in models(family="zoo")] == [f"zoo:{name}" for name in transformers]


def test_files_of_the_mini_zoo_have_the_listed_bytes():
    files = sorted((project_root() / "data" / "zoo").glob("*.safetensors"))
    if not files:
        pytest.skip("data/zoo holds no weights")
    for path in files:
        entries = find_entries(f"zoo:{path.stem.rpartition('-')[0]}")
        with open(path, "rb") as stream:
            header = 8 + int.from_bytes(stream.read(8), "little")
        assert [entry.full_bytes for entry in entries if entry.full_bytes != path.stat().st_size - header] == []


def test_every_released_meter_is_listed():
    names = [parse_reference(entry.reference).name for entry in models(family="meter")]
    assert names == [*RELEASED, "swin-384"]


def test_only_known_revisions_are_pinned():
    pinned = {entry.id: entry.revision for entry in models() if entry.revision}
    assert pinned == {"minilm": "1110a243fdf4706b3f48f1d95db1a4f5529b4d41"}


# Choosing rows


def test_filters_keep_what_they_name():
    assert [entry.id for entry in models(family="DeiT")] == [
        *("deit-tiny", "deit-small", "deit-base"),
        *("deit-tiny-distilled", "deit-small-distilled", "deit-base-distilled"),
    ]
    assert {entry.modality for entry in models(modality="text", group="LLM")} == {"text"}
    assert models(family="deit", group="LLM") == []


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"family": "diet"}, ["no model has the family 'diet'", "Did you mean 'deit'?", "Allowed are: vit, deit,"]),
        ({"group": "RoPE"}, ["no model has the group 'RoPE'", "LMM-vision-RoPE"]),
        ({"study": "zzz"}, ["Allowed are: topology, book, encoding."]),
    ],
)
def test_an_unknown_choice_is_refused_with_what_is_allowed(choice, words):
    with pytest.raises(ValueError, match="no model has") as refused:
        models(**choice)
    assert [word for word in words if word not in str(refused.value)] == []


def test_an_unknown_id_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match=r"no model 'gpt3'. Did you mean 'gpt2'"):
        get_model("gpt3")
    assert nearest_ids("zzzzzz") == []


def test_a_reference_finds_the_rows_of_its_model():
    assert [e.id for e in find_entries("hf:openai/clip-vit-base-patch16")] == [
        *("clip-base-16-text", "clip-base-16-vision"),
    ]
    assert [e.id for e in find_entries("deit-tiny@random")] == ["deit-tiny"]
    assert [e.id for e in find_entries("zoo:mae-s/3@random")] == ["zoo-mae-s"]
    assert find_entries("timm:vit_base_patch16_384.augreg_in1k") == []


# Sizes


@pytest.mark.parametrize("entry", SIZED, ids=lambda entry: entry.id)
def test_sizes_are_those_of_the_librarys_own_class(entry):
    """Every model of timm, transformers, open_clip and METER is built on the meta device."""
    sizes = measure_entry(entry)
    written = (entry.parameters, entry.full_bytes, entry.topology_bytes)
    assert (sizes.parameters, sizes.full_bytes, sizes.topology_bytes) == written


def test_every_timm_name_is_a_pretrained_model_of_timm():
    import timm

    assert len(TIMM) == 67
    known = set(timm.list_pretrained())
    assert [entry.id for entry in TIMM if parse_reference(entry.reference).name not in known] == []


@pytest.mark.parametrize("model_id", PUBLISHED_PARAMETERS)
def test_parameters_are_the_published_ones(model_id):
    assert get_model(model_id).parameters == PUBLISHED_PARAMETERS[model_id]


@pytest.mark.parametrize("name", PUBLISHED_WHOLES)
def test_whole_multimodal_models_have_the_published_parameters(name):
    tensors = transformers_contents(name).tensors
    assert sum(torch.Size(shape).numel() for shape, _ in tensors.values()) == PUBLISHED_WHOLES[name]
    beginnings = get_architecture(name).towers
    assert all(any(key.startswith(begin) for key in tensors) for begin in beginnings.values())


def test_dinov3_agrees_with_timms_own_copy():
    """Typed by hand, and built by timm from its own dimensions: all but the mask token, which timm drops."""
    pairs = {
        "dinov3-s16": "vit_small_patch16_dinov3_qkvb.lvd1689m",
        "dinov3-h16plus": "vit_huge_plus_patch16_dinov3_qkvb.lvd1689m",
        "dinov3-7b16": "vit_7b_patch16_dinov3.lvd1689m",
    }
    for model_id, name in pairs.items():
        weights = sum(
            torch.Size(shape).numel() for key, (shape, _) in timm_contents(name).tensors.items() if "rope" not in key
        )
        assert get_model(model_id).parameters - weights == build_config(f"dinov3-vit{model_id[7:]}").hidden_size


def test_topology_bytes_are_what_the_dimensions_say():
    """BERT: 50 positions and two d x d weights a layer; grouped queries; two thirds of a fused weight."""
    assert get_model("bert-base-uncased").topology_bytes == 4 * (50 * 768 + 12 * 2 * 768 * 768)
    assert get_model("qwen2.5-7b").topology_bytes == 2 * 28 * 3584 * (28 + 4) * 128
    assert get_model("qwen3-0.6b").topology_bytes == 2 * 28 * 1024 * (16 + 8) * 128
    assert get_model("deit-tiny-distilled").topology_bytes == 4 * (198 * 192 + 12 * 2 * 192 * 192)
    assert get_model("dinov2-giant").topology_bytes == 4 * (1370 * 1536 + 40 * 2 * 1536 * 1536)
    assert get_model("clip-large-14-vision").topology_bytes == 4 * (257 * 1024 + 24 * 2 * 1024 * 1024)
    assert get_model("beit-base-in22k").topology_bytes == 4 * (12 * 732 * 12 + 12 * 2 * 768 * 768)
    assert get_model("gpt2").topology_bytes == 4 * (50 * 768 + 12 * 3 * 768 * 768)


# Untrained models of transformers, small


SMALL = {
    "hidden_size": 48,
    "n_embd": 48,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "n_layer": 2,
    "num_attention_heads": 4,
    "n_head": 4,
    "num_key_value_heads": 2,
    "head_dim": 12,
    "vocab_size": 101,
    "encoder_hidden_size": 48,
    "projection_dim": 24,
    "embed_dim": 48,
    "depth": 2,
    "num_heads": 4,
    "out_hidden_size": 48,
    "image_size": 64,
}


def shrink(name):
    """Changes that make the entry's model tiny: every dimension that its configuration has."""
    config = build_config(name).to_dict()
    changes = {key: value for key, value in SMALL.items() if config.get(key) is not None}
    for section in ("text_config", "vision_config"):
        if section in config:
            changes[section] = {key: value for key, value in SMALL.items() if config[section].get(key) is not None}
            if "mrope_section" in (config[section].get("rope_parameters") or {}):
                rope = {**config[section]["rope_parameters"], "mrope_section": [2, 2, 2]}
                changes[section]["rope_parameters"] = rope
    if "Qwen2VL" in get_architecture(name).class_name:
        changes["vision_config"]["hidden_size"] = 48
    if "BridgeTower" in get_architecture(name).class_name:  # its picture heads are always 64 wide
        for part in (changes, changes["text_config"], changes["vision_config"]):
            part["hidden_size"] = 64
    return changes


ONE_OF_EACH_CLASS = {architecture.class_name: name for name, architecture in architectures().items()}


@pytest.mark.parametrize("name", ONE_OF_EACH_CLASS.values(), ids=ONE_OF_EACH_CLASS)
def test_every_family_of_transformers_can_be_built_untrained(name):
    """A tiny one with numbers in it; the same on the meta device."""
    import transformers

    config = build_config(name, shrink(name))
    model = getattr(transformers, get_architecture(name).class_name)(config)
    assert type(model).__name__ == config.architectures[0]
    weights = dict(model.named_parameters())
    assert 5_000 < sum(weight.numel() for weight in weights.values()) < 1_500_000
    assert all(torch.isfinite(weight).all() for weight in weights.values())
    assert {key: value.shape for key, value in weights.items()} == {
        key: value.shape for key, value in build_empty(name, config).named_parameters()
    }


@pytest.mark.parametrize("name", architectures())
def test_the_layouts_find_every_tower_of_every_architecture(name):
    header = Header(transformers_contents(name).tensors, build_config(name).to_dict())
    assert set(get_architecture(name).towers) <= set(find_layouts(header))


class Header:
    """Names, shapes and configuration, as an open checkpoint has them."""

    reference = "a test"

    def __init__(self, tensors, config):
        self.tensors, self.config = tensors, config

    def names(self):
        return list(self.tensors)

    def shape(self, name):
        return self.tensors[name][0]


def test_every_architecture_belongs_to_a_model():
    assert set(architectures()) == {entry.architecture for entry in models() if entry.architecture}


def test_architecture_config_takes_rows_ids_and_references():
    for model in (get_model("qwen3-0.6b"), "qwen3-0.6b@random", "hf:Qwen/Qwen3-0.6B"):
        config = architecture_config(model)
        assert (config.model_type, config.hidden_size, config.head_dim) == ("qwen3", 1024, 128)
        assert config.architectures == ["Qwen3ForCausalLM"]


@pytest.mark.parametrize("model", ["hf:some/model", "deit-tiny", "deepseek-vl2-text"])
def test_a_model_without_known_dimensions_has_no_config(model):
    with pytest.raises(ValueError, match=r"not in data/architectures.yml.*file:FOLDER"):
        architecture_config(model)


def test_unknown_names_of_the_libraries_are_refused_with_the_nearest():
    with pytest.raises(ValueError, match=r"'deit_tinny_patch16_224'.*deit_tiny"):
        timm_contents("deit_tinny_patch16_224")
    with pytest.raises(ValueError, match=r"'gpt3'.*gpt2"):
        get_architecture("gpt3")
