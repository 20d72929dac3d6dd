import json

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from PIL import Image
from torch.testing import assert_close
from transformers import RobertaTokenizer

from brainalign.models.meter import RELEASED, meter_image_transform, tokenize_captions


@pytest.fixture(scope="module")
def tokenizer():
    """RoBERTa's tokenizer with a handful of words: its special tokens have the published ids."""
    words = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "a", "d", "o", "g", "Ġ", "do", "dog", "Ġdog"]
    return RobertaTokenizer({word: i for i, word in enumerate(words)}, [("d", "o"), ("do", "g"), ("Ġ", "dog")])


def test_captions_are_padded_and_cut(tokenizer):
    ids, mask = tokenize_captions(["", "a dog", "dogdogdogdogdog"], tokenizer, max_length=6)
    assert_array_equal(ids, [[0, 2, 1, 1, 1, 1], [0, 5, 12, 2, 1, 1], [0, 11, 11, 11, 11, 2]])
    assert_array_equal(mask, ids != 1)
    assert ids.dtype == torch.int64


def test_tokenizer_is_loaded_from_a_folder(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    ids, _ = tokenize_captions(["a dog"], str(tmp_path), max_length=5)
    assert_array_equal(ids, [[0, 5, 12, 2, 1]])


@pytest.mark.parametrize(
    ("captions", "length", "text"),
    [
        ("a dog", 6, "captions = 'a dog'; give a sequence"),
        ([], 6, r"captions = \[\]; give a sequence of at least one"),
        (["a"], 1, "max_length = 1 has no room for <s> and </s>"),
    ],
)
def test_wrong_captions(captions, length, text, tokenizer):
    with pytest.raises(ValueError, match=text):
        tokenize_captions(captions, tokenizer, max_length=length)


@pytest.mark.parametrize(
    ("mode", "size", "resized", "corner"),
    [("RGB", (50, 80), (32, 51), (0, 10)), ("L", (32, 32), (32, 32), (0, 0)), ("RGBA", (71, 32), (71, 32), (20, 0))],
)
def test_images_are_prepared_as_released(mode, size, resized, corner):
    """Step by step with PIL and numpy; half a pixel to cut off is rounded to even, as the released code does."""
    channels = len(Image.new(mode, (1, 1)).getbands())
    pixels = np.random.default_rng(0).integers(0, 256, (*size[::-1], channels), dtype=np.uint8)
    image = Image.fromarray(pixels.squeeze())
    cut = image.resize(resized, Image.Resampling.BICUBIC).crop((*corner, corner[0] + 32, corner[1] + 32))
    mean, deviation = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
    expected = (np.asarray(cut.convert("RGB")) / 255 - mean) / deviation
    prepared = meter_image_transform(32)(image)
    assert_close(prepared, torch.tensor(expected.transpose(2, 0, 1), dtype=torch.float32))


def test_released_files_are_those_of_the_paper():
    assert len({release.path for release in RELEASED.values()}) == len(RELEASED) == 7
    for release in RELEASED.values():
        assert release.url == f"https://github.com/zdou0830/METER/releases/download/{release.path}"
        assert release.image_size % 16 == 0
    assert json.dumps(RELEASED["vqa"].tasks) == '["vqa"]'
