import re

import numpy as np
import pandas as pd
import pytest

from brainalign.figures import show_dots, show_pictures, show_sizes, show_table

TABLE = pd.DataFrame({"name": ["a<b", "c", None], "count": [3, 20, 100], "share": [0.5, np.nan, 0.25]})


def rows_of(text):
    return re.findall(r"<tr>(<td.*?)</tr>", text)


def test_a_searchable_table_holds_every_row_escaped_and_numbers_that_sort_as_numbers():
    text = show_table(TABLE, label="things")._repr_html_()
    rows = rows_of(text)
    assert len(rows) == len(TABLE)
    assert "a&lt;b" in rows[0]
    assert "data-value='20'" in rows[1]
    assert rows[1].endswith("<td></td>")  # what is not known stays empty
    assert rows[2].startswith("<td></td>")
    assert "data-value='0.25'>0.25" in rows[2]
    assert "aria-label='things'" in text


def test_a_searchable_table_is_the_same_text_on_every_run_and_differs_by_label():
    first, again, other = (show_table(TABLE, label=label)._repr_html_() for label in ("x", "x", "y"))
    assert first == again
    assert first != other


def test_an_empty_table_is_refused():
    with pytest.raises(ValueError, match="'things' has no row"):
        show_table(TABLE.iloc[:0], label="things")


def test_pictures_are_drawn_with_their_titles_and_maps_share_a_scale():
    pictures = np.linspace(0, 1, 3 * 6 * 6).reshape(3, 6, 6)
    maps = np.arange(12.0).reshape(3, 2, 2)
    figure = show_pictures(pictures, ["one", "two", "three"], maps=maps, columns=2, label="attention")
    drawn = [ax for ax in figure.axes if ax.get_title()]
    assert [ax.get_title() for ax in drawn] == ["one", "two", "three"]
    for ax, picture, overlay in zip(drawn, pictures, maps, strict=True):
        np.testing.assert_array_equal(ax.images[0].get_array(), picture)
        np.testing.assert_array_equal(ax.images[1].get_array(), overlay)
        assert ax.images[1].get_clim() == (0, 11)


def test_pictures_without_a_title_each_are_refused():
    with pytest.raises(ValueError, match="2 pictures, 1 titles"):
        show_pictures(np.zeros((2, 4, 4)), ["one"])


def test_dots_put_every_value_on_the_line_of_its_item():
    table = pd.DataFrame({"m": ["a", "b", "b"], "v": [0.9, 0.2, 0.3], "chance": [0.5, 0.1, np.nan]})
    (ax,) = show_dots(table, item="m", measured="v", beside=["chance"], label="share").axes
    beside, measured = ax.collections[-2:]
    np.testing.assert_allclose(measured.get_offsets(), [[0.9, 2], [0.2, 1], [0.3, 1]])
    np.testing.assert_allclose(np.ma.compressed(beside.get_offsets()[:2]).reshape(2, 2), [[0.5, 2], [0.1, 1]])
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["b", "a"]


def test_sizes_leave_out_what_is_not_known():
    table = pd.DataFrame({"k": ["t", "t", "i"], "x": [1e6, 1e7, 1e8], "y": [1e5, np.nan, 1e7]})
    (ax,) = show_sizes(table, x="x", y="y", kind="k", labels=("whole", "read")).axes
    points = np.vstack([collection.get_offsets() for collection in ax.collections])
    np.testing.assert_allclose(points, [[1e6, 1e5], [1e8, 1e7]])
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
