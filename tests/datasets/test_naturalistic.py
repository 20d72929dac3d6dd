"""The record that all large recordings are read into."""

import re

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal, assert_equal

from brainalign.datasets.naturalistic import (
    NaturalisticRecording,
    check_signal,
    networks_of_parcels,
    sample_table,
)


def recording(*shown):
    """Runs of three volumes; the response to volume v of run r is 10 r + v, and negative in the second target."""
    tables = [
        sample_table(f"run {r}", stimulus, 2.0 * np.arange(3), repeat, [()] * 3)
        for r, (stimulus, repeat) in enumerate(shown)
    ]
    signal = np.concatenate([10.0 * r + np.arange(3) for r in range(len(shown))])
    targets = pd.DataFrame({"parcel": [1, 2]})
    return NaturalisticRecording(
        "s", np.stack([signal, -signal], 1), pd.concat(tables, ignore_index=True), targets, 2.0
    )


def test_repeats_are_stacked_stimulus_after_stimulus_the_first_presentation_first():
    found = recording(("b", 2), ("a", 1), ("once", 1), ("b", 1), ("a", 2), ("b", 3))
    assert_equal(found.repeated_stimuli(), ["b", "a"])
    stacked = found.stack_repeats(["a", "b"])
    assert_array_equal(stacked[:, :, 0], [[10, 11, 12, 30, 31, 32], [40, 41, 42, 0, 1, 2]])
    assert_array_equal(stacked[..., 1], -stacked[..., 0])
    assert_array_equal(found.stack_repeats(["b"])[:, 0, 0], [30, 0, 50])


def test_repeats_that_do_not_exist_or_differ_in_time_are_refused():
    found = recording(("a", 1), ("a", 2), ("b", 1))
    message = "'b' was presented 1 time(s), two are needed; repeated are: a."
    with pytest.raises(ValueError, match=re.escape(message)):
        found.stack_repeats(["b"])
    with pytest.raises(ValueError, match="name at least one stimulus; repeated are: a"):
        found.stack_repeats([])
    shorter = found.choose(np.arange(9) != 5)
    with pytest.raises(ValueError, match="the presentations of 'a' have 3 and 2"):
        shorter.stack_repeats(["a"])
    later = found.choose(~np.isin(np.arange(9), [2, 3]))
    with pytest.raises(ValueError, match="have 2 and 2 samples, or other times"):
        later.stack_repeats(["a"])


def test_choosing_keeps_rows_together():
    found = recording(("a", 1), ("b", 1)).choose([False, True, True, False, False, True])
    assert_array_equal(found.responses[:, 0], [1, 2, 12])
    assert_array_equal(found.samples["time"], [2, 4, 4])
    assert_array_equal(found.samples["stimulus"], ["a", "a", "b"])
    assert_equal(found.tr, 2.0)
    with pytest.raises(ValueError, match=re.escape("which must be 3 times True or False: got int64 of shape (2,).")):
        found.choose([0, 1])
    with pytest.raises(ValueError, match="0 samples and 2 targets"):
        found.choose([False] * 3)


def test_a_record_whose_parts_do_not_fit_is_refused():
    fit = recording(("a", 1), ("b", 1))
    with pytest.raises(ValueError, match=re.escape("responses have the shape (6, 2); 6 samples and 1 targets")):
        NaturalisticRecording("s", fit.responses, fit.samples, fit.targets[:1], 2.0)
    with pytest.raises(ValueError, match="samples lack the columns repeat, texts"):
        NaturalisticRecording("s", fit.responses, fit.samples[["run", "stimulus", "time"]], fit.targets, 2.0)
    mixed = fit.samples.iloc[[0, 3, 1, 4, 2, 5]]
    with pytest.raises(ValueError, match="the samples of a run must be neighbours"):
        NaturalisticRecording("s", fit.responses, mixed, fit.targets, 2.0)


def test_signals_are_checked_with_the_place_of_the_first_fault():
    values = np.zeros((4, 3))
    values[2, 1] = values[3, 0] = np.inf
    with pytest.raises(ValueError, match=re.escape("x.h5 holds inf in sample 2, target 1 (and in 1 more places)")):
        check_signal(values, 3, "x.h5")
    with pytest.raises(ValueError, match=re.escape("x.h5 has the shape (4, 3); expected (samples, 5)")):
        check_signal(values, 5, "x.h5")
    assert_equal(check_signal(values[:2], 3, "x.h5").dtype, np.dtype("float32"))


def test_networks_are_read_from_names_of_the_schaefer_atlas_only():
    names = ["7Networks_RH_Vis_1", "7Networks_LH_SalVentAttn_Med_3", "17Networks_LH_VisCent_1", "L_V1_ROI"]
    assert_equal(networks_of_parcels(names), ["Visual", "VentralAttention", "", ""])
