"""Files that are not what their name says: a sentence with the name, and no stray file stops a folder."""

import os

import h5py
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.io import savemat

from brainalign.catalogue.entries import files_of, folder_of
from brainalign.datasets.containers import open_hdf5, read_matlab

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"


def matlab(path):
    savemat(path, {"x": np.arange(2000.0)})
    return path.read_bytes()


def hdf5(path):
    with h5py.File(path, "w") as file:
        file["x"] = np.arange(2000.0)
    return path.read_bytes()


def test_files_of_their_kind_are_read(tmp_path):
    path = tmp_path / "x"
    matlab(path)
    assert_array_equal(read_matlab(path, "x.mat")["x"].ravel(), np.arange(2000.0))
    hdf5(path)
    with open_hdf5(path, "x.h5") as file:
        assert_array_equal(file["x"], np.arange(2000.0))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (hdf5, r"x\.mat is a MATLAB file of version 7\.3; save it .*-v7"),
        (lambda path: matlab(path)[:300], r"x\.mat is no MATLAB file, or was cut off"),
        (lambda path: matlab(path)[:-2000], r"x\.mat is no MATLAB file, or was cut off"),
        (lambda _: b"", r"x\.mat is no MATLAB file"),
        (lambda _: POINTER, r"x\.mat is no MATLAB file"),
        (lambda _: b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        " + bytes(200), r"x\.mat is no MATLAB file"),
        (lambda _: b"<!DOCTYPE html>" * 30, r"x\.mat is no MATLAB file"),
    ],
)
def test_what_is_no_matlab_file(content, message, tmp_path):
    path = tmp_path / "x"
    path.write_bytes(content(path))
    with pytest.raises(ValueError, match=message):
        read_matlab(path, "x.mat")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (matlab, r"x\.h5 .* is no HDF5 file"),
        (lambda path: hdf5(path)[:-8000], r"x\.h5 is an HDF5 file that cannot be read, perhaps cut off"),
        (lambda _: b"", r"x\.h5 \(0 bytes\) is no HDF5 file"),
        (lambda _: POINTER, r"pointer"),
        (lambda _: b"<!DOCTYPE html>" * 300, r"x\.h5 .* is no HDF5 file"),
    ],
)
def test_what_is_no_hdf5_file(content, message, tmp_path):
    path = tmp_path / "x"
    path.write_bytes(content(path))
    with pytest.raises(ValueError, match=message), open_hdf5(path, "x.h5"):
        pytest.fail("opened")


def test_a_folder_name_that_is_not_utf_8_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINALIGN_HOME", str(tmp_path))
    folder = folder_of("mante-2013")
    folder.mkdir(parents=True)
    (folder / "._unit.mat").write_bytes(b"x")
    (folder / "unit.mat").write_bytes(b"x")
    assert [file.label for file in files_of("mante-2013")] == ["mante-2013/unit.mat"]
    stray = os.fsencode(folder) + b"/caf\xe9"
    os.mkdir(stray)
    with open(stray + b"/unit.mat", "wb") as file:
        file.write(b"x")
    with pytest.raises(ValueError, match=r"caf.*xe9.*not in UTF-8"):
        files_of("mante-2013")
