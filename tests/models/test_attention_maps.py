"""Attention on real input, a batch at a time, and its running means."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from timm.data import create_transform
from timm.models.vision_transformer import VisionTransformer

from brainalign.datasets.passages import PASSAGES
from brainalign.datasets.scenes import PAD, draw_scenes
from brainalign.models.attention_maps import AverageMaps, stream_attention, without_marks
from brainalign.models.loading import LoadedModel, load_model
from brainalign.models.stimulus_batches import batches_for, reads_pictures
from brainalign.models.zoo import as_pixels

FLOAT32 = {"rtol": 0, "atol": 2e-6}  # float32 sums of other batch sizes, padded or not


@pytest.fixture(scope="module")
def scenes():
    return draw_scenes(12, generator=np.random.default_rng(0), split="test")


def shown(model, scenes, texts=(), max_tokens=50, batch_size=5):
    rng = np.random.default_rng(0)
    return list(batches_for(model, scenes, texts, max_tokens=max_tokens, generator=rng, batch_size=batch_size))


def random_maps(lengths, seed=0, shape=(2, 3)):
    """Maps of inputs of these lengths; what is padded holds numbers that must not count."""
    n = max(lengths)
    maps = np.random.default_rng(seed).random((len(lengths), *shape, n, n))
    is_token = np.arange(n) < np.asarray(lengths)[:, None]
    pairs = is_token[:, None, None, :, None] & is_token[:, None, None, None, :]
    return np.where(pairs, maps, np.nan), is_token


# The stream


@pytest.mark.parametrize("name", ["bert-s", "gpt-s"])
def test_maps_of_texts_are_those_that_the_library_returns(name, scenes):
    model = load_model(f"zoo:{name}")
    batches = shown(model, scenes)
    found = list(stream_attention(model, batches))
    assert [len(batch.maps) for batch in found] == [5, 5, 2]
    model.module.config._attn_implementation = "eager"
    for batch, inputs in zip(found, batches, strict=True):
        with torch.no_grad():
            ids, mask = inputs.captions
            maps = model.module(input_ids=ids, attention_mask=mask.long(), output_attentions=True).attentions
        assert_allclose(batch.maps, torch.stack(maps, dim=1).numpy(), **FLOAT32)
        assert_array_equal(batch.is_token, ids.numpy() != PAD)
        assert batch.maps.dtype == np.float64


def test_maps_of_pictures_are_softmaxes_of_queries_and_keys(scenes):
    model = load_model("zoo:mae-s")
    (batch, *_) = stream_attention(model, shown(model, scenes))
    module, block = model.module, model.module.blocks[0]
    with torch.no_grad():
        x = module._pos_embed(module.patch_embed(as_pixels(torch.from_numpy(scenes.images[:5]))))
        q, k, _ = block.attn.qkv(block.norm1(x)).unflatten(-1, (3, 4, 16)).unbind(2)
        maps = (torch.einsum("bihd,bjhd->bhij", q, k) / 4).softmax(-1)
    assert_allclose(batch.maps[:, 0], maps.numpy(), **FLOAT32)
    assert batch.is_token.all()


def test_padding_changes_nothing_about_a_text():
    model = load_model("minilm")
    texts = ["A short one.", "This one is quite a bit longer than the first."]
    together = next(stream_attention(model, shown(model, None, texts)))
    alone = next(stream_attention(model, shown(model, None, texts[:1])))
    n = alone.maps.shape[-1]
    assert together.is_token.sum(axis=1).tolist() == [n, together.maps.shape[-1]]
    assert n < together.maps.shape[-1]
    assert_allclose(together.maps[0][..., :n, :n], alone.maps[0], **FLOAT32)


def test_stream_reads_one_batch_at_a_time(scenes):
    model, read = load_model("zoo:mae-s"), []

    def watched():
        for number, batch in enumerate(shown(model, scenes)):
            read.append(number)
            yield batch

    stream = stream_attention(model, watched())
    next(stream)
    assert read == [0]


def test_tower_of_the_reference_is_listened_to(scenes):
    shapes = {"vision": (5, 4, 4, 37, 37), "text": (5, 2, 4, 7, 7)}
    for tower, shape in shapes.items():
        clip = load_model(f"zoo:clip-s#{tower}")
        (batch, *_) = stream_attention(clip, shown(clip, scenes))
        assert batch.maps.shape == shape
        assert batch.is_token.shape == (5, shape[-1])
        assert batch.is_token.all()
        assert reads_pictures(clip) == (tower == "vision")
    whole = load_model("zoo:clip-s")
    with pytest.raises(ValueError, match="name one of: image, text"):
        next(stream_attention(whole, shown(whole, scenes)))


# The inputs


def test_sentences_of_the_mini_zoo_differ_in_length(scenes):
    model = load_model("zoo:bert-s")
    lengths = torch.cat([batch.captions[1].sum(dim=1) for batch in shown(model, scenes)])
    assert sorted(set(lengths.tolist())) == [7, 13]


def test_long_texts_lose_their_last_words_and_keep_the_mark_of_their_end():
    model = load_model("minilm")
    (batch,) = shown(model, None, PASSAGES[:2], max_tokens=9)
    whole = model.tokenize(list(PASSAGES[:1]))["input_ids"][0]
    ids, mask = batch.captions
    assert ids.shape == (2, 9)
    assert ids[0].tolist() == [*whole[:8].tolist(), whole[-1].item()]
    assert mask.all()


def test_every_passage_fills_fifty_tokens():
    model = load_model("minilm")
    assert min(len(model.tokenize([passage])["input_ids"][0]) for passage in PASSAGES) >= 50
    assert len(set(PASSAGES)) == len(PASSAGES) >= 32


def test_pictures_go_through_the_preparation_of_other_libraries(scenes):
    module = VisionTransformer(img_size=32, patch_size=16, embed_dim=12, depth=1, num_heads=3, num_classes=0).eval()
    transform = create_transform(input_size=(3, 32, 32), crop_pct=1.0)
    model = LoadedModel("timm:vit_tiny_patch16_224@random", module, "timm", transform)
    found = list(stream_attention(model, shown(model, scenes)))
    assert [batch.maps.shape for batch in found] == [(5, 1, 3, 5, 5), (5, 1, 3, 5, 5), (2, 1, 3, 5, 5)]
    assert_allclose(found[0].maps.sum(axis=-1), 1, rtol=1e-6)


def test_models_without_a_known_input_are_refused_with_what_to_do(scenes):
    clip = load_model("zoo:clip-s")
    outside = LoadedModel("open_clip:x/y", clip.module, "open_clip")
    with pytest.raises(ValueError, match=r"open_clip:x/y.*reads pictures and texts at once.*zoo:clip-s#vision"):
        shown(outside, scenes)
    mute = LoadedModel("hf:x", load_model("zoo:bert-s").module, "transformers")
    with pytest.raises(ValueError, match="no tokenizer"):
        shown(mute, scenes, ["a text"])
    with pytest.raises(ValueError, match="finds no word"):
        shown(load_model("minilm"), scenes, [" "])


# The means


def test_mean_is_that_of_all_maps_and_does_not_depend_on_batches():
    maps, is_token = random_maps([6] * 7)
    whole, parts = AverageMaps(), AverageMaps(3)
    whole.add(maps, is_token)
    for first in (0, 2, 3):
        last = {0: 2, 2: 3, 3: 7}[first]
        parts.add(maps[first:last], is_token[first:last])
    assert_allclose(whole.mean(), maps.mean(axis=0))
    assert_allclose(parts.mean(), maps.mean(axis=0))
    assert whole.n_inputs == parts.n_inputs == 7


def test_every_pair_is_averaged_over_the_inputs_that_have_both():
    lengths = [4, 6, 3, 6, 5]
    maps, is_token = random_maps(lengths)
    average = AverageMaps(2)
    for row in (0, 1, 2, 3, 4):  # every input in a batch of its own length
        n = lengths[row]
        average.add(maps[row : row + 1, ..., :n, :n], is_token[row : row + 1, :n])
    assert_allclose(average.mean(), np.nanmean(maps, axis=0))
    assert_array_equal(average.positions, np.arange(6))


def test_groups_can_be_split_and_drawn_again():
    maps, is_token = random_maps([5] * 9)
    average = AverageMaps(3)
    average.add(maps[:4], is_token[:4])
    average.add(maps[4:], is_token[4:])
    assert_allclose(average.mean([0, 1, 0]), maps[[1, 4, 7]].mean(axis=0))
    drawn = np.concatenate([maps[[0, 3, 6]], maps[[0, 3, 6]], maps[[2, 5, 8]]])
    assert_allclose(average.mean([2, 0, 1]), drawn.mean(axis=0))


def test_positions_that_no_input_has_are_left_out():
    maps, is_token = random_maps([5] * 3)
    is_token[:, [0, 3]] = False
    average = AverageMaps()
    average.add(maps, is_token)
    assert_array_equal(average.positions, [1, 2, 4])
    assert_allclose(average.mean(), maps.mean(axis=0)[..., [[1], [2], [4]], [1, 2, 4]])


def test_means_that_nothing_stands_behind_are_refused():
    average = AverageMaps(2)
    with pytest.raises(ValueError, match="add maps first"):
        average.mean()
    maps, is_token = random_maps([3, 5])
    average.add(maps, is_token)
    with pytest.raises(ValueError, match="positions 0 and 3 never occur"):
        average.mean([1, 0])
    with pytest.raises(ValueError, match="2 numbers"):
        average.mean([1, -1])
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(4,\)"):
        average.add(np.ones((1, 4, 5, 5)), np.ones((1, 5)))
    with pytest.raises(ValueError, match=r"is_token \(batch, n\)"):
        average.add(maps, is_token[:, :3])
    with pytest.raises(ValueError, match="n_groups = 0"):
        AverageMaps(0)


def test_marks_are_taken_from_both_ends_of_every_input():
    is_token = np.array([[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]], dtype=bool)
    assert_array_equal(without_marks(is_token), [[0, 1, 1, 0, 0], [0, 1, 1, 1, 0]])
    assert_array_equal(without_marks(is_token, n_last=0), [[0, 1, 1, 1, 0], [0, 1, 1, 1, 1]])
    with pytest.raises(ValueError, match="an input of 4 tokens"):
        without_marks(is_token, n_first=3)
