"""Numbers in every container that people hand over: the same values, or one sentence."""

from datetime import datetime

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_array_equal
from scipy.sparse import coo_array, csr_matrix

from brainalign.numeric import as_doubles, as_labels, as_mask, as_numbers, check_seconds

PLAIN = np.array([[1.0, 2.0], [3.0, 4.0], [-5.0, 6.5]])
WHOLE = np.array([[1, 2], [3, 4], [-5, 100]], dtype=np.int8)
FILL = 9.969209968386869e36


class WithAttributes:
    """What an array of xarray, netCDF4 or h5py looks like."""

    def __init__(self, values, **attributes):
        self.values, self.attrs = np.asarray(values), attributes

    def __array__(self, dtype=None, copy=None):
        return self.values.astype(dtype or self.values.dtype)


TAKEN = {
    "double": (PLAIN, PLAIN),
    "single": (PLAIN.astype(np.float32), PLAIN),
    "half": (PLAIN.astype(np.float16), PLAIN),
    "half at its limits": (np.array([[6e4], [-6e4]], np.float16), np.array([[6e4], [-6e4]], np.float16).astype(float)),
    "extended": (PLAIN.astype(np.longdouble), PLAIN),
    "big endian": (PLAIN.astype(">f8"), PLAIN),
    "column order": (np.asfortranarray(PLAIN), PLAIN),
    "int8": (WHOLE, WHOLE.astype(float)),
    "uint8": (np.array([[200], [100]], np.uint8), [[200.0], [100.0]]),
    "int64": (WHOLE.astype(np.int64), WHOLE.astype(float)),
    "logical": (PLAIN > 0, (PLAIN > 0).astype(float)),
    "list": (PLAIN.tolist(), PLAIN),
    "list of whole numbers": (WHOLE.tolist(), WHOLE.astype(float)),
    "list of arrays": (list(PLAIN), PLAIN),
    "tuple": (tuple(map(tuple, PLAIN)), PLAIN),
    "range": (range(3), [0.0, 1.0, 2.0]),
    "matrix": (np.asmatrix(PLAIN), PLAIN),
    "table": (pd.DataFrame(PLAIN, columns=["a", "b"]), PLAIN),
    "table with a gap": (pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}), [[1.0], [np.nan]]),
    "table of objects": (pd.DataFrame({"a": [1, None], "b": [2.5, 3]}, dtype=object), [[1.0, 2.5], [np.nan, 3.0]]),
    "sparse columns": (pd.DataFrame(PLAIN).astype(pd.SparseDtype(float)), PLAIN),
    "series": (pd.Series([1, 2, 3]), [1.0, 2.0, 3.0]),
    "nothing masked": (np.ma.masked_invalid(PLAIN), PLAIN),
    "tensor": (torch.tensor(PLAIN), PLAIN),
    "tensor with gradient": (torch.tensor(PLAIN, requires_grad=True), PLAIN),
    "bfloat16": (torch.tensor(PLAIN, dtype=torch.bfloat16), PLAIN),
    "file without gaps": (WithAttributes(PLAIN, _FillValue=-999.0), PLAIN),
    "not a number stays": ([[np.nan, 1.0]], [[np.nan, 1.0]]),
    "infinite stays": ([[np.inf, 1.0]], [[np.inf, 1.0]]),
}


@pytest.mark.parametrize("case", TAKEN)
def test_numbers_keep_their_values(case):
    given, expected = TAKEN[case]
    found = as_numbers(given, name="responses")
    assert type(found) is np.ndarray
    assert found.dtype in (np.float32, np.float64)
    assert_array_equal(np.asarray(found, dtype=float), np.asarray(expected, dtype=float))


REFUSED = {
    "masked": (np.ma.masked_equal(PLAIN, 2.0), "1 masked values"),
    "rows of which one is masked": ([np.ma.masked_equal(row, 2.0) for row in PLAIN], "1 masked values"),
    "all masked": (np.ma.masked_all((2, 2)), "4 masked values"),
    "netCDF fill": (np.where(PLAIN == 2, FILL, PLAIN), "1 fill values"),
    "netCDF fill in single precision": (np.where(PLAIN == 2, FILL, PLAIN).astype(np.float32), "1 fill values"),
    "netCDF fill beside NaN": ([[np.nan, FILL, 1.0]], "1 fill values"),
    "1e20": (np.where(PLAIN == 2, 1e20, PLAIN), "1 fill values"),
    "attribute _FillValue": (WithAttributes(PLAIN, _FillValue=[2.0]), r"1 fill values \(2\)"),
    "attribute missing_value": (WithAttributes(WHOLE, missing_value=-5), r"1 fill values \(-5\)"),
    "table with attribute": (pd.DataFrame(PLAIN), "1 fill values"),
    "sparse matrix": (csr_matrix(PLAIN), "sparse matrix"),
    "sparse array": (coo_array(PLAIN), "sparse matrix"),
    "sparse tensor": (torch.tensor(PLAIN).to_sparse(), "sparse tensor"),
    "tensor without values": (torch.empty(2, 2, device="meta"), "meta device"),
    "complex": (PLAIN * 1j, "complex"),
    "complex list": ([[1 + 2j, 1]], "complex"),
    "complex objects": (np.array([[1 + 2j, 1]], dtype=object), "real numbers"),
    "ragged": ([[1.0, 2.0], [3.0]], "unlike lengths"),
    "ragged arrays": ([np.zeros((2, 3)), np.zeros((3, 3))], "unlike lengths"),
    "text": ([["1", "n/a"]], "text"),
    "bytes": (np.array([[b"1"]]), "text"),
    "text in a table": (pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "n/a"]}), "'x'"),
    "numbers as text in a table": (pd.DataFrame({"a": ["1.0", "2.0"]}), "'1.0'|text"),
    "dates": (np.array(["2020-01-01"], dtype="datetime64[D]"), "dates"),
    "durations": (pd.Series(pd.to_timedelta([1, 2], unit="s")), "durations"),
    "dates as objects": ([datetime(2020, 1, 1)], "real numbers"),
    "records": (np.array([(1, 2.0)], dtype=[("a", int), ("b", float)]), "named fields"),
    "dictionary": ({"a": [1, 2]}, "real numbers"),
    "set": ({1.0, 2.0}, "real numbers"),
    "nothing": (None, "real numbers|NaN|None"),
    "a word": ("responses.npy", "text"),
}
REFUSED["table with attribute"][0].attrs["_FillValue"] = 2.0


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_a_number_is_refused_in_a_sentence(case):
    given, message = REFUSED[case]
    with pytest.raises(ValueError, match=message) as refusal:
        as_numbers(given, name="responses")
    assert "responses" in str(refusal.value)


@pytest.mark.parametrize("tr", [0.4, 2, np.float32(1.5), np.int64(3), 10.0])
def test_a_repetition_time_in_seconds_is_taken(tr):
    assert check_seconds(tr) == float(tr)


@pytest.mark.parametrize(
    ("tr", "message"),
    [
        (None, "got None"),
        (np.nan, "above 0"),
        (0, "above 0"),
        (-2.0, "above 0"),
        (np.inf, "above 0"),
        ("2.0", "got '2.0'"),
        (True, "got True"),
        ([2.0], "above 0"),
        (2000, "2 s if it is in milliseconds"),
        (720.0, "0.72 s if it is in milliseconds"),
    ],
)
def test_a_repetition_time_that_is_missing_or_in_milliseconds(tr, message):
    with pytest.raises(ValueError, match=message):
        check_seconds(tr)


def test_doubles_are_the_array_itself_where_they_can_be():
    assert as_doubles(PLAIN, name="x") is PLAIN
    assert as_doubles(WHOLE, name="x").dtype == as_doubles(PLAIN.astype(np.float32), name="x").dtype == np.float64


@pytest.mark.parametrize("given", [[1, 0], [True, False], np.array([1.0, 0.0], np.float16), pd.Series([True, False])])
def test_masks_hold_true_and_false(given):
    found = as_mask(given, name="mask")
    assert found.dtype == bool
    assert_array_equal(found, [True, False])


@pytest.mark.parametrize("given", [[0, 2], [1.0, np.nan], ["a", "b"], np.ma.array([True, False], mask=[False, True])])
def test_what_is_no_mask_is_refused(given):
    with pytest.raises(ValueError, match="mask"):
        as_mask(given, name="mask")


@pytest.mark.parametrize("given", [["a", None], [1.0, np.nan], np.ma.array([1, 2], mask=[False, True])])
def test_labels_that_are_missing_are_refused(given):
    with pytest.raises(ValueError, match="runs must be complete: 1 of 2 labels are missing"):
        as_labels(given, name="runs")
