"""Time of comparing all layers of two networks, beside their bare forward passes.

Run with `make benchmarks`. Processor time, the least of several rounds, taken in turn,
because others who compute meanwhile disturb some rounds.
"""

import time

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_less
from torch import nn

from brainalign import compare_layers

N_PICTURES, BATCH, SIZE = 32, 16, 64
ROUNDS = 3

MOST_OVER_TWO_PASSES = 2.0


@pytest.fixture(scope="module")
def problem():
    """Two untrained networks in single precision, and pictures that are smooth, as photographs are."""
    models = pytest.importorskip("torchvision.models")
    networks = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        networks.append(models.resnet18(weights=None).eval())
    coarse = torch.randn(N_PICTURES, 3, 8, 8, generator=torch.Generator().manual_seed(2))
    pictures = nn.functional.interpolate(coarse, size=SIZE, mode="bicubic")
    layers = [name for name, module in networks[0].named_modules() if isinstance(module, nn.Conv2d)]
    return networks, pictures, layers


def seconds(function):
    start = time.process_time()
    function()
    return time.process_time() - start


@torch.inference_mode()
def two_passes(networks, pictures):
    for batch in pictures.split(BATCH):
        for network in networks:
            network(batch)


@pytest.mark.benchmark(timer=time.process_time)
def test_all_pairs_of_layers(benchmark, capsys, problem):
    networks, pictures, layers = problem

    def compare():
        return compare_layers(*networks, pictures.split(BATCH), layers_a=layers, layers_b=layers)

    found = benchmark.pedantic(compare, rounds=1)
    assert found.values.shape == (len(layers), len(layers))
    times = np.array([(seconds(compare), seconds(lambda: two_passes(networks, pictures))) for _ in range(ROUNDS)])
    ours, bare = times.min(axis=0)
    with capsys.disabled():
        print(f"\n{len(layers)} x {len(layers)} layers of two ResNet18, {N_PICTURES} pictures of {SIZE} px:")
        print(f"  {ours:.2f} s, two forward passes {bare:.2f} s, ratio {ours / bare:.2f}")
    assert_array_less(ours / bare, MOST_OVER_TWO_PASSES)
