"""Adapters: they change nothing at first, they alone learn, and they can be merged."""

import copy
import re

import pytest
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import nn
from torch.testing import assert_close

from brainalign.similarity.optimization.low_rank import LowRankLinear, add_low_rank, merge_low_rank
from tests.similarity.properties import normal

PIXELS = normal(3, 3, 8, 8, dtype=torch.float32)


@pytest.fixture
def model():
    model = VisionTransformer(img_size=8, patch_size=4, embed_dim=12, depth=2, num_heads=3, num_classes=5).eval()
    with torch.no_grad():
        for number, parameter in enumerate(model.parameters()):
            parameter.copy_(normal(*parameter.shape, seed=number) / 3)
    return model


def generator():
    return torch.Generator().manual_seed(0)


def test_adapters_change_nothing_before_they_learn(model):
    before = model(PIXELS)
    assert_close(add_low_rank(model, 2, generator=generator())(PIXELS), before)


def test_every_linear_layer_has_one_and_nothing_else_learns(model):
    layers = [name for name, part in model.named_modules() if isinstance(part, nn.Linear)]
    add_low_rank(model, 2, generator=generator())
    adapted = [name for name, part in model.named_modules() if isinstance(part, LowRankLinear)]
    assert adapted == layers
    learning = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert learning == {f"{name}.{part}" for name in layers for part in ("down", "up")}


def test_merged_model_computes_what_the_adapted_one_did_with_its_own_classes(model):
    kinds = [(name, type(part)) for name, part in model.named_modules()]
    untouched = copy.deepcopy(model)(PIXELS)
    add_low_rank(model, 2, generator=generator())
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        model(PIXELS).square().sum().backward()
        optimizer.step()
    adapted = model(PIXELS).detach()
    assert (adapted - untouched).abs().max() > 0.01
    merge_low_rank(model)
    assert_close(model(PIXELS), adapted)
    assert [(name, type(part)) for name, part in model.named_modules()] == kinds
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_update_has_the_rank(model):
    layer = nn.Linear(9, 7).double()
    before = layer.weight.detach().clone()
    adapter = LowRankLinear(layer, 2, generator=generator())
    with torch.no_grad():
        adapter.up.copy_(normal(7, 2))
    change = adapter.merged().weight.detach() - before
    assert int(torch.linalg.matrix_rank(change)) == 2


def test_layers_narrower_than_the_rank_stay_frozen(model):
    add_low_rank(model, 6, generator=generator())  # the head has 5 outputs
    assert isinstance(model.head, nn.Linear)
    assert not model.head.weight.requires_grad


@pytest.mark.parametrize("rank", [0, 13])
def test_a_rank_that_fits_nowhere_is_refused(model, rank):
    with pytest.raises(ValueError, match=f"rank = {rank} fits none of the 9 linear layers"):
        add_low_rank(model, rank, generator=generator())
    with pytest.raises(ValueError, match=re.escape("to 12 features; give 1 to 12.")):
        LowRankLinear(nn.Linear(12, 12), rank, generator=generator())
