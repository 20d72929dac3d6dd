"""What a vision Transformer of any library makes of photographs, against its own call on the same pixels."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn
from torch.nn.functional import interpolate
from transformers import Dinov2Config, Dinov2Model, ViTConfig, ViTModel

from brainalign.models.loading import LoadedModel
from brainalign.studies.scoring import photograph_embedding

SIZES = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48, "image_size": 56}


def loaded(module: nn.Module) -> LoadedModel:
    return LoadedModel("made", module.eval(), "transformers")


def photographs(n=3, side=40):
    return np.random.default_rng(0).integers(0, 256, size=(n, side, side, 3), dtype=np.uint8)


def test_features_are_the_class_token_beside_the_mean_of_the_patches():
    model = loaded(Dinov2Model(Dinov2Config(**SIZES, patch_size=14)))
    pictures = photographs()
    found = photograph_embedding(model, side=28)(pictures)
    assert found.shape == (3, 2, 48)
    pixels = torch.tensor(pictures).permute(0, 3, 1, 2).float() / 255
    pixels = interpolate(pixels, size=(28, 28), mode="bicubic", antialias=True).clamp(0, 1)
    mean, sd = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    pixels = (pixels - mean[:, None, None]) / sd[:, None, None]
    with torch.no_grad():
        states = model.module(pixels, output_hidden_states=True).hidden_states[1:]
    for layer, tokens in enumerate(states):
        expected = torch.cat([tokens[:, 0], tokens[:, 1:].mean(dim=1)], dim=-1)
        assert_allclose(found[:, layer], expected, atol=1e-5)


def test_what_a_model_cannot_see_is_refused_in_words():
    model = loaded(ViTModel(ViTConfig(**SIZES, patch_size=14)))
    with pytest.raises(ValueError, match="'made' takes no pictures of 28 x 28 pixels"):
        photograph_embedding(model, side=28)(photographs())
    with pytest.raises(ValueError, match=r"must have shape \(n, height, width, 3\)"):
        photograph_embedding(model, side=56)(photographs()[..., 0])
