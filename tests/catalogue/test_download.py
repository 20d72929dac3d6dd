"""Downloads from a server on this machine that is slow, cuts off, lies, or serves something else."""

import hashlib
import os
import re
import shutil
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from numpy.testing import assert_array_equal, assert_equal

from brainalign.catalogue import entries as module
from brainalign.catalogue.download import DownloadError, Patience, bytes_of, fetch
from brainalign.catalogue.entries import MIRROR, CatalogueEntry, ChecksumError, MissingDataError, locate, state_of
from brainalign.catalogue.home import OFFLINE

CONTENT = np.random.default_rng(0).bytes(300_000)
SHORT = Patience(timeout=0.4, tries=2, pause=0.01)


@dataclass
class Manner:
    """How the server answers requests for one path."""

    content: bytes = CONTENT
    ranges: bool = True  # understands Range
    cut_after: int | None = None  # bytes after which each answer ends, whatever was announced
    announced: int | None = None  # Content-Length, if it is a lie
    says_length: bool = True
    piece: int = 1 << 20
    wait: float = 0.0  # seconds before each piece
    silent_from: int | None = None  # byte after which nothing comes for longer than anyone waits
    statuses: list[int] = field(default_factory=list)  # answered first, one per request
    first_byte_off: int = 0  # by how much Content-Range differs from what was asked


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.manners, self.requests, self.at_once, self.most_at_once = {}, [], 0, 0
        self.lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        """Say nothing about clients that went away."""

    def ranges_asked(self):
        return [asked for _, asked in self.requests]


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        """Say nothing about requests."""

    def do_GET(self):
        server, asked = self.server, self.headers.get("Range")
        with server.lock:
            server.requests.append((self.path, asked))
        self.answer(server.manners.get(self.path), asked)
        self.close_connection = True

    def wait(self, seconds):
        server = self.server
        with server.lock:
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
        time.sleep(seconds)
        with server.lock:
            server.at_once -= 1

    def answer(self, manner, asked):
        if manner is None:
            return self.send_error(404)
        if manner.statuses:
            return self.send_error(manner.statuses.pop(0))
        start, total = 0, len(manner.content)
        if asked and manner.ranges:
            start = int(asked.removeprefix("bytes=").removesuffix("-")) + manner.first_byte_off
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{manner.announced or total}")
        else:
            self.send_response(200)
        if manner.says_length:
            self.send_header("Content-Length", str((manner.announced or total) - start))
        self.end_headers()
        body = manner.content[start : manner.silent_from][: manner.cut_after]
        for i in range(0, len(body), manner.piece):
            self.wait(manner.wait)
            self.wfile.write(body[i : i + manner.piece])
        if manner.silent_from is not None:
            time.sleep(3 * SHORT.timeout)
        return None


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def toy(server, tmp_path, monkeypatch):
    """A catalogue with the entry `toy`, whose files are served; call it with contents by path, get the folder."""
    for name in (MIRROR, OFFLINE):
        monkeypatch.delenv(name, raising=False)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    monkeypatch.setenv("BRAINALIGN_HOME", str(tmp_path / "home"))

    def enter(contents=None, url=f"{server.url}/data", served_at="/data"):
        contents = contents or {"a.bin": CONTENT}
        files = [
            {"path": path, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
            for path, content in contents.items()
        ]
        record = CatalogueEntry(kind="brain", title="Toy", citation="toy", licence="MIT", url=url, files=files)
        monkeypatch.setattr(module, "catalogue", lambda: {"toy": record})
        for path, content in contents.items():
            server.manners[f"{served_at}/{path}".replace(" ", "%20")] = Manner(content)
        return module.home_folder(url)

    return enter


def part_of(folder, path="a.bin", content=CONTENT):
    return folder / f"{path}.{hashlib.sha256(content).hexdigest()[:8]}.part"


def leftovers(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


# What works


def test_files_arrive_below_the_data_home_and_are_not_asked_for_again(toy, server):
    contents = {"a.bin": CONTENT, "deep/er/b c[1].txt": b"short", "empty": b""}
    folder = toy(contents)
    server.manners["/data/deep/er/b%20c%5B1%5D.txt"] = Manner(b"short")
    assert_equal(state_of("toy"), "not here")
    found = fetch("toy")
    assert_array_equal([path.read_bytes() for path in found], list(contents.values()))
    assert_equal(found[0], folder / "a.bin")
    assert_equal(found[0].stat().st_mode & 0o444, 0o444)  # readable to all whom the folder lets in
    assert_equal(locate("toy", "a.bin"), found[0])
    assert_equal(state_of("toy"), "here")
    assert_array_equal(leftovers(folder), ["a.bin", "b c[1].txt", "empty"])
    before = len(server.requests)
    assert_array_equal(fetch("toy"), found)
    assert_equal(len(server.requests), before)


def test_at_most_four_files_arrive_at_the_same_time(toy, server):
    toy({f"{i}.bin": bytes([i]) * 1000 for i in range(9)})
    for manner in server.manners.values():
        manner.wait = 0.1
    fetch("toy")
    assert 1 < server.most_at_once <= 4
    assert_equal(len(server.requests), 9)


def test_progress_grows_to_the_length_of_every_file(toy):
    toy({"a.bin": CONTENT, "b.bin": CONTENT[:1000]})
    told = []
    fetch("toy", on_progress=lambda path, done: told.append((path, done)))
    of_a = [done for path, done in told if path == "a.bin"]
    assert_array_equal(of_a, sorted(of_a))
    assert len(of_a) > 2
    assert_equal(dict(told), {"a.bin": 300_000, "b.bin": 1000})
    assert_equal(bytes_of("toy"), 301_000)


def test_a_slow_server_is_waited_for_as_long_as_it_sends(toy, server):
    toy()
    server.manners["/data/a.bin"] = Manner(piece=50_000, wait=0.2)
    fetch("toy", patience=Patience(timeout=1.0, tries=1))  # 1.2 s in all, 0.2 s at a time
    assert_equal(len(server.requests), 1)


def test_an_altered_file_is_replaced(toy):
    folder = toy()
    folder.mkdir(parents=True)
    (folder / "a.bin").write_bytes(b"x" + CONTENT[1:])
    with pytest.raises(ChecksumError, match=r"Mend it with: brainalign data get toy$"):
        locate("toy", "a.bin")
    fetch("toy")
    assert_equal(locate("toy", "a.bin").read_bytes(), CONTENT)


# Interruptions


def test_what_is_cut_off_is_continued_where_it_ended(toy, server):
    folder = toy()
    server.manners["/data/a.bin"] = Manner(cut_after=120_000)
    fetch("toy", patience=SHORT)
    assert_array_equal(server.ranges_asked(), [None, "bytes=120000-", "bytes=240000-"])
    assert_array_equal(leftovers(folder), ["a.bin"])


def test_an_earlier_part_is_continued(toy, server):
    folder = toy()
    folder.mkdir(parents=True)
    part_of(folder).write_bytes(CONTENT[:70_000])
    fetch("toy")
    assert_array_equal(server.ranges_asked(), ["bytes=70000-"])


def test_a_part_that_is_complete_is_only_verified(toy, server):
    folder = toy()
    folder.mkdir(parents=True)
    part_of(folder).write_bytes(CONTENT)
    fetch("toy")
    assert_equal(server.requests, [])
    assert_array_equal(leftovers(folder), ["a.bin"])


def test_a_part_of_another_version_of_the_file_is_not_continued(toy, server):
    folder = toy()
    folder.mkdir(parents=True)
    part_of(folder, content=b"other").write_bytes(b"other")
    fetch("toy")
    assert_array_equal(server.ranges_asked(), [None])


def test_a_part_that_is_too_long_is_started_again(toy, server):
    folder = toy()
    folder.mkdir(parents=True)
    part_of(folder).write_bytes(CONTENT + b"more")
    fetch("toy")
    assert_array_equal(server.ranges_asked(), [None])


def test_a_server_that_ignores_ranges_starts_again(toy, server):
    folder = toy()
    server.manners["/data/a.bin"] = Manner(ranges=False)
    folder.mkdir(parents=True)
    part_of(folder).write_bytes(CONTENT[:70_000])
    fetch("toy")
    assert_array_equal(server.ranges_asked(), ["bytes=70000-"])


@pytest.mark.parametrize("off", [-5000, 5000])
def test_a_range_that_begins_elsewhere_is_put_where_it_belongs(toy, server, off):
    folder = toy()
    server.manners["/data/a.bin"] = Manner(first_byte_off=off)
    folder.mkdir(parents=True)
    part_of(folder).write_bytes(CONTENT[:70_000])
    fetch("toy", patience=SHORT)
    assert_array_equal(leftovers(folder), ["a.bin"])


def test_a_range_that_the_server_cannot_serve_is_given_up(toy, server):
    folder = toy()
    server.manners["/data/a.bin"].statuses = [416]
    folder.mkdir(parents=True)
    part_of(folder).write_bytes(CONTENT[:70_000])
    fetch("toy", patience=SHORT)
    assert_array_equal(server.ranges_asked(), ["bytes=70000-", None])


def test_a_busy_server_is_asked_again(toy, server):
    toy()
    server.manners["/data/a.bin"].statuses = [503]
    fetch("toy", patience=SHORT)
    assert_equal(len(server.requests), 2)


def test_without_an_announced_length_the_catalogue_tells_when_the_file_is_complete(toy, server):
    toy()
    server.manners["/data/a.bin"] = Manner(says_length=False, cut_after=200_000)
    fetch("toy", patience=SHORT)
    assert_array_equal(server.ranges_asked(), [None, "bytes=200000-"])


# What is given up, in words, keeping what has arrived


def test_a_server_that_falls_silent_is_given_up_and_the_part_is_kept(toy, server):
    folder = toy()
    server.manners["/data/a.bin"] = Manner(silent_from=100_000)
    message = (
        "toy: a.bin could not be fetched: the server was silent for 0.4 s; 100000 of 300000 bytes are here. "
        "Continue with: brainalign data get toy"
    )
    with pytest.raises(DownloadError, match=re.escape(message)):
        fetch("toy", patience=SHORT)
    assert_array_equal(leftovers(folder), [part_of(folder).name])
    assert_equal(state_of("toy"), "not here")
    server.manners["/data/a.bin"] = Manner()
    fetch("toy")
    assert_equal(server.ranges_asked()[-1], "bytes=100000-")


def test_a_server_that_always_ends_at_the_same_byte_is_given_up(toy, server):
    folder = toy()
    server.manners["/data/a.bin"] = Manner(ranges=False, cut_after=90_000)
    with pytest.raises(DownloadError, match="the connection ended early"):
        fetch("toy", patience=SHORT)
    assert_equal(len(server.requests), 3)  # one that brought something, two in vain
    assert_equal(part_of(folder).stat().st_size, 90_000)


@pytest.mark.parametrize(("status", "words"), [(404, "Not Found"), (403, "Forbidden")])
def test_a_refusal_is_final(toy, server, status, words):
    toy()
    server.manners["/data/a.bin"].statuses = [status] * 9
    message = (
        f"toy: a.bin could not be fetched: the server answers {status} {words} to {server.url}/data/a.bin. Try again"
    )
    with pytest.raises(DownloadError, match=re.escape(message)):
        fetch("toy", patience=SHORT)
    assert_equal(len(server.requests), 1)


def test_a_server_that_is_not_there(toy, server):
    toy(url="http://127.0.0.1:9/data")
    with pytest.raises(DownloadError, match="the server cannot be reached"):
        fetch("toy", patience=SHORT)


def test_the_first_failure_ends_the_others(toy, server):
    toy({f"{i}.bin": CONTENT for i in range(20)})
    server.manners["/data/0.bin"].statuses = [404]
    for i in range(1, 20):
        server.manners[f"/data/{i}.bin"] = Manner(piece=10_000, wait=0.05)
    with pytest.raises(DownloadError, match=r"0\.bin could not be fetched"):
        fetch("toy")
    assert len(server.requests) < 10


# What is refused and removed


def test_another_file_of_the_same_length_is_refused_and_removed(toy, server):
    folder = toy()
    server.manners["/data/a.bin"] = Manner(b"x" + CONTENT[1:])
    message = f"toy: what {server.url}/data/a.bin sends is not a.bin: its sha256 is not"
    with pytest.raises(ChecksumError, match=re.escape(message)):
        fetch("toy")
    assert_array_equal(leftovers(folder), [])


@pytest.mark.parametrize("announced", [250_000, 400_000])
def test_another_announced_length_is_refused_at_once(toy, server, announced):
    folder = toy()
    server.manners["/data/a.bin"] = Manner(announced=announced)
    message = f"sends is not a.bin: {announced} bytes, where 300000 are expected. Try again later, or let {MIRROR}"
    with pytest.raises(ChecksumError, match=re.escape(message)):
        fetch("toy", patience=SHORT)
    assert_array_equal(leftovers(folder), [])
    assert_equal(len(server.requests), 1)


def test_a_server_that_sends_without_end_is_cut_off(toy, server):
    folder = toy()
    server.manners["/data/a.bin"] = Manner(CONTENT * 20, says_length=False)
    with pytest.raises(ChecksumError, match="more than 300000 bytes"):
        fetch("toy", patience=SHORT)
    assert_array_equal(leftovers(folder), [])


def test_a_part_with_foreign_bytes_is_removed_and_the_next_call_succeeds(toy):
    folder = toy()
    folder.mkdir(parents=True)
    part_of(folder).write_bytes(b"x" * 1000)
    with pytest.raises(ChecksumError, match="It was removed"):
        fetch("toy")
    assert_array_equal(leftovers(folder), [])
    fetch("toy")


# Switches


@pytest.mark.parametrize("value", ["1", "true", "yes"])
def test_offline_nothing_is_asked_for(toy, server, monkeypatch, value):
    toy()
    monkeypatch.setenv(OFFLINE, value)
    message = (
        "toy: 1 of 1 files are not here, and BRAINALIGN_OFFLINE forbids the network. Unset it, or let "
        "BRAINALIGN_MIRROR name a folder that holds them."
    )
    with pytest.raises(DownloadError, match=re.escape(message)):
        fetch("toy")
    assert_equal(server.requests, [])


@pytest.mark.parametrize("value", ["", "0", "no", "False"])
def test_offline_can_be_switched_off(toy, monkeypatch, value):
    toy()
    monkeypatch.setenv(OFFLINE, value)
    assert_equal(len(fetch("toy")), 1)


def test_what_is_here_needs_no_network(toy, monkeypatch):
    toy()
    fetch("toy")
    monkeypatch.setenv(OFFLINE, "1")
    assert_equal(len(fetch("toy")), 1)


def test_a_folder_as_mirror_is_read_in_place_and_never_written_to(toy, server, tmp_path, monkeypatch):
    home = toy({"a.bin": CONTENT, "b.bin": b"second"}, url=f"{module.MIRRORED}owner/repo", served_at="/owner/repo")
    mirrored = tmp_path / "mirror" / "owner" / "repo"
    mirrored.mkdir(parents=True)
    (mirrored / "a.bin").write_bytes(CONTENT)
    monkeypatch.setenv(MIRROR, str(tmp_path / "mirror"))
    assert_equal(locate("toy", "a.bin"), mirrored / "a.bin")
    assert_equal(state_of("toy"), "partly here")
    (mirrored / "b.bin").write_bytes(b"second")
    assert_equal(state_of("toy"), "mirror")
    assert_array_equal(fetch("toy"), [mirrored / "a.bin", mirrored / "b.bin"])
    (mirrored / "b.bin").write_bytes(b"altered")
    with pytest.raises(ChecksumError, match=re.escape(f"renew the mirror's file {mirrored / 'b.bin'}, or unset")):
        fetch("toy")
    assert not home.exists()
    assert_equal(server.requests, [])


def test_a_server_as_mirror_is_asked_instead(toy, server, monkeypatch):
    folder = toy(url=f"{module.MIRRORED}owner/repo", served_at="/owner/repo")
    monkeypatch.setenv(MIRROR, f"{server.url}/")
    assert_array_equal(fetch("toy"), [folder / "a.bin"])
    assert_array_equal(server.requests, [("/owner/repo/a.bin", None)])
    server.manners["/owner/repo/a.bin"].statuses = [404]
    (folder / "a.bin").unlink()
    with pytest.raises(DownloadError, match="Ask the keeper of the mirror to renew it"):
        fetch("toy")


def test_a_mirror_of_another_kind_is_refused(toy, monkeypatch):
    toy(url=f"{module.MIRRORED}owner/repo")
    monkeypatch.setenv(MIRROR, "ftp://mirror")
    with pytest.raises(ValueError, match="BRAINALIGN_MIRROR = 'ftp://mirror' must be"):
        fetch("toy")


# This machine


def test_a_disk_that_is_too_full_is_noticed_before_the_first_request(toy, server, monkeypatch):
    folder = toy()
    usage = shutil.disk_usage(os.sep)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=200_000))
    with pytest.raises(DownloadError, match=re.escape(f"toy: 0.3 MB are needed and {folder} has room for 0.2 MB.")):
        fetch("toy")
    assert_equal(server.requests, [])
    part_of(folder).write_bytes(CONTENT[:150_000])  # what is here already needs no room
    assert_equal(len(fetch("toy")), 1)


def test_a_folder_that_cannot_be_written_to(toy, tmp_path, monkeypatch):
    toy()
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("BRAINALIGN_HOME", str(tmp_path / "file"))
    with pytest.raises(DownloadError, match=r"toy: cannot write to .*/file/files/.*Let BRAINALIGN_HOME name another"):
        fetch("toy")


def test_what_must_be_obtained_by_hand_says_how(monkeypatch):
    record = CatalogueEntry(kind="brain", title="Toy", citation="toy", licence="none", obtain="ask the authors")
    monkeypatch.setattr(module, "catalogue", lambda: {"toy": record})
    with pytest.raises(MissingDataError, match=r"^toy cannot be fetched by a command"):
        fetch("toy")
    assert_equal(bytes_of("toy"), 0)


def test_what_came_with_the_installation_is_verified():
    assert_equal([path.name for path in fetch("minilm")], ["model.safetensors", "config.json"])
