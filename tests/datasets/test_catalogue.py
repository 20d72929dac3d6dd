import os
import re
import shutil
import time

import pytest
from numpy.testing import assert_array_equal, assert_equal

from brainalign.datasets import catalogue as module
from brainalign.datasets.catalogue import (
    USE_LOG,
    CatalogueEntry,
    ChecksumError,
    MissingDataError,
    catalogue,
    entry,
    files_of,
    locate,
    sha256_of,
)
from brainalign.datasets.locations import project_root

FILES = [(name, file.path) for name, record in catalogue().items() for file in record.files]
# sha256 of "weights" and of nothing, from coreutils.
SHA_OF_WEIGHTS = "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c"
SHA_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def make_entry(sha256=None, **fields):
    record = {"kind": "model", "title": "A toy", "citation": "toy2020", "licence": "MIT"}
    return CatalogueEntry(**record, files=[{"path": "model/weights.bin", "sha256": sha256}], **fields)


@pytest.fixture
def packaged(tmp_path, monkeypatch):
    """A catalogue with one entry, `toy`, whose only file lies in a package; returns the file."""
    file = tmp_path / "toy_package" / "model" / "weights.bin"
    file.parent.mkdir(parents=True)
    # Importing the package would fail: it may only be looked up.
    (tmp_path / "toy_package" / "__init__.py").write_text("raise ImportError")
    file.write_text("weights")
    monkeypatch.syspath_prepend(str(tmp_path))
    toy = make_entry(SHA_OF_WEIGHTS, module="toy_package", package="toy-package==2.0")
    monkeypatch.setattr(module, "catalogue", lambda: {"toy": toy})
    return file


@pytest.fixture
def own_folder(tmp_path):
    folder = tmp_path / "my-model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_text("weights")
    (folder / "notes.txt").write_text("mine")
    return folder


@pytest.mark.parametrize(("name", "path"), FILES)
def test_every_catalogued_file_is_there_and_unchanged(name, path):
    assert locate(name, path).is_file()


def test_files_from_outside_are_pinned_to_a_version_and_a_checksum():
    outside = [record for record in catalogue().values() if record.module]
    assert outside
    for record in outside:
        assert re.fullmatch(r"[\w-]+==[\d.]+", record.package)
        for file in record.files:
            assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)


def test_files_of_an_entry_come_with_label_checksum_and_licence():
    found = files_of("minilm")
    assert_array_equal([file.label for file in found], ["minilm/model/model.safetensors", "minilm/model/config.json"])
    assert_array_equal([file.sha256 for file in found], [file.sha256 for file in entry("minilm").files])
    assert_array_equal([file.licence for file in found], ["Apache-2.0"] * 2)


def test_a_file_of_a_package_is_found_without_importing_the_package(packaged):
    assert_equal(locate("toy", "model/weights.bin"), packaged)


@pytest.mark.parametrize("text", ["Weights", "", "weights and more"])
def test_a_tampered_file_is_refused(packaged, text):
    packaged.write_text(text)
    actual = sha256_of(packaged)
    message = (
        f"toy: model/weights.bin is not the file it should be: sha256 {actual[:12]}... given, "
        f"{SHA_OF_WEIGHTS[:12]}... expected. "
        "Mend it with: python -m pip install --force-reinstall --no-deps toy-package==2.0"
    )
    with pytest.raises(ChecksumError, match=re.escape(message)):
        locate("toy", "model/weights.bin")
    with pytest.raises(ChecksumError):
        files_of("toy")


def test_a_missing_file_of_a_package_is_named_with_the_command_that_mends_it(packaged):
    packaged.unlink()
    message = (
        "toy: the file model/weights.bin is missing from the package toy-package==2.0. "
        "Mend it with: python -m pip install --force-reinstall --no-deps toy-package==2.0"
    )
    with pytest.raises(MissingDataError, match=re.escape(message)):
        locate("toy", "model/weights.bin")


def test_a_package_that_is_not_installed_is_named(monkeypatch):
    absent = make_entry(SHA_OF_WEIGHTS, module="no_such_package_here", package="toy-package==2.0")
    monkeypatch.setattr(module, "catalogue", lambda: {"toy": absent})
    message = (
        "toy: the package toy-package==2.0 is not installed. "
        "Mend it with: python -m pip install --force-reinstall --no-deps toy-package==2.0"
    )
    with pytest.raises(MissingDataError, match=re.escape(message)):
        locate("toy", "model/weights.bin")


def test_a_missing_file_of_the_project_is_mended_by_git(monkeypatch):
    monkeypatch.setattr(module, "catalogue", lambda: {"toy": make_entry()})
    message = "toy: the file model/weights.bin is missing from the project. Mend it with: git checkout -- data"
    with pytest.raises(MissingDataError, match=re.escape(message)):
        locate("toy", "model/weights.bin")


def test_missing_data_is_a_missing_file_to_those_who_do_not_know_us():
    assert issubclass(MissingDataError, FileNotFoundError)
    assert issubclass(ChecksumError, ValueError)


def test_an_unknown_name_is_answered_with_the_nearest_one():
    known = "Known are: icn-published, minilm, hcp-connectomes."
    with pytest.raises(ValueError, match=rf"unknown dataset 'mini-lm'. Did you mean 'minilm'\? {known}"):
        locate("mini-lm", "model/config.json")
    with pytest.raises(ValueError, match=rf"unknown dataset 'zzz'. {known}"):
        files_of("zzz")


def test_an_unknown_path_is_answered_with_those_that_exist():
    message = r"'minilm' has no file 'config.json'. It has: model/model.safetensors, model/config.json."
    with pytest.raises(ValueError, match=message):
        locate("minilm", "config.json")


def test_an_unknown_field_in_the_catalogue_is_refused():
    with pytest.raises(ValueError, match="licens"):
        make_entry(licens="MIT")


def test_own_folders_absolute_at_home_and_below_the_project(own_folder, monkeypatch):
    monkeypatch.setenv("HOME", str(own_folder.parent))
    expected = own_folder / "config.json"
    below_project = os.path.relpath(own_folder, project_root())
    for reference in (f"file:{own_folder}", "file:~/my-model", f"file:{below_project}"):
        found = locate(reference, "config.json")
        assert found.is_absolute()
        assert found.samefile(expected)


def test_files_of_an_own_folder_are_its_config_and_tensors(own_folder):
    reference = f"file:{own_folder}"
    found = files_of(reference)
    expected = [f"{reference}/config.json", f"{reference}/model.safetensors"]
    assert_array_equal([file.label for file in found], expected)
    assert_equal(found[1].sha256, SHA_OF_WEIGHTS)
    assert_equal(found[0].licence, "the user's own")


def test_an_own_folder_that_is_not_there(tmp_path):
    reference = f"file:{tmp_path}/none"
    message = (
        f"'{reference}': there is no folder {tmp_path}/none. Give the folder that save_pretrained wrote "
        "(it holds config.json and model.safetensors)."
    )
    for read in (files_of, lambda name: locate(name, "config.json")):
        with pytest.raises(MissingDataError, match=re.escape(message)):
            read(reference)


def test_a_file_given_as_own_folder_is_refused(own_folder):
    with pytest.raises(MissingDataError, match=r"there is no folder .*/my-model/config\.json"):
        locate(f"file:{own_folder}/config.json", "config.json")


def test_an_own_folder_that_lacks_a_file_lists_what_it_holds(own_folder, tmp_path):
    (own_folder / "model.safetensors").unlink()
    message = f"'file:{own_folder}' has no file model.safetensors; the folder holds: config.json, notes.txt."
    with pytest.raises(MissingDataError, match=re.escape(message)):
        locate(f"file:{own_folder}", "model.safetensors")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingDataError, match="the folder holds: nothing"):
        locate(f"file:{tmp_path}/empty", "config.json")


def test_sha256_is_that_of_the_bytes_and_notices_a_change(tmp_path):
    file = tmp_path / "data"
    file.write_bytes(b"")
    assert_equal(sha256_of(file), SHA_OF_NOTHING)
    file.write_bytes(b"weights")
    assert_equal(sha256_of(file), SHA_OF_WEIGHTS)
    file.write_bytes(b"weighty")  # as long as before; a coarse clock could give it the same time
    os.utime(file, ns=(time.time_ns(), time.time_ns() + 10**9))
    assert sha256_of(file) != SHA_OF_WEIGHTS


def test_every_read_is_written_to_the_use_log(tmp_path, own_folder, monkeypatch):
    log = tmp_path / "used"
    locate("minilm", "model/config.json")  # no log is wanted yet
    monkeypatch.setenv(USE_LOG, str(log))
    locate("minilm", "model/config.json")
    locate("minilm", "model/config.json")
    locate(f"file:{own_folder}", "config.json")
    assert_array_equal(log.read_text().splitlines(), ["minilm", "minilm", f"file:{own_folder}"])


def test_the_project_is_found_and_a_folder_without_the_book_is_refused(tmp_path, monkeypatch):
    assert (project_root() / "data" / "catalogue.yml").is_file()
    for marker in ("_toc.yml", "pyproject.toml"):
        shutil.copy(project_root() / marker, tmp_path)
    monkeypatch.setenv("BRAINALIGN_PROJECT", str(tmp_path))
    message = f"{tmp_path} is not the brainalign project: it has no notebooks. Install the package"
    with pytest.raises(FileNotFoundError, match=re.escape(message)):
        project_root()
    (tmp_path / "notebooks").mkdir()
    assert_equal(project_root(), tmp_path)
