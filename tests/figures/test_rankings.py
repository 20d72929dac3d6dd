"""The figures of metrics and rankings show what they are given."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy.cluster.hierarchy import leaves_list, linkage

from brainalign.figures import show_clustered_matrix, show_correlation_distribution, show_rank_slopes

mpl.use("Agg")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def matrix(n):
    values = np.corrcoef(np.random.default_rng(0).normal(size=(n, 12)))
    names = [f"metric {i}" for i in range(n)]
    return pd.DataFrame(values, names, names)


def clustered(n):
    table = matrix(n)
    tree = linkage((1 - table.to_numpy())[np.triu_indices(n, 1)], method="average")
    groups = pd.Series(["neural", "behavior"] * (n // 2), index=table.index)
    return table, tree, groups, show_clustered_matrix(table, tree, groups, label="r")


def texts(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_the_heat_map_is_in_the_order_of_the_tree_and_the_strip_follows():
    table, tree, groups, figure = clustered(8)
    order = table.index[leaves_list(tree)[::-1]]
    strip, heat = (ax for ax in figure.axes if ax.images)
    np.testing.assert_array_equal(heat.images[0].get_array(), table.loc[order, order])
    codes = strip.images[0].get_array()[:, 0]
    assert [("neural", "behavior")[code] for code in codes] == groups[order].tolist()
    assert [label.get_text() for label in heat.get_xticklabels()] == order.tolist()
    assert texts(figure) == ["neural", "behavior"]


def test_the_tree_stands_beside_the_rows_it_joins():
    """The two most alike rows are neighbours in the picture, and so are their branches."""
    table, tree, _, figure = clustered(8)
    order = table.index[leaves_list(tree)[::-1]].tolist()
    first = [order.index(table.index[int(row)]) for row in tree[0, :2]]
    lowest = min(figure.axes[0].collections[0].get_paths(), key=lambda path: path.vertices[:, 0].max())
    # The tree's rows are 5, 15, 25 ... from the bottom.
    rows = {7 - round((height - 5) / 10) for height in lowest.vertices[[0, -1], 1]}
    assert rows == set(first)


def test_many_metrics_are_counted_instead_of_named():
    heat = [ax for ax in clustered(40)[3].axes if ax.images][1]
    assert heat.get_xlabel() == "40 metrics, in the order of the tree"
    assert not heat.get_xticklabels()


def test_distributions_are_shares_with_marks():
    values, null = np.array([0.5, 0.5, 0.5, -0.5]), np.zeros(10)
    figure = show_correlation_distribution(values, null, {"mean": 0.25, "published": 0.198}, null_label="n", label="m")
    ax = figure.axes[0]
    heights = [patch.get_height() for patch in ax.patches]
    assert sum(heights) == pytest.approx(2)
    assert max(heights) == pytest.approx(1)
    assert [line.get_xdata()[0] for line in ax.lines] == [0.25, 0.198]
    assert texts(figure) == ["n", "m", "mean", "published"]


def test_slopes_name_the_winners_of_every_average_first():
    ranks = pd.DataFrame({"mean": [1, 2, 3, 4], "rank": [3, 2, 1, np.nan]}, index=["a", "b", "c", "d"])
    figure = show_rank_slopes(ranks, n_named=2)
    ax = figure.axes[0]
    assert texts(figure) == ["a", "c"]
    assert ax.yaxis_inverted()
    drawn = {line.get_label(): line.get_ydata().tolist() for line in ax.lines}
    assert drawn["a"] == [1, 3]
    assert drawn["c"] == [3, 1]
    assert len(ax.lines) == 3  # d has no rank by one of them
