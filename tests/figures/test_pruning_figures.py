"""Figures of pruned networks show what they are given."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

mpl.use("Agg")

from brainalign.figures.pruning import show_accuracy_costs, show_block_scores, show_next_blocks, show_removal_times
from brainalign.figures.style import MUTED


@pytest.fixture
def costs():
    rows = [
        (name, saved, base - saved / 100 + 0.02 * repeat, base)
        for name, base in (("linear_cka", 0.9), ("random", 0.8))
        for saved in (0.0, 20.0)
        for repeat in range(3)
    ]
    return pd.DataFrame(rows, columns=["criterion", "saved", "cut", "tuned"])


def test_costs_have_a_panel_for_each_accuracy_with_means_and_intervals(costs):
    panels = [("cut", "at once"), ("tuned", "after training")]
    figure = show_accuracy_costs(costs, panels=panels, whole=0.95, muted=["random"], chance=0.1)
    assert [ax.get_title() for ax in figure.axes] == ["at once", "after training"]
    cka, random = figure.axes[0].containers
    assert_allclose(cka.lines[0].get_xydata(), [[-0.08, 0.92], [19.92, 0.72]])  # a little beside the other criterion
    low, high = (caps.get_ydata(orig=False) for caps in cka.lines[1])
    half = 4.302653 * 0.02 / np.sqrt(3)  # 97.5 % of Student's t with two degrees of freedom
    assert_allclose(high - low, 2 * half, rtol=1e-6)
    assert random.lines[0].get_color() == MUTED
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["linear cka", "random"]
    heights = [line.get_ydata()[0] for line in figure.axes[1].lines if len(set(line.get_ydata())) == 1]
    assert {0.95, 0.1} <= set(heights)


def test_a_single_repeat_has_no_interval(costs):
    one = costs.drop_duplicates(["criterion", "saved"])
    figure = show_accuracy_costs(one, panels=[("cut", "at once")], whole=0.9, chance=0.1)
    low, high = (caps.get_ydata(orig=False) for caps in figure.axes[0].containers[0].lines[1])
    assert_allclose(low, high)


def test_times_are_shown_block_by_block_and_stages_are_set_apart():
    orders = pd.DataFrame([[1, np.nan, 3.5], [2, 2, 2]], index=["linear_cka", "random"], columns=["0.1", "0.2", "1.1"])
    figure = show_removal_times(orders, label="mean step")
    ax = figure.axes[0]
    shown = ax.images[0].get_array()
    assert shown.mask.tolist() == [[False, True, False], [False] * 3]
    assert shown[0, 2] == 3.5
    assert [text.get_text() for text in ax.get_yticklabels()] == ["linear cka", "random"]
    assert [line.get_xdata()[0] for line in ax.lines] == [1.5]


def test_scores_have_a_panel_for_each_criterion_and_a_line_for_each_stage():
    rows = [
        (c, b, s * k) for c, k in (("a", 1), ("b", -1)) for b, s in (("0.0", 1), ("0.0", 3), ("0.1", 4), ("1.1", 5))
    ]
    figure = show_block_scores(pd.DataFrame(rows, columns=["criterion", "block", "score"]), label="score")
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["a", "b"]
    line, dots, *_ = figure.axes[0].lines
    assert_allclose(line.get_xydata(), [[0, 2], [1, 4]])
    assert_allclose(dots.get_xydata(), [[0, 1], [0, 3], [1, 4]])
    assert len(figure.axes[0].lines) == 4
    assert [text.get_text() for text in figure.axes[1].get_xticklabels()] == ["0.0", "0.1", "1.1"]


STEPS = pd.DataFrame(
    [("linear_cka", 1, 0.0, "a", "a"), ("linear_cka", 2, 0.5, "b", "c"), ("weight_norm", 1, 0.25, "a", "b")],
    columns=["criterion", "step", "rank", "removed", "chosen"],
)


def test_ranks_are_drawn_step_by_step_and_named_blocks_are_filled():
    (ax,) = show_next_blocks(STEPS).axes
    assert_allclose(ax.lines[0].get_xydata(), [[1, 0], [2, 0.5]])
    missed, named = ax.collections[:2]
    assert_allclose(named.get_offsets(), [[1, 0]])
    assert_allclose(missed.get_offsets(), [[2, 0.5]])
    assert mpl.colors.to_hex(missed.get_facecolor()[0]) == "#ffffff"
    assert mpl.colors.to_hex(named.get_facecolor()[0]) != "#ffffff"
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the lowest score is on top


def test_accuracies_stand_beside_the_ranks_with_binomial_intervals():
    accuracies = pd.DataFrame({"saved": [0.0, 75.0], "accuracy": [0.8, 0.5], "n": [100, 100]})
    _, ax = show_next_blocks(STEPS, accuracies).axes
    low, high = (caps.get_ydata(orig=False) for caps in ax.containers[0].lines[1])
    assert_allclose(high - low, 2 * 1.96 * np.array([0.04, 0.05]))


def test_without_networks_the_figure_says_so():
    (ax,) = show_next_blocks(STEPS.iloc[:0]).axes
    assert "not here" in ax.texts[0].get_text()
