"""Neurons of the control models, and of other libraries' CLIP: the record against attention done by hand."""

from __future__ import annotations

import math

import pytest
import torch
from timm.models.beit import Beit
from transformers import LlamaConfig, LlamaModel

from brainalign.models.neurons import record_neurons
from tests.models.taps.families import END, TEXT, TIMM_SIZES, family_model, inputs

KINDS = ("context", "query_key", "neurons")
HEADS = 3


def heads_of(x, heads=HEADS):
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def context_by_hand(q, k, v, *, heads=HEADS, allowed=None):
    """Softmax(QK')V of every head, (batch, tokens, heads, channels)."""
    scores = heads_of(q, heads) @ heads_of(k, heads).mT / math.sqrt(q.shape[-1] // heads)
    if allowed is not None:
        scores = scores.masked_fill(~allowed, -math.inf)
    return (scores.softmax(-1) @ heads_of(v, heads)).transpose(1, 2)


def mean_of_words(x, mask):
    return torch.stack([row[keep.bool()].mean(dim=0) for row, keep in zip(x, mask, strict=True)])


def record_all(model, images=None, captions=None):
    """The three definitions in one mapping; two batches, of 2 and 1."""
    recorded = {}
    for kind in KINDS:
        recorded |= dict(record_neurons(model, images, captions, kind=kind, batch=2).items())
    return recorded


def assert_layer(recorded, place, *, context, product, neurons):
    for kind, expected in (("context", context), ("query_key", product), ("neurons", neurons)):
        torch.testing.assert_close(recorded[*place, kind], expected, rtol=1e-4, atol=1e-5)


def product_of(query, key):
    return (query * key).unflatten(-1, (HEADS, -1))


def pre_norm_layer(x, attention, parts, *, allowed=None):
    """Context, query, key and hidden units of a layer that normalizes before each step."""
    norm1, norm2, project, fc1, activation = parts
    normed = norm1(x)
    q, k, v = attention(normed)
    context = context_by_hand(q, k, v, allowed=allowed)
    hidden = activation(fc1(norm2(x + project(context.flatten(2)))))
    return context, q, k, hidden


def three(attention):
    return lambda x: (attention.q_proj(x), attention.k_proj(x), attention.v_proj(x))


def test_vit_of_transformers():
    model, x = family_model("ViT"), inputs()
    recorded = record_all(model, x["image"])
    hidden = model(pixel_values=x["image"], output_hidden_states=True).hidden_states
    for place, layer in enumerate(model.layers):
        parts = layer.layernorm_before, layer.layernorm_after, layer.attention.o_proj
        parts += layer.mlp.fc1, layer.mlp.activation_fn
        context, q, k, units = pre_norm_layer(hidden[place], three(layer.attention), parts)
        assert_layer(
            recorded,
            ("image", place),
            context=context[:, 1:].mean(dim=1),
            product=product_of(q[:, 1:].mean(dim=1), k[:, 1:].mean(dim=1)),
            neurons=units[:, 1:].mean(dim=1),
        )
    assert len(recorded) == 3 * len(model.layers)


def test_vit_of_timm():
    model, x = family_model("timm ViT"), inputs()
    recorded = record_all(model, x["image"])
    tokens = model.norm_pre(model.patch_drop(model._pos_embed(model.patch_embed(x["image"]))))
    for place, block in enumerate(model.blocks):
        parts = block.norm1, block.norm2, block.attn.proj, block.mlp.fc1, block.mlp.act
        context, q, k, units = pre_norm_layer(tokens, lambda x: block.attn.qkv(x).chunk(3, dim=-1), parts)  # noqa: B023
        assert_layer(
            recorded,
            ("image", place),
            context=context[:, 1:].mean(dim=1),
            product=product_of(q[:, 1:].mean(dim=1), k[:, 1:].mean(dim=1)),
            neurons=units[:, 1:].mean(dim=1),
        )
        tokens = block(tokens)


def test_clip_of_transformers():
    """Both towers; words after the end of a text count for nothing, and a word sees only those before it."""
    model, x = family_model("CLIP"), inputs()
    recorded = record_all(model, x["image"], x["ids"])
    assert {tower for tower, _, _ in recorded} == {"image", "text"}
    causal = torch.ones(x["ids"].shape[1], x["ids"].shape[1], dtype=torch.bool).tril()
    vision = model.vision_model(x["image"], output_hidden_states=True).hidden_states
    words = model.text_model(x["ids"], output_hidden_states=True).hidden_states
    read = torch.arange(x["ids"].shape[1]) <= (x["ids"] == END).int().argmax(dim=1)[:, None]
    for tower, states, allowed in (("image", vision, None), ("text", words, causal)):
        layers = (model.vision_model if tower == "image" else model.text_model).encoder.layers
        for place, layer in enumerate(layers):
            parts = layer.layer_norm1, layer.layer_norm2, layer.self_attn.out_proj
            parts += layer.mlp.fc1, layer.mlp.activation_fn
            found = pre_norm_layer(states[place], three(layer.self_attn), parts, allowed=allowed)
            if tower == "image":
                context, q, k, units = (part[:, 1:].mean(dim=1) for part in found)
            else:
                context, q, k, units = (mean_of_words(part, read) for part in found)
            assert_layer(recorded, (tower, place), context=context, product=product_of(q, k), neurons=units)


def test_roberta_leaves_out_its_padding_without_being_told():
    model, x = family_model("RoBERTa"), inputs()
    recorded = record_all(model, captions=x["ids"])
    output = model(x["ids"], attention_mask=x["mask"], output_hidden_states=True)
    keys = x["mask"].bool()[:, None, None]
    for place, layer in enumerate(model.encoder.layer):
        own = layer.attention.self
        q, k, v = (part(output.hidden_states[place]) for part in (own.query, own.key, own.value))
        context = context_by_hand(q, k, v, allowed=keys)
        after = layer.attention.output(context.flatten(2), output.hidden_states[place])
        assert_layer(
            recorded,
            ("text", place),
            context=mean_of_words(context, x["mask"]),
            product=product_of(mean_of_words(q, x["mask"]), mean_of_words(k, x["mask"])),
            neurons=mean_of_words(layer.intermediate(after), x["mask"]),
        )
    told = record_all(model, captions=(x["ids"], x["mask"]))
    for key, values in recorded.items():
        torch.testing.assert_close(values, told[key], rtol=0, atol=0)


def test_bridgetower_has_towers_and_two_streams_that_read_each_other():
    model, x = family_model("BridgeTower"), inputs()
    recorded = record_all(model, x["image"], (x["ids"], x["mask"]))
    depth = {tower: 1 + max(layer for own, layer, _ in recorded if own == tower) for tower, _, _ in recorded}
    assert depth == {"image": 4, "text": 4, "fusion_text": 3, "fusion_image": 3}
    cross = model.cross_modal_image_layers[2].crossattention.self
    seen = []
    handles = [
        part.register_forward_hook(lambda module, args, output: seen.append(output))
        for part in (cross.query, cross.key, cross.value)
    ]
    model(input_ids=x["ids"], pixel_values=x["image"], attention_mask=x["mask"])
    for handle in handles:
        handle.remove()
    q, k, v = seen  # queries of patches, keys and values of words
    context = context_by_hand(q, k, v, heads=4, allowed=x["mask"].bool()[:, None, None])[:, 1:].mean(dim=1)
    product = (q[:, 1:].mean(dim=1) * mean_of_words(k, x["mask"])).unflatten(-1, (4, -1))
    place = ("fusion_image", 2)
    torch.testing.assert_close(recorded[*place, "cross_context"], context, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(recorded[*place, "cross_query_key"], product, rtol=1e-4, atol=1e-5)


def test_clips_of_both_libraries_and_meter_give_all_definitions():
    x = inputs()
    for name in ("open_clip", "open_clip, tokens first", "open_clip, own attention", "METER", "CLIP"):
        recorded = record_all(family_model(name), x["image"], x["ids"])
        for tower in ("image", "text"):
            shapes = [recorded[tower, 0, kind].shape for kind in ("context", "query_key")]
            assert shapes[0] == shapes[1]
            assert recorded[tower, 0, "neurons"].ndim == 2
            assert len(recorded[tower, 0, "neurons"]) == len(x["ids"])


@pytest.mark.parametrize(
    "make",
    [
        lambda: (LlamaModel(LlamaConfig(**TEXT)), None, inputs()["ids"]),
        lambda: (Beit(**TIMM_SIZES, use_rel_pos_bias=True, init_values=None), inputs()["image"], None),
    ],
    ids=["rotary", "with biases of its own"],
)
def test_products_that_are_no_logits_are_refused(make):
    model, images, ids = make()
    with pytest.raises(ValueError, match=r"queries and keys of .*Attention are not"):
        record_neurons(model.eval(), images, ids, kind="query_key")
    assert len(record_neurons(model, images, ids, kind="context")) == 3
