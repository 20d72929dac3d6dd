"""Time to score the blocks of a ResNet56, beside as many passes of the whole network as there are blocks.

Run with `pytest benchmarks/test_pruning.py --benchmark-only`. Processor time counts, and the least of three rounds of
each in turn: others who compute meanwhile disturb some rounds only.
"""

import time

import numpy as np
import torch

from brainalign.studies.pruning import Batch, block_importance, candidates, find_blocks, resnet_cifar
from brainalign.studies.pruning.passes import read

N_PICTURES, PART = 512, 64
ROUNDS = 3
MOST_OF_ALL_PASSES = 0.6


def one_pass(model, batch):
    for inputs in batch.parts(PART):
        read(model, inputs)


def seconds(function, *arguments):
    start = time.process_time()
    function(*arguments)
    return time.process_time() - start


def test_scoring_takes_part_of_the_passes_that_it_replaces(benchmark, capsys):
    torch.set_num_threads(1)
    model = resnet_cifar(56).eval()
    batch = Batch(torch.rand(N_PICTURES, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    n_blocks = len(candidates(find_blocks(model)))
    assert n_blocks == 25
    benchmark.pedantic(one_pass, (model, batch), rounds=1)
    times = np.array(
        [[seconds(one_pass, model, batch), seconds(block_importance, model, batch)] for _ in range(ROUNDS)]
    )
    a_pass, scoring = times.min(axis=0)
    share = scoring / (n_blocks * a_pass)
    with capsys.disabled():
        print(f"\nscoring {n_blocks} blocks: {scoring:.1f} s, a pass: {a_pass:.2f} s, share of all passes: {share:.2f}")
    assert share < MOST_OF_ALL_PASSES
