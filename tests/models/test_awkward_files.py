"""Files, folders and names that are not what they are taken for: each is refused in words, or read as it is meant."""

from __future__ import annotations

import io
import json
import pickle
import re
import tarfile
import zipfile

import pytest
import torch
import transformers as hf
from numpy.testing import assert_array_equal, assert_equal
from safetensors.torch import load_file

from brainalign.catalogue.files import ChecksumError, MissingDataError
from brainalign.catalogue.references import parse_reference
from brainalign.models import spatial_attention
from tests.models.awkward import (
    BERT_QUERY,
    LFS,
    assert_says,
)

# Files that are no weights.

JIT = {"archive/data.pkl": b"", "archive/code/model.py": b"", "archive/constants.pkl": b""}


def zipped(**entries: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("weights"), io.BytesIO())
    return buffer.getvalue()


KINDS = {
    "a pointer of Git LFS": (LFS, ("Git LFS", "git lfs pull")),
    "a web page": (b"<!DOCTYPE html>\n<html><body>404</body></html>", ("web page", "Download")),
    "an answer in XML": (b"  <?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", ("web page", "Download")),
    "a configuration": (b'{"model_type": "bert"}', ("JSON text", "the file with the weights")),
    "a page of text": (b"Entry not found", ("text ('Entry not found')", "Download")),
    "Keras": (b"\x89HDF\r\n\x1a\n" + bytes(100), ("HDF5", "Save the weights")),
    "an array of NumPy": (b"\x93NUMPY\x01\x00" + bytes(100), ("NumPy", "Save the weights")),
    "a gzip archive": (b"\x1f\x8b\x08" + bytes(100), ("gzip", "Unpack")),
    "a 7z archive": (b"7z\xbc\xaf\x27\x1c" + bytes(100), ("7z", "Unpack")),
    "a Zstandard archive": (b"\x28\xb5\x2f\xfd" + bytes(100), ("Zstandard", "Unpack")),
    "a tar archive": (tarred(), ("tar", "Unpack")),
    "a PDF": (b"%PDF-1.7\n" + bytes(100), ("PDF", "Download")),
    "arrays of NumPy in a zip": (zipped(**{"weight.npy": b"x"}), ("zip", "weight.npy", "state_dict")),
    "Keras in a zip": (zipped(**{"model.weights.h5": b"x", "config.json": b"{}"}), ("zip", "model.weights.h5")),
    "TorchScript": (zipped(**JIT), ("TorchScript", "state_dict")),
}


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin", "weights.pt"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_another_kind_is_named(tmp_path, kind, name):
    content, says = KINDS[kind]
    (tmp_path / name).write_bytes(content)
    with pytest.raises((ValueError, ChecksumError), match=re.escape(name)) as caught:
        spatial_attention(f"file:{tmp_path / name}")
    assert_says(caught.value, says)
    assert "weights_only" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"\x80\x02garbage", pickle.dumps({"a": 1}), b"\x08\x07\x12\x07pytorch" + bytes(99)]
)
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_what_torch_cannot_load_is_refused_without_its_advice(tmp_path, content):
    (tmp_path / "weights.bin").write_bytes(content)
    with pytest.raises(ValueError, match=r"weights\.bin.*state_dict") as caught:
        spatial_attention(f"file:{tmp_path / 'weights.bin'}")
    assert not re.search("weights_only|arbitrary code|trust", str(caught.value))


def test_the_content_of_a_file_counts_not_its_name(sound, tmp_path):
    source = sound("bert")
    expected = spatial_attention(f"file:{source}")
    state = load_file(source / "model.safetensors")
    (tmp_path / "config.json").write_bytes((source / "config.json").read_bytes())
    (tmp_path / "weights.bin").write_bytes((source / "model.safetensors").read_bytes())
    torch.save(state, tmp_path / "weights.safetensors")
    for name in ("weights.bin", "weights.safetensors"):
        assert_array_equal(spatial_attention(f"file:{tmp_path / name}").query, expected.query)


@pytest.mark.parametrize(
    ("content", "says"),
    [(LFS, "Git LFS"), (b"<html>", "web page"), (b"[1, 2]", "list"), (b'{"model_type": ', "no JSON"), (b"", "no JSON")],
)
def test_a_configuration_of_another_kind_is_named(sound, tmp_path, content, says):
    (tmp_path / "model.safetensors").write_bytes((sound("bert") / "model.safetensors").read_bytes())
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(ChecksumError, match=says):
        spatial_attention(f"file:{tmp_path}")


# Shards.


@pytest.fixture
def shards(sound, tmp_path):
    """A BERT in four shards, as the library writes them."""
    module = hf.BertModel.from_pretrained(sound("bert"))
    module.save_pretrained(tmp_path, max_shard_size="6KB")
    assert len(list(tmp_path.glob("*-of-*.safetensors"))) > 3
    expected, read = spatial_attention(f"file:{sound('bert')}"), spatial_attention(f"file:{tmp_path}")
    assert_array_equal(read.query, expected.query)
    return tmp_path


def edit_index(folder, **fields):
    file = folder / "model.safetensors.index.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | fields), encoding="utf-8")


def weight_map(folder):
    return json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"]


def test_one_shard_alone_is_refused(shards):
    name = min(file.name for file in shards.glob("*-of-*.safetensors"))
    with pytest.raises(ValueError, match=r"is one of \d+ shards: .*Give the folder"):
        spatial_attention(f"file:{shards / name}")


def test_a_missing_shard_is_named(shards):
    lost = weight_map(shards)[f"{BERT_QUERY}.weight"]
    (shards / lost).unlink()
    with pytest.raises(MissingDataError, match=rf"names the shard '{lost}', which is not there; .*Fetch"):
        spatial_attention(f"file:{shards}")


def test_shards_without_their_index_are_no_model(shards):
    (shards / "model.safetensors.index.json").unlink()
    with pytest.raises(MissingDataError, match=r"no file model\.safetensors"):
        spatial_attention(f"file:{shards}")


def test_an_index_of_another_version_is_refused(shards):
    names = weight_map(shards)
    other = next(file for file in names.values() if file != names[f"{BERT_QUERY}.weight"])
    edit_index(shards, weight_map=names | {f"{BERT_QUERY}.weight": other})
    with pytest.raises(ChecksumError, match=rf"says that {other} holds '{BERT_QUERY}.weight', .*different versions"):
        spatial_attention(f"file:{shards}")


def test_an_index_that_leaves_layers_out_is_refused(shards):
    edit_index(shards, weight_map={name: file for name, file in weight_map(shards).items() if "layer.3." not in name})
    with pytest.raises(ValueError, match=r"holds 3 layers .* tells of 4: .*incomplete"):
        spatial_attention(f"file:{shards}")


@pytest.mark.parametrize("value", [None, [], {}, {"a": 1}, "model.safetensors"])
def test_an_index_without_a_map_is_refused(shards, value):
    edit_index(shards, weight_map=value)
    with pytest.raises(ChecksumError, match=r"needs a 'weight_map' .*Fetch"):
        spatial_attention(f"file:{shards}")


@pytest.mark.parametrize("metadata", [None, {}, {"total_size": None}, {"total_size": 12.0}, {"total_size": "12"}])
def test_what_else_an_index_says_does_not_matter(shards, metadata):
    edit_index(shards, metadata=metadata)
    assert_equal(spatial_attention(f"file:{shards}").n_layers, 4)


# Adapters in files of their own.


@pytest.mark.parametrize(
    "adapter", ["adapter_config.json", "adapter_model.safetensors", "pytorch_lora_weights.safetensors"]
)
def test_a_folder_with_an_adapter_is_refused(sound, tmp_path, adapter):
    (tmp_path / adapter).write_text("{}")
    with pytest.raises(ValueError, match=f"no weights of the model itself .{adapter}.*merge_and_unload"):
        spatial_attention(f"file:{tmp_path}")
    for file in sound("bert").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(ValueError, match=f"an adapter beside the weights.*{adapter}.*merge_and_unload"):
        spatial_attention(f"file:{tmp_path}")


# Checkpoints of training.


@pytest.mark.parametrize("zipped", [True, False])
def test_copies_in_a_checkpoint_of_training_are_told_apart(sound, tmp_path, zipped):
    state = load_file(sound("timm") / "model.safetensors")
    (tmp_path / "config.json").write_bytes((sound("timm") / "config.json").read_bytes())
    ema = {f"module.{name}": 3 * tensor for name, tensor in state.items()}
    content = {"model": state, "model_ema": ema, "epoch": 3, "optimizer": {"state": {0: torch.ones(2)}}}
    torch.save(content, tmp_path / "weights.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(ValueError, match="has the towers model, model-ema-module"):
        spatial_attention(f"file:{tmp_path / 'weights.pth'}")
    own, averaged = (
        spatial_attention(f"file:{tmp_path / 'weights.pth'}#{tower}") for tower in ("model", "model-ema-module")
    )
    assert_array_equal(averaged.query, 3 * own.query)
    assert_array_equal(averaged.positions, 3 * own.positions)
    assert_array_equal(own.query, spatial_attention(f"file:{sound('timm')}").query)


# Names.


@pytest.mark.parametrize(
    "text",
    [
        "/models/bert", "./bert", "../bert", "~/bert", "bert/model.safetensors", "weights.pt", "C:\\models\\bert",
        "model.gguf", "hf:/models/bert", "timm:./vit", "hf:~/bert",
    ],
)  # fmt: skip
def test_a_path_is_answered_with_how_a_path_is_written(text):
    with pytest.raises(ValueError, match="is a path on this machine") as caught:
        parse_reference(text)
    assert "Did you mean" not in str(caught.value)


def test_a_folder_that_exists_is_a_path(sound, monkeypatch):
    folder = sound("bert")
    monkeypatch.setattr("brainalign.catalogue.references.project_root", lambda: folder.parent.parent)
    with pytest.raises(ValueError, match=rf"a path is written 'file:{folder.parent.name}/{folder.name}'"):
        parse_reference(f"{folder.parent.name}/{folder.name}")
