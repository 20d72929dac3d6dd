import numpy as np
import pandas as pd
from numpy.testing import assert_array_equal

from brainalign.figures.layers import show_layer_comparison


def table(values):
    values = np.asarray(values, dtype=float)
    return pd.DataFrame(values, index=[f"a{i}" for i in range(len(values))], columns=list("xyz"))


def test_values_are_drawn_from_below_and_what_the_null_reaches_is_crossed_out():
    values = table([[0.9, 0.2, 0.1], [0.3, 0.8, np.nan]])
    low, null = values - 0.15, table(np.full((2, 3), 0.1))
    figure = show_layer_comparison(values, low=low, null=null)
    ax = figure.axes[0]
    picture = ax.images[0]
    assert picture.origin == "lower"
    assert_array_equal(picture.get_array().filled(np.nan), values.to_numpy())
    assert sorted(map(tuple, ax.collections[0].get_offsets().tolist())) == [(1.0, 0.0), (2.0, 0.0)]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["x", "y", "z"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a0", "a1"]


def test_without_intervals_the_values_themselves_count():
    values = table([[0.9, 0.2, 0.05]])
    ax = show_layer_comparison(values, low=values * np.nan, null=values * 0 + 0.1, names=("eye", "ear")).axes[0]
    assert ax.collections[0].get_offsets().tolist() == [[2.0, 0.0]]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("layers of the ear", "layers of the eye")


def test_of_many_layers_some_are_named():
    names = [f"layer {i}" for i in range(200)]
    ax = show_layer_comparison(pd.DataFrame(np.eye(200), index=names, columns=names)).axes[0]
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert len(labels) == 30
    assert (labels[0], labels[-1]) == ("layer 0", "layer 199")
