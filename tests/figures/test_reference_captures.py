"""The figure of captures in several references shows what it is given."""

import matplotlib as mpl
import pandas as pd
import pytest
from numpy.testing import assert_allclose

mpl.use("Agg")

from brainalign.figures import show_reference_captures

COLUMNS = ["reference", "measure", "start", "component", "variance", "score"]


def table(n_references):
    rows = [
        (f"reference {i}", measure, start, component, 0.5 / (component + 1), 0.1 * component + 0.2 * start)
        for i in range(n_references)
        for measure in ("linear_cka", "angular_procrustes")
        for start in range(2)
        for component in range(3)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def test_every_measure_has_a_panel_with_a_line_for_each_reference():
    figure = show_reference_captures(table(2))
    assert [ax.get_title() for ax in figure.axes] == ["linear cka", "angular procrustes"]
    for ax in figure.axes:
        line, other = ax.lines
        assert_allclose(line.get_xdata(), [0.5, 0.25, 0.5 / 3])
        assert_allclose(line.get_ydata(), [0.1, 0.2, 0.3])
        assert line.get_color() != other.get_color()
        assert ax.get_xscale() == "log"
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["reference 0", "reference 1"]


def test_many_references_differ_in_color_or_in_the_kind_of_line():
    figure = show_reference_captures(table(21))
    lines = [line for line in figure.axes[0].lines if line.get_label().startswith("reference")]
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 21


def test_more_references_than_can_be_told_apart_are_refused():
    with pytest.raises(ValueError, match="22 references cannot be told apart"):
        show_reference_captures(table(22))
