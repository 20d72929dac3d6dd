"""Unusual checkpoints that can be read are read as they are meant: copies, wrappers, grids, norms, precision."""

from __future__ import annotations

import re

import numpy as np
import pytest
import timm
import torch
import transformers as hf
from numpy.testing import assert_allclose, assert_array_equal, assert_equal
from open_clip.model import CLIP

from brainalign.models import spatial_attention
from tests.models.awkward import (
    SMALL,
    both,
    copied,
    renamed,
    spoilt,
    timm_state,
)
from tests.models.families import CLIP_TEXT, CLIP_VISION, PICTURE, TEXT, save

# Right values: what is awkward and can be read is read as it is meant.


def assert_same(found, expected, scale=1.0):
    for part in ("query", "key", "positions"):
        assert_array_equal(getattr(found, part), scale * getattr(expected, part))


@pytest.mark.parametrize("base", ["bert", "gpt2", "vit", "timm", "opt", "clip"])
@pytest.mark.parametrize("wrapper", ["module.", "_orig_mod.", "module._orig_mod.", "model.encoder_q."])
def test_wrappers_are_looked_through(sound, tmp_path, base, wrapper):
    found = spatial_attention(spoilt(sound(base), tmp_path, renamed("^", wrapper)))
    assert_same(found, spatial_attention(f"file:{sound(base)}"))
    assert_equal(found.tower, "text" if base in ("bert", "gpt2", "opt") else "vision")


@pytest.mark.parametrize(("base", "prefixes"), [("vit", ("student.", "teacher.")), ("bert", ("a.bert.", "b.bert."))])
def test_the_copy_that_is_named_is_read_whole(sound, tmp_path, base, prefixes):
    reference = spoilt(sound(base), tmp_path, copied(*prefixes))
    expected = spatial_attention(f"file:{sound(base)}")
    for place, prefix in enumerate(prefixes):
        named = f"{reference}#{prefix.split('.')[0]}"
        assert_same(spatial_attention(named), expected, 2.0**place)
        normed = spatial_attention(named, positions="normed")
        assert_equal(normed.n_positions, expected.n_positions)


def test_a_decoder_beside_the_model_is_no_copy(sound, tmp_path):
    def with_decoder(state, _):
        state |= {f"decoder.{n}": t for n, t in list(state.items()) if not n.startswith("blocks.3.")}

    assert_same(
        spatial_attention(spoilt(sound("timm"), tmp_path, with_decoder)), spatial_attention(f"file:{sound('timm')}")
    )


def test_both_towers_in_a_file_whose_configuration_means_one(tmp_path):
    vision = PICTURE | SMALL | {"hidden_size": 16, "num_attention_heads": 4}
    config = hf.CLIPConfig(text_config=TEXT | {"num_hidden_layers": 2}, vision_config=vision)
    module = hf.CLIPModel(config)
    module.save_pretrained(tmp_path)
    config.vision_config.save_pretrained(tmp_path)
    found = spatial_attention(f"file:{tmp_path}")
    assert_equal((found.tower, found.n_layers, found.n_heads), ("vision", 4, 4))


@pytest.mark.parametrize("name", ["Longformer", "Luke"])
def test_positions_of_kin_whose_attention_differs(tmp_path, name):
    extra = {"Longformer": {"attention_window": 4}, "Luke": {"entity_vocab_size": 5, "entity_emb_size": 12}}[name]
    module = getattr(hf, f"{name}Model")(getattr(hf, f"{name}Config")(**TEXT | SMALL, **extra))
    module.save_pretrained(tmp_path)
    table = module.embeddings.position_embeddings.weight.detach().numpy()
    assert_array_equal(spatial_attention(f"file:{tmp_path}").positions, table[2:52])


def test_first_names_of_a_norm_are_known(sound, tmp_path):
    old = both(renamed(r"LayerNorm\.weight$", "LayerNorm.gamma"), renamed(r"LayerNorm\.bias$", "LayerNorm.beta"))
    found = spatial_attention(spoilt(sound("bert"), tmp_path, old), positions="normed")
    assert_same(found, spatial_attention(f"file:{sound('bert')}", positions="normed"))


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("vit_tiny_patch16_224", {}),
        ("aimv2_large_patch14_224", {"patch_size": 16}),
        ("eva02_base_patch14_224", {"embed_dim": 24, "patch_size": 16}),
        ("vit_base_patch16_clip_224", {}),
    ],
)
def test_the_norm_is_the_one_of_the_block(tmp_path, name, size):
    module, config = timm_state(name, **size)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(0, 0.5)
    save(module, config, tmp_path)
    table = module.pos_embed.detach()[0]
    expected = module.blocks[0].norm1(module.norm_pre(table)).detach().numpy()
    found = spatial_attention(f"file:{tmp_path}", positions="normed")
    assert_allclose(found.positions, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["vit_base_patch16_rpn_224", "eva02_enormous_patch14_clip_224"])
def test_a_norm_after_attention_is_none_before_it(tmp_path, name):
    module, config = timm_state(name, patch_size=16)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(0, 0.5)
    save(module, config, tmp_path)
    assert_equal(spatial_attention(f"file:{tmp_path}", positions="own").n_positions, len(module.pos_embed[0]))
    with pytest.raises(ValueError, match="no norm of a known kind between its"):
        spatial_attention(f"file:{tmp_path}", positions="normed")


NOT_PLAIN = (
    "hiera_tiny_224", "convit_tiny", "xcit_nano_12_p16_224", "cait_xxs24_224", "samvit_base_patch16", "volo_d1_224",
    "vit_dpwee_patch16_reg1_gap_256",
)  # fmt: skip


@pytest.mark.parametrize("name", NOT_PLAIN)
def test_other_attention_of_timm_is_refused(sound, tmp_path, name):
    # The names of a plain Transformer under such an architecture, so that nothing else can refuse it.
    reference = spoilt(sound("timm"), tmp_path, lambda _, config: config.update(architecture=name, model_args={}))
    with pytest.raises(ValueError, match=rf"{name} .*attention is not that of a plain Transformer.*Read are"):
        spatial_attention(reference, positions="none")


@pytest.mark.parametrize("name", ["hiera_tiny_224", "convit_tiny", "xcit_nano_12_p16_224"])
def test_real_tensors_of_other_models_of_timm_are_refused(tmp_path, name):
    save(timm.create_model(name), {"architecture": name}, tmp_path)
    with pytest.raises(ValueError, match=r"\w") as caught:
        spatial_attention(f"file:{tmp_path}", positions="none")
    assert re.search("plain Transformer|no known layout", str(caught.value))


def wide(**fields):
    return PICTURE | SMALL | {"image_size": [16, 4], "patch_size": 2} | fields


NOT_SQUARE = {
    "ViT": lambda: (hf.ViTModel(hf.ViTConfig(**wide())), None),
    "DeiT": lambda: (hf.DeiTModel(hf.DeiTConfig(**wide())), None),
    "DINOv2": lambda: (hf.Dinov2Model(hf.Dinov2Config(**wide())), None),
    "CLIP": lambda: (hf.CLIPVisionModel(hf.CLIPVisionConfig(**wide(image_size=8))), None),
    "timm": lambda: timm_state("vit_tiny_patch16_224", img_size=[128, 32]),
    "timm's BEiT": lambda: timm_state("beit_base_patch16_224", img_size=[128, 32]),
    "open_clip": lambda: (
        CLIP(8, CLIP_VISION | {"image_size": (16, 4)}, CLIP_TEXT),
        {"model_cfg": {"vision_cfg": CLIP_VISION | {"image_size": [16, 4]}, "text_cfg": CLIP_TEXT}},
    ),
}


@pytest.mark.parametrize("name", NOT_SQUARE)
def test_pictures_that_are_not_square(tmp_path, name):
    module, config = NOT_SQUARE[name]()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(0, 0.5)
    save(module, config, tmp_path)
    found = spatial_attention(f"file:{tmp_path}{'#vision' if name == 'open_clip' else ''}", positions="own")
    grid = (4, 4) if name == "CLIP" else (8, 2)
    assert_equal((found.grid, found.n_prefix), (grid, 2 if name == "DeiT" else 1))
    assert_equal(found.n_positions, found.n_prefix + 16)


def test_resampling_knows_the_shape_of_the_picture(tmp_path):
    module, config = timm_state("vit_tiny_patch16_224", img_size=[128, 32])
    rows = torch.arange(8.0)[:, None].expand(8, 2).reshape(-1, 1)
    with torch.no_grad():
        module.pos_embed[0, 1:] = rows
    save(module, config, tmp_path)
    patches = spatial_attention(f"file:{tmp_path}", grid=2).positions[1:].reshape(2, 2, -1)
    assert_allclose(patches[:, 0], patches[:, 1], atol=1e-5)  # the number of a row is the same in all its columns
    assert np.all(patches[1] - patches[0] > 2)


def test_registers_before_the_patches_of_timm(tmp_path):
    module, config = timm_state("vit_tiny_patch16_224", reg_tokens=4)
    save(module, config, tmp_path)
    found = spatial_attention(f"file:{tmp_path}", positions="own")
    assert_equal((found.n_prefix, found.grid), (5, (4, 4)))


def test_double_and_half_precision_are_weights(sound, tmp_path):
    expected = spatial_attention(f"file:{sound('bert')}")
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        found = spatial_attention(
            spoilt(sound("bert"), tmp_path, lambda s, _, d=dtype: s.update({n: t.to(d) for n, t in s.items()}))
        )
        assert_allclose(found.query, expected.query, rtol=1e-2, atol=1e-2)


def test_whole_numbers_beside_the_weights_are_no_weights(sound, tmp_path):
    extra = {
        "embeddings.position_ids": torch.arange(60)[None],
        "embeddings.token_type_ids": torch.zeros(1, 60, dtype=torch.int64),
    }
    assert_same(
        spatial_attention(spoilt(sound("bert"), tmp_path, lambda state, _: state.update(extra))),
        spatial_attention(f"file:{sound('bert')}"),
    )


# Untrained models.


@pytest.mark.parametrize("make", [lambda: hf.DeiTModel(hf.DeiTConfig(**PICTURE | SMALL))])
def test_untrained_models_whose_positions_begin_at_zero(tmp_path, make):
    make().save_pretrained(tmp_path)
    for reference in (f"file:{tmp_path}", f"file:{tmp_path}@random"):
        with pytest.raises(ValueError, match=r"all positions are equal.*Give the trained model"):
            spatial_attention(reference)
        assert_equal(spatial_attention(reference, positions="none").n_layers, 4)
