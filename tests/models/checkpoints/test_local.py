"""Checkpoints on this machine: folders and files of every kind."""

from __future__ import annotations

import json
import re
import time

import pytest
import torch
from numpy.testing import assert_array_less, assert_equal
from safetensors.torch import load_file, save_file

from brainalign.catalogue.files import USE_LOG
from brainalign.datasets import ChecksumError, MissingDataError
from brainalign.models.checkpoints import TensorPart
from brainalign.models.opening import open_checkpoint

POSITIONS = "embeddings.position_embeddings.weight"


def test_minilm():
    checkpoint = open_checkpoint("minilm")
    assert_equal(checkpoint.config["num_attention_heads"], 12)
    assert_equal((len(checkpoint.names()), checkpoint.size), (104, 90_868_376))
    part = TensorPart(POSITIONS, (0, 50))
    assert_equal(tuple(checkpoint.read([part])[part].shape), (50, 384))
    assert_equal(checkpoint.bytes_read, 50 * 384 * 4)


@pytest.mark.parametrize(
    ("folder", "family"),
    [
        ("tiny/bert", "bert"),
        ("tiny/sharded", "qwen2"),
        ("tiny/pickled", "bert"),
        ("tiny/legacy", "bert"),
        ("laion/CLIP-ViT-B-32-laion2B-s34B-b79K", None),
    ],
)
def test_folders(repositories, folder, family):
    path = repositories / folder
    checkpoint = open_checkpoint(f"file:{path}")
    assert_equal(checkpoint.config.get("model_type"), family)
    assert_equal("model_cfg" in checkpoint.config, family is None)
    state = {name: tensor for file in path.glob("*.safetensors") for name, tensor in load_file(file).items()}
    state = state or torch.load(path / "pytorch_model.bin", weights_only=True)
    assert_equal(set(checkpoint.names()), set(state))
    for part, tensor in checkpoint.read(map(TensorPart, state)).items():
        torch.testing.assert_close(tensor, state[part.name], rtol=0, atol=0)


def test_a_file_alone(repositories):
    file = repositories / "tiny" / "bert" / "model.safetensors"
    checkpoint = open_checkpoint(f"file:{file}")
    assert_equal(checkpoint.config["model_type"], "bert")  # of the config.json beside it
    assert POSITIONS in checkpoint.names()


def test_the_configuration_within_the_weights(tmp_path):
    config = {"model_type": "own", "num_attention_heads": 3}
    save_file({"a": torch.zeros(2)}, tmp_path / "own.safetensors", metadata={"config": json.dumps(config)})
    assert_equal(open_checkpoint(f"file:{tmp_path / 'own.safetensors'}").config, config)


def test_what_is_read_is_noted(repositories, tmp_path, monkeypatch):
    monkeypatch.setenv(USE_LOG, str(tmp_path / "log"))
    folder = repositories / "tiny" / "bert"
    open_checkpoint(f"file:{folder}")
    open_checkpoint(f"file:{folder / 'model.safetensors'}")
    assert_equal((tmp_path / "log").read_text(encoding="utf-8").splitlines(), [f"file:{folder}"] * 2)


def test_reading_a_large_file_costs_what_the_parts_cost(tmp_path):
    """Query and key rows of a file with the size of ViT-B; its content is a hole, so that it takes no space."""
    names = {f"blocks.{layer}.attn.qkv.weight": [2304, 768] for layer in range(12)}
    names |= {f"blocks.{layer}.mlp.weight": [6144, 768] for layer in range(12)} | {"pos_embed": [1, 197, 768]}
    header, end = {}, 0
    for name, shape in names.items():
        begin, end = end, end + 4 * torch.Size(shape).numel()
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    with (tmp_path / "model.safetensors").open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + end)
    parts = [TensorPart(name, (0, 1536)) for name in names if "qkv" in name] + [TensorPart("pos_embed")]
    begun = time.perf_counter()
    checkpoint = open_checkpoint(f"file:{tmp_path}")
    read = checkpoint.read(parts)
    assert_array_less(time.perf_counter() - begun, 0.5)
    assert_equal(checkpoint.bytes_read, sum(tensor.nbytes for tensor in read.values()))
    assert_array_less(checkpoint.bytes_read, 0.2 * checkpoint.size)
    # Views of the mapped file: the rows of one tensor begin where the file has them, nothing was copied.
    first, second = (read[part].data_ptr() for part in parts[:2])
    assert_equal(second - first, 4 * 2304 * 768)


@pytest.mark.parametrize("spoil", [lambda content: content[:-5], lambda content: content[:20], lambda content: b""])
@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_a_truncated_file_is_refused(repositories, tmp_path, name, spoil):
    source = repositories / "tiny" / ("bert" if name == "model.safetensors" else "pickled") / name
    (tmp_path / name).write_bytes(spoil(source.read_bytes()))
    with pytest.raises(ChecksumError, match=re.escape(name)):
        open_checkpoint(f"file:{tmp_path}")


def test_a_spoilt_configuration_is_refused(repositories, tmp_path):
    (tmp_path / "model.safetensors").write_bytes((repositories / "tiny" / "bert" / "model.safetensors").read_bytes())
    (tmp_path / "config.json").write_text('{"model_type": ', encoding="utf-8")
    with pytest.raises(ChecksumError, match=r"config\.json is no JSON"):
        open_checkpoint(f"file:{tmp_path}")


def test_a_folder_without_weights(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(MissingDataError, match=r"has no file model\.safetensors"):
        open_checkpoint(f"file:{tmp_path}")
    with pytest.raises(MissingDataError, match="there is no folder"):
        open_checkpoint(f"file:{tmp_path}/none")


def test_an_unknown_tensor_meets_the_nearest(repositories):
    checkpoint = open_checkpoint(f"file:{repositories / 'tiny' / 'bert'}")
    message = rf"has no tensor 'embeddings\.position_embedding'\. Among its \d+ tensors are: {re.escape(POSITIONS)}"
    with pytest.raises(ValueError, match=message):
        checkpoint.read([TensorPart("embeddings.position_embedding")])
    with pytest.raises(ValueError, match="has no tensor 'x'"):
        checkpoint.shape("x")


@pytest.mark.parametrize("rows", [(0, 513), (5, 5), (-1, 3), (600, 700)])
def test_rows_that_do_not_exist(repositories, rows):
    checkpoint = open_checkpoint(f"file:{repositories / 'tiny' / 'bert'}")
    message = rf"rows {rows[0]} to {rows[1]} of '{POSITIONS}' cannot be read: it has 512 rows \(shape \(512, 192\)\)"
    with pytest.raises(ValueError, match=message):
        checkpoint.read([TensorPart(POSITIONS, rows)])


def test_a_zoo_model_that_is_not_there():
    with pytest.raises(MissingDataError, match="'zoo:no-such': the mini-zoo has no"):
        open_checkpoint("zoo:no-such")
