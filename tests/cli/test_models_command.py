"""The command `brainalign models`: lists, shows, fetches, refuses."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

import pytest

from brainalign.catalogue.entries import MissingDataError
from brainalign.cli.console import readable_bytes, readable_count
from brainalign.models.fetching import Fetched
from brainalign.models.registry import get_model, models


def shown(answer):
    """What `models show` says, by the name of the row."""
    assert (answer.code, answer.err) == (0, "")
    return dict(re.split(r"\s{2,}", line.strip(), maxsplit=1) for line in answer.out.splitlines())


def test_models_are_listed_with_their_number(brainalign):
    answer = brainalign("models")
    assert (answer.code, answer.err) == (0, "")
    assert answer.lines[0] == "id family group modality parameters topology needs Top-1 %"
    assert [line.split()[0] for line in answer.lines[1:-1]] == [entry.id for entry in models()]
    assert answer.lines[-1] == f"{len(models())} models"


def test_a_line_tells_sizes_and_accuracy(brainalign):
    lines = brainalign("models", "--family", "dino").lines
    assert lines[1] == "dino-small-16 dino ViT-Variants-global-semantic vision 21.7M 14.5 MB 77.0"
    assert lines[-1] == "4 models"


@pytest.mark.parametrize(
    "choice",
    [
        {"study": "topology"},
        {"group": "LLM"},
        {"modality": "multimodal"},
        {"family": "clip", "modality": "text"},
    ],
)
def test_filters_keep_what_they_name(brainalign, choice):
    words = [word for name, value in choice.items() for word in (f"--{name}", value)]
    listed = [line.split()[0] for line in brainalign("models", *words).lines[1:-1]]
    assert listed == [entry.id for entry in models(**choice)]
    assert 0 < len(listed) < len(models())


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (
            ["--family", "vitt"],
            "brainalign: no model has the family 'vitt'. Did you mean 'vit'? Allowed are: vit,",
        ),
        (["--group", "LLLM"], "brainalign: no model has the group 'LLLM'. Did you mean 'LLM'?"),
        (["show", "deit-tinny"], "brainalign: unknown model 'deit-tinny'. Did you mean 'deit-tiny'"),
        (["show", "hg:gpt2"], "brainalign: unknown prefix 'hg:' in 'hg:gpt2'. Did you mean 'hf:gpt2'?"),
        (["show", "timm:vit_tinny_patch16_224"], "brainalign: timm"),
        (["show", "deit-tiny#text"], "brainalign: 'timm:deit_tiny_patch16_224.fb_in1k#text' has no tower 'text'"),
        (["fetch", "deit-tinny"], "brainalign: unknown model 'deit-tinny'."),
        (["fetch", "--family", "vitt"], "brainalign: no model has the family 'vitt'. Did you mean 'vit'?"),
    ],
)
def test_a_mistake_ends_with_one_message_and_code_2(brainalign, words, text):
    answer = brainalign("models", *words)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(text)
    assert len(answer.err.splitlines()) == 1


def test_show_tells_every_field_of_a_row(brainalign):
    entry = get_model("dino-base-8")
    rows = shown(brainalign("models", "show", "dino-base-8"))
    assert json.loads(brainalign("models", "show", "dino-base-8", "--json").out) == rows
    assert rows["reference"] == "timm:vit_base_patch8_224.dino"
    assert rows["listed"] == "our reconstruction of the study's list"
    assert rows["parameters"] == f"85.8M ({entry.parameters})"
    assert rows["checkpoint"] == f"343 MB ({entry.full_bytes} bytes)"
    assert rows["Top-1"] == "80.1 %, nearest neighbours 77.4 %"
    assert rows["protocol"].startswith("linear probe")
    assert "as reported by the authors; typed, not re-measured" in rows["source"]
    share = 100 * entry.topology_bytes / entry.full_bytes
    assert rows["to fetch"] == (
        f"59.0 MB, which is {share:.1f} % of the checkpoint, "
        "with: brainalign models fetch timm:vit_base_patch8_224.dino"
    )


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("minilm", {"revision": get_model("minilm").revision, "to fetch": "nothing: its weights are here"}),
        ("gpt2@random", {"id": "gpt2", "to fetch": "nothing: the untrained twin is built here"}),
        ("hf:openai-community/gpt2@abc123", {"id": "gpt2", "revision": "abc123"}),
        ("hf:openai/clip-vit-base-patch16", {"id": "clip-base-16-text, clip-base-16-vision"}),
        ("meter-vqa#vision", {"id": "meter-vqa", "tower": "vision"}),
        ("deepseek-vl2-text", {"parameters": "unknown", "to fetch": "see the note"}),
        ("timm:vit_base_patch16_384.augreg_in1k", {"id": "not in the registry"}),
        ("hf:some/model", {"checkpoint": "unknown before its files are opened"}),
    ],
)
def test_show_takes_ids_and_references(brainalign, model, expected):
    rows = shown(brainalign("models", "show", model))
    assert {name: rows[name] for name in expected} == expected


def test_fetch_reports_what_travelled(brainalign, monkeypatch):
    asked = []

    def fetch(reference, *, full):
        asked.append((str(reference), full))
        return Fetched(str(reference), 3_690_240, 22_869_664)

    monkeypatch.setattr("brainalign.models.fetching.fetch", fetch)
    answer = brainalign("models", "fetch", "deit-tiny", "--full")
    assert (answer.code, answer.err) == (0, "")
    assert answer.lines == ["timm:deit_tiny_patch16_224.fb_in1k: 3.69 MB of 22.9 MB fetched."]
    assert asked == [("timm:deit_tiny_patch16_224.fb_in1k", True)]


def test_fetch_of_what_is_here_tells_what_is_needed(brainalign):
    """The whole way, with real weights; the listed bytes are those that are read."""
    answer = brainalign("models", "fetch", "minilm")
    assert (answer.code, answer.err) == (0, "")
    assert answer.lines == ["minilm: on this machine, 7.15 MB of 90.9 MB are needed."]
    assert readable_bytes(get_model("minilm").topology_bytes) == "7.15 MB"


def test_a_long_note_is_not_wrapped(brainalign):
    entry = max(models(), key=lambda entry: len(entry.note))
    assert len(entry.note) > 120
    assert shown(brainalign("models", "show", entry.id))["note"] == entry.note


def test_what_cannot_be_fetched_ends_with_code_1(brainalign, monkeypatch):
    def fetch(reference, *, full):
        raise MissingDataError(f"{reference}: there is no network.")

    monkeypatch.setattr("brainalign.models.fetching.fetch", fetch)
    answer = brainalign("models", "fetch", "deit-tiny")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err == "brainalign: timm:deit_tiny_patch16_224.fb_in1k: there is no network.\n"


@pytest.mark.parametrize(
    ("number", "as_bytes", "as_count"),
    [
        (0, "0 B", "0"),
        (999, "999 B", "999"),
        (1000, "1.00 kB", "1.00K"),
        (9_994, "9.99 kB", "9.99K"),
        (9_996, "10.0 kB", "10.0K"),
        (999_499, "999 kB", "999K"),
        (999_500, "1.00 MB", "1.00M"),
        (72_706_203_648, "72.7 GB", "72.7B"),
        (3 * 10**15, "3000 TB", "3000T"),
    ],
)
def test_sizes_are_written_with_three_digits(number, as_bytes, as_count):
    assert (readable_bytes(number), readable_count(number)) == (as_bytes, as_count)


def test_several_are_fetched_whatever_becomes_of_one(brainalign, small_hub):
    names = ("hf:tiny/bert", "hf:tiny/none", "hf:tiny/broken", "hf:tiny/other", "hf:tiny/bert")
    answer = brainalign("models", "fetch", *names)
    assert (answer.code, answer.err) == (1, "")
    assert re.fullmatch(r"\[1/4\] hf:tiny/bert: [\d.]+ kB of [\d.]+ kB fetched\.", answer.lines[0])
    assert answer.lines[1:3] == ["[2/4] hf:tiny/none: failed", "[3/4] hf:tiny/broken: failed"]
    assert answer.lines[3].startswith("[4/4] hf:tiny/other: ")
    assert answer.lines[4:6] == ["2 of 4 models are here.", "failed why"]
    why = " ".join(answer.lines[6:])
    assert re.search(r"hf:tiny/none 'hf:tiny/none': .* does not exist \(RepoNotFound\)", why)
    assert re.search(r"hf:tiny/broken http.* does not fit its own header: it was truncated or altered", why)

    # The same command again: what is here is not asked for.
    small_hub.forget()
    again = brainalign("models", "fetch", *names)
    assert again.lines[0] == "[1/4] hf:tiny/bert: everything that is needed was kept already."
    assert not any("/tiny/bert/" in request or "/tiny/other/" in request for request in small_hub.requests)
    assert again.code == 1
    assert brainalign("models", "fetch", "hf:tiny/bert", "hf:tiny/other").code == 0


def test_a_fetch_that_is_stopped_says_how_to_go_on(brainalign, small_hub, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("brainalign.models.fetching.fetch", stop)
    answer = brainalign("models", "fetch", "hf:tiny/bert", "hf:tiny/other")
    assert answer.code == 130
    assert answer.err == "brainalign: stopped. What was fetched is kept; the same command continues.\n"


@pytest.mark.parametrize("choice", [{"study": "topology"}, {"group": "LLM"}, {"family": "dino"}])
def test_a_dry_run_tells_how_many_and_how_much(brainalign, choice, tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINALIGN_HOME", str(tmp_path))
    words = [word for name, value in choice.items() for word in (f"--{name}", value)]
    answer = brainalign("models", "fetch", *words, "--dry-run")
    chosen = models(**choice)
    sized = [entry for entry in chosen if entry.topology_bytes]
    needed = sum(entry.topology_bytes for entry in sized)
    whole = sum({entry.reference.partition("#")[0]: entry.full_bytes for entry in sized}.values())
    assert (answer.code, answer.err) == (0, "")
    assert answer.lines[:2] == [
        f"{len(chosen)} models, 0 of them kept already",
        f"topological alignment needs {readable_bytes(needed)} of {readable_bytes(whole)} of checkpoints "
        f"({100 * needed / whole:.1f} %)",
    ]
    assert answer.lines[2].startswith(f"to fetch: {readable_bytes(needed)}; the disk has room for ")
    unknown = [entry.reference for entry in chosen if entry not in sized]
    assert answer.lines[3:] == ([f"of unknown size: {', '.join(unknown)}"] if unknown else [])
    assert not list(tmp_path.iterdir())


def test_the_study_needs_less_than_a_tenth_of_its_checkpoints(brainalign):
    """The figures that the pages tell."""
    lines = brainalign("models", "fetch", "--study", "topology", "--dry-run").lines
    assert lines[1] == "topological alignment needs 97.8 GB of 1.08 TB of checkpoints (9.0 %)"


def test_a_dry_run_knows_what_is_kept(brainalign, small_hub):
    brainalign("models", "fetch", "gpt2")  # the stand-in of that name
    lines = brainalign("models", "fetch", "gpt2", "deit-tiny", "minilm", "--dry-run").lines
    assert lines[0] == "3 models, 2 of them kept already"
    assert lines[2].startswith("to fetch: 3.69 MB;")
    whole = brainalign("models", "fetch", "gpt2", "deit-tiny", "minilm", "--dry-run", "--full").lines
    assert whole[0] == "3 models, 1 of them kept already"


def test_what_does_not_fit_on_the_disk_is_not_begun(brainalign, tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINALIGN_HOME", str(tmp_path))
    monkeypatch.setattr("brainalign.cli.fetching.shutil.disk_usage", lambda _: SimpleNamespace(free=10**7))
    answer = brainalign("models", "fetch", "--family", "dino")
    assert (answer.code, answer.out) == (2, "")
    assert re.search(r"MB are needed, and the disk of .* has room for 10\.0 MB\. Make room, or let", answer.err)


@pytest.mark.parametrize("words", [[], ["deit-tiny", "--family", "dino"]])
def test_models_are_named_or_chosen(brainalign, words):
    answer = brainalign("models", "fetch", *words)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("brainalign: name the models to fetch, or choose by --study, --group or --family")
