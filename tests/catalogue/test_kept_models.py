"""What is kept of models of a hub, and what a run knows of it; without any model."""

import pytest
from numpy.testing import assert_equal

from brainalign.catalogue.entries import files_of
from brainalign.catalogue.kept_models import (
    EXTRACT,
    WHOLE,
    Note,
    altered_models,
    bytes_kept,
    bytes_to_fetch,
    find_kept,
    folder_for,
    is_fetched,
    lenders_of,
    read_note,
    stamped,
    write_note,
)
from brainalign.catalogue.references import parse_reference
from brainalign.datasets import ChecksumError, MissingDataError

COMMIT = "89abcdef89abcdef89abcdef89abcdef89abcdef"


@pytest.fixture
def keep(tmp_path, monkeypatch):
    """Keep a model, by its reference without a revision; further fields of the note may be given."""
    monkeypatch.setenv("BRAINALIGN_HOME", str(tmp_path))

    def make(model, content=b"tensors", commit=COMMIT, **fields):
        folder = folder_for(model, commit or "etag")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / EXTRACT).write_bytes(content)
        known = {
            "reference": model, "revisions": ("",), "repository": model.partition(":")[2], "file": "model.safetensors",
            "commit": commit, "etag": "etag", "size": 100, "config": {}, "names": ("a",), "fetched": ("",),
        }  # fmt: skip
        write_note(folder, Note(**(known | stamped(folder / EXTRACT) | fields)))
        return folder

    return make


def checksums(reference):
    return {file.label: file.sha256 for file in files_of(reference)}


def test_the_version_counts_and_not_the_extract(keep):
    keep("hf:a/b")
    before = checksums("hf:a/b")
    assert_equal(list(before), ["hf:a/b/model.safetensors"])
    keep("hf:a/b", content=b"more tensors", shapes={"a": (2, 2)}, fetched=("", WHOLE))
    assert_equal(checksums("hf:a/b"), before)


@pytest.mark.parametrize("fields", [{"commit": COMMIT[::-1]}, {"repository": "c/d"}, {"file": "pytorch_model.bin"}])
def test_another_version_is_told_apart(keep, fields):
    folder = keep("hf:a/b")
    before = set(checksums("hf:a/b").values())
    write_note(folder, read_note(folder).model_copy(update=fields))
    assert before.isdisjoint(checksums("hf:a/b").values())


def test_without_a_commit_the_etag_counts(keep):
    folder = keep("meter:vqa", commit=None)
    before = checksums("meter:vqa")
    write_note(folder, read_note(folder).model_copy(update={"etag": "another"}))
    assert checksums("meter:vqa") != before


@pytest.mark.parametrize(
    ("reference", "found"),
    [("hf:a/b", True), ("hf:a/b#text", True), (f"hf:a/b@{COMMIT}", True), ("hf:a/b@v1", True), ("hf:a/b@v2", False)],
)
def test_a_revision_is_found_by_each_of_its_names(keep, reference, found):
    keep("hf:a/b", revisions=("", "v1"))
    assert_equal(find_kept(parse_reference(reference)) is not None, found)


def test_a_tower_is_fetched_or_not(keep):
    keep("hf:a/b", fetched=("text",))
    states = {name: is_fetched(parse_reference(name)) for name in ("hf:a/b", "hf:a/b#text", "hf:a/b#vision", "hf:a/c")}
    assert_equal(states, {"hf:a/b": True, "hf:a/b#text": True, "hf:a/b#vision": False, "hf:a/c": False})
    assert not is_fetched(parse_reference("hf:a/b"), whole=True)
    keep("hf:a/b", fetched=("text", WHOLE))
    assert is_fetched(parse_reference("hf:a/b"), whole=True)


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        ("hf:a/b", "'hf:a/b' was not fetched.* that a run may read. Run: brainalign models fetch hf:a/b$"),
        ("hf:a/b@v2", "Run: brainalign models fetch hf:a/b@v2$"),
        ("timm:deit_tiny_patch16_224.fb_in1k", "may read. Run: brainalign models fetch timm:deit_tiny"),
        ("timm:deit_tiny_patch16_224.fb_in21k", "like it are: timm:deit_tiny_patch16_224.fb_in1k.* Run: brainalign"),
    ],
)
def test_what_was_not_fetched_is_told_with_the_command(keep, reference, text):
    with pytest.raises(MissingDataError, match=text):
        files_of(reference)


def test_what_was_only_looked_into_does_not_count_as_fetched(keep):
    keep("hf:a/b", fetched=())
    with pytest.raises(MissingDataError, match="was not fetched"):
        files_of("hf:a/b")


def test_lenders_are_read_along(keep):
    keep("hf:a/b", lenders=("hf:l/m",))
    with pytest.raises(MissingDataError, match="models fetch hf:l/m"):
        files_of("hf:a/b")
    keep("hf:l/m")
    assert_equal(list(checksums("hf:a/b")), ["hf:a/b/model.safetensors", "hf:l/m/model.safetensors"])
    assert_equal(
        [lenders_of(name) for name in ("hf:a/b", "hf:a/b#text", "zoo:mae-s", "digits")], [("hf:l/m",)] * 2 + [()] * 2
    )


@pytest.mark.parametrize("change", [lambda path: path.write_bytes(b"tensers"), lambda path: path.unlink()])
def test_an_altered_extract_is_refused_with_the_remedy(keep, change):
    folder = keep("hf:a/b")
    change(folder / EXTRACT)
    with pytest.raises(
        ChecksumError, match=r"truncated or altered\. Delete the folder .* brainalign models fetch hf:a/b"
    ):
        files_of("hf:a/b")


def test_of_all_that_is_kept_the_altered_are_told(keep):
    assert_equal(altered_models(), (0, []))
    keep("hf:a/b")
    folder = keep("timm:sound")
    assert_equal(altered_models(), (2, []))
    (folder / EXTRACT).write_bytes(b"something else")
    keep("hf:c/d").joinpath("extract.json").write_text("{", encoding="utf-8")
    n_kept, (first, second) = altered_models()
    assert_equal(n_kept, 3)
    assert "brainalign models fetch hf:c/d" in first
    assert "brainalign models fetch timm:sound" in second


def test_a_note_of_another_layout_is_refused(keep):
    folder = keep("hf:a/b")
    (folder / "extract.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ChecksumError, match="truncated or altered"):
        files_of("hf:a/b")


def test_bytes_to_fetch_are_those_of_the_list(keep):
    deit, clip = "timm:deit_tiny_patch16_224.fb_in1k", "hf:openai/clip-vit-base-patch16"
    assert_equal(bytes_to_fetch(deit), 3_690_240)
    towers = [bytes_to_fetch(clip), bytes_to_fetch(f"{clip}#text")]
    assert towers[0] == towers[1] > 10**7  # both towers are in the file
    assert bytes_to_fetch("hf:a/b") is None
    assert_equal([bytes_to_fetch(name) for name in (f"{deit}@random", "zoo:mae-s", "digits", "file:x")], [0] * 4)
    folder = keep(deit)
    assert_equal((bytes_to_fetch(deit), bytes_kept(deit)), (0, len(b"tensors")))
    (folder / EXTRACT).unlink()
    assert_equal([bytes_kept(name) for name in (deit, "hf:a/b", "digits")], [0, 0, 0])
