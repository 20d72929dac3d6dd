"""Readers of recordings, on files of the published layouts made here."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.io import savemat

from brainalign.catalogue.entries import MissingDataError, folder_of
from brainalign.datasets.recordings import (
    load_freeman_ziemba_2013,
    load_hatsopoulos_2007,
    load_majaj_hong_2015,
    load_mante_2013,
)

COHERENCES = (-0.5, -0.15, -0.05, 0.05, 0.15, 0.5)


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINALIGN_HOME", str(tmp_path))


def folder_for(name):
    folder = folder_of(name)
    folder.mkdir(parents=True)
    return folder


# ---- Mante 2013: one MATLAB file per unit, trials by time ----


def mante_unit(rng, *, gain, n_steps=751):
    """72 correct conditions (choice agrees with the relevant evidence), three trials each, and some wrong ones."""
    rows = []
    for context in (1, -1):
        for motion in COHERENCES:
            for color in COHERENCES:
                choice = np.sign(motion if context == 1 else color)
                rows += [(choice, motion, color, context, 1)] * 3 + [(-choice, motion, color, context, 0)]
    rows = rng.permutation(np.array(rows))
    response = gain * rows[:, [0]] + np.zeros((len(rows), n_steps))
    names = ("targ_dir", "stim_dir", "stim_col2dir", "context", "correct")
    variables = dict(zip(names, rows.T, strict=True))
    return {"time": np.arange(n_steps) / 1000, "response": response, "task_variable": variables}


@pytest.fixture
def mante():
    rng = np.random.default_rng(0)
    folder = folder_for("mante-2013") / "PFC data 1"
    folder.mkdir()
    for name, gain in (("b_unit.mat", 2.0), ("a_unit.mat", 1.0)):
        savemat(folder / name, {"unit": mante_unit(rng, gain=gain)})
    incomplete = mante_unit(rng, gain=9.0)
    incomplete["task_variable"]["correct"][:] = 0
    savemat(folder / "c_unit.mat", {"unit": incomplete})


@pytest.mark.usefixtures("mante")
def test_mante_is_bins_by_correct_conditions_by_complete_units_in_the_order_of_names():
    recording = load_mante_2013("ar")
    assert recording.responses.shape == (15, 72, 2)
    assert recording.samples().shape == (15 * 72, 2)
    choice = recording.labels["choice"]
    assert_array_equal(np.unique(choice, return_counts=True), ([-1, 1], [36, 36]))
    assert_allclose(recording.responses[3], choice[:, None] * [1.0, 2.0])
    relevant = np.where(recording.labels["context"] == 1, recording.labels["motion"], recording.labels["color"])
    assert_array_equal(np.sign(relevant), choice)


@pytest.mark.usefixtures("mante")
def test_mante_bins_must_fit_and_the_subject_be_known():
    assert load_mante_2013("ar", bin_ms=375).responses.shape[0] == 2
    with pytest.raises(ValueError, match="bins of 9999 ms do not fit 751 samples of"):
        load_mante_2013("ar", bin_ms=9999)
    with pytest.raises(ValueError, match="subject = 'x' is not available"):
        load_mante_2013("x")
    with pytest.raises(MissingDataError, match="mante-2013: the folder PFC data 2 is"):
        load_mante_2013("fe")


# ---- Hatsopoulos 2007: MATLAB 7.3 (HDF5) with cells in cells ----


def put_cell(file, parent, name, items):
    """A MATLAB cell array: references to datasets, of which the dimensions are reversed."""
    import h5py

    references = np.empty((len(items), 1), dtype=h5py.ref_dtype)
    for index, item in enumerate(items):
        where = f"#refs#/{name}_{index}"
        if any(isinstance(part, list) for part in item):
            put_cell(file, "#refs#", f"{name}_{index}", item)
        elif len(item) == 0:
            file.create_dataset(where, data=np.array([0, 0], dtype="u8")).attrs["MATLAB_empty"] = 1
        else:
            file.create_dataset(where, data=np.asarray(item, dtype=float)[:, None])
        references[index, 0] = file[where].ref
    file.create_dataset(f"{parent}/{name}" if parent else name, data=references, dtype=h5py.ref_dtype)


@pytest.fixture
def reaches():
    h5py = pytest.importorskip("h5py", reason="h5py reads MATLAB 7.3 files")
    onsets = [[2.0 + target, 40.0 + target] for target in range(7)] + [[9.0]]
    burst = sorted(time + 0.120 for times in onsets for time in times)  # one spike 120 ms after every onset
    path = folder_for("hatsopoulos-2007") / "Dataset5_Monkey4_Session1_ReachDataSimultaneousRecording.mat"
    with h5py.File(path, "w") as file:
        put_cell(file, "", "spikes", [burst, [], [burst[:1], [], [0.5, 0.6]]])
        put_cell(file, "", "stmv_cell", onsets)


@pytest.mark.usefixtures("reaches")
def test_hatsopoulos_counts_spikes_of_each_unit_after_each_onset():
    recording = load_hatsopoulos_2007(bin_ms=100.0)
    assert recording.responses.shape == (5, 15, 3)  # an empty channel and an empty unit are none
    assert_array_equal(recording.labels["target"], [*np.repeat(np.arange(7), 2), 7])
    assert_allclose(recording.responses[:, :, 0].sum(axis=0), 1)
    assert (recording.responses[:, :, 0].argmax(axis=0) == 1).all()
    assert recording.responses[1, :, 1].argmax() == 0
    assert_allclose(recording.responses[:, :, 2], 0)


@pytest.mark.usefixtures("reaches")
def test_hatsopoulos_smooths_with_25_ms():
    course = load_hatsopoulos_2007(bin_ms=25.0, window_ms=(0.0, 500.0)).responses[:, 3, 0]
    offsets = np.arange(20) - 4
    expected = np.exp(-(offsets**2) / 2)
    assert_allclose(course, expected / expected.sum(), atol=1e-3)


@pytest.mark.usefixtures("reaches")
def test_hatsopoulos_refuses_a_window_that_is_no_multiple_of_the_bin():
    with pytest.raises(ValueError, match=r"from 0\.0 to 500\.0 ms must be a positive"):
        load_hatsopoulos_2007(bin_ms=30.0)


# ---- Brain-Score assemblies: netCDF 4 (HDF5) with dimension scales ----


def write_assembly(name, file_name, *, values, axes, coordinates):
    h5py = pytest.importorskip("h5py", reason="h5py reads netCDF 4 files")
    with h5py.File(folder_for(name) / file_name, "w") as file:
        main = file.create_dataset("assembly", data=values)
        for position, axis in enumerate(axes):
            scale = file.create_dataset(axis, data=np.arange(values.shape[position]))
            scale.make_scale(axis)
            main.dims[position].attach_scale(scale)
        for key, texts in coordinates.items():
            file.create_dataset(key, data=np.array(texts, dtype=object), dtype=h5py.string_dtype())


def test_majaj_hong_averages_repetitions_of_images_over_sites_of_it():
    # Sites by presentations by bins, as a file may have them; image b is shown twice.
    values = np.zeros((3, 3, 1))
    values[:, :, 0] = [[1, 10, 3], [0, 0, 0], [5, 7, 7]]
    write_assembly(
        "majaj-hong-2015",
        "assy_dicarlo_MajajHong2015_public.nc",
        values=values,
        axes=("neuroid", "presentation", "time_bin"),
        coordinates={
            "region": ["IT", "V4", "IT"],
            "image_id": ["b", "a", "b"],
            "category_name": ["Cars", "Faces", "Cars"],
        },
    )
    recording = load_majaj_hong_2015()
    assert_allclose(recording.responses, [[[10, 7], [2, 6]]])
    assert_array_equal(recording.labels["category"], ["Faces", "Cars"])


def test_freeman_ziemba_averages_within_bins():
    values = np.arange(6.0)[:, None, None] * np.array([1.0, 10.0]) + np.zeros((6, 2, 2))
    write_assembly(
        "freeman-ziemba-2013",
        "assy_movshon_FreemanZiemba2013_public.nc",
        values=values,
        axes=("time_bin", "presentation", "neuroid"),
        coordinates={"stimulus_id": ["x", "y"], "texture_type": ["noise", "texture"]},
    )
    recording = load_freeman_ziemba_2013(bin_ms=3)
    assert_allclose(recording.responses[:, 0], [[1, 10], [4, 40]])
    assert_array_equal(recording.labels["texture_type"], ["noise", "texture"])
    with pytest.raises(ValueError, match="bin_ms must divide the 6 bins of the"):
        load_freeman_ziemba_2013(bin_ms=4)


@pytest.mark.parametrize(
    ("load", "name", "remedy"),
    [
        (load_mante_2013, "mante-2013", "www.ini.uzh.ch"),
        (load_hatsopoulos_2007, "hatsopoulos-2007", "10.5061/dryad.xsj3tx9cm"),
        (load_majaj_hong_2015, "majaj-hong-2015", "13d28ca0ce88ee550b54db3004374ae19096e9b9"),
        (load_freeman_ziemba_2013, "freeman-ziemba-2013", "761c08f796db4e342555cdb60eef23a4f19ead43"),
    ],
)
def test_a_recording_that_is_not_here_says_how_to_obtain_it(load, name, remedy):
    with pytest.raises(MissingDataError, match=rf"(?s){name}: the (file|folder) .*{re.escape(remedy)}"):
        load()


def test_stray_files_beside_the_units_change_nothing(mante):
    expected = load_mante_2013().responses
    folder = folder_of("mante-2013") / "PFC data 1"
    (folder / "._a_unit.mat").write_bytes(b"\x00\x05\x16\x07Mac OS X")
    savemat(folder / "notes.mat", {"author": "someone"})
    with pytest.warns(UserWarning, match=r"notes\.mat holds no variable unit and is"):
        assert_array_equal(load_mante_2013().responses, expected)


def test_a_unit_that_cannot_be_read_is_named(mante):
    path = folder_of("mante-2013") / "PFC data 1" / "b_unit.mat"
    path.write_bytes(path.read_bytes()[:400])
    with pytest.raises(ValueError, match=r"PFC data 1/b_unit\.mat is no MATLAB file"):
        load_mante_2013()
