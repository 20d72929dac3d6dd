"""Models of a hub in chapters: fetched before, then read without a network; what a run's key knows of them."""

from __future__ import annotations

import shutil

import pytest

from brainalign.catalogue.entries import ChecksumError, MissingDataError, catalogue, files_of
from brainalign.catalogue.files import USE_LOG
from brainalign.models import spatial_attention
from brainalign.models.checkpoints import TensorPart
from brainalign.models.fetching import fetch
from brainalign.models.loading import load_model
from brainalign.models.opening import open_checkpoint
from brainalign.models.position_sources import STAND_INS
from brainalign.runs import execution
from brainalign.runs.declared import declared_references, look_up
from brainalign.runs.execution import run_chapter
from brainalign.runs.keys import compute_key
from brainalign.runs.plan import plan_run
from brainalign.runs.registry import get_chapter
from tests.conftest import ROOT
from tests.models.loopback import COMMIT
from tests.runs.tiny import build, enter

HEAD = """\
---
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {display_name: Python 3, language: python, name: python3}
chapter:
  name: reader
  part: I. Tiny
  minutes: 0.1
  parameters:
    model: {type: model, default: "hf:tiny/bert", help: "the model that must be there"}
    others: {type: list of str, default: [], help: "models that may be there"}
  profiles:
    smoke: {}
  data: ["{model}"]
  optional_data: ["{others}"]
---

# What is read?

"""
CELLS = """\
```{code-cell} ipython3
:tags: [parameters]

model: str = "hf:tiny/bert"  # the model that must be there
others: list[str] = []  # models that may be there
device: str = "auto"  # where torch computes, auto, cpu, cuda, cuda:N, or mps
```

```{code-cell} ipython3
import os

from brainalign.models import spatial_attention
from brainalign.runs.recording import record

record("n_heads", spatial_attention(model).n_heads)
layers = []
for other in others:
    try:
        layers.append(spatial_attention(other).n_layers)
    except FileNotFoundError:
        layers.append(0)
record("layers", layers)
```
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A miniature project whose chapter reads models."""
    tiny = build(tmp_path)
    tiny.source.write_text(HEAD + CELLS, encoding="utf-8")
    for name in ("models.csv", "architectures.yml"):
        shutil.copy(ROOT / "data" / name, tiny.root / "data" / name)
    enter(tiny, monkeypatch)
    yield tiny
    catalogue.cache_clear()


def parameters_for(**values):
    return get_chapter("reader").parameters.from_values("reader", values)


def key(**values):
    return compute_key(get_chapter("reader"), parameters_for(**values))


def extract_of(name, home):
    return home / "models" / f"hf--tiny--{name}@{COMMIT[:12]}" / "extract.safetensors"


def references_read(read, monkeypatch, tmp_path):
    """What a run would learn of what was read."""
    log = tmp_path / "log"
    monkeypatch.setenv(USE_LOG, str(log))
    read()
    monkeypatch.delenv(USE_LOG)
    return log.read_text(encoding="utf-8").splitlines()


def test_from_fetching_to_a_run_without_a_network(small_hub, project, monkeypatch, tmp_path):
    with pytest.raises(MissingDataError, match=r"'hf:tiny/bert' was not fetched.*Run: brainalign models fetch hf:tiny"):
        run_chapter(get_chapter("reader"))
    fetch("hf:tiny/bert")
    small_hub.forget()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    first = run_chapter(get_chapter("reader"), {"others": "hf:tiny/other"})
    assert (first.run.results()["n_heads"], first.run.results()["layers"]) == (2, [0])
    assert [item["file"] for item in first.run.manifest.data] == ["hf:tiny/bert/model.safetensors"]
    assert first.run.manifest.absent == ["hf:tiny/other"]
    assert run_chapter(get_chapter("reader"), {"others": "hf:tiny/other"}).reused
    assert small_hub.requests == []

    # What was absent has come: the run is stale, and says why.
    monkeypatch.delenv("HF_HUB_OFFLINE")
    fetch("hf:tiny/other")
    small_hub.forget()
    second = run_chapter(get_chapter("reader"), {"others": "hf:tiny/other"})
    assert second.reasons == ["data: hf:tiny/other/model.safetensors (new), hf:tiny/other (gone)"]
    assert (second.run.results()["layers"], second.run.manifest.absent) == ([2], [])
    assert small_hub.requests == []  # although it might ask

    # An altered file is refused before anything runs.
    extract_of("other", tmp_path / "kept").write_bytes(b"something else")
    with pytest.raises(ChecksumError, match=r"truncated or altered.*brainalign models fetch hf:tiny/other"):
        run_chapter(get_chapter("reader"), {"others": "hf:tiny/other"})


def test_the_key_stays_when_more_is_kept_or_fetched_again(small_hub, project, tmp_path):
    fetch("hf:tiny/bert")
    before, bytes_before = key(), extract_of("bert", tmp_path / "kept").read_bytes()
    assert fetch("hf:tiny/bert").bytes_read == 0
    spatial_attention("hf:tiny/bert", positions="own", max_positions=3)
    assert key() == before
    assert extract_of("bert", tmp_path / "kept").read_bytes() == bytes_before
    fetch("hf:tiny/bert", full=True)
    open_checkpoint("hf:tiny/bert").read([TensorPart("embeddings.word_embeddings.weight")])
    assert extract_of("bert", tmp_path / "kept").read_bytes() != bytes_before
    assert key() == before
    shutil.rmtree(tmp_path / "kept" / "models")
    fetch("hf:tiny/bert")
    assert key() == before


def test_another_commit_is_another_key(small_hub, project, tmp_path):
    fetch("hf:tiny/bert")
    before = key()
    for folder in (tmp_path / "kept" / "models").iterdir():
        note = folder / "extract.json"
        note.write_text(note.read_text(encoding="utf-8").replace(COMMIT, COMMIT[::-1]), encoding="utf-8")
    assert key().differences(before) == ["data: hf:tiny/bert/model.safetensors"]


@pytest.mark.parametrize("change", [lambda path: path.write_bytes(b"short"), lambda path: path.unlink()])
def test_an_altered_or_missing_extract_is_refused(small_hub, project, tmp_path, change):
    fetch("hf:tiny/bert")
    change(extract_of("bert", tmp_path / "kept"))
    with pytest.raises(ChecksumError, match="was truncated or altered"):
        key()


def test_an_extract_with_another_time_is_read_and_taken(small_hub, project, tmp_path):
    fetch("hf:tiny/bert")
    before, path = key(), extract_of("bert", tmp_path / "kept")
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    assert key() == before


def test_after_fetching_whole_the_model_runs_offline(small_hub, monkeypatch):
    fetch("hf:tiny/bert")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(MissingDataError, match=r"run: brainalign models fetch hf:tiny/bert --full"):
        load_model("hf:tiny/bert")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert fetch("hf:tiny/bert", full=True).bytes_read > 0
    assert fetch("hf:tiny/bert", full=True).bytes_read == 0
    small_hub.forget()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert load_model("hf:tiny/bert").module.config.hidden_size == 32
    assert spatial_attention("hf:tiny/bert").n_layers == 2
    assert small_hub.requests == []


def test_in_a_run_only_what_was_fetched_counts(small_hub, tmp_path, monkeypatch):
    monkeypatch.setenv(USE_LOG, str(tmp_path / "log"))
    small_hub.forget()
    for read in (spatial_attention, load_model):
        with pytest.raises(MissingDataError, match="was not fetched"):
            read("hf:tiny/bert")
    monkeypatch.delenv(USE_LOG)
    fetch("hf:tiny/bert")
    monkeypatch.setenv(USE_LOG, str(tmp_path / "log"))
    small_hub.forget()
    spatial_attention("hf:tiny/bert#text")
    with pytest.raises(MissingDataError, match=r"asks no server.*models fetch hf:tiny/bert --full"):
        load_model("hf:tiny/bert")
    assert (tmp_path / "log").read_text(encoding="utf-8").splitlines() == ["hf:tiny/bert"] * 2
    assert small_hub.requests == []


def test_what_lies_in_the_cache_of_the_hub_is_fetched_from_there(small_hub, project, monkeypatch, tmp_path):
    fetch("hf:tiny/bert", full=True)
    before = key()
    shutil.rmtree(tmp_path / "kept" / "models")
    small_hub.forget()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    fetch("hf:tiny/bert")
    assert (key(), small_hub.requests) == (before, [])


def test_a_rotary_model_brings_the_model_that_lends_it_positions(small_hub, project, monkeypatch, tmp_path):
    fetch("hf:tiny/qwen2")
    lender = STAND_INS["text"]
    assert [file.label for file in files_of("hf:tiny/qwen2")] == [
        "hf:tiny/qwen2/model.safetensors",
        f"{lender}/model.safetensors",
    ]
    read = references_read(lambda: spatial_attention("hf:tiny/qwen2"), monkeypatch, tmp_path)
    assert read == ["hf:tiny/qwen2", lender]
    assert set(read) == declared_references(parameters_for(model="hf:tiny/qwen2"))


def test_an_untrained_twin_reads_the_listed_dimensions_only(project):
    assert [file.label for file in files_of("hf:openai-community/gpt2@random")] == [
        "hf:openai-community/gpt2@random/data/architectures.yml"
    ]
    assert files_of("timm:deit_tiny_patch16_224.fb_in1k@random") == []


@pytest.mark.parametrize("model", ["file:~/mine", "file:{home}/mine#text", "file:~/mine/model.safetensors"])
def test_a_folder_of_the_users_own_is_read_under_the_name_it_was_given(
    project, small_repositories, monkeypatch, tmp_path, model
):
    shutil.copytree(small_repositories / "tiny" / "bert", project.home / "mine")
    parameters = parameters_for(model=model.format(home=project.home))
    read = references_read(lambda: spatial_attention(parameters.model), monkeypatch, tmp_path)
    assert read == ["file:~/mine"]
    assert set(read) <= {*declared_references(parameters)} <= {"file:~/mine", "minilm"}  # which lends to a rotary model
    assert {file.label for file in files_of("file:~/mine")} == {
        "file:~/mine/config.json",
        "file:~/mine/model.safetensors",
    }


def test_a_plan_tells_what_is_to_be_fetched_and_what_is_here(small_hub, project):
    values = {"model": "deit-tiny", "others": "hf:tiny/bert,gpt2,hf:tiny/other"}
    found = plan_run(get_chapter("reader"), values)
    assert found.models == {"timm:deit_tiny_patch16_224.fb_in1k": 3_690_240}
    assert found.download_bytes == 3_690_240
    assert found.optional["hf:tiny/bert"] is None  # not in the list of models
    assert (list(found.optional), found.kept) == (["hf:tiny/bert", STAND_INS["text"], "hf:tiny/other"], {})
    fetch("hf:tiny/bert")
    found = plan_run(get_chapter("reader"), values)
    assert list(found.optional) == [STAND_INS["text"], "hf:tiny/other"]
    assert list(found.kept) == ["hf:tiny/bert"]
    assert found.kept["hf:tiny/bert"] > 1000


def test_optional_data_that_comes_meanwhile_matters_when_it_was_read(small_hub, project):
    fetch("hf:tiny/bert")
    values = {"others": "hf:tiny/other"}
    before = key(**values)
    fetch("hf:tiny/other")
    now = look_up(parameters_for(**values))
    assert execution._changed_data(before, now, ["hf:tiny/bert"]) is None
    error = execution._changed_data(before, now, ["hf:tiny/bert", "hf:tiny/other"])
    assert error["kind"] == "ChangedData"
    assert error["text"].startswith("hf:tiny/other, hf:tiny/other/model.safetensors changed while the chapter was")
