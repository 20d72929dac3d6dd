"""Recorded neurons are what the model computes; query-key products add up to its logits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from brainalign.datasets.films import draw_film
from brainalign.models import tap
from brainalign.models.neurons import record_neurons
from brainalign.models.taps.products import tap_products
from brainalign.models.zoo import as_pixels, load_zoo

N = 6
REFERENCES = ("zoo:clip-s@random", "zoo:meter-s@random")


@pytest.fixture(scope="module")
def film():
    return draw_film(N, generator=np.random.default_rng(0))


def call(model, film):
    images, ids = as_pixels(torch.as_tensor(film.images)), torch.as_tensor(film.captions)
    with torch.no_grad():
        return model(images, ids)


@pytest.mark.parametrize("reference", REFERENCES)
def test_contexts_are_those_of_a_tap(reference, film):
    model = load_zoo(reference)
    with tap(model, ["context"], pool="mean") as tapped:
        call(model, film)
    recorded = record_neurons(model, film.images, film.captions, batch=4)
    assert set(recorded) == set(tapped)
    for key in tapped:
        torch.testing.assert_close(recorded[key], tapped[key], rtol=1e-4, atol=1e-5)


def test_products_are_the_pooled_query_times_the_mean_key(film):
    """By hand, from the inputs of METER's attentions; the captions have no padding."""
    model = load_zoo("zoo:meter-s@random")
    attention = model.cross_modal_text_layers[1].crossattention.self
    inputs = []
    handle = attention.register_forward_pre_hook(lambda module, args: inputs.append(args[:2]))
    with tap_products(model) as products:
        call(model, film)
    handle.remove()
    words, patches = inputs[0]
    query, key = attention.query(words).mean(dim=1), attention.key(patches)[:, 1:].mean(dim=1)
    expected = (query * key).detach().unflatten(-1, (4, 16))
    torch.testing.assert_close(products["fusion_text", 1, "cross_query_key"], expected, rtol=1e-4, atol=1e-5)


def test_products_of_packed_attention_add_up_to_the_logits(film):
    """In CLIP's image tower the map tells the logits of a query up to a constant; two mean keys tell the difference."""
    model = load_zoo("zoo:clip-s@random")
    with tap(model, ["attention"], towers=["image"], pool=None) as maps:
        call(model, film)
    with tap_products(model, towers=["image"], pool="cls") as products:
        call(model, film)
    block = model.visual.transformer.resblocks[0]
    seen = []
    handle = block.attn.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append((args, kwargs)), with_kwargs=True
    )
    call(model, film)
    handle.remove()
    (args, kwargs), *_ = seen
    x = args[0] if args else kwargs["query"]
    query, key, _ = nn.functional.linear(x, block.attn.in_proj_weight, block.attn.in_proj_bias).chunk(3, dim=-1)
    logits = torch.einsum("nhd,nkhd->nhk", query[:, 0].unflatten(-1, (4, 16)), key.unflatten(-1, (4, 16))) / 4
    torch.testing.assert_close(logits.softmax(-1), maps["image", 0, "attention"][:, :, 0], rtol=1e-4, atol=1e-5)
    product = products["image", 0, "query_key"]
    torch.testing.assert_close(product.sum(-1) / 4, logits[:, :, 1:].mean(-1), rtol=1e-4, atol=1e-5)


def test_every_layer_and_stream_has_its_products(film):
    recorded = record_neurons(load_zoo("zoo:meter-s@random"), film.images, film.captions, kind="query_key")
    assert {key for key in recorded if key[0] == "fusion_text"} == {
        ("fusion_text", layer, kind) for layer in (0, 1) for kind in ("query_key", "cross_query_key")
    }
    assert recorded["image", 0, "query_key"].shape == (N, 4, 16)


def test_wrong_input_is_refused(film):
    model = load_zoo("zoo:clip-s@random")
    with pytest.raises(ValueError, match="6 pictures and 5 captions"):
        record_neurons(model, film.images, film.captions[1:])
    with pytest.raises(ValueError, match="kind = 'spikes'; give 'context'"):
        record_neurons(model, film.images, film.captions, kind="spikes")
    with (
        pytest.raises(ValueError, match=r"the model has no towers \['fusion'\]"),
        tap_products(model, towers=["fusion"]),
    ):
        pass
