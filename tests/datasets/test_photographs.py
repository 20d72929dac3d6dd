"""Photographs that a user brings are read from three kinds of files, or refused in a sentence."""

import io

import numpy as np
import pytest
from PIL import Image

from brainalign.catalogue.files import MissingDataError
from brainalign.datasets.photographs import (
    CLASSES,
    OWN_PHOTOGRAPHS,
    has_own_photographs,
    load_own_photographs,
    read_photographs,
)
from tests.datasets.cifar_files import pack, write_folder


def plain(value, side=32):
    return Image.new("RGB", (side, side), (value, 255 - value, 7))


def jpeg(value):
    stream = io.BytesIO()
    plain(value).save(stream, "JPEG", quality=95)
    return stream.getvalue()


def write_jpegs(path, **spoiled):
    """Twenty training and ten test pictures; labels count the classes backwards."""
    fields = {"classes": np.array(CLASSES[::-1])}
    for part, n in (("train", 20), ("test", 10)):
        files = [jpeg(10 * i) for i in range(n)]
        fields[f"{part}_jpeg"] = np.frombuffer(b"".join(files), dtype=np.uint8)
        fields[f"{part}_sizes"] = np.array([len(file) for file in files], dtype=np.uint32)
        fields[f"{part}_labels"] = (np.arange(n) % 10).astype(np.uint8)
    fields |= spoiled
    np.savez(path, **{name: value for name, value in fields.items() if value is not None})


def write_classes(folder, names=CLASSES, n=2, side=32):
    for number, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for i in range(n):
            plain(10 * number + i, side).save(folder / name / f"{i}.png")


def test_jpegs_have_the_pictures_and_the_classes_of_their_names(tmp_path):
    write_jpegs(tmp_path / "pictures.npz")
    found = read_photographs(tmp_path, 5, 100)
    assert found.train_images.shape == (5, 3, 32, 32)
    assert np.abs(found.train_images[:, 0].mean(axis=(1, 2)) - [0, 40, 80, 120, 160]).max() < 4
    assert found.train_labels.tolist() == [9, 5, 1, 7, 3]
    assert found.test_labels.tolist() == list(range(9, -1, -1))


@pytest.mark.parametrize("side", [32, 64, 33])
def test_folders_of_classes_are_all_for_the_test(tmp_path, side):
    write_classes(tmp_path, side=side)
    found = read_photographs(tmp_path, 5, 10)
    assert found.train_images.shape == (0, 3, 32, 32)
    assert found.test_labels.tolist() == list(range(10))
    assert found.test_images[:, 0, 0, 0].tolist() == list(range(0, 100, 10))


def test_divided_folders_are_read_as_divided(tmp_path):
    write_classes(tmp_path / "train", n=1)
    write_classes(tmp_path / "test", CLASSES[:3])
    found = read_photographs(tmp_path, 100, 100)
    assert (found.train_labels.tolist(), found.test_labels.tolist()) == (list(range(10)), [0, 0, 1, 1, 2, 2])


def test_the_original_archive_is_read(tmp_path):
    batches = write_folder(tmp_path / "made" / "cifar-10-batches-py", 12)
    pack(tmp_path / "made" / "cifar-10-batches-py", tmp_path / "cifar-10-python.tar.gz")
    found = read_photographs(tmp_path, 30, 4)
    assert len(found.train_labels) == 30
    rows, labels = batches["test_batch"]
    assert found.test_labels.tolist() == labels[::3].tolist()
    np.testing.assert_array_equal(found.test_images.reshape(4, -1), rows[::3])


@pytest.mark.parametrize(
    ("spoiled", "message"),
    [
        ({"test_jpeg": None}, "test_jpeg"),
        ({"classes": np.array(["cat", "unicorn"])}, "'unicorn' is no class"),
        ({"classes": np.array(CLASSES[:4])}, "lacks list index"),
        ({"train_sizes": np.array([5, 6])}, "2 sizes, 20 labels"),
        ({"test_jpeg": np.zeros(10, np.uint8), "test_sizes": np.ones(10, int)}, "the picture test 0 cannot be read"),
        ({"classes": np.array([{}], dtype=object)}, "no archive of numpy"),
    ],
)
def test_archives_that_do_not_fit_are_refused(tmp_path, spoiled, message):
    write_jpegs(tmp_path / "pictures.npz", **spoiled)
    with pytest.raises(ValueError, match=message):
        read_photographs(tmp_path, 5, 5)


def test_a_file_that_is_no_archive_is_refused(tmp_path):
    (tmp_path / "pictures.npz").write_bytes(b"PK no archive")
    with pytest.raises(ValueError, match=r"pictures\.npz"):
        read_photographs(tmp_path, 5, 5)


def test_folders_of_other_classes_or_without_pictures_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no photographs"):
        read_photographs(tmp_path, 5, 5)
    write_classes(tmp_path, ["cat", "zebra"])
    with pytest.raises(ValueError, match="'zebra' is no class"):
        read_photographs(tmp_path, 5, 5)


def test_a_picture_that_cannot_be_read_is_named(tmp_path):
    write_classes(tmp_path)
    (tmp_path / "bird" / "0.png").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"0\.png"):
        read_photographs(tmp_path, 5, 100)


def test_pictures_of_the_catalogue_are_found_or_missed(tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINALIGN_HOME", str(tmp_path))
    assert not has_own_photographs()
    with pytest.raises(MissingDataError, match=OWN_PHOTOGRAPHS):
        load_own_photographs(5, 5)
    write_classes(tmp_path / "by-hand" / OWN_PHOTOGRAPHS)
    assert has_own_photographs()
    assert len(load_own_photographs(5, 5).test_labels) == 5
