"""Looks are the attention that the model computes, scene by scene, and cells hold four patches each."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from brainalign.datasets.scenes import WORD_A, draw_scenes
from brainalign.models.taps import tap
from brainalign.models.zoo import as_pixels, load_zoo, looks
from brainalign.models.zoo.architectures import patch_cells
from brainalign.models.zoo.looks import first_word_looks, looks_at_cells


@pytest.fixture(scope="module")
def scenes():
    return draw_scenes(40, generator=np.random.default_rng(0), split="test", digits=(2, 4))


def test_looks_are_the_attention_of_the_first_digit_in_the_last_layer(scenes, monkeypatch):
    model = load_zoo("zoo:meter-s")
    words = torch.from_numpy(scenes.captions)
    with tap(model, ["attention"], pool=None) as seen, torch.no_grad():
        model(as_pixels(torch.from_numpy(scenes.images)), words, torch.ones_like(words))
    n_layers = len(model.cross_modal_text_layers)
    maps = seen["fusion_text", n_layers - 1, "cross_attention"]  # (n, heads, words, class token and patches)
    monkeypatch.setattr(looks, "_BATCH", 16)
    found = first_word_looks("zoo:meter-s", scenes)
    assert found.shape == (40, 6, 6)
    torch.testing.assert_close(found.flatten(1), maps.mean(dim=1)[:, WORD_A, 1:], rtol=1e-4, atol=1e-6)


def test_the_trained_model_looks_at_the_digit_that_it_names_and_its_twin_does_not(scenes):
    cells = torch.from_numpy(scenes.mentioned[:, 0])
    trained, twin = (
        looks_at_cells(first_word_looks(name, scenes), cells).mean() for name in ("zoo:meter-s", "zoo:meter-s@random")
    )
    assert trained > 0.2
    assert twin == pytest.approx(1 / 9, abs=0.05)


def test_a_cell_has_the_sum_of_its_patches():
    values = torch.rand(9, 6, 6, generator=torch.Generator().manual_seed(0))
    own = patch_cells() == torch.arange(9)[:, None]
    torch.testing.assert_close(looks_at_cells(values, torch.arange(9)), (values.flatten(1) * own).sum(dim=1))


def test_a_model_that_is_no_meter_is_refused(scenes):
    with pytest.raises(ValueError, match="'zoo:clip-s' is a CLIP"):
        first_word_looks("zoo:clip-s", scenes)
