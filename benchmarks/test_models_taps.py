"""What a tap costs: CLIP ViT-B/16 on 64 images, with all heads and neurons recorded and without.

Run with `pytest benchmarks/test_models_taps.py --benchmark-only`. The least processor time of several rounds counts,
tapped and untapped in turn, so that others who compute meanwhile disturb little.
"""

import time

import numpy as np
import open_clip
import pytest
import torch
from numpy.testing import assert_array_less
from transformers import CLIPVisionConfig, CLIPVisionModel

from brainalign.models.taps import tap

IMAGES, BATCH, SIZE = 64, 16, 224
ROUNDS = 2
MOST_OVER_UNTAPPED = 1.3


def open_clip_tower():
    with torch.random.fork_rng():
        return open_clip.create_model("ViT-B-16-quickgelu").visual.eval()


def transformers_tower():
    sizes = {"patch_size": 16, "hidden_size": 768, "intermediate_size": 3072}
    with torch.random.fork_rng():
        return CLIPVisionModel(CLIPVisionConfig(**sizes, num_attention_heads=12, num_hidden_layers=12)).eval()


@torch.inference_mode()
@pytest.mark.parametrize(("make", "pool"), [(open_clip_tower, "mean"), (transformers_tower, "summary")])
@pytest.mark.benchmark(timer=time.process_time)
def test_all_heads_and_neurons_of_clip(benchmark, capsys, make, pool):
    model = make()
    images = torch.randn(IMAGES, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))

    def untapped():
        for batch in images.split(BATCH):
            model(batch)

    def tapped():
        with tap(model, ["context", "neurons"], pool=pool) as record:
            untapped()
        return record

    record = benchmark.pedantic(tapped, rounds=1)
    assert record.stack("context").shape == (IMAGES, 12, 12, 64)
    assert record.stack("neurons").shape == (IMAGES, 12, 3072)
    times = np.empty((ROUNDS, 2))
    for row in times:
        for index, function in enumerate((untapped, tapped)):
            start = time.process_time()
            function()
            row[index] = time.process_time() - start
    plain, with_tap = times.min(axis=0)
    benchmark.extra_info.update(untapped=plain, tapped=with_tap)
    with capsys.disabled():
        print(f"\n{make.__name__}, {IMAGES} images, pool={pool}, CPU, float32; processor seconds:")
        print(f"  untapped {plain:.2f}, tapped {with_tap:.2f}, ratio {with_tap / plain:.2f}")
    assert_array_less(with_tap / plain, MOST_OVER_UNTAPPED)
