"""Every file of the project's data is an entry of the catalogue, and a changed byte of it never goes unnoticed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from brainalign.catalogue.entries import catalogue, files_of, problems_of
from brainalign.catalogue.files import ChecksumError, MissingDataError
from brainalign.catalogue.locations import project_root
from brainalign.runs.declared import declared_references, look_up
from brainalign.runs.registry import all_chapters

LISTS = ("data/catalogue.yml", "data/catalogue/")
"""The catalogue itself: what it says of a file is checked against that file."""

EDITED = {"data/models.csv", "data/architectures.yml", "data/claims.yml"}
"""Lists that are written here, and may change at any time; all else is data, and pinned."""

FOLDERS = ("data/deposits/",)
"""Deposited runs, which carry their own checksums."""


def own_files():
    paths = (path.relative_to(project_root()).as_posix() for path in (project_root() / "data").rglob("*"))
    return sorted(p for p in paths if (project_root() / p).is_file() and not p.startswith((*LISTS, *FOLDERS)))


def pins():
    own = [record for record in catalogue().values() if record.url is None and record.module is None]
    return {file.path: file.sha256 for record in own for file in record.files}


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A copy of the project whose data may be spoilt."""
    for name in ("data", "notebooks"):
        shutil.copytree(project_root() / name, tmp_path / name, ignore=shutil.ignore_patterns("*.ipynb", ".*"))
    for name in ("_toc.yml", "pyproject.toml", "requirements.lock"):
        shutil.copy(project_root() / name, tmp_path)
    monkeypatch.setenv("BRAINALIGN_PROJECT", str(tmp_path))
    catalogue.cache_clear()
    yield tmp_path
    catalogue.cache_clear()


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def test_every_file_of_the_project_is_in_the_catalogue_and_data_is_pinned():
    known = pins()
    assert sorted(known) == own_files()
    assert {path for path, sha256 in known.items() if sha256 is None} == EDITED


@pytest.mark.parametrize("path", [f"data/{p}" for p in ("published/icn_profiles.csv", "zoo/mae-s-0.safetensors")])
def test_one_byte_of_pinned_data_is_told(copied, path):
    (name,) = [name for name, record in catalogue().items() if path in {file.path for file in record.files}]
    assert problems_of(name) == []
    flip(copied / path)
    assert [path in problem for problem in problems_of(name)] == [True]
    if path.endswith("safetensors"):
        with pytest.raises(ChecksumError, match="mae-s"):
            files_of("zoo:mae-s")


def own_references(parameters) -> list[str]:
    known = {name for name, record in catalogue().items() if record.url is None and record.module is None}
    known -= {name for name in known if catalogue()[name].obtain}
    return [name for name in declared_references(parameters) if name in known or name.startswith("zoo:")]


def state(reference: str) -> dict[str, str] | str:
    try:
        return {file.label: file.sha256 for file in files_of(reference)}
    except ChecksumError as error:
        return f"refused: {error}"


def test_one_byte_changes_the_key_of_every_chapter_that_declares_the_file_or_stops_it(copied):
    profiles = [(each, each.parameters.from_values(each.name, {}, profile="smoke")) for each in all_chapters()]
    used = sorted({name for _, parameters in profiles for name in own_references(parameters)})
    assert {"model-list", "architectures", "icn-published", "zoo-cards", "zoo:mae-s"} <= set(used)
    before = {name: state(name) for name in used}
    for name in used:
        for file in files_of(name):
            content = file.path.read_bytes()
            assert file.path.is_relative_to(copied)
            flip(file.path)
            now = state(name)
            assert now != before[name]
            assert isinstance(now, dict) == (file.path.relative_to(copied).as_posix() in EDITED)
            file.path.write_bytes(content)
    for _, parameters in profiles:
        labels = {label for name in own_references(parameters) for label in before[name]}
        try:
            assert labels <= look_up(parameters).checksums.keys()
        except MissingDataError:
            continue  # a download that is not on this machine


def test_chapters_that_show_the_registry_count_it():
    for chapter in all_chapters():
        if "brainalign.models.registry" in chapter.source_path.read_text(encoding="utf-8"):
            parameters = chapter.parameters.from_values(chapter.name, {})
            assert "model-list" in declared_references(parameters), chapter.name


def test_a_model_named_by_its_id_counts_the_list():
    (chapter,) = [chapter for chapter in all_chapters() if chapter.name == "topology"]
    listed, packaged = (
        chapter.parameters.from_values("topology", {"model": model}) for model in ("zoo-mae-s", "minilm")
    )
    assert "model-list" in declared_references(listed)
    assert "model-list" not in declared_references(packaged)
