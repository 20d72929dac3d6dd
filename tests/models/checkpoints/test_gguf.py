"""GGUF files: numbers by the definition of each storage, names and row order of transformers, and what is refused."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from brainalign.catalogue.files import ChecksumError, MissingDataError
from brainalign.models.checkpoints import TensorPart
from brainalign.models.checkpoints.blocks import STORAGES
from brainalign.models.checkpoints.gguf import GgufFile
from brainalign.models.loading import load_model
from brainalign.models.opening import open_checkpoint
from brainalign.models.spatial import spatial_attention

FIELDS = {
    "general.architecture": "llama",
    "llama.embedding_length": 64,
    "llama.feed_forward_length": 96,
    "llama.block_count": 1,
    "llama.attention.head_count": 2,
    "llama.attention.head_count_kv": 1,
    "llama.attention.layer_norm_rms_epsilon": 1e-5,
    "llama.context_length": 128,
    "llama.vocab_size": 50,
}


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def written(path, tensors, fields=FIELDS):
    """A GGUF file of tensors, each (shape, number of the storage, bytes)."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(fields))
    for name, value in fields.items():
        kind, packed = {
            str: (8, lambda v: text(v)),
            int: (4, lambda v: struct.pack("<I", v)),
            float: (6, lambda v: struct.pack("<f", v)),
        }[type(value)]
        head += text(name) + struct.pack("<I", kind) + packed(value)
    body = b""
    for name, (shape, storage, raw) in tensors.items():
        body += b"\0" * (-len(body) % 32)
        head += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape[::-1], storage, len(body))
        body += raw
    path.write_bytes(head + b"\0" * (-len(head) % 32) + body)
    return path


def floats(values):
    return values.shape, 0, values.astype("<f4").tobytes()


def test_blocks_are_decoded_number_by_number():
    generator = np.random.default_rng(3)
    scale, least = np.float16(0.25), np.float16(-1.5)
    packed = generator.integers(0, 256, 16).astype(np.uint8)
    nibbles = [int(byte) & 15 for byte in packed] + [int(byte) >> 4 for byte in packed]
    eight = generator.integers(-128, 128, 32).astype(np.int8)
    cases = {
        2: (scale.tobytes() + packed.tobytes(), [0.25 * (n - 8) for n in nibbles]),
        3: (scale.tobytes() + least.tobytes() + packed.tobytes(), [0.25 * n - 1.5 for n in nibbles]),
        8: (scale.tobytes() + eight.tobytes(), [0.25 * int(n) for n in eight]),
        1: (np.array([1.5, -2], "<f2").tobytes(), [1.5, -2]),
        30: (struct.pack("<HH", 0x3FC0, 0xC000), [1.5, -2]),
        0: (struct.pack("<ff", 1.5, -2), [1.5, -2]),
    }
    assert sorted(cases) == sorted(STORAGES)
    for number, (raw, expected) in cases.items():
        decoded = STORAGES[number].to_tensor(memoryview(raw), (len(expected),))
        assert decoded.dtype == torch.float32
        assert_array_equal(decoded.numpy(), expected)


def test_queries_come_in_the_row_order_of_transformers(tmp_path):
    ours = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    # llama.cpp puts component a of a head before component a + 16, which turns together with it.
    order = [32 * head + 16 * half + a for head in range(2) for a in range(16) for half in range(2)]
    path = written(tmp_path / "a.gguf", {"blk.0.attn_q.weight": floats(ours[order])})
    part = TensorPart("model.layers.0.self_attn.q_proj.weight")
    rows = TensorPart(part.name, (5, 9))
    read = open_checkpoint(f"file:{path}").read([part, rows])
    assert_array_equal(read[part].numpy(), ours)
    assert_array_equal(read[rows].numpy(), ours[5:9])


def test_rows_alone_are_read(tmp_path):
    table = np.arange(50 * 64, dtype=np.float32).reshape(50, 64)
    file = GgufFile(written(tmp_path / "a.gguf", {"token_embd.weight": floats(table)}))
    part = TensorPart("model.embed_tokens.weight", (3, 5))
    assert_array_equal(file.read([part])[part].numpy(), table[3:5])
    assert file.bytes_read == 2 * 64 * 4
    assert json.loads(file.metadata["config"])["tie_word_embeddings"] is True


@pytest.mark.parametrize(
    ("change", "tensor", "word"),
    [
        ({"general.architecture": "falcon"}, "token_embd.weight", "falcon"),
        ({"llama.rope.scaling.type": "yarn"}, "token_embd.weight", "yarn"),
        ({}, "rope_freqs.weight", "rope_freqs"),
    ],
)
def test_other_architectures_are_named(tmp_path, change, tensor, word):
    path = written(tmp_path / "a.gguf", {tensor: floats(np.zeros((2, 64)))}, FIELDS | change)
    with pytest.raises(ValueError, match=word):
        open_checkpoint(f"file:{path}")


def test_other_quantisations_and_missing_fields_are_named(tmp_path):
    path = written(tmp_path / "a.gguf", {"token_embd.weight": ((2, 256), 14, b"\0" * 420)})
    with pytest.raises(ValueError, match=r"14.*Q4_1"):
        GgufFile(path)
    without = {name: value for name, value in FIELDS.items() if "block_count" not in name}
    with pytest.raises(ValueError, match="block_count"):
        GgufFile(written(tmp_path / "b.gguf", {}, without))


@pytest.mark.parametrize("kept", [5, 100, 0.99])
def test_truncated_files_are_refused(tmp_path, kept):
    whole = written(tmp_path / "a.gguf", {"token_embd.weight": floats(np.zeros((50, 64)))}).read_bytes()
    path = tmp_path / "cut.gguf"
    path.write_bytes(whole[: kept if kept > 1 else int(kept * len(whole))])
    with pytest.raises(ChecksumError, match="truncated"):
        open_checkpoint(f"file:{path}")


@pytest.fixture(scope="module")
def smollm2():
    try:
        return load_model("smollm2")
    except MissingDataError:
        pytest.skip("the package with the weights of smollm2 is not installed")


def test_smollm2_knows_the_capital_of_france(smollm2):
    ids = smollm2.tokenize(["The capital of France is"])
    assert ids["input_ids"].tolist() == [[504, 3575, 282, 4649, 314]]
    with torch.no_grad():
        last = smollm2.module(**ids).last_hidden_state[0, -1]
        best = int((smollm2.module.embed_tokens.weight @ last).argmax())
    assert best == int(smollm2.tokenize([" Paris"])["input_ids"][0, 0])


def test_smollm2_borrows_positions_that_are_at_hand(smollm2):
    weights = spatial_attention(smollm2.reference)
    assert (weights.position_kind, weights.query.shape) == ("stand-in", (30, 9, 576, 64))
    assert weights.positions.shape == (30, 50, 576)
