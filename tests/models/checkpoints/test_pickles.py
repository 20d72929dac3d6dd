"""Checkpoints of torch.save: read by parts, and never run."""

from __future__ import annotations

import os
import pickle
from pathlib import PurePosixPath

import pytest
import torch
from numpy.testing import assert_array_less, assert_equal

from brainalign.datasets import ChecksumError
from brainalign.models.checkpoints import TensorPart
from brainalign.models.opening import open_checkpoint


class Payload:
    """What an attacker would put into a checkpoint: a call, made while it is unpickled."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


class Callback:
    """A class of the training code, which is not there any more when the weights are read."""

    def __init__(self):
        self.best = 0.5


def saved(content, folder, name="weights.ckpt", **options):
    torch.save(content, folder / name, **options)
    return f"file:{folder / name}"


@pytest.fixture
def tensors():
    generator = torch.Generator().manual_seed(0)
    base = torch.randn(30, 20, generator=generator)
    return {
        "plain": base,
        "transposed": base.T,
        "rows of another": base[4:9],
        "every second": torch.randn(40, generator=generator)[::2],
        "bfloat16": torch.randn(6, 5, generator=generator).to(torch.bfloat16),
        "integers": torch.arange(514)[None],
        "empty": torch.empty(0, 4),
        "number": torch.tensor(3.5),
        "parameter": torch.nn.Parameter(torch.randn(4, 3, generator=generator)),
        "flags": torch.tensor([True, False]),
    }


def test_every_tensor_is_that_of_torch_load(tensors, tmp_path):
    checkpoint = open_checkpoint(saved(tensors, tmp_path))
    assert_equal(set(checkpoint.names()), set(tensors))
    floats = {name: tensor for name, tensor in tensors.items() if tensor.is_floating_point()}
    assert_equal(set(tensors) - set(floats), {"integers", "flags"})
    read = checkpoint.read(TensorPart(name) for name in floats)
    for name, tensor in floats.items():
        assert_equal(checkpoint.shape(name), tuple(tensor.shape))
        torch.testing.assert_close(read[TensorPart(name)], tensor.detach(), rtol=0, atol=0)


@pytest.mark.parametrize("name", ["plain", "transposed", "rows of another", "every second", "bfloat16", "parameter"])
def test_rows(tensors, tmp_path, name):
    part = TensorPart(name, (1, 3))
    read = open_checkpoint(saved(tensors, tmp_path)).read([part])[part]
    torch.testing.assert_close(read, tensors[name].detach()[1:3], rtol=0, atol=0)


def test_only_the_rows_are_read(tmp_path):
    reference = saved({"large": torch.zeros(1000, 1000)}, tmp_path)
    checkpoint = open_checkpoint(reference)
    checkpoint.read([TensorPart("large", (500, 510))])
    assert_array_less(checkpoint.bytes_read, 41_000)


def test_a_checkpoint_of_lightning(tensors, tmp_path):
    content = {"epoch": 3, "state_dict": tensors, "callbacks": {Callback: Callback()}, "path": PurePosixPath("a/b")}
    content |= {"optimizer": [{"lr": 0.1, "seen": {1, 2}, "dtype": torch.float16}], "rng": torch.zeros(3)}
    checkpoint = open_checkpoint(saved(content, tmp_path))
    assert_equal(set(checkpoint.names()), set(tensors))


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("function", [os.system, eval, exec])
def test_a_harmful_pickle_is_refused_and_runs_nothing(tensors, tmp_path, function, zipped):
    mark = tmp_path / "ran"
    argument = f"touch {mark}" if function is os.system else f"open({str(mark)!r}, 'w').close()"
    content = {"state_dict": tensors, "harm": Payload(function, argument)}
    reference = saved(content, tmp_path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(ValueError, match=r"refused"):
        open_checkpoint(reference).names()
    assert not mark.exists()
    torch.load(tmp_path / "weights.ckpt", weights_only=False)
    assert mark.exists(), "the payload would have run"


def test_a_call_of_an_unknown_function_does_nothing(tensors, tmp_path):
    mark = tmp_path / "ran"
    reference = saved({"state_dict": tensors, "harm": Payload(make, mark)}, tmp_path)
    assert_equal(set(open_checkpoint(reference).names()), set(tensors))
    assert not mark.exists()


def make(mark):
    mark.touch()


def test_a_legacy_file_on_this_machine_is_loaded_whole(tmp_path):
    tensors = {"a": torch.arange(12.0).reshape(4, 3), "b": torch.ones(2)}
    checkpoint = open_checkpoint(saved({"model": tensors}, tmp_path, _use_new_zipfile_serialization=False))
    part = TensorPart("a", (1, 3))
    torch.testing.assert_close(checkpoint.read([part])[part], tensors["a"][1:3], rtol=0, atol=0)
    assert_equal((checkpoint.names(), checkpoint.bytes_read), (("a", "b"), checkpoint.size))


def test_a_truncated_file_is_refused(tensors, tmp_path):
    reference = saved(tensors, tmp_path)
    file = tmp_path / "weights.ckpt"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ChecksumError, match=r"weights\.ckpt is no whole checkpoint"):
        open_checkpoint(reference)


@pytest.mark.parametrize("content", [{"epoch": 3}, [1, 2], {"state_dict": {"a": 1}}])
def test_a_file_without_weights(tmp_path, content):
    with pytest.raises(ValueError, match=r"weights\.ckpt holds no weights: .* state_dict, model, module"):
        open_checkpoint(saved(content, tmp_path))


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_plain_pickle_is_refused(tmp_path):
    mark = tmp_path / "ran"
    (tmp_path / "weights.pt").write_bytes(pickle.dumps(Payload(os.system, f"touch {mark}")))
    with pytest.raises(ValueError, match=r"weights\.pt cannot be loaded as weights"):
        open_checkpoint(f"file:{tmp_path / 'weights.pt'}").names()
    assert not mark.exists()
