"""ONNX files of DINOv2: weights found by the nodes that use them, and what is refused."""

from __future__ import annotations

import pytest
import torch

from brainalign.catalogue.files import ChecksumError, MissingDataError
from brainalign.models.checkpoints.local import packaged_files
from brainalign.models.loading import load_model
from brainalign.models.opening import open_checkpoint
from brainalign.models.spatial import spatial_attention


def message(number, content):
    """A field of protocol buffers."""
    n, length = len(content), b""
    while n > 127:
        length, n = length + bytes([n & 127 | 128]), n >> 7
    return bytes([number << 3 | 2]) + length + bytes([n]) + content


def graph(*names):
    tensors = [bytes([8, 1, 16, 1]) + message(8, name.encode()) + message(9, b"\0" * 4) for name in names]
    return message(7, b"".join(message(5, tensor) for tensor in tensors) + message(2, b"graph"))


@pytest.mark.parametrize(
    ("content", "kind", "word"),
    [
        (graph(), ValueError, "without initialisers"),
        (graph("conv1.weight"), ValueError, "conv1.weight"),
        (graph("conv1.weight")[:-3], ChecksumError, "truncated"),
        (b"\x3a\xff\xff\xff", ChecksumError, "truncated"),
    ],
)
def test_other_files_are_refused_in_words(tmp_path, content, kind, word):
    (tmp_path / "a.onnx").write_bytes(content)
    with pytest.raises(kind, match=word):
        open_checkpoint(f"file:{tmp_path}/a.onnx")


def first_query(module):
    """W_Q of the first layer."""
    return next(
        tensor for name, tensor in module.state_dict().items() if name.endswith("layer.0.attention.q_proj.weight")
    ).numpy()


@pytest.fixture(scope="module")
def path():
    try:
        return packaged_files("dinov2-s-saliency")[0]
    except MissingDataError:
        pytest.skip("the package with the weights of dinov2-s-saliency is not installed")


def test_the_vision_model_is_the_same_by_its_id_and_by_its_file(path):
    one, other = (spatial_attention(reference, grid=7) for reference in ("dinov2-s-saliency", f"file:{path}"))
    assert one.query.shape == (12, 6, 384, 64)
    assert (one.positions.shape, one.n_prefix, one.position_kind) == ((50, 384), 1, "own")
    assert (one.key == other.key).all()


def test_every_weight_of_the_vision_model_is_where_it_belongs(path):
    loaded = load_model("dinov2-s-saliency")  # refuses what transformers would have drawn at random
    states = loaded.module(torch.zeros(1, 3, 224, 224), output_hidden_states=True).hidden_states
    assert states[-1].shape == (1, 257, 384)
    query = first_query(loaded.module)
    assert (spatial_attention("dinov2-s-saliency", grid=7).query[0, 1] == query[64:128].T).all()
