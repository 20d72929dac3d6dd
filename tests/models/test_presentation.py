"""Every model gets pictures and captions in the form that it reads."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from brainalign.datasets.scenes import detokenize, draw_scenes
from brainalign.models.controls import load_twin
from brainalign.models.loading import LoadedModel, load_model
from brainalign.models.neurons import record_neurons
from brainalign.models.presentation import Inputs, ink_on_paper, model_inputs, present
from brainalign.models.streams import record_streams
from tests.models.taps.families import family_model, inputs
from tests.models.test_loading import save_open_clip


class Both(nn.Module):
    """Returns what it was given; its parameter says where it is and in which precision."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, dtype=torch.float64))

    def forward(self, image, text, text_mask=None):
        return image, text, text_mask


class OnlyWords(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, input_ids, attention_mask=None):
        return input_ids, attention_mask


@pytest.fixture(scope="module")
def scenes():
    return draw_scenes(5, generator=np.random.default_rng(0))


def test_inputs_are_told_by_their_names():
    assert model_inputs(family_model("timm ViT")) == Inputs("x", None, None)
    assert model_inputs(family_model("open_clip")) == Inputs("image", "text", None)
    assert model_inputs(family_model("METER")) == Inputs("image", "text_ids", "text_mask")
    assert model_inputs(family_model("RoBERTa")) == Inputs(None, "input_ids", "attention_mask")
    assert model_inputs(family_model("BridgeTower")) == Inputs("pixel_values", "input_ids", "attention_mask")
    with pytest.raises(ValueError, match="Linear takes input; pictures are known as"):
        model_inputs(nn.Linear(2, 2))


def test_ink_becomes_three_channels_and_texts_the_words_of_scenes(scenes):
    model = load_model("zoo:clip-s@random")
    sentences = detokenize(scenes.captions)
    by_text = torch.cat(present(model, scenes.images, sentences, batch=2, keep=lambda output: output[0]))
    by_ids = torch.cat(present(model.module, scenes.images, scenes.captions, keep=lambda output: output[0]))
    torch.testing.assert_close(by_text, by_ids, rtol=1e-5, atol=1e-6)
    pixels = torch.from_numpy(scenes.images)[:, None].expand(-1, 3, -1, -1)
    (given,) = present(Both(), scenes.images, scenes.captions, keep=lambda output: output)
    torch.testing.assert_close(given[0], pixels.double(), rtol=0, atol=0)
    assert given[2] is None


def test_pictures_go_through_the_preparation_of_the_model(scenes):
    seen = []

    def prepare(image):
        seen.append(image)
        return torch.full((3, 2, 2), float(len(seen)))

    model = LoadedModel("file:own", Both(), "open_clip", prepare, lambda texts: torch.full((len(texts), 4), 7))
    batches = present(model, scenes.images, ["a text"] * 5, batch=3, keep=lambda output: output)
    assert [len(image) for image, _, _ in batches] == [3, 2]
    assert torch.cat([image for image, _, _ in batches])[:, 0, 0, 0].tolist() == [1, 2, 3, 4, 5]
    assert torch.cat([ids for _, ids, _ in batches]).tolist() == [[7] * 4] * 5
    assert all(isinstance(image, Image.Image) for image in seen)
    pictures = ink_on_paper(scenes.images)
    assert [image.tobytes() for image in seen] == [image.tobytes() for image in pictures]
    seen.clear()
    present(model, pictures, ["a text"] * 5)
    assert seen == pictures


def test_ink_is_dark_on_white_paper():
    (picture,) = ink_on_paper(np.array([[[0.0, 1.0], [0.2, 1.7]]], dtype=np.float32))
    assert picture.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(picture)[..., 0], [[255, 0], [204, 0]])


@pytest.mark.parametrize("form", ["pair", "mapping"])
def test_a_mask_of_the_tokenizer_comes_to_the_model(form):
    ids, mask = torch.tensor([[4, 5, 0], [4, 0, 0]]), torch.tensor([[1, 1, 0], [1, 0, 0]])
    tokens = (ids, mask) if form == "pair" else {"input_ids": ids, "attention_mask": mask}
    model = LoadedModel("file:own", OnlyWords(), "transformers", None, lambda texts: tokens)
    (given,) = present(model, captions=["two words", "one"], keep=lambda output: output)
    torch.testing.assert_close(given[0], ids, rtol=0, atol=0)
    torch.testing.assert_close(given[1], mask, rtol=0, atol=0)


def test_what_a_model_can_not_read_is_refused(scenes):
    clip, roberta, x = family_model("CLIP"), family_model("RoBERTa"), inputs()
    with pytest.raises(ValueError, match="CLIPModel reads pictures and captions"):
        present(clip, x["image"])
    with pytest.raises(ValueError, match="RobertaModel reads captions"):
        present(roberta, x["image"], x["ids"])
    with pytest.raises(ValueError, match="3 pictures and 2 captions were given"):
        present(clip, x["image"], x["ids"][:2])
    with pytest.raises(ValueError, match="no tokenizer is known of this model"):
        present(roberta, captions=["a text"])
    no_preparation = LoadedModel("hf:own@random", clip, "transformers")
    with pytest.raises(ValueError, match=r"an array of shape \(5, 24"):
        present(no_preparation, scenes.images, x["ids"])
    with pytest.raises(ValueError, match="a sequence of pictures was given to a"):
        present(clip, ink_on_paper(scenes.images), x["ids"])


def test_models_of_a_folder_see_scenes_and_read_sentences_as_released_ones_would(tmp_path, scenes):
    """The road of hub models: the library's own preparation and tokenizer, then neurons, streams, and a twin."""
    save_open_clip(tmp_path)
    model = load_model(f"file:{tmp_path}")
    sentences = detokenize(scenes.captions)
    recorded = record_neurons(model, scenes.images, sentences, kind="neurons", batch=2)
    pixels = torch.stack([model.preprocess(picture) for picture in ink_on_paper(scenes.images)])
    ids = model.tokenize(sentences)
    by_hand = record_neurons(model.module, pixels, ids, kind="neurons")
    for tower in ("image", "text"):
        torch.testing.assert_close(recorded[tower, 0, "neurons"], by_hand[tower, 0, "neurons"], rtol=1e-4, atol=1e-5)
    twin = load_twin(model, seed=1)
    sides = [record_streams(own, scenes.images, sentences) for own in (model, twin)]
    assert list(sides[1]["picture"]) == ["tower 1", "summary"]
    assert (sides[0]["text"]["summary"] - sides[1]["text"]["summary"]).abs().max() > 1e-3
