import os
import re
import shutil
import time

import pytest
import yaml
from numpy.testing import assert_array_equal, assert_equal

from brainalign.catalogue import entries as module
from brainalign.catalogue.entries import (
    MIRROR,
    MIRRORED,
    CatalogueEntry,
    ChecksumError,
    MissingDataError,
    catalogue,
    entry,
    files_of,
    folder_of,
    locate,
    problems_of,
    sha256_of,
    state_of,
)
from brainalign.catalogue.files import USE_LOG
from brainalign.catalogue.locations import project_root

FILES = [(name, file.path) for name, record in catalogue().items() if record.url is None for file in record.files]
FROM_THE_WEB = [name for name, record in catalogue().items() if record.url]
BY_HAND = [name for name, record in catalogue().items() if record.obtain]
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
def test_every_file_that_comes_with_the_installation_is_there_and_unchanged(name, path):
    assert locate(name, path).is_file()


@pytest.mark.parametrize("name", FROM_THE_WEB)
def test_every_file_of_the_web_in_the_mirror_is_the_pinned_one(name, mirror):
    mirror(name)
    assert_array_equal(problems_of(name), [])
    on_disk = [locate(name, file.path).stat().st_size for file in entry(name).files]
    assert_array_equal([file.bytes for file in entry(name).files], on_disk)


def test_files_from_outside_are_pinned_to_a_version_and_a_checksum():
    outside = [record for record in catalogue().values() if record.module or record.url]
    assert len(outside) > 10
    for record in outside:
        if record.module:
            assert re.fullmatch(r"[\w-]+==[\d.]+", record.package)
        elif record.url.startswith(MIRRORED):
            assert re.search(r"/[0-9a-f]{40}(/|$)", record.url)  # a commit, not a branch
        for file in record.files:
            assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)


def test_every_entry_cites_a_work_of_the_bibliography_and_names_a_licence():
    bibliography = (project_root() / "book" / "references.bib").read_text(encoding="utf-8")
    known = set(re.findall(r"^@\w+\{(\S+),$", bibliography, flags=re.MULTILINE))
    assert_equal({record.citation for record in catalogue().values()} - known, set())
    assert all(record.licence and record.title for record in catalogue().values())


@pytest.mark.parametrize("name", BY_HAND)
def test_what_is_obtained_by_hand_says_into_which_folder_it_goes(name):
    assert f"`brainalign data where {name}`" in entry(name).obtain.replace("$(", "`").replace(")", "`")


def test_long_lists_of_files_are_read_from_a_table():
    written = yaml.safe_load((project_root() / "data" / "catalogue.yml").read_text(encoding="utf-8"))
    tables = {name: fields["files"] for name, fields in written.items() if isinstance(fields.get("files"), str)}
    assert_equal(tables["haxby-25mm"], "data/catalogue/haxby-25mm.csv")
    on_disk = {path.name for path in (project_root() / "data" / "catalogue").iterdir()}
    assert_equal({f"data/catalogue/{name}" for name in on_disk}, set(tables.values()))
    assert_equal(len(entry("haxby-25mm").files), 29)
    assert_equal(len(entry("alice-story").files), 146)


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
    known = "Known are: icn-published, minilm, smollm2, dinov2-s-saliency, hcp-connectomes, "
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


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"files": []}, "list the files, or say under obtain how to get them"),
        ({"files": [{"path": "a"}], "obtain": "ask"}, "what is obtained by hand has no files"),
        ({"files": [{"path": "a"}], "url": "https://a.b"}, "a file from the web needs its sha256 and its bytes"),
        ({"files": [{"path": "../a"}]}, "'../a' must lead to a file below the folder of its entry"),
        ({"files": [{"path": "/a"}]}, "'/a' must lead to a file below the folder of its entry"),
        ({"files": [{"path": "a"}], "kind": "picture"}, "picture"),
    ],
)
def test_an_entry_that_cannot_work_is_refused(fields, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        CatalogueEntry(**{"kind": "brain", "title": "A toy", "citation": "toy", "licence": "MIT", **fields})


# Where files are


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """A catalogue with an entry from the web, one by hand, and one of a package that is not installed."""
    monkeypatch.delenv(MIRROR, raising=False)
    monkeypatch.setenv("BRAINALIGN_HOME", str(tmp_path / "home"))
    about = {"kind": "brain", "title": "A toy", "citation": "toy2020", "licence": "MIT"}
    files = [{"path": path, "sha256": SHA_OF_WEIGHTS, "bytes": 7} for path in ("a.bin", "b.bin", "c.bin")]
    entries = {
        "web": CatalogueEntry(**about, url=f"{MIRRORED}owner/repo", files=files),
        "hand": CatalogueEntry(**about, obtain="ask the authors"),
        "package": make_entry(SHA_OF_WEIGHTS, module="no_such_package_here", package="toy-package==2.0"),
    }
    monkeypatch.setattr(module, "catalogue", lambda: entries)
    return tmp_path


def test_what_is_not_fetched_says_which_command_fetches_it(outside):
    folder = outside / "home/files/raw.githubusercontent.com/owner/repo"
    assert_equal(folder_of("web"), folder)
    message = f"web: the file a.bin is missing from {folder}. Mend it with: brainalign data get web"
    with pytest.raises(MissingDataError, match=re.escape(message)):
        locate("web", "a.bin")


def test_state_and_problems_follow_the_files(outside):
    folder = folder_of("web")
    folder.mkdir(parents=True)
    assert_equal(state_of("web"), "not here")
    missing = f"web: 3 of 3 files are missing from {folder}. Mend it with: brainalign data get web"
    assert_array_equal(problems_of("web"), [missing])
    for path in ("a.bin", "b.bin"):
        (folder / path).write_text("weights")
    assert_equal(state_of("web"), "partly here")
    (folder / "c.bin").write_text("altered")
    assert_equal(state_of("web"), "here")
    (problem,) = problems_of("web")
    assert problem.startswith("web: c.bin is not the file it should be: sha256 ")
    assert problem.endswith(" Mend it with: brainalign data get web")
    (folder / "c.bin").write_text("weights")
    os.utime(folder / "c.bin", ns=(time.time_ns(), time.time_ns() + 10**9))
    assert_array_equal(problems_of("web"), [])


def test_state_of_what_comes_with_the_installation(outside, packaged):
    assert_equal(state_of("toy"), "package")
    packaged.unlink()
    assert_equal(state_of("toy"), "not here")


def test_state_of_a_package_that_is_not_installed(outside):
    assert_equal(state_of("package"), "not here")
    assert_equal(len(problems_of("package")), 1)


def test_what_is_obtained_by_hand_is_looked_for_in_a_folder_of_its_own(outside):
    folder = outside / "home/by-hand/hand"
    assert_equal(folder_of("hand"), folder)
    assert_equal(state_of("hand"), "by hand")
    with pytest.raises(MissingDataError, match=re.escape(f"is missing from {folder}. Mend it with: ask the authors")):
        locate("hand", "bold.nii.gz")
    folder.mkdir(parents=True)
    assert_equal(state_of("hand"), "by hand")
    (folder / "bold.nii.gz").write_text("volumes")
    assert_equal(state_of("hand"), "here")
    assert_equal(locate("hand", "bold.nii.gz"), folder / "bold.nii.gz")


def test_every_file_obtained_by_hand_counts(outside):
    folder = outside / "home/by-hand/hand"
    with pytest.raises(MissingDataError, match=re.escape(f"hand: there are no files in {folder}. Mend it with: ask")):
        files_of("hand")
    for path in ("sub-1/bold.nii.gz", "readme.txt", ".datalad/config"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("weights")
    found = files_of("hand")
    assert_array_equal([file.label for file in found], ["hand/readme.txt", "hand/sub-1/bold.nii.gz"])
    assert_array_equal([file.sha256 for file in found], [SHA_OF_WEIGHTS] * 2)


def test_the_mirror_is_looked_into_before_the_data_home(outside, monkeypatch):
    at_home, mirrored = folder_of("web"), outside / "mirror/owner/repo"
    for folder in (at_home, mirrored):
        folder.mkdir(parents=True)
        (folder / "a.bin").write_text("weights")
    (at_home / "b.bin").write_text("weights")
    monkeypatch.setenv(MIRROR, str(outside / "mirror"))
    assert_equal(locate("web", "a.bin"), mirrored / "a.bin")
    assert_equal(locate("web", "b.bin"), at_home / "b.bin")
    assert_equal(folder_of("web"), at_home)  # where what is lacking will be put
    for path in ("b.bin", "c.bin"):
        (mirrored / path).write_text("weights")
    assert_equal(folder_of("web"), mirrored)
    assert_equal(state_of("web"), "mirror")
    monkeypatch.setenv(MIRROR, "https://mirror.example")
    assert_equal(locate("web", "a.bin"), at_home / "a.bin")


def test_own_folders_absolute_at_home_and_below_the_project(own_folder, monkeypatch):
    monkeypatch.setenv("HOME", str(own_folder.parent))
    expected = own_folder / "config.json"
    below_project = os.path.relpath(own_folder, project_root())
    for reference in (f"file:{own_folder}", "file:~/my-model", f"file:{below_project}"):
        found = locate(reference, "config.json")
        assert found.is_absolute()
        assert found.samefile(expected)


def test_files_of_an_own_folder_are_all_that_it_holds(own_folder):
    reference = f"file:{own_folder}"
    for name in ("vocab.txt", "model.pth", "1_Pooling/config.json", "shards/a.bin", ".git/HEAD", ".hidden"):
        (own_folder / name).parent.mkdir(exist_ok=True)
        (own_folder / name).write_text("something")
    (own_folder / "model.bin.index.json").write_text('{"weight_map": {"a": "shards/a.bin", "b": "../b.bin"}}')
    names = ["1_Pooling/config.json", "config.json", "model.bin.index.json", "model.pth", "model.safetensors",
             "notes.txt", "shards/a.bin", "vocab.txt"]  # fmt: skip
    assert_array_equal([file.label for file in files_of(reference)], [f"{reference}/{name}" for name in names])


@pytest.mark.parametrize("name", ["vocab.txt", "model.pth", "1_Pooling/config.json"])
def test_whatever_file_of_an_own_folder_changes_is_seen(own_folder, name):
    (own_folder / name).parent.mkdir(exist_ok=True)
    (own_folder / name).write_text("one")
    before = {file.label: file.sha256 for file in files_of(f"file:{own_folder}")}
    (own_folder / name).write_text("two")
    after = {file.label: file.sha256 for file in files_of(f"file:{own_folder}")}
    assert [label for label in after if after[label] != before[label]] == [f"file:{own_folder}/{name}"]


def test_the_weights_of_an_own_folder_have_their_checksum_and_licence(own_folder):
    found = {file.path.name: file for file in files_of(f"file:{own_folder}")}
    assert_equal(found["model.safetensors"].sha256, SHA_OF_WEIGHTS)
    assert_equal(found["config.json"].licence, "the user's own")


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
