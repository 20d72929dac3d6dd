"""Untrained twins, read as if they were checkpoints."""

from __future__ import annotations

import pytest
import torch
from numpy.testing import assert_equal

from brainalign.models.checkpoints import TensorPart
from brainalign.models.opening import open_checkpoint
from brainalign.models.spatial import spatial_attention


@pytest.mark.parametrize("folder", ["tiny/vit", "tiny/gpt2", "tiny/clip", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"])
def test_a_twin_has_the_names_and_shapes_of_the_file(repositories, folder):
    reference = f"file:{repositories / folder}"
    trained, twin = open_checkpoint(reference), open_checkpoint(f"{reference}@random")
    # Buffers and the pooling layers of some classes are in one of them only.
    weights = [name for name in trained.names() if "position" in name or "attention" in name or "attn" in name]
    shared = set(weights) & set(twin.names())
    assert len(shared) > 0.8 * len(weights) > 0
    assert_equal({name: trained.shape(name) for name in shared}, {name: twin.shape(name) for name in shared})
    matrices = [TensorPart(name, (0, 2)) for name in shared if len(trained.shape(name)) == 2]
    ours, theirs = twin.read(matrices), trained.read(matrices)
    assert all(not torch.equal(ours[part], theirs[part]) for part in matrices)


@pytest.mark.parametrize("reference", ["minilm", "timm:vit_tiny_patch16_224.augreg_in21k"])
def test_spatial_attention_of_a_twin(reference):
    twin = spatial_attention(f"{reference}@random")
    assert_equal((twin.model, twin.n_layers > 1), (f"{reference}@random", True))
    again = spatial_attention(f"{reference}@random")
    torch.testing.assert_close(torch.from_numpy(twin.query), torch.from_numpy(again.query), rtol=0, atol=0)
