"""Signs that mean nothing: a channel turned round, with what reads it, leaves every answer; an MLP unit does not."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from brainalign.datasets.films import draw_film
from brainalign.encoding import as_neurons
from brainalign.models.neurons import record_neurons
from brainalign.models.zoo import load_zoo
from brainalign.models.zoo.architectures import as_pixels

TURNED = [0, 5, 17]


@pytest.fixture(scope="module")
def clip():
    return load_zoo("zoo:clip-hard-s")


@pytest.fixture(scope="module")
def film():
    return draw_film(12, generator=np.random.default_rng(0))


def answers(model, film):
    with torch.inference_mode():
        return model.encode_image(as_pixels(torch.as_tensor(film.images))).numpy()


def neurons(model, film, kind):
    return as_neurons(record_neurons(model, film.images, film.captions, kind=kind)).of("image")


def turn(block, part):
    with torch.no_grad():
        if part == "context":
            values = 2 * block.attn.embed_dim  # rows of queries, keys and values follow each other
            rows = [values + channel for channel in TURNED]
            block.attn.in_proj_weight[rows] *= -1
            block.attn.in_proj_bias[rows] *= -1
            block.attn.out_proj.weight[:, TURNED] *= -1
        else:
            block.mlp.c_fc.weight[TURNED] *= -1
            block.mlp.c_fc.bias[TURNED] *= -1
            block.mlp.c_proj.weight[:, TURNED] *= -1


def test_context_channels_turn_and_the_model_stays_the_same(clip, film):
    turned = copy.deepcopy(clip)
    turn(turned.visual.transformer.resblocks[0], "context")
    np.testing.assert_allclose(answers(turned, film), answers(clip, film), atol=1e-5)
    before, after = (neurons(model, film, "context").activations for model in (clip, turned))
    signs = np.ones(before.shape[1])
    signs[TURNED] = -1
    np.testing.assert_allclose(after, before * signs, atol=1e-5)


def test_a_hidden_unit_that_turns_changes_the_model(clip, film):
    turned = copy.deepcopy(clip)
    turn(turned.visual.transformer.resblocks[0], "mlp")
    assert np.abs(answers(turned, film) - answers(clip, film)).max() > 1e-3


def test_query_key_products_keep_their_sign(clip, film):
    turned = copy.deepcopy(clip)
    attention = turned.visual.transformer.resblocks[0].attn
    with torch.no_grad():
        for begin in (0, attention.embed_dim):
            rows = [begin + channel for channel in TURNED]
            attention.in_proj_weight[rows] *= -1
            attention.in_proj_bias[rows] *= -1
    before, after = (neurons(model, film, "query_key").activations for model in (clip, turned))
    np.testing.assert_allclose(after, before, atol=1e-5)
