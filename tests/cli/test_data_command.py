"""The command `brainalign data`: what it says, and how it ends."""

import hashlib
import os
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from numpy.testing import assert_array_equal, assert_equal

from brainalign.catalogue import entries as module
from brainalign.catalogue.entries import MIRROR, MIRRORED, CatalogueEntry, catalogue
from brainalign.catalogue.home import OFFLINE

CONTENTS = {"a.bin": b"a" * 1500, "deep/b.bin": b"b" * 500}
ABOUT = {"kind": "brain", "citation": "toy2020", "licence": "MIT"}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A data home of the test's own; what the command sets in the environment is taken back."""
    for name in (MIRROR, OFFLINE, "NILEARN_DATA", "NILEARN_SHARED_DATA", "HF_HOME", "HF_HUB_CACHE", "HF_XET_CACHE"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("BRAINALIGN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def toys(tmp_path, monkeypatch):
    """A catalogue with data from the web, data by hand, and a file of the project; returns the served folder."""
    served = tmp_path / "served" / "owner" / "repo"
    for path, content in CONTENTS.items():
        (served / path).parent.mkdir(parents=True, exist_ok=True)
        (served / path).write_bytes(content)
    files = [
        {"path": path, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        for path, content in CONTENTS.items()
    ]
    entries = {
        "web": CatalogueEntry(**ABOUT, title="On the web", url=f"{MIRRORED}owner/repo", files=files),
        "hand": CatalogueEntry(**ABOUT, title="By hand", obtain="ask the authors", size="2 GB"),
        "own": CatalogueEntry(**ABOUT, title="Own", files=[{"path": "data/catalogue.yml"}]),
    }
    monkeypatch.setattr(module, "catalogue", lambda: entries)
    monkeypatch.setattr("brainalign.cli.data.catalogue", lambda: entries)
    return served


@pytest.fixture
def server(toys, monkeypatch):
    """Serves the files of the web entry from this machine."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            """Say nothing about requests."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=toys.parents[1])) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv(MIRROR, f"http://127.0.0.1:{running.server_port}")
        yield running
        running.shutdown()
        thread.join()


def test_list_shows_kind_size_licence_and_state(brainalign, toys):
    answer = brainalign("data", "list")
    size_of_own = f"{os.path.getsize(module.project_root() / 'data/catalogue.yml') / 1000:.1f} kB"
    expected = ["web brain 2.00 kB MIT not here", "hand brain 2 GB MIT by hand", f"own brain {size_of_own} MIT project"]
    assert_equal(answer.lines[0], "name kind size licence state")
    assert_array_equal(answer.lines[1:4], expected)
    assert_equal(answer.code, 0)


def test_list_names_every_entry_of_the_real_catalogue(brainalign):
    names = [line.split()[0] for line in brainalign("data", "list").lines[1:-1]]
    assert_array_equal(names, list(catalogue()))


def test_get_fetches_verifies_and_says_so(brainalign, server, home):
    answer = brainalign("data", "get", "web")
    assert_equal(answer.out, "web: 2 files, 2.00 kB, verified (here)\n")
    folder = home / "files/raw.githubusercontent.com/owner/repo"
    assert_equal({path: (folder / path).read_bytes() for path in CONTENTS}, CONTENTS)
    assert_equal(brainalign("data", "list").lines[1], "web brain 2.00 kB MIT here")
    assert_equal(brainalign("data", "get", "web").out, answer.out)


def test_get_all_fetches_what_can_be_fetched(brainalign, server):
    answer = brainalign("data", "get", "--all")
    assert_equal((answer.code, answer.out), (0, "web: 2 files, 2.00 kB, verified (here)\n"))


def test_get_of_what_came_with_the_project_verifies_it(brainalign, toys):
    assert brainalign("data", "get", "own").out.startswith("own: 1 file, ")


@pytest.mark.parametrize("words", [[], ["web", "--all"]])
def test_get_wants_names_or_all(brainalign, toys, words):
    answer = brainalign("data", "get", *words)
    assert_equal(answer.code, 2)
    assert answer.err.startswith("brainalign: name the data to get, or give --all, not both.")


@pytest.mark.parametrize("command", ["get", "verify", "where"])
def test_an_unknown_name_is_answered_with_the_nearest(brainalign, toys, command):
    answer = brainalign("data", command, "wbe")
    assert_equal(answer.code, 2)
    assert_equal(answer.err, "brainalign: unknown dataset 'wbe'. Did you mean 'web'? Known are: web, hand, own.\n")


def test_get_of_what_is_by_hand_says_how(brainalign, toys):
    answer = brainalign("data", "get", "hand")
    assert_equal(answer.code, 1)
    assert_equal(answer.err, "brainalign: hand cannot be fetched by a command. To get it, ask the authors.\n")


def test_get_refuses_a_wrong_file(brainalign, server, toys):
    (toys / "a.bin").write_bytes(b"x" * 1500)
    answer = brainalign("data", "get", "web")
    assert_equal((answer.code, answer.out), (1, ""))
    assert "sends is not a.bin: its sha256 is not" in answer.err


def test_get_offline_ends_at_once_in_words(brainalign, server, monkeypatch):
    monkeypatch.setenv(OFFLINE, "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    answer = brainalign("data", "get", "web")
    assert_equal(answer.code, 1)
    assert answer.err.startswith(
        "brainalign: web: 2 of 2 files are not here, and BRAINALIGN_OFFLINE forbids the network."
    )


def test_a_mirror_that_is_no_mirror_is_an_error_of_the_user(brainalign, toys, monkeypatch):
    monkeypatch.setenv(MIRROR, "ftp://mirror")
    answer = brainalign("data", "get", "web")
    assert_equal(answer.code, 2)
    assert answer.err.startswith("brainalign: BRAINALIGN_MIRROR = 'ftp://mirror' must be a folder")


def test_verify_checks_what_is_here_and_leaves_out_what_is_not(brainalign, toys):
    answer = brainalign("data", "verify")
    assert_equal((answer.code, answer.out), (0, "own: 1 file is as it should be\n"))


def test_verify_of_what_is_named_but_not_here_fails_with_the_remedy(brainalign, toys):
    answer = brainalign("data", "verify", "web", "own", "hand")
    assert_equal(answer.code, 1)
    assert answer.lines[0].startswith("web: 2 of 2 files are missing from ")
    assert answer.lines[0].endswith(" Mend it with: brainalign data get web")
    assert_equal(answer.lines[1], "own: 1 file is as it should be")
    assert_equal(answer.lines[2], "hand: obtained by hand, so that no checksums are known")


def test_verify_finds_an_altered_file_and_its_remedy_works(brainalign, server, home):
    brainalign("data", "get", "web")
    assert_equal(brainalign("data", "verify", "web").out, "web: 2 files are as they should be\n")
    altered = home / "files/raw.githubusercontent.com/owner/repo/deep/b.bin"
    altered.write_bytes(b"c" * 500)
    os.utime(altered, ns=(time.time_ns(), time.time_ns() + 10**9))  # a coarse clock could give it the same time
    answer = brainalign("data", "verify")
    assert_equal(answer.code, 1)
    assert answer.lines[0].startswith("web: deep/b.bin is not the file it should be: sha256 ")
    assert answer.lines[0].endswith(" Mend it with: brainalign data get web")
    assert_equal(brainalign("data", "get", "web").code, 0)
    assert_equal(brainalign("data", "verify").code, 0)


def test_where_prints_one_folder_on_one_line(brainalign, toys, home):
    assert_equal(brainalign("data", "where").out, f"{home}\n")
    assert_equal(brainalign("data", "where", "hand").out, f"{home}/by-hand/hand\n")
    assert_equal(brainalign("data", "where", "web").out, f"{home}/files/raw.githubusercontent.com/owner/repo\n")


def test_every_command_puts_the_caches_of_libraries_into_the_data_home(brainalign, home):
    brainalign("data", "where")
    assert_equal(os.environ["NILEARN_DATA"], f"{home}/nilearn")
    assert_equal(os.environ["HF_HUB_CACHE"], f"{home}/huggingface/hub")
