"""Towers are found by what blocks hold, in wrappers, in parts of models, and in kin of the tested families."""

import pytest
import timm
from open_clip.transformer import TextTransformer, VisionTransformer
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BlipConfig,
    BlipForImageTextRetrieval,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPVisionConfig,
    CLIPVisionModel,
    DeiTConfig,
    DeiTModel,
    Dinov2Config,
    Dinov2Model,
    SwinConfig,
    SwinModel,
    ViTMAEConfig,
    ViTMAEForPreTraining,
)

from brainalign.models.taps import find_towers
from tests.models.taps.families import ENDS, PICTURE, TEXT

DECODER = {f"decoder_{name}": value for name, value in PICTURE.items() if name.endswith(("_size", "_heads"))}
DECODER = {name: value for name, value in DECODER.items() if "image" not in name and "patch" not in name}
BLIP_TEXT = TEXT | ENDS | {"encoder_hidden_size": 12, "sep_token_id": 2}
# Model, and of each tower its path, its depth and how many tokens come before the patches.
MODELS = {
    "DINOv2": (lambda: Dinov2Model(Dinov2Config(**PICTURE)), {"image": ("encoder.layer", 3, 1)}),
    "DeiT": (lambda: DeiTModel(DeiTConfig(**PICTURE)), {"image": ("layers", 3, 2)}),
    "MAE": (
        lambda: ViTMAEForPreTraining(ViTMAEConfig(**PICTURE, **DECODER, decoder_num_hidden_layers=2)),
        {"image": ("vit.layers", 3, 1), "decoder": ("decoder.decoder_layers", 2, 1)},
    ),
    "BERT with head": (
        lambda: BertForMaskedLM(BertConfig(**TEXT)),
        {"text": ("bert.encoder.layer", 3, 0)},
    ),
    "CLIP image tower": (
        lambda: CLIPVisionModel(CLIPVisionConfig(**PICTURE)),
        {"image": ("encoder.layers", 3, 1)},
    ),
    "CLIP text tower": (lambda: CLIPTextModel(CLIPTextConfig(**TEXT, **ENDS)), {"text": ("encoder.layers", 3, 0)}),
    "BLIP with head": (
        lambda: BlipForImageTextRetrieval(BlipConfig(text_config=BLIP_TEXT, vision_config=PICTURE)),
        {"image": ("vision_model.encoder.layers", 3, 1), "text": ("text_encoder.encoder.layer", 3, 0)},
    ),
    "open_clip image tower": (
        lambda: VisionTransformer(16, 4, 12, 2, 3, 4.0),
        {"image": ("transformer.resblocks", 2, 1)},
    ),
    "open_clip text tower": (
        lambda: TextTransformer(context_length=7, vocab_size=30, width=12, heads=3, layers=2, output_dim=5),
        {"text": ("transformer.resblocks", 2, 0)},
    ),
    "distilled DeiT of timm": (
        lambda: timm.create_model("deit_tiny_distilled_patch16_224", img_size=32, depth=2),
        {"image": ("blocks", 2, 2)},
    ),
    "SigLIP of timm, without class token": (
        lambda: timm.create_model("vit_base_patch16_siglip_224", img_size=32, depth=2, embed_dim=24, num_heads=3),
        {"image": ("blocks", 2, 0)},
    ),
    "DINOv3 of timm, with registers": (
        lambda: timm.create_model("vit_small_patch16_dinov3", img_size=32, depth=2, embed_dim=48, num_heads=3),
        {"image": ("blocks", 2, 5)},
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_towers_of(name):
    make, expected = MODELS[name]
    found = {tower.name: (tower.path, len(tower.blocks), tower.n_first) for tower in find_towers(make())}
    assert found == expected


def test_windows_are_refused():
    config = SwinConfig(image_size=16, patch_size=2, embed_dim=12, depths=[1, 1], num_heads=[3, 3], window_size=2)
    with pytest.raises(ValueError, match=r"SwinModel has no stack .* hold: .*SwinLayer"):
        find_towers(SwinModel(config))
