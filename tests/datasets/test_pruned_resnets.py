"""Released architectures: layers counted by hand, and the published numbers."""

import json

import pytest

from brainalign.datasets import pruned_resnets
from brainalign.datasets.pruned_resnets import Architecture, load_pruned_resnet56, read_architecture


def layer(kind, name, *before, **config):
    return {
        "class_name": kind,
        "name": name,
        "inbound_nodes": [[[other, 0, 0, {}] for other in before]] if before else [],
        "config": config,
    }


def convolution(name, before, filters, *, stride=1, kernel=3):
    options = {"filters": filters, "kernel_size": [kernel, kernel], "strides": [stride, stride], "use_bias": True}
    return layer("Conv2D", name, before, **options)


LAYERS = [
    layer("InputLayer", "in", batch_input_shape=[None, 5, 5, 3]),
    convolution("c1", "in", 4),
    layer("BatchNormalization", "n1", "c1"),
    convolution("c2", "n1", 2),
    convolution("c3", "c2", 4),
    layer("Add", "a1", "n1", "c3"),
    convolution("c4", "a1", 6, stride=2),
    convolution("c5", "a1", 6, stride=2, kernel=1),
    layer("Add", "a2", "c5", "c4"),
    layer("Activation", "r", "a2"),
    layer("AveragePooling2D", "p", "r", pool_size=[3, 3]),
    layer("Flatten", "f", "p"),
    layer("Dense", "d", "f", units=2, use_bias=True),
]
# 5 x 5 pixels, then 3 x 3: the padding rounds up.
MACS = 25 * (27 * 4 + 36 * 2 + 18 * 4) + 9 * (36 * 6 + 4 * 6) + 12
PARAMETERS = (27 * 4 + 4) + 16 + (36 * 2 + 2) + (18 * 4 + 4) + (36 * 6 + 6) + (4 * 6 + 6) + 14


def write(path, layers=LAYERS):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"class_name": "Model", "config": {"layers": layers}}))
    return path


def test_layers_are_counted(tmp_path):
    assert read_architecture(write(tmp_path / "net.json")) == Architecture((1, 1), MACS, PARAMETERS)


def test_a_layer_that_cannot_be_counted_is_named(tmp_path):
    odd = [*LAYERS, layer("LSTM", "odd", "d")]
    with pytest.raises(ValueError, match="the layer 'odd' is of the kind LSTM"):
        read_architecture(write(tmp_path / "net.json", odd))


def test_files_are_named_by_what_was_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(pruned_resnets, "locate", lambda name, path: write(tmp_path / path))
    found = load_pruned_resnet56()
    assert list(found) == ["whole", *(str(n) for n in range(1, 21)), *(f"20 + {n}" for n in range(1, 6))]
    assert set(found.values()) == {Architecture((1, 1), MACS, PARAMETERS)}


def test_the_released_networks_have_the_published_counts(mirror):
    mirror("pruned-resnet56")
    found = load_pruned_resnet56()
    whole = found.pop("whole")
    assert whole == Architecture((9, 9, 9), 125_747_840, 861_770)
    for n_blocks in range(1, 21):
        assert found[str(n_blocks)].macs == 125_747_840 - n_blocks * 4_718_592
        assert sum(found[str(n_blocks)].blocks) == 27 - n_blocks
    stages = {1: (9, 8, 9), 6: (7, 5, 9), 10: (6, 3, 8), 15: (5, 2, 5), 16: (4, 2, 5), 20: (2, 2, 3)}
    assert {n: found[str(n)].blocks for n in stages} == stages
    assert found["20"].parameters == 250_922
    saved = [round(100 * (1 - found[f"20 + {n}"].macs / whole.macs), 2) for n in range(1, 6)]
    assert saved == [77.57, 79.62, 81.51, 83.20, 84.72]


def test_the_released_network_costs_what_ours_of_that_shape_costs(mirror):
    mirror("pruned-resnet56")
    from brainalign.studies.pruning import count_parameters, find_blocks, macs, remove_blocks, resnet_cifar

    model = resnet_cifar(56)
    for name in ("7", "20"):
        released = load_pruned_resnet56()[name]
        gone = [b.path for b in find_blocks(model) if int(b.path[-1]) >= released.blocks[int(b.stage[-1])]]
        smaller = remove_blocks(model, gone)
        counted = macs(smaller, (3, 32, 32)), count_parameters(smaller, running_statistics=True)
        assert counted == (released.macs, released.parameters)
