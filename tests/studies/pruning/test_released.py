"""Networks that Keras saved compute here what their graph says."""

import os
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from torch.testing import assert_close

from brainalign.catalogue.entries import MIRROR, locate
from brainalign.datasets.keras_files import read_keras
from brainalign.studies.pruning import find_blocks, macs, remove_blocks, resnet_cifar
from brainalign.studies.pruning.released import (
    N_RELEASED,
    RELEASED_WEIGHTS,
    has_released_networks,
    load_released,
    released_inputs,
    resnet_of,
)
from brainalign.studies.pruning.resnets import ResidualBlock
from tests.studies.pruning.keras_networks import KerasNetwork, walk

BESIDE_THE_PROJECT = Path(__file__).parents[4] / "shared" / "data"


def random_pictures(n=3, *, seed=0):
    return torch.rand(n, 3, 32, 32, generator=torch.Generator().manual_seed(seed)) - 0.5


@pytest.fixture
def released(monkeypatch):
    if not os.environ.get(MIRROR) and BESIDE_THE_PROJECT.is_dir():
        monkeypatch.setenv(MIRROR, str(BESIDE_THE_PROJECT))
    if not has_released_networks():
        pytest.skip(f"real data not here: {RELEASED_WEIGHTS}; brainalign data get {RELEASED_WEIGHTS}")


@pytest.mark.parametrize("blocks", [(2, 2, 2), (1, 3, 2), (4, 1, 1)])
def test_logits_are_those_of_the_graph(tmp_path, blocks):
    files = KerasNetwork(blocks).save(tmp_path)
    model = resnet_of(read_keras(*files))
    assert tuple(map(len, model.stages)) == blocks
    with torch.no_grad():
        logits = walk(*files, random_pictures())
        assert logits.std() > 0.1
        assert_close(model(random_pictures()), logits, rtol=1e-4, atol=1e-4)


def test_logits_of_the_released_networks_are_those_of_their_graphs(released):
    for n_removed in (1, 8, N_RELEASED):
        stem = f"pruned_models/ResNet56/ResNet56_CKA_p[1]_iterations[{n_removed - 1}]"
        files = locate("pruned-resnet56", f"{stem}.json"), locate(RELEASED_WEIGHTS, f"{stem}.h5")
        model = load_released(n_removed)
        assert len(find_blocks(model)) == 27 - n_removed
        with torch.no_grad():
            assert_close(model(random_pictures()), walk(*files, random_pictures()), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("n_removed", [0, 21, -1])
def test_networks_that_were_not_released_are_refused(n_removed):
    with pytest.raises(ValueError, match=f"n_removed = {n_removed}; .* 1 to 20"):
        load_released(n_removed)


def test_zeros_at_the_end_move_the_windows_and_cost_the_same(tmp_path):
    model = resnet_of(read_keras(*KerasNetwork((9, 9, 9), width=16).save(tmp_path)))
    assert macs(model, (3, 32, 32)) == macs(resnet_cifar(56), (3, 32, 32))
    assert len(find_blocks(remove_blocks(model, ["stages.1.4"]))) == 26


@pytest.mark.parametrize("side", [4, 5, 6, 7])
def test_an_odd_side_gets_zeros_at_both_ends(side):
    block = ResidualBlock(1, 2, 2, end_padded=True)
    torch.nn.init.ones_(block.conv1.weight)
    torch.nn.init.zeros_(block.conv1.bias)
    sums = block.conv1(torch.ones(1, 1, side, side))[0, 0]
    corner = 9.0 if side % 2 == 0 else 4.0  # pixels in the first window; the last always reaches over the edge
    assert sums.shape == (-(-side // 2),) * 2
    assert (sums[0, 0].item(), sums[-1, -1].item()) == (corner, 4.0)


def spoil(network, name, **config):
    next(layer for layer in network.layers if layer["name"] == name)["config"].update(config)


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("Conv2D_1_0_0_1", {"strides": [1, 1]}),
        ("Conv2D_0_1_0_2", {"padding": "valid"}),
        ("Conv2D_", {"activation": "relu"}),
        ("Conv2D_2_1_0_1", {"dilation_rate": [2, 2]}),
        ("BatchNorm1_1_1_0_2", {"axis": [1]}),
        ("Act1_0_0_0_1", {"activation": "elu"}),
        ("activation_2_1_0", {"activation": "linear"}),
        ("average_pooling2d", {"pool_size": [4, 4]}),
        ("input_3", {"batch_input_shape": [None, 64, 64, 3]}),
        ("dense", {"activation": "sigmoid"}),
    ],
)
def test_a_setting_without_counterpart_is_refused_with_its_layer(tmp_path, name, config):
    network = KerasNetwork((2, 2, 2))
    spoil(network, name, **config)
    with pytest.raises(ValueError, match=f"'{name}'"):
        resnet_of(read_keras(*network.save(tmp_path)))


def test_a_skip_from_elsewhere_is_refused(tmp_path):
    network = KerasNetwork((3, 2, 2))
    add = next(layer for layer in network.layers if layer["name"] == "add_0_2_0")
    add["inbound_nodes"][0][0][0] = "activation_0_0_0"
    with pytest.raises(ValueError, match="skip 'activation_0_0_0'"):
        resnet_of(read_keras(*network.save(tmp_path)))


def test_weights_of_another_network_are_refused(tmp_path):
    graph, _ = KerasNetwork((2, 2, 2)).save(tmp_path / "small")
    _, larger = KerasNetwork((3, 2, 2)).save(tmp_path / "large")
    with pytest.raises(ValueError, match="lacks"):
        read_keras(graph, larger)
    _, wider = KerasNetwork((2, 2, 2), width=3).save(tmp_path / "wide")
    with h5py.File(wider, "a") as file:
        del file["dense/dense/kernel:0"]
        file["dense/dense/kernel:0"] = torch.zeros(5, 10).numpy()
    with pytest.raises(ValueError, match=r"kernel of 'dense' has the shape .*do not fit"):
        resnet_of(read_keras(graph, wider))


def test_missing_weights_are_named(tmp_path):
    graph, weights = KerasNetwork((2, 2, 2)).save(tmp_path)
    with h5py.File(weights, "a") as file:
        del file["Conv2D_"].attrs["weight_names"]
        file["Conv2D_"].attrs["weight_names"] = []
    with pytest.raises(ValueError, match="'Conv2D_' has no kernel"):
        resnet_of(read_keras(graph, weights))


@pytest.mark.parametrize("spoiled", ["graph", "weights", "attributes"])
def test_files_of_another_kind_are_refused(tmp_path, spoiled):
    graph, weights = KerasNetwork((2, 2, 2)).save(tmp_path)
    if spoiled == "graph":
        graph.write_text('{"config": [1]}')
    elif spoiled == "weights":
        weights.write_bytes(b"no HDF5")
    else:
        with h5py.File(weights, "a") as file:
            del file.attrs["layer_names"]
    with pytest.raises(ValueError, match="net"):
        read_keras(graph, weights)


def test_pictures_are_scaled_and_lose_the_mean():
    images = np.full((2, 3, 32, 32), 255, dtype=np.uint8)
    mean = np.full((3, 32, 32), 51.0)
    assert_close(released_inputs(images, mean), torch.full((2, 3, 32, 32), 0.8))
    assert_close(released_inputs(images)[0, :, 5, 5], torch.tensor([0.5086, 0.5178, 0.5535]))
    with pytest.raises(ValueError, match="shape"):
        released_inputs(images.transpose(0, 2, 3, 1))
