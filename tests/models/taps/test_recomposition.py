"""What is recorded, put together again by the block's own weights, is what the block computed."""

import copy
from functools import cache

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from brainalign.models.taps import tap
from tests.models.taps.families import FAMILIES, family_model, inputs

# Single precision; sums of fused attention are taken in another order.
CLOSE = {"rtol": 1e-5, "atol": 1e-5}

TOWERS = [(family, tower) for family, entry in FAMILIES.items() for tower in entry.towers]


def tensors(output):
    """All tensors that a model returned, in order."""
    if isinstance(output, torch.Tensor):
        return [output]
    values = output.values() if hasattr(output, "values") else getattr(output, "__dict__", {}).values()
    values = output if isinstance(output, tuple | list) else values
    return [tensor for value in values if value is not None for tensor in tensors(value)]


def recorded(family, what):
    model = family_model(family)
    with torch.no_grad(), tap(model, what, pool=None) as record:
        FAMILIES[family].call(model, inputs())
    return record


def blocks_of(family, tower):
    path, parts = FAMILIES[family].towers[tower]
    return list(family_model(family).get_submodule(path)), parts


@cache
def untapped(family, tower):
    """By layer the block's inputs and its output, (batch, n_tokens, width), by plain hooks."""
    found = []

    def keep(module, args, kwargs, output):
        streams = [x for x in (*args, *kwargs.values()) if isinstance(x, torch.Tensor) and x.is_floating_point()]
        streams = [x for x in streams if x.ndim == 3]
        found.append([batch_first(x, module) for x in (*streams, output[0] if isinstance(output, tuple) else output)])

    blocks, _ = blocks_of(family, tower)
    handles = [block.register_forward_hook(keep, with_kwargs=True) for block in blocks]
    with torch.no_grad():
        FAMILIES[family].call(family_model(family), inputs())
    for handle in handles:
        handle.remove()
    assert len(found) == len(blocks)
    return found


def batch_first(stream, block):
    is_turned = isinstance(getattr(block, "attn", None), nn.MultiheadAttention) and not block.attn.batch_first
    return stream.transpose(0, 1) if is_turned else stream


def recompose(block, parts, x, recorded):
    """The block's output from its input and all that was recorded inside it, by kind."""
    steps = [(parts.projection, recorded["context"].flatten(-2))]
    if "cross_context" in recorded:
        steps.append((f"cross{parts.projection}", recorded["cross_context"].flatten(-2)))
    steps.append((parts.output, recorded["neurons"]))
    for i, (path, inner) in enumerate(steps):
        x = x + block.get_submodule(path)(inner)
        if parts.norms_after:
            x = block.get_submodule(parts.norms_after[i])(x)
    return x


@pytest.mark.parametrize(("family", "tower"), TOWERS)
def test_contexts_and_neurons_make_the_output_of_the_block(family, tower):
    blocks, parts = blocks_of(family, tower)
    record = recorded(family, ["residual", "context", "neurons"])
    assert {layer for name, layer, _ in record if name == tower} == set(range(len(blocks)))
    for layer, (stream, *_, output) in enumerate(untapped(family, tower)):
        kinds = {what: record[key] for key in record for what in key[2:] if key[:2] == (tower, layer)}
        assert_close(kinds["residual"], output, **CLOSE)
        assert_close(recompose(blocks[layer], parts, stream, kinds), output, **CLOSE)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("what", [("residual", "neurons", "context"), ("attention",)])
def test_output_of_the_model_is_unchanged(family, what):
    """In double precision: where maps are seen, some libraries take the softmax in single precision."""
    model, call = copy.deepcopy(family_model(family)).double(), FAMILIES[family].call
    x = inputs() | {"image": inputs()["image"].double()}
    with torch.no_grad():
        before = tensors(call(model, x))
        with tap(model, what):
            tapped = tensors(call(model, x))
        after = tensors(call(model, x))
    assert len(before) == len(tapped) >= 1
    for one, two, three in zip(before, tapped, after, strict=True):
        assert_close(two, one, rtol=1e-6, atol=1e-6)
        assert_close(three, one, rtol=0, atol=0)


def values_of(block, parts, x):
    """Values of all heads, (batch, heads, n_tokens, head_dim), by the block's own weights."""
    x = block.get_submodule(parts.first_norm)(x) if parts.first_norm else x
    module = block.get_submodule(parts.value)
    if hasattr(module, "in_proj_weight"):
        return nn.functional.linear(x, module.in_proj_weight, module.in_proj_bias).chunk(3, dim=-1)[2]
    out = module(x)
    # timm's BEiT and EVA add the biases of queries and values beside the weight.
    attention = block.get_submodule(parts.value.rpartition(".")[0])
    packed = parts.value.endswith(("qkv", "c_attn"))
    out = out.chunk(3, dim=-1)[2] if packed else out
    bias = getattr(attention, "v_bias", None)
    return out if bias is None else out + bias


@pytest.mark.parametrize(("family", "tower"), TOWERS)
def test_maps_times_values_are_the_contexts(family, tower):
    record = recorded(family, ["context", "attention"])
    blocks, parts = blocks_of(family, tower)
    for layer, (stream, *_) in enumerate(untapped(family, tower)):
        attention, context = record[tower, layer, "attention"], record[tower, layer, "context"]
        batch, heads, n_queries, n_keys = attention.shape
        assert n_queries == n_keys
        assert_close(attention.sum(dim=-1), torch.ones(batch, heads, n_queries))
        values = values_of(blocks[layer], parts, stream)
        values = values.unflatten(-1, (-1, context.shape[-1])).transpose(1, 2)
        values = values.repeat_interleave(heads // values.shape[1], dim=1)  # LLaMA: heads share their values
        assert_close((attention @ values).transpose(1, 2), context, **CLOSE)


@pytest.mark.parametrize("family", ["METER", "BridgeTower"])
@pytest.mark.parametrize("tower", ["fusion_text", "fusion_image"])
def test_maps_of_the_fusion_cross_to_the_other_stream(family, tower):
    record = recorded(family, ["context", "attention"])
    blocks, parts = blocks_of(family, tower)
    for layer, (stream, other, _) in enumerate(untapped(family, tower)):
        attention, context = record[tower, layer, "cross_attention"], record[tower, layer, "cross_context"]
        assert attention.shape[-2:] == (stream.shape[1], other.shape[1])
        values = blocks[layer].get_submodule(f"cross{parts.value}")(other)
        values = values.unflatten(-1, (-1, context.shape[-1])).transpose(1, 2)
        assert_close((attention @ values).transpose(1, 2), context, **CLOSE)
