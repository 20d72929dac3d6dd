"""The measures give ideal readers their due, and readers that cannot see what chance gives."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_less, assert_equal
from torch import nn

from brainalign.datasets.scenes import caption_tokens, caption_truth, digits_present, draw_scenes
from brainalign.models.zoo import Measurement
from brainalign.models.zoo.evaluation import captions
from brainalign.models.zoo.evaluation.captions import measure_matching
from brainalign.models.zoo.evaluation.evaluate import evaluate_zoo
from brainalign.models.zoo.evaluation.pictures import (
    measure_labels,
    measure_masked_patches,
    measure_pairs,
    probe_digits,
)
from brainalign.models.zoo.evaluation.sentences import measure_sentences
from brainalign.models.zoo.objectives.sentences import MaskedWords, NextWords

EVERY_CAPTION = np.array([[a, r, b] for a in range(10) for r in range(4) for b in range(10) if a != b])
COLUMN = {tuple(words): i for i, words in enumerate(EVERY_CAPTION.tolist())}


def rng():
    return np.random.default_rng(0)


def scenes_of(n=200, **asked):
    return draw_scenes(n, generator=rng(), split="test", **asked)


class Reader:
    """Reads captions perfectly, and of a scene what `sees` says; it knows pictures by heart."""

    def __init__(self, monkeypatch, scenes, sees):
        self._known = {}
        self._sees = sees
        self._learn(scenes)
        drawn = draw_scenes

        def overheard(*args, **kwargs):
            scenes = drawn(*args, **kwargs)
            self._learn(scenes)
            return scenes

        monkeypatch.setattr("brainalign.models.zoo.evaluation.captions.draw_scenes", overheard)

    def _learn(self, scenes):
        seen = self._sees(scenes.cells, EVERY_CAPTION).astype(np.float32)
        self._known |= {image.tobytes(): torch.from_numpy(row) for image, row in zip(scenes.images, seen, strict=True)}

    def embed_images(self, images):
        nothing = torch.zeros(len(EVERY_CAPTION))
        return torch.stack([self._known.get(image.tobytes(), nothing) for image in images])

    def embed_texts(self, tokens):
        columns = [COLUMN[(a - 10, r - 6, b - 10)] for a, r, b in tokens[:, [2, 3, 5]].tolist()]
        return nn.functional.one_hot(torch.tensor(columns), len(EVERY_CAPTION)).float()


def test_the_reader_of_this_module_knows_the_tokens():
    assert_equal(caption_tokens(np.array([[3, 2, 7]])).tolist(), [[1, 3, 13, 8, 3, 17, 20]])


def test_a_perfect_reader_and_a_bag_of_digits(monkeypatch):
    scenes = scenes_of(1000)
    perfect, bag = (
        measure_matching(Reader(monkeypatch, scenes, sees), scenes, rng()) for sees in (caption_truth, digits_present)
    )
    for metric in ("digits exchanged", "digits exchanged, held-out pairs", "relation turned round"):
        assert_equal(perfect[metric].value, 1.0)
        assert_equal(bag[metric].value, 0.5)
    retrieval = "retrieval, R@1 of 100"
    # A reader that takes the first of several fitting captions is as good as one that guesses among them.
    assert_allclose(perfect[retrieval].value, perfect[retrieval].oracle["perfect reader"], atol=0.04)
    assert_allclose(bag[retrieval].value, bag[retrieval].oracle["bag of digits"], atol=0.04)
    assert_array_less(bag[retrieval].value + 0.2, perfect[retrieval].value)
    assert_equal(perfect["digits exchanged"].no_image, 0.5)
    assert_array_less(perfect["digits exchanged"].wrong_image, 0.56)


def test_ideal_retrieval_of_a_tiny_pool_by_hand(monkeypatch):
    monkeypatch.setattr(captions, "_POOL", 2)
    # The second scene fits both captions, the first only its own.
    fits = np.array([[True, False], [True, True]])
    expected = ((1 / 2 + 1) / 2 + (1 + 1 / 2) / 2) / 2
    assert_allclose(captions._ideal_recall(scenes_of(2), lambda *_: fits), expected)


def fake(answer):
    """An objective whose model answers what it is told."""
    return SimpleNamespace(model=answer, pixels=lambda images: torch.from_numpy(images))


def test_digit_scores_by_hand():
    scenes = scenes_of(50)
    right = torch.from_numpy(scenes.labels) * 2 - 1
    perfect = measure_labels(fake(lambda _: right), scenes, rng())
    assert_equal([result.value for result in perfect.values()], [1.0, 1.0])
    everything = measure_labels(fake(lambda _: torch.ones(50, 10)), scenes, rng())["digits, F1"]
    assert_allclose(everything.value, everything.chance)
    share = scenes.labels.mean()
    assert_allclose(everything.chance, 2 * share / (1 + share))
    wrong = right.clone()
    wrong[:10, 0] *= -1
    assert_allclose(measure_labels(fake(lambda _: wrong), scenes, rng())["digits, whole set"].value, 0.8)


def test_explained_ink_of_perfect_and_of_mean_patches():
    truth = torch.rand(4, 36, 16, generator=torch.Generator().manual_seed(0))
    masked, inked = torch.rand(2, 4, 36, generator=torch.Generator().manual_seed(1)) > 0.45
    judged = masked & inked
    for predicted, expected in ((truth, 1.0), (torch.full_like(truth, float(truth[judged].mean())), 0.0)):
        objective = SimpleNamespace(reconstruct=lambda *_, p=predicted: (p, truth, masked, inked))
        result = measure_masked_patches(objective, None, rng())["masked ink, R2"]
        assert_allclose(result.value, expected, atol=1e-5)
    assert_allclose(result.oracle["all but the noise"], 1 - 0.0064 / float(truth[judged].var()), atol=1e-3)


def test_pairs_of_equal_views_are_all_found_and_of_random_ones_not():
    scenes = scenes_of(640)
    directions = nn.functional.normalize(torch.randn(640, 32, generator=torch.Generator().manual_seed(0)), dim=-1)
    others = nn.functional.normalize(torch.randn(640, 32, generator=torch.Generator().manual_seed(1)), dim=-1)
    same, chance = (
        measure_pairs(SimpleNamespace(embed_views=lambda *_, b=b: torch.stack([directions, b])), scenes, rng())
        for b in (directions, others)
    )
    assert_equal(same["views paired"].value, 1.0)
    # 1280 views, each right once in 127 by chance.
    assert_allclose(chance["views paired"].value, chance["views paired"].chance, atol=5 * np.sqrt(1 / 127 / 1280))


def test_the_probe_finds_digits_that_the_features_hold_and_none_that_they_do_not():
    scenes = scenes_of(300)
    known, noise = {}, torch.Generator().manual_seed(0)

    def features(images, noisy):
        rows = [known.get(image.numpy().tobytes(), np.zeros(10)) for image in images]
        tokens = torch.tensor(np.array(rows), dtype=torch.float32)[:, None].repeat(1, 37, 1)
        return torch.randn(tokens.shape, generator=noise) if noisy else tokens

    def learn(drawn):
        known.update({image.tobytes(): row for image, row in zip(drawn.images, drawn.labels, strict=True)})

    learn(scenes)
    learn(draw_scenes(300, generator=rng()))
    found = {}
    for noisy in (False, True):
        model = SimpleNamespace(forward_features=lambda images, noisy=noisy: features(images, noisy))
        objective = SimpleNamespace(model=model, pixels=torch.from_numpy)
        found[noisy] = probe_digits(objective, scenes, rng())["digit probe, AUC"].value
    assert_allclose(found[False], 1.0)
    assert_allclose(found[True], 0.5, atol=0.06)


@pytest.mark.parametrize("kind", [MaskedWords, NextWords])
def test_words_that_follow_are_told_by_a_reader_that_copies(kind):
    class Copier(kind):
        def __init__(self):
            nn.Module.__init__(self)

        def logits(self, tokens):
            scores = torch.zeros(*tokens.shape, 21)
            inverse = {6: 7, 7: 6, 8: 9, 9: 8}
            length = tokens.shape[1]
            for row, words in enumerate(tokens.tolist()):
                for place in range(length):
                    target = place + 1 if kind is NextWords else place
                    if target == 9:
                        scores[row, place, inverse.get(words[3], 0)] = 1
                    if target == 11:
                        scores[row, place, words[2]] = 1
            return scores

    results = measure_sentences(Copier(), scenes_of(100), rng())
    assert_equal([results[name].value for name in ("converse relation", "copied digit")], [1.0, 1.0])
    assert_allclose(results["first relation"].value, 0.25, atol=0.22)  # it always says the same of four
    assert_equal([result.chance for result in results.values()], [0.25, 0.1, 0.25])


def test_a_card_holds_rounded_values():
    result = Measurement(0.123456, 0.5, {"bag": 1 / 3}, wrong_image=0.2, random_twin=None)
    assert_equal(
        result.as_dict(),
        {
            "value": 0.1235,
            "chance": 0.5,
            "oracle": {"bag": 0.3333},
            "wrong_image": 0.2,
            "no_image": None,
            "random_twin": None,
        },
    )


def test_too_few_scenes_and_unknown_names_are_refused():
    with pytest.raises(ValueError, match="n_scenes = 99 is too few; give at least 100"):
        evaluate_zoo("mae-s", n_scenes=99)
    with pytest.raises(ValueError, match=r"'meters'.*'meter-s'"):
        evaluate_zoo("meters")
