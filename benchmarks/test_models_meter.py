"""Time of METER at full size, beside the BridgeTower of transformers, and with attention maps kept.

Run with `pytest benchmarks/test_models_meter.py --benchmark-only`. The least time of several rounds counts, ours and
theirs in turn: processor time on the CPU, where others may compute meanwhile, and wall time on a GPU.
"""

import time

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_less
from transformers import BridgeTowerConfig, BridgeTowerModel

from brainalign.models.meter import Meter, MeterConfig

BATCH, SIZE, LENGTH = 8, 288, 50
ROUNDS = 2
MOST_OVER_BRIDGETOWER = 1.0
LEAST_GAIN_OF_FUSION_ON_GPU = 1.3
# BridgeTower reads as many image layers as text layers, METER as published one fewer: here both have 12.
CONFIG = MeterConfig(image_size=SIZE, image_layers=12)


def least_seconds(*functions, rounds=ROUNDS, device="cpu"):
    """Least time of each function, called in turn after one call that does not count."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    times = np.empty((rounds, len(functions)))
    for function in functions:
        function()
    for row in times:
        for index, function in enumerate(functions):
            wait_for(device)
            start = clock()
            function()
            wait_for(device)
            row[index] = clock() - start
    return times.min(axis=0)


def wait_for(device):
    if device == "cuda":
        torch.cuda.synchronize()


@pytest.fixture(scope="module")
def model():
    return Meter(CONFIG, torch.Generator().manual_seed(0)).eval()


@pytest.fixture(scope="module")
def batch():
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(BATCH, 3, SIZE, SIZE, generator=generator)
    ids = torch.randint(3, CONFIG.vocabulary, (BATCH, LENGTH), generator=generator)
    ids[:, LENGTH // 2 :] = CONFIG.pad_id
    return image, ids


def bridge_tower():
    """A BridgeTower of the same depths and widths, with random weights."""
    with torch.random.fork_rng():
        model = BridgeTowerModel(BridgeTowerConfig(vision_config={"image_size": SIZE}))
    sizes = model.config.vision_config.num_hidden_layers, model.config.text_config.num_hidden_layers
    assert sizes == (CONFIG.image_layers, CONFIG.text_layers)
    assert (model.config.num_hidden_layers, model.config.hidden_size) == (CONFIG.layer_pairs, CONFIG.width)
    return model.eval()


@torch.inference_mode()
@pytest.mark.benchmark(timer=time.process_time)
def test_full_size_beside_bridgetower(benchmark, capsys, model, batch):
    image, ids = batch
    peer = bridge_tower()
    mask = (ids != CONFIG.pad_id).long()
    benchmark.pedantic(lambda: model(image, ids), rounds=1)
    ours, theirs = least_seconds(
        lambda: model(image, ids), lambda: peer(input_ids=ids, pixel_values=image, attention_mask=mask)
    )
    benchmark.extra_info.update(ours=ours, bridgetower=theirs)
    with capsys.disabled():
        print(f"\nMETER, batch {BATCH}, {SIZE} px, CPU, float32; processor seconds:")
        print(f"  {ours:.2f}; BridgeTower of the same depths and widths {theirs:.2f}, ratio {ours / theirs:.2f}")
    assert_array_less(ours / theirs, MOST_OVER_BRIDGETOWER)


@torch.inference_mode()
@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.benchmark(timer=time.perf_counter)
def test_fused_attention_beside_maps_kept(benchmark, capsys, model, batch, device):
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no GPU: the gain of fused attention on a GPU was not measured")
    image, ids = (tensor.to(device) for tensor in batch)
    model.to(device)
    benchmark.pedantic(lambda: model(image, ids), rounds=1)
    fused, explicit = least_seconds(
        lambda: model(image, ids), lambda: model(image, ids, keep_attention=True), device=device
    )
    model.cpu()
    benchmark.extra_info.update(fused=fused, explicit=explicit)
    with capsys.disabled():
        print(f"\nMETER, batch {BATCH}, {SIZE} px, {device}, float32; seconds:")
        print(f"  fused attention {fused:.3f}, maps kept {explicit:.3f}, ratio {explicit / fused:.2f}")
    if device == "cuda":
        assert_array_less(LEAST_GAIN_OF_FUSION_ON_GPU, explicit / fused)
