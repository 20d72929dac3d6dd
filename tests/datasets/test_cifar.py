"""CIFAR-10: miniature files of the real layout, and files that must not be trusted."""

import pickle

import numpy as np
import pytest

from brainalign.catalogue.entries import entry, state_of
from brainalign.datasets import cifar
from brainalign.datasets.cifar import load_cifar10, read_cifar10
from tests.datasets.cifar_files import BATCHES, batch_file, pack, write_folder


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cifar-10-batches-py"


def test_folder_and_archive_give_the_batches_in_their_order(folder, tmp_path):
    batches = write_folder(folder)
    for found in (read_cifar10(folder), read_cifar10(pack(folder, tmp_path / "small.tar.gz"))):
        rows = np.concatenate([batches[name][0] for name in BATCHES[:5]])
        np.testing.assert_array_equal(found.train_images.reshape(50, -1), rows)
        np.testing.assert_array_equal(found.train_labels, np.concatenate([batches[name][1] for name in BATCHES[:5]]))
        np.testing.assert_array_equal(found.test_images.reshape(10, -1), batches["test_batch"][0])
        np.testing.assert_array_equal(found.test_labels, batches["test_batch"][1])
        assert found.train_images.shape == (50, 3, 32, 32)


def test_a_row_holds_the_red_rows_of_a_picture_first(folder):
    batches = write_folder(folder)
    row = batches["data_batch_1"][0][4]
    picture = read_cifar10(folder).train_images[4]
    assert picture[0, 0, 31] == row[31]  # red, end of the first line
    assert picture[1, 0, 0] == row[1024]
    assert picture[2, 31, 31] == row[3071]


def test_the_hand_made_files_say_what_pickle_reads_in_them():
    rows = np.arange(2 * 3072, dtype=np.uint8).reshape(2, 3072)
    found = pickle.loads(batch_file(rows, [3, 1]), encoding="bytes")
    np.testing.assert_array_equal(found[b"data"], rows)
    assert found[b"labels"] == [3, 1]


def test_a_file_that_would_run_a_program_is_refused(folder, tmp_path):
    write_folder(folder)
    trace = tmp_path / "trace"
    (folder / "data_batch_2").write_bytes(b"cbuiltins\nopen\n(V" + str(trace).encode() + b"\nVw\ntR.")
    with pytest.raises(ValueError, match=r"data_batch_2 is no batch of CIFAR-10 \(it"):
        read_cifar10(folder)
    assert not trace.exists()


@pytest.mark.parametrize("name", ["numpy.load", "numpy.core.multiarray.fromstring", "_codecs.encode"])
def test_only_the_three_names_of_a_batch_are_known(folder, name):
    write_folder(folder)
    module, _, function = name.rpartition(".")
    (folder / "test_batch").write_bytes(f"c{module}\n{function}\n.".encode())
    with pytest.raises(ValueError, match=f"it asks for {name}"):
        read_cifar10(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "test_batch is no batch"),
        (b"\x80\x02].", "test_batch is no batch"),
        (batch_file(np.zeros((2, 3072), np.uint8), [0, 1])[:-100], "test_batch is no batch"),
        (batch_file(np.zeros((2, 3072), np.uint8), [0, 1], dtype=b"O"), "an array of the type b'O'"),
        (batch_file(np.zeros((2, 3071), np.uint8), [0, 1]), r"data of shape \(2, 3071\)"),
        (batch_file(np.zeros((2, 3072), np.uint8), [0]), r"labels of shape \(1,\)"),
        (batch_file(np.zeros((2, 3072), np.uint8), [0, 10]), "n labels from 0 to 9"),
    ],
)
def test_what_is_no_batch_is_refused(folder, content, message):
    write_folder(folder)
    (folder / "test_batch").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_cifar10(folder)


def test_a_missing_batch_is_named(folder):
    write_folder(folder)
    (folder / "data_batch_3").unlink()
    with pytest.raises(ValueError, match="cifar-10-batches-py has no data_batch_3"):
        read_cifar10(folder)


def test_the_catalogued_archive_is_read(folder, tmp_path, monkeypatch):
    write_folder(folder)
    archive = pack(folder, tmp_path / "small.tar.gz")
    monkeypatch.setattr(
        cifar, "locate", lambda name, path: {(cifar.CIFAR10, entry(name).files[0].path): archive}[name, path]
    )
    assert len(load_cifar10().train_labels) == 50


def test_the_real_archive_has_5000_pictures_a_class():
    if state_of(cifar.CIFAR10) not in ("mirror", "here"):
        pytest.skip("real data not here: cifar-10; brainalign data get cifar-10")
    found = load_cifar10()
    assert np.bincount(found.train_labels).tolist() == [5000] * 10
    assert np.bincount(found.test_labels).tolist() == [1000] * 10
