import dataclasses

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal, assert_array_less, assert_equal

from brainalign.models.spatial import spatial_attention
from brainalign.topology.graphs import row_softmax
from tests.models.families import (
    FAMILIES,
    attention_modules,
    library_attention,
    library_biases,
    library_positions,
)

# The libraries compute in float32.
PARITY = 1e-5


@pytest.mark.parametrize("name", FAMILIES)
@torch.no_grad()
def test_shapes_and_positions(saved, name):
    module, reference = saved(name)
    layers, heads, width, head_dim = FAMILIES[name].shape
    theirs, biases = library_positions(name, module), library_biases(module, layers)
    undefined = theirs is None and biases[0] is None
    weights = spatial_attention(reference, positions="none" if undefined else "own")
    assert_equal(weights.model, reference)
    assert_equal((weights.n_layers, weights.n_heads, weights.head_dim), (layers, heads, head_dim))
    for matrices in (weights.query, weights.key):
        assert_equal(matrices.shape, (layers, heads, width, head_dim))
        assert_equal(matrices.dtype, np.float32)
    if theirs is None:
        assert weights.positions is None
    else:
        assert_array_equal(weights.positions, theirs.numpy())
    if biases[0] is None:
        assert weights.bias is None
    else:
        assert_allclose(weights.bias, torch.stack(biases).numpy(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", FAMILIES)
@torch.no_grad()
def test_attention_is_that_of_the_library(saved, name):
    module, reference = saved(name)
    layers, _, width, _ = FAMILIES[name].shape
    table, biases = library_positions(name, module), library_biases(module, layers)
    weights = spatial_attention(reference, positions="none" if biases[0] is None else "own")
    if table is None:  # then any input does
        n = 7 if weights.bias is None else weights.n_positions
        table = torch.randn(n, width, generator=torch.Generator().manual_seed(1)) / 2
    placed = dataclasses.replace(weights, positions=table.numpy())
    ours = np.stack([row_softmax(placed.logits(layer)) for layer in range(layers)])
    theirs = np.stack(
        [
            library_attention(found, table, bias)[1].numpy()
            for found, bias in zip(attention_modules(name, module), biases, strict=True)
        ]
    )
    assert_equal(theirs.shape, ours.shape)
    assert_allclose(ours, theirs, rtol=0, atol=PARITY)
    # The comparison could fail: neighbouring layers and heads differ by far more than the tolerance.
    for axis in (0, 1):
        assert_array_less(100 * PARITY, np.abs(theirs - np.roll(theirs, 1, axis=axis)).max(axis=(2, 3)))
