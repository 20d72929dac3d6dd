"""Streams: what they are made of, what they hold, and where they look; skeletons and controls of the study."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from brainalign.datasets.scenes import VOCABULARY, draw_scenes
from brainalign.models import tap
from brainalign.models.architectures import skeleton
from brainalign.models.controls import load_twin, small_bridgetower, with_untrained_fusion
from brainalign.models.loading import LoadedModel, load_model
from brainalign.models.looks import record_looks
from brainalign.models.presentation import present
from brainalign.models.streams import describe_streams, pair_steps, record_streams
from tests.models.taps.families import family_model, inputs


@pytest.fixture(scope="module")
def scenes():
    return draw_scenes(6, generator=np.random.default_rng(0))


# By hand: layers x heads x 64 channels (two attentions a fusion layer), and layers x four times the width.
COUNTS = {
    "open_clip:ViT-B-16/openai": {"image": (9216, 36864), "text": (6144, 24576)},
    "hf:openai/clip-vit-base-patch32": {"image": (9216, 36864), "text": (6144, 24576)},
    "meter:pretrain-288": {
        "image": (8448, 33792),
        "text": (9216, 36864),
        "fusion_image": (9216, 18432),
        "fusion_text": (9216, 18432),
    },
    "hf:BridgeTower/bridgetower-base": {
        "image": (9216, 36864),
        "text": (9216, 36864),
        "fusion_image": (9216, 18432),
        "fusion_text": (9216, 18432),
    },
    "timm:vit_base_patch16_224.augreg_in21k": {"image": (9216, 36864)},
    "hf:FacebookAI/roberta-base": {"text": (9216, 36864)},
}


@pytest.mark.parametrize("reference", COUNTS)
def test_neurons_of_the_models_of_the_study_are_counted_without_a_download(reference):
    module = skeleton(reference)
    assert {parameter.device.type for parameter in module.parameters()} == {"meta"}
    table = describe_streams(module).set_index("stream")
    assert {name: (row["context"], row["neurons"]) for name, row in table.iterrows()} == COUNTS[reference]
    np.testing.assert_array_equal(table["context"], table["query_key"])
    fused = table.index.str.startswith("fusion")
    np.testing.assert_array_equal(table["crosses"], fused)
    np.testing.assert_array_equal(table["bridged"], fused & ("bridgetower" in reference))
    # A block of a ViT-B by hand: 4 square maps, 8 for the hidden units, biases, and two norms.
    if "image" in table.index:
        a_block = 12 * 768**2 + 13 * 768
        assert table.loc["image", "parameters"] == table.loc["image", "layers"] * a_block


@pytest.mark.parametrize("name", ["CLIP", "METER", "BridgeTower", "open_clip", "GPT-2"])
def test_counts_are_those_of_a_record(name):
    model, x = family_model(name), inputs()
    table = describe_streams(model).set_index("stream")
    with tap(model, ["context", "neurons"], pool="mean") as record:
        present(model, None if name == "GPT-2" else x["image"], x["ids"])
    for kind in ("context", "neurons"):
        for tower, count in table[kind].items():
            own = [values for (t, _, what), values in record.items() if t == tower and what.endswith(kind)]
            assert sum(values[0].numel() for values in own) == count
    assert table["reads"].to_dict() == {
        tower: {"image": "pictures", "text": "captions"}.get(tower, "both") for tower in table.index
    }


def test_steps_of_a_stream_are_its_layers_and_what_is_compared_at_last():
    model, x = family_model("CLIP"), inputs()
    sides = record_streams(model, x["image"], x["ids"])
    output = model(input_ids=x["ids"], pixel_values=x["image"])
    hidden = model.vision_model(x["image"], output_hidden_states=True).hidden_states
    torch.testing.assert_close(sides["picture"]["tower 2"], hidden[2][:, 1:].mean(dim=1), rtol=1e-4, atol=1e-5)
    assert list(sides["text"]) == ["tower 1", "tower 2", "tower 3", "summary"]
    torch.testing.assert_close(sides["picture"]["summary"], output.image_embeds, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(sides["text"]["summary"], output.text_embeds, rtol=1e-5, atol=1e-6)
    other = record_streams(family_model("open_clip"), x["image"], x["ids"])
    image, text, _ = family_model("open_clip")(x["image"], x["ids"])
    torch.testing.assert_close(other["picture"]["summary"], image, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(other["text"]["summary"], text, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["METER", "BridgeTower"])
def test_fused_models_end_in_a_pooled_pair_that_is_told_apart(name):
    model, x = family_model(name), inputs()
    sides = record_streams(model, x["image"], (x["ids"], x["mask"]))
    steps = list(sides["text"])
    assert steps[-1] == "summary"
    assert [step for step in steps if step.startswith("fusion")] == [
        step for step in sides["picture"] if step.startswith("fusion")
    ]
    seen = []
    for pooler in (model.cross_modal_image_pooler, model.cross_modal_text_pooler):
        handle = pooler.register_forward_hook(lambda module, args, output: seen.append((module, output)))
        present(model, x["image"], (x["ids"], x["mask"]))
        handle.remove()
    for side, (_, output) in zip(("picture", "text"), seen, strict=True):
        torch.testing.assert_close(sides[side]["summary"], output, rtol=1e-5, atol=1e-6)


def test_models_of_one_modality_have_one_side_and_no_summary():
    x = inputs()
    assert {k: list(v) for k, v in record_streams(family_model("timm ViT"), x["image"]).items()} == {
        "picture": ["tower 1", "tower 2", "tower 3"]
    }
    assert list(record_streams(family_model("RoBERTa"), captions=x["ids"])) == ["text"]


def test_steps_are_paired_by_depth():
    picture = {f"tower {i}": torch.full((1, 1), float(i)) for i in range(1, 12)} | {"fusion 1": torch.zeros(1, 1)}
    text = {f"tower {i}": torch.full((1, 1), float(i)) for i in range(1, 13)} | {"summary": torch.zeros(1, 1)}
    pairs = pair_steps(picture, text)
    assert list(pairs) == [f"tower {i}" for i in range(1, 12)]
    assert [int(one) for one, _ in pairs.values()] == list(range(1, 12))
    others = [int(other) for _, other in pairs.values()]
    assert others[0] == 1
    assert others[-1] == 12
    assert others == sorted(others)
    with pytest.raises(ValueError, match="both streams need layers of a tower"):
        pair_steps({"summary": torch.zeros(1, 1)}, text)


def test_looks_are_the_attention_to_the_patches(scenes):
    meter, clip = load_model("zoo:meter-s@random"), load_model("zoo:clip-s@random")
    looks = record_looks(meter, scenes.images[:1], scenes.captions[:1])
    assert looks.summary.shape == (4, 4, 6, 6)
    assert looks.words.shape == (2, 4, 7, 6, 6)
    output = meter.module(
        torch.from_numpy(scenes.images[:1])[:, None].expand(-1, 3, -1, -1),
        torch.from_numpy(scenes.captions[:1]),
        keep_attention=True,
    )
    cross, own = output.attention["fusion_text_cross"], output.attention["image"]
    torch.testing.assert_close(looks.words[1].flatten(-2), cross[1][0, :, :, 1:].detach(), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(looks.summary[2].flatten(-2), own[2][0, :, 0, 1:].detach(), rtol=1e-4, atol=1e-6)
    assert record_looks(clip, scenes.images[:1], scenes.captions[:1]).words is None
    with pytest.raises(ValueError, match="6 pictures were given; give one"):
        record_looks(meter, scenes.images, scenes.captions)
    with pytest.raises(ValueError, match="'zoo:bert-s@random' has no image tower"):
        record_looks(load_model("zoo:bert-s@random"), scenes.captions[:1])


def test_a_model_without_a_first_token_looks_from_all_patches():
    x = inputs()
    model = LoadedModel("hf:own", family_model("SigLIP"), "transformers")
    looks = record_looks(model, x["image"][:1], x["ids"][:1])
    with tap(model.module, ["attention"], towers=["image"], pool=None) as seen:
        present(model, x["image"][:1], x["ids"][:1])
    expected = seen["image", 0, "attention"][0].mean(dim=1).unflatten(-1, (4, 4))
    torch.testing.assert_close(looks.summary[0], expected, rtol=0, atol=0)


def test_twins_have_other_weights_and_read_as_their_model_does():
    model = load_model("zoo:meter-s@random")
    same, other, another = (load_twin(model, seed=seed) for seed in (0, 1, 2))
    weights = [next(twin.module.parameters()).detach() for twin in (model, same, other, another)]
    torch.testing.assert_close(weights[0], weights[1], rtol=0, atol=0)
    assert not any(torch.equal(one, two) for one, two in ((weights[1], weights[2]), (weights[2], weights[3])))
    assert (other.kind, other.preprocess) == ("zoo", model.preprocess)

    def prepare(image):
        return torch.zeros(3, 224, 224)

    hub = LoadedModel("timm:vit_tiny_patch16_224.augreg_in21k", torch.nn.Linear(1, 1), "timm", prepare)
    twins = [load_twin(hub, seed=seed) for seed in (3, 3, 4)]
    assert [twin.reference for twin in twins] == [f"{hub.reference}@random"] * 3
    assert all(twin.preprocess is prepare for twin in twins)
    weights = [next(twin.module.parameters()).detach() for twin in twins]
    torch.testing.assert_close(weights[0], weights[1], rtol=0, atol=0)
    assert not torch.equal(weights[1], weights[2])


def test_an_untrained_fusion_stands_on_the_models_own_towers(scenes):
    model = load_model("zoo:meter-s")
    kept = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}
    mixed, twin = with_untrained_fusion(model, seed=2), load_twin(model, seed=2)
    sides = [record_streams(own, scenes.images, scenes.captions) for own in (model, mixed, twin)]
    for side, step in (("picture", "tower 4"), ("text", "tower 2")):
        torch.testing.assert_close(sides[0][side][step], sides[1][side][step], rtol=0, atol=0)
        assert (sides[1][side][step] - sides[2][side][step]).abs().max() > 0.01
    assert (sides[0]["text"]["fusion 1"] - sides[1]["text"]["fusion 1"]).abs().max() > 0.01
    fused = [own.module.cross_modal_text_layers[0].state_dict() for own in (mixed, twin)]
    for name, tensor in fused[0].items():
        torch.testing.assert_close(tensor, fused[1][name], rtol=0, atol=0)
    for name, tensor in model.module.state_dict().items():
        torch.testing.assert_close(tensor, kept[name], rtol=0, atol=0)
    with pytest.raises(ValueError, match="'zoo:clip-s@random' has no fusion"):
        with_untrained_fusion(load_model("zoo:clip-s@random"))


def test_small_bridgetower_reads_scenes_and_is_made_by_its_seed_alone(scenes):
    state = torch.random.get_rng_state()
    models = [small_bridgetower(seed=seed) for seed in (0, 0, 1)]
    torch.testing.assert_close(torch.random.get_rng_state(), state, rtol=0, atol=0)
    ends = [record_streams(model, scenes.images, scenes.captions)["text"]["summary"] for model in models]
    torch.testing.assert_close(ends[0], ends[1], rtol=0, atol=0)
    assert (ends[0] - ends[2]).abs().max() > 0.01
    assert models[0].module.config.text_config.vocab_size == len(VOCABULARY)
    # Its towers are separate: another caption leaves the picture's tower as it was, and not its fusion.
    base, swapped = (
        record_streams(models[0], scenes.images, captions)["picture"] for captions in (scenes.captions, scenes.swapped)
    )
    torch.testing.assert_close(base["tower 4"], swapped["tower 4"], rtol=0, atol=0)
    assert (base["fusion 1"] - swapped["fusion 1"]).abs().max() > 1e-5
    with pytest.raises(ValueError, match="fusion_layers = 5 must be from 1 to layers"):
        small_bridgetower(seed=0, fusion_layers=5)


def test_skeletons_of_unknown_models_are_refused():
    with pytest.raises(ValueError, match="the architecture of 'minilm' is not known"):
        skeleton("minilm")
    with pytest.raises(ValueError, match=r"open_clip .* has no model 'ViT-B-17/openai'"):
        skeleton("open_clip:ViT-B-17/openai")
    with pytest.raises(ValueError, match="METER has no supported release 'pretrain-289'"):
        skeleton("meter:pretrain-289")
    assert len(describe_streams(skeleton("zoo:meter-s"))) == 4
