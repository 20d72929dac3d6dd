"""Every command: what it says, and how it ends."""

from __future__ import annotations

import json
import re
import shlex
from importlib.metadata import version

import pytest

from brainalign import devices
from brainalign.catalogue.entries import catalogue
from brainalign.cli.parameter_values import join_pairs, split_pairs
from brainalign.runs.errors import UsageError
from brainalign.runs.execution import repeat_command
from brainalign.runs.registry import all_chapters, get_chapter
from tests.runs.tiny import BEHAVIOUR, USER, TinyParameters, tiny_chapter


@pytest.fixture
def real(tmp_path, monkeypatch):
    """The real project with an empty run store."""
    monkeypatch.delenv("BRAINALIGN_PROJECT", raising=False)
    monkeypatch.setenv("BRAINALIGN_RUNS", str(tmp_path / "runs"))
    catalogue.cache_clear()
    return tmp_path / "runs"


# Help


COMMANDS = [
    "list", "chapters", "doctor", "params", "run", "show", "book", "claims", "deposit", "deposits", "plan", "sweep",
    "collect", "compare", "stages", "data", "models", "zoo", "new", "runs",
]  # fmt: skip


def listed_commands(text):
    return [word for word in re.findall(r"^\W*(\w+) ", text.split("Commands")[1], flags=re.MULTILINE) if word]


def test_without_arguments_the_commands_are_listed(brainalign):
    answer = brainalign()
    text = answer.out + answer.err
    assert "Usage: brainalign" in text
    assert listed_commands(text) == COMMANDS
    assert answer.code == 2


def test_help_lists_the_commands(brainalign):
    answer = brainalign("--help")
    assert answer.code == 0
    assert listed_commands(answer.out) == COMMANDS


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("list", ["List the chapters"]),
        ("params", ["CHAPTER", "name, type, default, bounds, help"]),
        ("run", ["CHAPTER", "--parameter", "-p", "NAME VALUE", "--profile", "smoke", "--force"]),
        ("run", ["--cell-timeout", "--run-timeout"]),
        ("show", ["RUN", "parameters, key, versions, hardware, results"]),
        ("book", ["--profile", "--output", "--save-pairs", "_build/html"]),
    ],
)
def test_every_command_has_help(brainalign, command, words):
    answer = brainalign(command, "--help")
    assert answer.code == 0
    assert [word for word in words if word not in answer.out] == []


@pytest.mark.parametrize("words", [["runn"], ["run"], ["run", "topology", "--fast"], ["run", "head", "-p"]])
def test_what_is_no_command_is_refused(brainalign, words):
    answer = brainalign(*words)
    assert answer.code == 2
    assert "Error" in answer.err
    assert answer.out == ""


# Which chapters and parameters there are


@pytest.mark.usefixtures("real")
def test_list_names_every_chapter(brainalign):
    answer = brainalign("list")
    assert answer.code == 0
    assert answer.lines[0] == "chapter part asks latest run data to download"
    begins = [f"{c.name} {c.part} {c.title} none yet" for c in all_chapters()]
    assert [line[: len(begin)] for line, begin in zip(answer.lines[1:], begins, strict=True)] == begins
    (story,) = (line for line in answer.lines if line.startswith("encoding "))
    assert story.removesuffix(" (here)").endswith("none yet alice-story")


def test_list_names_the_latest_run(brainalign, ran):
    manifest = ran.store.open("tiny").manifest
    assert brainalign("list").lines[1:] == [
        f"tiny I. Tiny Does it work at all? {manifest.run_id}, {manifest.started[:10]}"
    ]


@pytest.mark.usefixtures("real")
def test_params_tells_everything_about_every_parameter(brainalign):
    answer = brainalign("params", "topology")
    assert answer.code == 0
    assert answer.lines[0] == "name type default bounds help"
    parameters = get_chapter("topology").parameters
    infos = parameters.describe()
    told = answer.lines[1 : len(infos) + 1]
    assert told == [" ".join(f"{i.name} {i.type} {i.default} {i.bounds} {i.help}".split()) for i in infos]
    assert answer.lines[len(infos) + 1 :] == [
        "profile default: the defaults above",
        f"profile smoke: {', '.join(f'{k} = {v}' for k, v in parameters.profiles['smoke'].items())}",
    ]


@pytest.mark.usefixtures("tiny")
def test_params_shows_signs_as_they_are(brainalign):
    answer = brainalign("params", "tiny")
    assert 'note str "plain" kept as it is, <b> & all' in answer.lines
    assert "sizes list of int [100] each 100 | 200, at least 1 sizes" in answer.lines


@pytest.mark.usefixtures("real")
@pytest.mark.parametrize("command", ["params", "run"])
def test_an_unknown_chapter_is_refused_with_the_nearest(brainalign, command):
    answer = brainalign(command, "topolgy")
    assert answer.code == 2
    assert answer.out == ""
    known = ", ".join(chapter.name for chapter in all_chapters())
    assert answer.err == f"brainalign: unknown chapter: 'topolgy'. Did you mean 'topology'? Known are: {known}.\n"


# Wrong parameters


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["-p", "twins", "9"], "unknown parameter of topology: 'twins'. Did you mean 'n_twins'?"),
        (["-p", "n_twins", "3"], "topology: n_twins = '3' is not allowed; allowed is int >= 19, <= 9999."),
        (["-p", "n_twins=3"], "topology: n_twins = '3' is not allowed; allowed is int >= 19, <= 9999."),
        (["--parameter", "seed", "-1"], "topology: seed = '-1' is not allowed; allowed is int >= 0."),
        (["--parameter=seed=-1"], "topology: seed = '-1' is not allowed; allowed is int >= 0."),
        (["-p", "parcels", "100,150"], "topology: parcels = 150 is not allowed; allowed is list of int each 100 | 2"),
        (["-p", "twin_kind", "paired"], "topology: twin_kind = 'paired' is not allowed; allowed is str matched | ini"),
        (["-p", "model", "bert"], "topology: model = 'bert' is not allowed: unknown model 'bert'. "),
        (["-p", "n_twins"], "'-p n_twins' has no value; write -p NAME VALUE."),
        (["-p", "seed", "1", "-p", "n_twins"], "'-p n_twins' has no value; write -p NAME VALUE."),
        (["--profile", "smoke_"], "unknown profile of topology: 'smoke_'. Did you mean 'smoke'?"),
    ],
)
def test_a_wrong_parameter_is_refused_before_anything_starts(brainalign, real, words, text):
    answer = brainalign("run", "topology", *words)
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.startswith(f"brainalign: {text}")
    assert not real.exists()


@pytest.mark.parametrize(
    "words",
    [
        ["-p", "n", "4", "-p", "note", "a=b c"],
        ["-p", "n=4", "-p", "note=a=b c"],
        ["--parameter", "n", "4", "--parameter=note=a=b c"],
    ],
)
def test_every_form_of_a_parameter_is_understood(brainalign, tiny, monkeypatch, words):
    seen = []

    def run(chapter, values, **options):
        seen.append((chapter.parameters.from_values(chapter.name, values).changed(), options["profile"]))
        msg = "far enough"
        raise UsageError(msg)

    monkeypatch.setattr("brainalign.runs.execution.run_chapter", run)
    assert brainalign("run", "tiny", *words, "--profile", "smoke").err == "brainalign: far enough\n"
    assert seen == [({"n": 4, "note": "a=b c"}, "smoke")]


@pytest.mark.parametrize("note", ["it's", '"', "-p", "--force", "a\nb", "{n} {{n}}", "ü 🧠", "a=b", "$HOME", " "])
def test_the_command_that_repeats_a_run_is_understood(note, tiny):
    parameters = TinyParameters(note=note, n=5, sizes=[200, 100], loud=True)
    words = shlex.split(repeat_command(tiny_chapter(), parameters))
    assert words[:3] == ["brainalign", "run", "tiny"]
    pairs = [word for word in join_pairs(words[3:]) if word != "-p" or note == "-p"]
    given = split_pairs([pair for pair in pairs if "=" in pair])
    assert TinyParameters.from_values("tiny", given) == parameters


# Runs


def test_run_executes_once_and_is_reused_then(brainalign, tiny, monkeypatch):
    first = brainalign("run", "tiny", "-p", "n", "2", "-p", "note=it's {n} [red] Ω")
    assert (first.code, first.err) == (0, "")
    assert first.lines[0] == "tiny: executing (there is no earlier run)"
    manifest = tiny.store.open("tiny").manifest
    assert first.lines[1] == f"tiny: done in {manifest.seconds:.1f} s, run {manifest.run_id}"
    assert {"n_rows 2", "total 4", "note it's {n} [red] Ω"} <= set(first.lines)
    assert first.lines[-1] == f"notebook: {tiny.runs}/tiny/{manifest.run_id}/notebook.ipynb"

    monkeypatch.setattr("papermill.execute_notebook", None)
    again = brainalign("run", "tiny", "-p", "n=2", "-p", "note", "it's {n} [red] Ω")
    assert (again.code, again.err) == (0, "")
    assert again.lines[0] == (
        f"tiny: reused run {manifest.run_id} of {manifest.started} (nothing it depends on has changed)"
    )
    assert again.lines[1:] == first.lines[2:]


def test_a_failing_chapter_is_told_with_its_cell_and_error(brainalign, ran, monkeypatch):
    monkeypatch.setenv(BEHAVIOUR, "raise")
    before = ran.bytes_of_runs()
    answer = brainalign("run", "tiny", "--force")
    assert answer.code == 1
    assert answer.lines == ["tiny: executing (asked to execute again)"]
    assert answer.err.startswith("tiny failed in cell [4]: ValueError: no luck in <project>\n")
    assert 'behaviour = os.environ.get("TINY_BEHAVIOUR", "")' in answer.err
    assert f"manifest: {ran.runs}/tiny/{ran.key().digest[:12]}-failed/manifest.json" in answer.err
    assert before.items() <= ran.bytes_of_runs().items()

    shown = brainalign("show", "tiny")
    assert shown.code == 0
    assert "(failed)" in shown.lines[0]
    assert "tiny failed in cell [4]: ValueError: no luck in <project>" in shown.lines

    monkeypatch.delenv(BEHAVIOUR)
    book = brainalign("show", ran.key().digest[:12])
    assert "(ok)" in book.lines[0]


def test_what_a_chapter_refuses_is_one_sentence_and_no_traceback(brainalign, ran, monkeypatch):
    monkeypatch.setenv(BEHAVIOUR, "refuse")
    answer = brainalign("run", "tiny", "--force")
    assert answer.code == 2
    assert answer.err.startswith("brainalign: tiny: a wish that cannot be met; wish for less.\n")
    assert "Traceback" not in answer.err
    assert "raise" not in answer.err


def test_a_missing_file_is_named_with_what_mends_it(brainalign, tiny):
    (tiny.root / "data" / "tiny.csv").unlink()
    answer = brainalign("run", "tiny")
    assert answer.code == 1
    assert answer.out == ""
    assert answer.err == (
        "brainalign: tiny-table: the file data/tiny.csv is missing from the project. "
        "Mend it with: git checkout -- data\n"
    )


def test_a_file_with_a_wrong_checksum_is_named_with_what_mends_it(brainalign, ran):
    before = ran.bytes_of_runs()
    ran.pin("another content")
    answer = brainalign("run", "tiny")
    assert answer.code == 1
    assert answer.out == ""
    assert answer.err.startswith("brainalign: tiny-table: data/tiny.csv is not the file it should be: sha256 ")
    assert answer.err.endswith("Mend it with: git checkout -- data\n")
    assert ran.bytes_of_runs() == before


def test_a_folder_that_is_no_project_is_told(brainalign, tmp_path, monkeypatch):
    monkeypatch.setenv("BRAINALIGN_PROJECT", str(tmp_path))
    monkeypatch.delenv("BRAINALIGN_RUNS", raising=False)
    answer = brainalign("list")
    assert answer.code == 1
    assert answer.err.startswith(f"brainalign: {tmp_path} is not the brainalign project: it has no _toc.yml")


def test_show_tells_everything_about_a_run(brainalign, ran):
    manifest = ran.store.open("tiny").manifest
    for name in ("tiny", manifest.run_id, manifest.run_id[:5], f"tiny/{manifest.run_id}"):
        answer = brainalign("show", name)
        assert (answer.code, answer.err) == (0, "")
        assert answer.lines[0] == f"run tiny/{manifest.run_id} (ok)"
    text = " ".join(answer.lines)
    assert f"key {manifest.key}" in text
    assert "repeat brainalign run tiny" in text
    assert 'n = 3, scale = 1.0, kind = "sum", sizes = [100], note = "plain", loud = false' in text
    assert "tiny-table/data/tiny.csv (" in text
    assert f"python {manifest.versions['python']}" in text
    assert f"{len(manifest.key_parts['source'])} modules, commit unknown" in text
    assert {"n_rows 3", "total 7.5", "note plain"} <= set(answer.lines)
    assert USER not in text.replace(str(ran.runs), "")


@pytest.mark.parametrize("name", ["zzz", "tiny/zzz", ""])
def test_show_refuses_a_run_that_is_not_there(brainalign, ran, name):
    answer = brainalign("show", name)
    assert answer.code == 2
    latest = f"tiny/{ran.key().digest[:12]}"
    assert answer.err == f"brainalign: there is no run '{name}'. The latest are: {latest}.\n"


# The book


def test_a_book_with_a_failing_chapter_is_not_built(brainalign, ran, monkeypatch):
    old = ran.root / "_build" / "html" / "index.html"
    old.parent.mkdir(parents=True)
    old.write_text("the book before", encoding="utf-8")
    monkeypatch.setenv(BEHAVIOUR, "raise")
    ran.edit("notebooks/01_tiny.md", 'record("note", note)', 'record("note", note + "!")')
    answer = brainalign("book", "--save-pairs")
    assert answer.code == 1
    assert answer.lines[0] == "tiny: executing (code: cell 3)"
    assert "tiny failed in cell [4]: ValueError: no luck in <project>" in answer.lines
    assert answer.err == "1 of 1 chapters failed; the earlier book was left as it was.\n"
    assert old.read_text(encoding="utf-8") == "the book before"
    assert not ran.chapter.pair_path.exists()


def test_a_book_that_is_sound_is_told_where(brainalign, ran, monkeypatch):
    monkeypatch.setattr(
        "brainalign.book.building._jupyter_book", lambda work: (work / "_build" / "html").mkdir(parents=True)
    )
    monkeypatch.setattr("brainalign.book.building.check_pages", lambda *_: [])
    answer = brainalign("book", "--save-pairs", "--output", str(ran.root / "pages"))
    index = ran.root / "pages" / "index.html"
    assert (answer.code, answer.err) == (0, "")
    assert answer.lines[0].startswith("tiny: reused run ")
    assert f"The book is ready. Open it with a browser: {index.as_uri()}" in answer.lines
    assert ran.chapter.read_pair() is not None


def test_a_book_that_is_not_sound_is_told_why(brainalign, ran, monkeypatch):
    monkeypatch.setattr(
        "brainalign.book.building._jupyter_book", lambda work: (work / "_build" / "html").mkdir(parents=True)
    )
    answer = brainalign("book")
    assert answer.code == 1
    assert "- book/intro: the page is missing" in answer.err
    assert not (ran.root / "_build" / "html").exists()


# For programs and for shells


@pytest.mark.parametrize("words", [("list",), ("params", "tiny"), ("plan", "tiny"), ("show", "tiny"), ("runs", "list")])
def test_answers_for_programs_are_json_and_nothing_else(ran, brainalign, words):
    answer = brainalign(*words, "--json")
    assert (answer.code, answer.err) == (0, "")
    assert json.loads(answer.out)


@pytest.mark.parametrize("words", [("-h",), ("run", "-h")])
def test_short_help(brainalign, words):
    answer = brainalign(*words)
    assert answer.code == 0
    assert "Usage: brainalign" in answer.out


def test_the_version(brainalign):
    assert brainalign("--version").out.split() == ["brainalign", version("brainalign")]


def test_a_parameter_that_is_set_twice_is_refused(ran, brainalign):
    answer = brainalign("run", "tiny", "-p", "n", "3", "-p", "n", "4")
    assert answer.code == 2
    assert "twice" in answer.err


@pytest.mark.parametrize(
    "words", [("run", "tiny", "--threads", "0"), ("book", "--jobs", "-1"), ("book", "--jobs", "0")]
)
def test_no_threads_and_no_jobs_are_refused_in_words(ran, brainalign, words):
    answer = brainalign(*words)
    assert answer.code == 2
    assert f"Invalid value for '{words[-2]}'" in answer.err


# Removing runs


def test_runs_are_removed_by_chapter_and_what_is_freed_is_said(ran, brainalign):
    (run,) = ran.store.good_runs("tiny")
    tried = brainalign("runs", "rm", "--chapter", "tiny", "--dry-run")
    assert run.folder.is_dir()
    assert re.search(r"1 run would be removed, [\d.]+ kB would be freed", tried.out)
    assert brainalign("runs", "rm", run.name).code == 0
    assert not run.folder.exists()


def test_a_young_run_is_not_older_than_a_day(ran, brainalign):
    assert "0 runs were removed" in brainalign("runs", "rm", "--older-than", "1").out
    assert len(ran.store.good_runs("tiny")) == 1


def test_which_runs_to_remove_must_be_said(ran, brainalign):
    answer = brainalign("runs", "rm")
    assert answer.code == 2
    assert "--older-than" in answer.err
    assert len(ran.store.good_runs("tiny")) == 1


# Devices


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "mps"])
def test_a_device_that_is_not_there_is_refused_by_a_chapter_that_uses_none(tiny, brainalign, monkeypatch, device):
    monkeypatch.setattr(devices, "_devices_here", lambda: ["cpu"])
    answer = brainalign("run", "tiny", "-p", "device", device)
    assert (answer.code, answer.out) == (2, "")  # nothing was started
    assert f"tiny: device = '{device}' is not on this machine; there are: cpu." in answer.err
    assert not tiny.runs.exists()


# Doctor


def test_the_doctor_tells_of_packages_that_are_not_as_locked(ran, brainalign):
    assert json.loads(brainalign("doctor", "--json").out)["stale chapters"] == "none"
    ran.edit("requirements.lock", "numpy==2.0.0", "numpy==0.0.1\nno-such-package==1.0")
    answer = brainalign("doctor", "--json")
    assert answer.code == 1
    told = json.loads(answer.out)
    assert f"numpy: {version('numpy')} installed, 0.0.1 locked" in told["packages"]
    assert "no-such-package: nothing installed" in told["packages"]
    assert told["stale chapters"] == "tiny"  # the lock is part of the key


def test_the_doctor_tells_of_altered_files_and_of_a_mirror_that_is_gone(ran, brainalign, monkeypatch):
    monkeypatch.setenv("BRAINALIGN_HOME", str(ran.home / "data"))
    monkeypatch.setenv("BRAINALIGN_MIRROR", str(ran.home / "gone"))
    ran.pin((ran.root / "data" / "tiny.csv").read_text(encoding="utf-8"))
    sound = brainalign("doctor", "--json")
    ran.edit("data/tiny.csv", "a,1.5", "a,1.6")
    answer = brainalign("doctor", "--json")
    told = json.loads(answer.out)
    assert answer.code == 1
    assert "2 entries" in json.loads(sound.out)["checksums"]
    assert "data/tiny.csv" in told["checksums"]
    assert told["mirror"].endswith("gone, NOT THERE")
    assert told["device"].startswith("auto is ")
    assert told["models of a hub"] == "0 kept, as they were fetched"


def test_models_that_a_chapter_cannot_do_without_must_be_named(brainalign, real):
    answer = brainalign("run", "models", "-p", "measured", "clip-s,bert-s")
    assert answer.code == 2
    assert "meter-s is not in it" in answer.err
