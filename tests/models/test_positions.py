import numpy as np
import pytest
import timm
import torch
import transformers as hf
from numpy.testing import assert_allclose, assert_array_equal, assert_array_less, assert_equal
from open_clip.model import CLIP
from timm.layers import resample_abs_pos_embed
from torch import nn

from brainalign.models import spatial_attention
from brainalign.models.positions import grid_of, interpolate_width, resample_grid, rescale_to_weights
from tests.models.families import BLIP, CLIP_TEXT, CLIP_VISION, TOWERS, save

LARGE = BLIP | {"vision_config": TOWERS["vision_config"] | {"image_size": 32}}


def _random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (197, (1, (14, 14))),
        (198, (2, (14, 14))),
        (196, (0, (14, 14))),
        (50, (1, (7, 7))),
        (257, (1, (16, 16))),
        (1370, (1, (37, 37))),
        (1369, (0, (37, 37))),
        (37, (1, (6, 6))),
        (200, (0, None)),
    ],
)
def test_grid_of_a_table(rows, expected):
    assert_equal(grid_of(rows), expected)


@pytest.mark.parametrize("name", ["ViT", "DeiT", "DINOv2 with registers", "timm's DeiT-3", "timm's distilled DeiT"])
def test_prefix_and_grid_of_a_model(saved, name):
    weights = spatial_attention(saved(name)[1])
    n_prefix = {"DeiT": 2, "timm's DeiT-3": 0, "timm's distilled DeiT": 2}.get(name, 1)
    assert_equal((weights.n_prefix, weights.grid, weights.n_positions), (n_prefix, (4, 4), 16 + n_prefix))


@pytest.mark.parametrize("name", ["ViT", "timm's distilled DeiT", "timm's SigLIP"])
def test_resampling_to_another_grid(saved, name):
    reference = saved(name)[1]
    own, other = spatial_attention(reference), spatial_attention(reference, grid=7)
    assert_equal((other.grid, other.n_prefix, other.n_positions), ((7, 7), own.n_prefix, own.n_prefix + 49))
    assert_array_equal(other.positions[: own.n_prefix], own.positions[: own.n_prefix])
    theirs = resample_abs_pos_embed(torch.from_numpy(own.positions)[None], [7, 7], num_prefix_tokens=own.n_prefix)
    assert_allclose(other.positions, theirs[0].numpy(), rtol=0, atol=1e-6)
    assert_array_equal(spatial_attention(reference, grid=4).positions, own.positions)
    assert_array_equal(other.query, own.query)


def test_resampling_keeps_a_slope():
    grid = torch.arange(6.0)[:, None].expand(6, 6).reshape(-1, 1)  # the row's number at every patch
    smaller = resample_grid(grid, 0, (6, 6), (3, 3)).reshape(3, 3)
    assert_allclose(smaller[1], 2.5, atol=1e-6)
    assert_allclose(np.diff(smaller.numpy(), axis=1), 0, atol=1e-6)
    assert_array_less(1, np.diff(smaller.numpy(), axis=0))


@pytest.mark.parametrize("name", ["CLIP, vision", "BLIP, vision", "open_clip, vision"])
def test_study_cuts_the_positions_of_clip_and_blip(tmp_path, name):
    # A picture of 16 x 16 patches has 257 positions, of which the study takes the first 197.
    make = {
        "CLIP, vision": lambda: hf.CLIPModel(hf.CLIPConfig(**LARGE)),
        "BLIP, vision": lambda: hf.BlipForImageTextRetrieval(hf.BlipConfig(**LARGE)),
        "open_clip, vision": lambda: CLIP(8, CLIP_VISION | {"image_size": 32}, CLIP_TEXT),
    }[name]
    wide = {"model_cfg": {"vision_cfg": CLIP_VISION | {"image_size": 32}}}
    save(make(), wide if "open" in name else None, tmp_path)
    reference = f"file:{tmp_path}#vision"
    study, whole = (spatial_attention(reference, positions=kind) for kind in ("study", "own"))
    assert_equal((whole.n_positions, whole.grid, whole.n_prefix), (257, (16, 16), 1))
    assert_equal((study.n_positions, study.grid, study.n_prefix), (197, None, 1))
    assert_array_equal(study.positions, whole.positions[:197])
    assert_equal(spatial_attention(reference, grid=3).n_positions, 10)


@pytest.mark.parametrize(
    ("name", "asked", "expected"),
    [
        ("BERT", 2, 2),
        ("BERT", 1000, 60),
        ("RoBERTa", 7, 7),
        ("RoBERTa", 1000, 58),
        ("OPT", 7, 7),
        ("OPT", 1000, 60),
        ("GPT-2", 7, 7),
        ("ViT", 7, 17),
        ("ViLT, text", 50, 40),
        ("CLIP, text", 7, 7),
    ],
)
def test_only_the_first_positions_of_a_text_model_are_read(saved, name, asked, expected):
    _, reference = saved(name)
    capped, whole = (spatial_attention(reference, max_positions=most) for most in (asked, 1000))
    assert_array_equal(capped.positions, whole.positions[:expected])
    assert_equal(capped.n_positions, expected)
    assert_array_equal(capped.query, whole.query)


def test_interpolated_width_is_the_study_s():
    table = torch.tensor([[0.0, 4.0], [8.0, 12.0]])
    # Half-pixel centres: the outer values stay, the others lie a quarter or three quarters on the way.
    assert_equal(interpolate_width(table, 4).tolist(), [[0, 1, 3, 5], [7, 9, 11, 12]])
    assert_equal(interpolate_width(table, 2).tolist(), table.tolist())
    assert_equal(interpolate_width(_random(50, 768), 896).shape, (50, 896))


def test_rescaled_positions_have_the_spread_of_the_weights():
    query, key = _random(3, 4, 5, 6) * torch.tensor([0.1, 1, 3])[:, None, None, None], _random(3, 2, 5, 6, seed=1)
    positions = rescale_to_weights(_random(7, 6, seed=2) * 9, query, key)
    for layer in range(3):
        expected = (query[layer].std() + key[layer].std()) / 2
        torch.testing.assert_close(positions[layer].std(), expected)


@pytest.mark.parametrize("name", ["Pythia", "LLaMA", "Phi-3", "Qwen2.5-VL, text"])
def test_stand_in_for_a_rotary_text_model(saved, name):
    _, lender = saved("GPT-2")
    weights = spatial_attention(saved(name)[1], stand_in=lender)
    table = torch.from_numpy(spatial_attention(lender).positions)
    assert_equal((weights.position_kind, weights.n_positions), ("stand-in", 50))
    assert_equal(weights.positions.shape, (weights.n_layers, 50, weights.query.shape[2]))
    expected = interpolate_width(table, weights.query.shape[2]).numpy()
    group = weights.n_heads // len(np.unique(weights.key[0].reshape(weights.n_heads, -1), axis=0))
    for layer, positions in enumerate(weights.positions):
        once = weights.key[layer, ::group]  # each key head once
        spread = (weights.query[layer].std(ddof=1) + once.std(ddof=1)) / 2
        assert_allclose(positions, expected * spread / expected.std(ddof=1), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["DINOv3", "timm's DINOv3", "Qwen2-VL, vision"])
def test_stand_in_for_a_rotary_picture_model(saved, name):
    _, lender = saved("ViT")
    weights = spatial_attention(saved(name)[1], stand_in=lender)
    assert_equal((weights.position_kind, weights.n_positions, weights.grid), ("stand-in", 17, (4, 4)))
    other = spatial_attention(saved(name)[1], stand_in=lender, grid=3)
    assert_equal((other.n_prefix, other.n_positions, other.grid), (1, 10, (3, 3)))


def test_a_stand_in_of_the_wrong_kind(saved):
    message = "has no table of text positions to lend; the study takes 'hf:openai-community/gpt2'"
    for lender in ("ViT", "Pythia"):
        with pytest.raises(ValueError, match=message):
            spatial_attention(saved("LLaMA")[1], stand_in=saved(lender)[1])


# The first norm that positions meet, in the library's module.
NORMS = {
    "BERT": lambda model: [model.embeddings.LayerNorm],
    "RoBERTa with head": lambda model: [model.roberta.embeddings.LayerNorm],
    "GPT-2": lambda model: [model.h[0].ln_1],
    "OPT": lambda model: [model.model.decoder.layers[0].self_attn_layer_norm],
    "Pythia": lambda model: [model.gpt_neox.layers[0].input_layernorm],
    "LLaMA": lambda model: [model.model.layers[0].input_layernorm],
    "Qwen3": lambda model: [model.model.layers[0].input_layernorm],
    "ViT": lambda model: [_before(model)],
    "DINOv2": lambda model: [_before(model, "Dinov2Layer")],
    "DINOv3": lambda model: [_before(model, "DINOv3ViTLayer")],
    "CLIP, vision": lambda model: [
        model.vision_model.pre_layrnorm,
        model.vision_model.encoder.layers[0].layer_norm1,
    ],
    "CLIP, text": lambda model: [model.text_model.encoder.layers[0].layer_norm1],
    "SigLIP, vision": lambda model: [model.vision_model.encoder.layers[0].layer_norm1],
    "Qwen2-VL, vision": lambda model: [model.model.visual.blocks[0].norm1],
    "Qwen2.5-VL, vision": lambda model: [model.model.visual.blocks[0].norm1],
    "BridgeTower, vision": lambda model: [
        model.vision_model.visual.ln_pre,
        model.vision_model.visual.transformer.resblocks[0].ln_1,
    ],
    "timm's ViT": lambda model: [model.blocks[0].norm1],
    "timm's CLIP": lambda model: [model.norm_pre, model.blocks[0].norm1],
    "open_clip, vision": lambda model: [model.visual.ln_pre, model.visual.transformer.resblocks[0].ln_1],
    "open_clip, text": lambda model: [model.transformer.resblocks[0].ln_1],
    "METER, text": lambda model: [model.text_transformer.embeddings.LayerNorm],
}


def _before(model, layer="ViTLayer"):
    first = next(module for module in model.modules() if type(module).__name__ == layer)
    return next(module for module in first.modules() if isinstance(module, nn.LayerNorm))


@pytest.mark.parametrize("name", NORMS)
@torch.no_grad()
def test_normed_positions_are_what_the_library_s_norm_gives(saved, name):
    module, reference = saved(name)
    rotary = name in ("Pythia", "LLaMA", "Qwen3", "DINOv3") or "Qwen2" in name
    is_picture = "DINO" in name or "vision" in name
    lender = saved("ViT" if is_picture else "GPT-2")[1] if rotary else None
    weights = spatial_attention(reference, positions="normed", stand_in=lender)
    source = spatial_attention(lender or reference, positions="own")
    expected = before = interpolate_width(torch.from_numpy(source.positions), weights.query.shape[2])
    for norm in NORMS[name](module):
        expected = norm(expected)
    assert_equal((weights.position_kind, weights.n_prefix), ("normed", source.n_prefix))
    assert_allclose(weights.positions, expected.numpy(), rtol=0, atol=1e-5)
    assert_array_less(0.1, np.abs(weights.positions - before.numpy()).max())


@pytest.mark.parametrize("positions", ["own", "study", "normed"])
def test_fusion_layers_have_no_positions(saved, positions):
    message = (
        r"the fusion-text-self tower of .* has no positions of its own\. .* positions='none' reads W_Q and W_K only"
    )
    with pytest.raises(ValueError, match=message):
        spatial_attention(saved("METER, fusion of text")[1], positions=positions)


def test_a_rotary_model_has_no_positions_of_its_own(saved):
    message = r"has no positions of its own\. The checkpoint holds \d+ .*'rotary' .* gives the kernel"
    with pytest.raises(ValueError, match=message):
        spatial_attention(saved("LLaMA")[1], positions="own")


def test_biases_made_by_a_network_are_refused(tmp_path):
    arguments = {"embed_dim": 12, "num_heads": 3, "depth": 2, "img_size": 64, "patch_size": 16}
    model = timm.create_model("vit_relpos_small_patch16_224", **arguments)
    save(model, {"architecture": "vit_relpos_small_patch16_224", "model_args": arguments}, tmp_path)
    message = (
        r"has no positions of its own\. Looked for: \[timm_model\.\]pos_embed, .*relative_position_bias_table\. The"
    )
    with pytest.raises(ValueError, match=message):
        spatial_attention(f"file:{tmp_path}")
    assert_equal(spatial_attention(f"file:{tmp_path}", positions="none").n_layers, 2)
