"""Criteria side by side: every step of every criterion is measured."""

import pandas as pd
import pytest
import torch

from brainalign.studies.pruning import find_blocks, macs, prune
from brainalign.studies.pruning.comparison import block_labels, compare_criteria, mean_steps
from tests.studies.pruning.networks import pictures, small_resnet

pytestmark = pytest.mark.training

SHAPE = (1, 8, 8)


def bias(model):
    """Stands for an accuracy: which blocks are left, and how often the network was tuned."""
    return 10 * len(find_blocks(model)) + float(model.head.bias[0].detach())


def add_one(model):
    with torch.no_grad():
        model.head.bias.add_(1)


def test_each_step_is_measured_before_and_after_fine_tuning():
    model, batch = small_resnet(), pictures()
    criteria = ["linear_cka", "weight_norm"]
    table = compare_criteria(model, batch, criteria, 3, accuracy=bias, input_shape=SHAPE, fine_tune=add_one)
    assert table["criterion"].tolist() == ["linear_cka"] * 4 + ["weight_norm"] * 4
    assert table["step"].tolist() == [0, 1, 2, 3] * 2
    assert table["cut"].tolist() == [90, 80, 71, 62] * 2
    assert table["tuned"].tolist() == [90, 81, 72, 63] * 2
    labels = block_labels(model)
    assert table["block"][1:4].tolist() == [labels[path] for path in prune(model, batch, 3).order]
    whole = macs(model, SHAPE)
    assert table["saved"][1] == pytest.approx(100 * 2 * 9 * 4 * 4 * 64 / whole)


def test_without_fine_tuning_both_accuracies_are_the_same():
    table = compare_criteria(
        small_resnet(), pictures(), ["random"], 2, accuracy=bias, input_shape=SHAPE, generator=torch.Generator()
    )
    assert table["cut"].tolist() == table["tuned"].tolist() == [90, 80, 70]


def test_labels_count_stages_and_places_from_zero():
    assert list(block_labels(small_resnet(14)).values()) == ["0.0", "0.1", "1.0", "1.1", "2.0", "2.1"]


def test_mean_steps_are_over_the_networks_in_which_a_block_went():
    rows = [("a", 0, ""), ("a", 1, "0.2"), ("a", 2, "0.10"), ("a", 1, "0.10"), ("a", 2, "1.1"), ("b", 1, "1.1")]
    means = mean_steps(pd.DataFrame(rows, columns=["criterion", "step", "block"]))
    assert means.columns.tolist() == ["0.2", "0.10", "1.1"]
    assert means.loc["a"].tolist() == [1.0, 1.5, 2.0]
    assert means.loc["b"].isna().tolist() == [True, True, False]
