"""The store: how a run is found, and what is left alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from brainalign.runs.errors import StoreWarning, UsageError
from brainalign.runs.manifest import checksum_of
from brainalign.runs.store import RunStore
from tests.runs.tiny import manifest, put


def rewrite(folder, change, *, seal=True):
    """Change a manifest as another version of the project would have written it, or as a hand does, without a seal."""
    path = folder / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    if seal:
        content.pop("checksum")
        content["checksum"] = checksum_of(content)
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def store(tiny):
    return tiny.store


@pytest.fixture
def three(tiny, store):
    """Keys of three runs, the earliest first; the last one belongs to another chapter."""
    keys = [tiny.key(), tiny.key(n=4), tiny.key(n=5)]
    put(store, manifest(keys[0], started="2026-01-01T00:00:00+00:00"))
    put(store, manifest(keys[1], started="2026-01-02T00:00:00+00:00"))
    put(store, manifest(keys[2], started="2026-01-03T00:00:00+00:00", chapter="another"), chapter="another")
    return keys


def test_store_is_where_the_environment_says_or_in_the_project(tiny, tmp_path, monkeypatch):
    assert RunStore().folder == tiny.runs
    monkeypatch.setenv("BRAINALIGN_RUNS", "~/elsewhere")
    assert RunStore().folder == tiny.home / "elsewhere"
    monkeypatch.delenv("BRAINALIGN_RUNS")
    assert RunStore().folder == tiny.root / "runs"
    assert RunStore(tmp_path).folder == tmp_path
    assert not (tiny.root / "runs").exists()


def test_an_empty_store_has_nothing(tiny, store):
    assert store.good_runs("tiny") == []
    assert store.find("tiny", tiny.key()) is None
    assert store.nearest("tiny", tiny.key()) is None
    with pytest.raises(UsageError, match=r"^there is no run 'tiny'\. The latest are"):
        store.open("tiny")


def test_a_run_is_found_by_its_key_and_chapter_only(tiny, store, three):
    assert store.find("tiny", three[0]).manifest.key == three[0].digest
    assert store.find("tiny", three[2]) is None
    assert store.find("tiny", tiny.key(n=6)) is None


def test_a_run_with_the_same_beginning_but_another_key_is_not_taken(tiny, store):
    key = tiny.key()
    put(store, manifest(key, key=key.digest[:12] + "0" * 52))
    assert store.find("tiny", key) is None


def test_good_runs_come_with_the_latest_first(store, three):
    assert [run.manifest.key for run in store.good_runs("tiny")] == [three[1].digest, three[0].digest]


def test_a_failed_run_is_no_good_run_but_can_be_opened(tiny, store, three):
    key = tiny.key(n=6)
    put(store, manifest(key, status="failed", started="2026-02-01T00:00:00+00:00"), name=f"{key.digest[:12]}-failed")
    assert store.find("tiny", key) is None
    assert key.digest not in [run.manifest.key for run in store.good_runs("tiny")]
    assert store.open("tiny").manifest.status == "failed"
    assert store.open(f"{key.digest[:12]}-failed").manifest.key == key.digest
    assert store.open(key.digest[:12]).manifest.key == key.digest
    assert store.nearest("tiny", key)[0].manifest.status == "ok"


def test_open_by_id_its_beginning_chapter_or_both(store, three):
    digest = three[0].digest[:12]
    for name in (digest, digest[:7], f"tiny/{digest}"):
        assert store.open(name).manifest.key == three[0].digest, name
    assert store.open("tiny").manifest.key == three[1].digest
    assert store.open("another").manifest.key == three[2].digest
    assert store.open(f"another/{three[2].digest[:12]}").name == f"another/{three[2].digest[:12]}"


@pytest.mark.parametrize("name", ["", "zzz", "tiny/", "tiny/zzz", "../tiny", "another/tiny"])
def test_a_run_that_is_not_there_is_refused_with_the_latest(store, three, name):
    with pytest.raises(UsageError) as refused:
        store.open(name)
    latest = [f"another/{three[2].digest[:12]}", f"tiny/{three[1].digest[:12]}", f"tiny/{three[0].digest[:12]}"]
    assert str(refused.value) == f"there is no run '{name}'. The latest are: {', '.join(latest)}."


def test_a_beginning_of_several_runs_is_refused_with_their_names(tiny, store):
    key = tiny.key()
    for name in ("abc111111111", "abc222222222", "abd333333333"):
        put(store, manifest(key, run_id=name))
    with pytest.raises(UsageError, match=r"^'abc' names 2 runs: .*\. Give more digits\.$") as refused:
        store.open("abc")
    assert "tiny/abc111111111" in str(refused.value)
    assert "tiny/abc222222222" in str(refused.value)
    assert store.open("abc1").name == "tiny/abc111111111"


def test_the_full_id_wins_over_the_failed_run_of_the_same_id(tiny, store):
    key = tiny.key()
    put(store, manifest(key))
    put(store, manifest(key, status="failed"), name=f"{key.digest[:12]}-failed")
    assert store.open(key.digest[:12]).manifest.status == "ok"
    with pytest.raises(UsageError, match="names 2 runs"):
        store.open(key.digest[:6])


def break_json(folder):
    (folder / "manifest.json").write_text("{half a", encoding="utf-8")


def break_letters(folder):
    (folder / "manifest.json").write_bytes(b'{"schema_version": "\xff\xfe"}')


def break_shape(folder):
    (folder / "manifest.json").write_text("[]", encoding="utf-8")


def add_field(folder):
    rewrite(folder, lambda content: content.update(mood="good"))


def older_layout(folder):
    rewrite(folder, lambda content: content.update(schema_version=1))


def other_hand(folder):
    rewrite(folder, lambda content: content.update(seconds=0.1), seal=False)


def lose_checksum(folder):
    rewrite(folder, lambda content: content.pop("checksum"), seal=False)


def lose_field(folder):
    rewrite(folder, lambda content: content.pop("outputs"))


def another_part(folder):
    rewrite(folder, lambda content: content["key_parts"].update(weather={"rain": "no"}))


def lose_part(folder):
    rewrite(folder, lambda content: content["key_parts"].pop("lock"))


def lose_manifest(folder):
    (folder / "manifest.json").unlink()


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (break_json, "it is no JSON with a layout, so it was cut off or changed by hand"),
        (break_letters, "it is no JSON with a layout"),
        (break_shape, "it is no JSON with a layout"),
        (add_field, r"it does not have the fields of layout 2: \('mood',\)"),
        (lose_field, r"it does not have the fields of layout 2: \('outputs',\)"),
        (older_layout, r"it was written by an older version \(layout 1; this one reads 2\)"),
        (other_hand, "it does not fit its own checksum, so somebody changed it after the run was made"),
        (lose_checksum, "it does not fit its own checksum"),
        (another_part, "its key has the parts .*weather"),
        (lose_part, "its key has the parts"),
    ],
)
def test_a_manifest_that_cannot_be_believed_is_said_and_left_alone(tiny, store, three, harm, reason):
    folder = store.folder / "tiny" / three[1].digest[:12]
    harm(folder)
    before = tiny.bytes_of_runs()
    text = rf"^1 run was passed over and left alone \(tiny/{folder.name}\): {reason}"
    with pytest.warns(StoreWarning, match=text):
        assert store.find("tiny", three[1]) is None
    with pytest.warns(StoreWarning, match=text):
        assert [run.manifest.key for run in store.good_runs("tiny")] == [three[0].digest]
    with pytest.warns(StoreWarning, match=text):
        assert store.nearest("tiny", three[1])[0].manifest.key == three[0].digest
    with pytest.warns(StoreWarning, match=text):
        assert store.open("tiny").manifest.key == three[0].digest
    for name in (folder.name, f"tiny/{folder.name}"):
        with pytest.raises(
            UsageError, match=rf"^tiny/{folder.name} cannot be shown: manifest\.json is not as .*{reason}"
        ):
            store.open(name)
    assert tiny.bytes_of_runs() == before


@pytest.mark.filterwarnings("error")
def test_a_folder_without_a_manifest_is_no_run(store, three):
    (store.folder / "tiny" / three[1].digest[:12] / "manifest.json").unlink()
    assert store.find("tiny", three[1]) is None
    assert [run.manifest.key for run in store.good_runs("tiny")] == [three[0].digest]


def test_many_runs_of_one_fault_are_said_once(tiny, store):
    for n in range(1, 6):
        older_layout(put(store, manifest(tiny.key(n=n))))
    with pytest.warns(StoreWarning, match=r"^5 runs were passed over and left alone") as said:
        assert store.good_runs("tiny") == []
    assert len(said) == 1


def test_files_and_hidden_folders_in_the_store_are_no_runs(store, three):
    (store.folder / "notes.txt").write_text("mine", encoding="utf-8")
    (store.folder / "tiny" / "notes.txt").write_text("mine", encoding="utf-8")
    (store.folder / "tiny" / three[0].digest[:12]).rename(store.folder / "tiny" / f".{three[0].digest[:12]}-1")
    assert [run.manifest.key for run in store.good_runs("tiny")] == [three[1].digest]


def test_nearest_is_the_run_with_the_fewest_differences(tiny, store):
    near = tiny.key()
    put(store, manifest(near, started="2026-01-01T00:00:00+00:00"))
    tiny.edit("requirements.lock", "2.0.0", "1.0.0")
    put(store, manifest(tiny.key(n=9), started="2026-01-03T00:00:00+00:00"))
    tiny.edit("requirements.lock", "1.0.0", "2.0.0")
    tiny.edit("data/tiny.csv", "1.5", "1.6")
    run, differences = store.nearest("tiny", tiny.key())
    assert run.manifest.key == near.digest
    assert differences == ["data: tiny-table/data/tiny.csv"]


def test_of_equally_near_runs_the_latest_is_taken(tiny, store):
    for n, day in ((7, 1), (8, 3), (9, 2)):
        put(store, manifest(tiny.key(n=n), started=f"2026-01-0{day}T00:00:00+00:00"))
    assert store.nearest("tiny", tiny.key())[1] == ["parameters: n 8 -> 3"]


def test_a_new_folder_is_empty_and_no_run(tiny, store):
    key = tiny.key()
    folder = store.new_folder("tiny", key)
    (folder / "half").write_text("written", encoding="utf-8")
    again = store.new_folder("tiny", key)
    assert again != folder  # two threads of one process may do the same
    assert list(again.iterdir()) == []
    assert store.good_runs("tiny") == []


def test_what_a_killed_process_left_behind_is_swept(tiny, store):
    key = tiny.key()
    mine = store.new_folder("tiny", key)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    machine = mine.name.split("-")[1]
    left, half_moved, running, elsewhere = (
        mine.with_name(f".0123456789ab-{name}")
        for name in (
            f"{machine}-{gone.pid}",
            f"{machine}-{gone.pid}-old",
            f"{machine}-{os.getppid()}",
            f"00-{gone.pid}",
        )
    )
    for folder in (left, half_moved, running, elsewhere):
        folder.mkdir()
    store.new_folder("tiny", key)
    assert [path.exists() for path in (mine, running, left, half_moved)] == [True, True, False, False]
    assert elsewhere.exists()  # a process of another machine, of which nothing is known here


def kill_between_renames(store, key, monkeypatch):
    """Commit a second run, and be killed when the first was moved away."""
    folder = store.new_folder("tiny", key)
    (folder / "results.json").write_text(json.dumps({"try": 2}), encoding="utf-8")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    folder = folder.rename(folder.with_name(folder.name.replace(f"-{os.getpid()}.", f"-{gone.pid}.")))
    rename = Path.rename

    def rename_and_die(path, target):
        moved = rename(path, target)
        if str(target).endswith("-old"):
            raise KeyboardInterrupt
        return moved

    monkeypatch.setattr("brainalign.runs.store._exchange", lambda *_: False)  # a system that cannot do both at once
    monkeypatch.setattr(Path, "rename", rename_and_die)
    with pytest.raises(KeyboardInterrupt):
        store.commit(folder, manifest(key))
    monkeypatch.setattr(Path, "rename", rename)


@pytest.mark.parametrize("look", ["find", "good_runs", "new_folder"])
def test_a_process_killed_between_two_renames_leaves_the_earlier_run(tiny, store, monkeypatch, look):
    key = tiny.key()
    committed(store, key, "ok", {"try": 1})
    kill_between_renames(store, key, monkeypatch)
    assert not (store.folder / "tiny" / key.digest[:12]).exists()
    if look == "new_folder":
        store.new_folder("tiny", key)
    found = store.find("tiny", key) if look != "good_runs" else store.good_runs("tiny")[0]
    assert found.results() == {"try": 1}


@pytest.mark.skipif(sys.platform != "linux", reason="a step of Linux")
def test_a_run_takes_the_place_of_another_in_one_step(tiny, store, monkeypatch):
    key = tiny.key()
    committed(store, key, "ok", {"try": 1})
    moved = []
    monkeypatch.setattr(Path, "rename", lambda path, target: moved.append((path, target)))
    assert committed(store, key, "ok", {"try": 2}).results() == {"try": 2}
    assert moved == []


@pytest.mark.parametrize("file", ["results.json", "notebook.ipynb", "tables/rows.parquet"])
@pytest.mark.parametrize("change", ["edit", "truncate", "delete"])
def test_a_run_whose_files_are_not_those_it_wrote_is_not_reused(ran, file, change):
    key = ran.key()
    run = ran.store.find("tiny", key)
    path = run.folder / file
    if change == "delete":
        path.unlink()
    elif change == "truncate":
        path.write_bytes(path.read_bytes()[:-20])
    else:
        content = path.read_bytes()
        stat = path.stat()
        path.write_bytes(content[:-3] + bytes([content[-3] ^ 1]) + content[-2:])
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with pytest.warns(StoreWarning, match=rf"its {file} (was changed|is gone)"):
        assert ran.store.find("tiny", key) is None
    with pytest.warns(StoreWarning, match=file):
        assert ran.store.runs() == []
    with pytest.raises(UsageError, match=rf"its {file} (was changed|is gone)"):
        ran.store.open(f"tiny/{run.folder.name}")


def test_results_that_a_run_never_wrote_are_not_believed(ran):
    run = ran.store.find("tiny", ran.key())
    facts = run.manifest.model_copy(update={"outputs": {"notebook.ipynb": run.manifest.outputs["notebook.ipynb"]}})
    (run.folder / "manifest.json").write_text(facts.to_json(), encoding="utf-8")
    with pytest.warns(StoreWarning, match="was added"):
        assert ran.store.find("tiny", ran.key()) is None


def test_another_space_of_processes_is_another_machine(tiny, store, monkeypatch):
    key = tiny.key()
    running = store.new_folder("tiny", key)  # of a container with this host name, in which numbers of processes differ
    (running / "half").write_text("written", encoding="utf-8")
    monkeypatch.setattr(os, "readlink", lambda path: "pid:[1]")
    monkeypatch.setattr("psutil.pid_exists", lambda _: False)
    store.new_folder("tiny", key)
    assert (running / "half").exists()


def test_the_name_of_the_machine_is_not_in_the_store(tiny, store, monkeypatch):
    monkeypatch.setattr("platform.node", lambda: "curie-laptop")
    assert "curie" not in store.new_folder("tiny", tiny.key()).name


def committed(store, key, status, content):
    folder = store.new_folder("tiny", key)
    (folder / "results.json").write_text(json.dumps(content), encoding="utf-8")
    return store.commit(folder, manifest(key, status=status))


def test_commit_replaces_the_run_of_the_same_key_and_leaves_nothing_beside_it(tiny, store):
    key = tiny.key()
    committed(store, key, "ok", {"try": 1})
    run = committed(store, key, "ok", {"try": 2})
    assert run.results() == {"try": 2}
    assert store.find("tiny", key).results() == {"try": 2}
    assert [path.name for path in (store.folder / "tiny").iterdir()] == [key.digest[:12]]


def test_a_failed_run_is_committed_beside_the_good_one(tiny, store):
    key = tiny.key()
    committed(store, key, "ok", {"try": 1})
    before = tiny.bytes_of_runs()
    failed = committed(store, key, "failed", {"try": 2})
    assert failed.folder == Path(store.folder / "tiny" / f"{key.digest[:12]}-failed")
    assert before.items() <= tiny.bytes_of_runs().items()
    committed(store, key, "failed", {"try": 3})
    assert len(list((store.folder / "tiny").iterdir())) == 2
    assert store.find("tiny", key).results() == {"try": 1}


def test_many_processes_that_commit_the_same_run_leave_one(tiny, store):
    key = tiny.key()
    folders = []
    for number in range(8):
        folder = store.new_folder("tiny", key)
        folders.append(folder.rename(folder.with_name(f".{number}{folder.name}")))
        (folders[-1] / "results.json").write_text(json.dumps({"by": number}), encoding="utf-8")
    with ThreadPoolExecutor(8) as threads:
        runs = list(threads.map(lambda folder: store.commit(folder, manifest(key)), folders))
    assert {run.folder for run in runs} == {store.folder / "tiny" / key.digest[:12]}
    assert [path.name for path in (store.folder / "tiny").iterdir()] == [key.digest[:12]]
    assert store.find("tiny", key).results()["by"] in range(8)


def test_a_run_without_results_has_none(tiny, store):
    key = tiny.key()
    (put(store, manifest(key)) / "results.json").unlink()
    assert store.find("tiny", key).results() == {}
