"""The scenes are what their captions say, and nothing else gives the answer away."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal, assert_array_less, assert_equal

from brainalign.datasets import load_digit_images
from brainalign.datasets.scenes import (
    DIGITS,
    EMPTY,
    FIRST_RELATION,
    PAD,
    RELATIONS,
    SIDE,
    VOCABULARY,
    WORD_RELATION,
    caption_truth,
    detokenize,
    digits_present,
    draw_scenes,
    permute_cells,
    render,
    sentences_with_converse,
    tokenize,
)

SEEDS = st.integers(0, 2**32 - 1)
# Down and right of the first cell, seen from the second: written out, not taken from the module.
HOLDS = {
    "left-of": lambda down, right: right > 0 and abs(right) > abs(down),
    "right-of": lambda down, right: right < 0 and abs(right) > abs(down),
    "above": lambda down, right: down > 0 and abs(down) > abs(right),
    "below": lambda down, right: down < 0 and abs(down) > abs(right),
}


def scenes_of(seed=0, n=200, **asked):
    return draw_scenes(n, generator=np.random.default_rng(seed), **asked)


@cache
def digit_images():
    return load_digit_images()


def is_true(sentence, cells):
    """Whether a sentence holds, by its words alone."""
    _, first, relation, _, second = sentence.split()
    places = [np.flatnonzero(cells == DIGITS.index(word)) for word in (first, second)]
    if any(len(found) != 1 for found in places):
        return False
    (row_a, column_a), (row_b, column_b) = (divmod(int(found[0]), 3) for found in places)
    return HOLDS[relation](row_b - row_a, column_b - column_a)


@given(seed=SEEDS)
def test_captions_are_true_and_their_hard_negatives_false(seed):
    scenes = scenes_of(seed, n=20)
    for tokens, expected in ((scenes.captions, True), (scenes.swapped, False), (scenes.inverted, False)):
        found = [is_true(text, cells) for text, cells in zip(detokenize(tokens), scenes.cells, strict=True)]
        assert_equal(found, [expected] * 20)


@given(seed=SEEDS)
def test_truth_of_captions_of_other_scenes(seed):
    scenes = scenes_of(seed, n=12, digits=(3, 4))
    expected = [[is_true(text, cells) for text in detokenize(scenes.captions)] for cells in scenes.cells]
    truth = caption_truth(scenes.cells, scenes.words)
    assert_array_equal(truth, expected)
    assert_array_less(truth.astype(int), digits_present(scenes.cells, scenes.words) + 1)


def test_a_diagonal_has_no_relation():
    cells = np.full((1, 9), EMPTY)
    cells[0, [0, 4]] = 3, 7  # top left, middle
    words = np.array([[a, relation, b] for a, b in ((3, 7), (7, 3)) for relation in range(4)])
    assert_array_equal(caption_truth(cells, words), np.zeros((1, 8), bool))
    assert_array_equal(digits_present(cells, words), np.ones((1, 8), bool))


@given(seed=SEEDS, fewest=st.integers(1, 9), most=st.integers(1, 9))
def test_digits_are_all_different_and_as_many_as_asked(seed, fewest, most):
    fewest, most = sorted((fewest, most))
    scenes = scenes_of(seed, n=10, digits=(fewest, most))
    count = (scenes.cells != EMPTY).sum(1)
    assert_array_equal(count, scenes.labels.sum(1))  # a digit that came twice would be counted once
    assert fewest <= count.min() <= count.max() <= most
    _, kinds = digit_images()
    shown = scenes.instances >= 0
    assert_array_equal(shown, scenes.cells != EMPTY)
    assert_array_equal(kinds[scenes.instances[shown]], scenes.cells[shown])


def test_training_and_testing_share_no_handwritten_digit():
    used = {split: np.unique(scenes_of(1, n=4000, split=split).instances) for split in ("train", "test")}
    train, test = (set(found.tolist()) - {-1} for found in used.values())
    assert_equal((len(train), len(test), len(train & test)), (1252, 545, 0))


def test_relations_are_even_and_the_text_does_not_tell_them():
    scenes = scenes_of(2, n=8000)
    first, relation, second = scenes.words.T
    # Five standard errors of a share of .25 in 8000, and in the 800 captions that begin with one digit.
    assert_allclose(np.bincount(relation) / 8000, 0.25, atol=5 * np.sqrt(0.25 * 0.75 / 8000))
    for digits in (first, second):
        table = np.histogram2d(digits, relation, bins=(10, 4))[0]
        assert_allclose(table / table.sum(1, keepdims=True), 0.25, atol=5 * np.sqrt(0.25 * 0.75 / 800))


@pytest.mark.parametrize("negative", ["swapped", "inverted"])
def test_hard_negatives_have_the_words_of_the_captions(negative):
    scenes = scenes_of(3, n=8000)
    true, false = scenes.captions, getattr(scenes, negative)
    if negative == "swapped":
        assert_array_equal(np.sort(true, axis=1), np.sort(false, axis=1))
    for place in range(true.shape[1]):
        # Each word is as frequent at each place of the false captions as of the true ones.
        counts = [np.bincount(tokens[:, place], minlength=len(VOCABULARY)) / len(scenes) for tokens in (true, false)]
        assert_allclose(*counts, atol=5 * np.sqrt(2 * 0.25 * 0.75 / 8000))


def test_held_out_pairs_are_never_mentioned_in_training():
    named = {
        kind: {tuple(sorted(w)) for w in scenes_of(4, 5000, pairs=kind).words[:, ::2].tolist()}
        for kind in ("all", "trained", "held-out")
    }
    assert_equal([len(named[kind]) for kind in ("all", "trained", "held-out")], [45, 36, 9])
    assert named["trained"].isdisjoint(named["held-out"])
    assert_equal({sum(pair) % 5 for pair in named["held-out"]}, {0})


def test_pictures_show_the_digits_where_the_cells_say():
    scenes = scenes_of(5, n=100)
    images, _ = digit_images()
    assert_equal((scenes.images.shape, scenes.images.dtype), ((100, SIDE, SIDE), np.float32))
    drawn = np.where((scenes.instances >= 0)[:, :, None, None], images[scenes.instances], 0)
    clean = np.block([[drawn[:, 3 * row + column] for column in range(3)] for row in range(3)])
    shifts = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    fit = [
        [np.corrcoef(np.roll(c, s, (0, 1)).ravel(), p.ravel())[0, 1] for s in shifts]
        for c, p in zip(clean, scenes.images, strict=True)
    ]
    best = np.argmax(fit, axis=1)
    assert_array_less(0.8, np.max(fit, axis=1))  # noise and contrast take the rest
    assert_equal(set(best.tolist()), set(range(9)))  # every shift by up to one pixel comes


def test_an_empty_picture_is_noise_and_two_renderings_differ():
    empty = render(np.full((50, 9), -1), generator=np.random.default_rng(0))
    assert_allclose([empty.mean(), empty.std()], [0, 0.08], atol=0.002)
    scenes = scenes_of(6, n=5)
    again = render(scenes.instances, generator=np.random.default_rng(7))
    assert np.abs(again - scenes.images).max() > 0.2


def test_permuted_cells_keep_the_digits():
    scenes = scenes_of(7, n=50)
    moved = permute_cells(scenes.instances, generator=np.random.default_rng(0))
    assert_array_equal(np.sort(moved, axis=1), np.sort(scenes.instances, axis=1))
    assert (moved != scenes.instances).any(1).mean() > 0.9


def test_the_same_generator_gives_the_same_scenes():
    first, second, other = scenes_of(8), scenes_of(8), scenes_of(9)
    for name in ("images", "cells", "instances", "mentioned", "relation"):
        assert_array_equal(getattr(first, name), getattr(second, name))
    assert (first.cells != other.cells).any()


def test_the_converse_follows_from_the_caption():
    scenes = scenes_of(10)
    sentences = detokenize(sentences_with_converse(scenes.words, generator=np.random.default_rng(0), share=1.0))
    for sentence, cells in zip(sentences, scenes.cells, strict=True):
        clause, converse = sentence.split(" so ")
        assert is_true(clause, cells)
        assert is_true(converse, cells)
        assert_equal(clause.split()[1::3], converse.split()[1::3][::-1])
    short = sentences_with_converse(scenes.words, generator=np.random.default_rng(0), share=0.0)
    assert_array_equal(short[:, :7], scenes.captions)
    assert_array_equal(short[:, 7:], PAD)


def test_words_become_tokens_and_back():
    sentences = ["a three left-of a seven", "a one above a two so a two below a one"]
    tokens = tokenize(sentences)
    assert_array_equal(tokens.shape, (2, 13))
    assert_equal(detokenize(tokens), sentences)
    assert_equal(VOCABULARY[tokens[0, WORD_RELATION]], "left-of")
    assert_equal(tokens[0, WORD_RELATION] - FIRST_RELATION, RELATIONS.index("left-of"))
    assert_equal(len(set(VOCABULARY)), 21)
    assert_equal(VOCABULARY[int(tokens.max())], "[SEP]")


def test_unknown_words_and_no_sentence_are_refused():
    with pytest.raises(ValueError, match=re.escape("unknown words: left, of. The scenes know: a, and, so, left-of")):
        tokenize(["a three left of a seven"])
    with pytest.raises(ValueError, match="no sentence was given"):
        tokenize([])


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"n": 0}, "n = 0 scenes cannot be drawn"),
        ({"digits": (0, 3)}, r"digits = \(0, 3\) is no range"),
        ({"digits": (4, 2)}, r"digits = \(4, 2\) is no range"),
        ({"digits": (2, 10)}, r"digits = \(2, 10\) is no range"),
        ({"split": "validation"}, "split = 'validation' is unknown; give one of: train, test"),
        ({"pairs": "few"}, "pairs = 'few' is unknown; give one of: all, trained, held-out"),
    ],
)
def test_scenes_that_cannot_be_drawn(asked, message):
    with pytest.raises(ValueError, match=message):
        scenes_of(**asked)


def test_a_scene_of_one_digit_has_no_caption():
    with pytest.raises(ValueError, match="scenes of one digit have no caption"):
        scenes_of(n=20, digits=(1, 2)).captions  # noqa: B018
