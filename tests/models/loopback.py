"""A server on this machine that speaks as much of the hub's protocol as reading weights needs, with its faults."""

from __future__ import annotations

import hashlib
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Loopback:
    """What the server serves, how it misbehaves, and what it was asked.

    `root` holds ``ORG/NAME/FILE`` for repositories, and ``plain/...`` for files without a hub.
    """

    root: Path
    endpoint: str = ""
    revisions: set[str] = field(default_factory=lambda: {"main"})  # names of the one commit
    redirects: bool = False  # repositories answer with an address below /store, as the hub does for large files
    ranges: bool = True
    cuts: list[int] = field(default_factory=list)  # bytes after which the connections of the next long answers break
    overloads: int = 0  # how many of the next answers are "503 Service Unavailable"
    silent: bool = False  # accepts, and never answers
    lost_bytes: int = 0  # the file as served lacks its last bytes
    version: str = ""  # a new one gives files other ETags, as if they had been replaced
    gated: bool = False
    token: str | None = None  # opens what is gated
    expire_after: int | None = None  # answers of the store after which its addresses are refused once
    requests: list[str] = field(default_factory=list)
    tokens: list[tuple[str, str | None]] = field(default_factory=list)
    bytes_served: int = 0
    released: threading.Event = field(default_factory=threading.Event)

    def forget(self) -> None:
        """Forget what was asked so far."""
        self.requests.clear()
        self.tokens.clear()
        self.bytes_served = 0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    hub: Loopback

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        hub = self.hub
        hub.requests.append(f"{self.command} {self.path} {self.headers.get('Range', '')}".strip())
        hub.tokens.append((self.path, self.headers.get("Authorization")))
        if hub.silent:
            hub.released.wait(30)
            self.close_connection = True
            return
        if hub.overloads:
            hub.overloads -= 1
            self.finish_with(503, {})
            return
        resolved = re.fullmatch(r"/([\w.-]+/[\w.-]+)/resolve/([\w.-]+)/(.+)", self.path)
        if resolved:
            self.answer_repository(*resolved.groups())
        elif re.match(r"/(store|plain)/", self.path):
            self.answer_store()
        else:
            self.finish_with(404, {})

    def answer_repository(self, repository, revision, file):
        hub, path = self.hub, self.hub.root / repository / file
        if not path.parent.is_dir():
            self.finish_with(401, {"X-Error-Code": "RepoNotFound"})
        elif hub.gated and self.headers.get("Authorization") != f"Bearer {hub.token}":
            self.finish_with(401, {"X-Error-Code": "GatedRepo"})
        elif not path.is_file() or revision not in (*hub.revisions, COMMIT):
            self.finish_with(404, {"X-Error-Code": "EntryNotFound"})
        else:
            linked = {"X-Repo-Commit": COMMIT}
            if path.suffix in (".safetensors", ".bin"):
                linked["X-Linked-Etag"] = f'"{sha256(path)}"'
                linked["X-Linked-Size"] = str(path.stat().st_size)
            if hub.redirects and path.suffix != ".json":
                store = hub.endpoint.replace("127.0.0.1", "localhost")  # another host: tokens must not go there
                self.finish_with(302, linked | {"Location": f"{store}/store/{repository}/{file}"})
            else:
                self.send_file(path, linked)

    def answer_store(self):
        hub = self.hub
        if hub.expire_after is not None:
            hub.expire_after -= 1
            if hub.expire_after < 0:
                hub.expire_after = None
                self.finish_with(403, {})
                return
        path = hub.root / self.path.removeprefix("/store/").removeprefix("/")
        if path.is_file():
            self.send_file(path, {})
        else:
            self.finish_with(404, {})

    def send_file(self, path, headers):
        hub, content = self.hub, path.read_bytes()
        content = content[: len(content) - hub.lost_bytes]
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        status, body = 200, content
        if asked and hub.ranges:
            first, last = int(asked[1]), min(int(asked[2]), len(content) - 1)
            status, body = 206, content[first : last + 1]
            headers = headers | {"Content-Range": f"bytes {first}-{last}/{len(content)}"}
        self.finish_with(status, headers | {"ETag": f'"{hub.version}{sha256(path)[:32]}"'}, body)

    def finish_with(self, status, headers, body=b""):
        hub = self.hub
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if hub.cuts and len(body) > hub.cuts[0]:
            body = body[: hub.cuts.pop(0)]
            self.close_connection = True
        hub.bytes_served += len(body)
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a client that hangs up is what some tests are about


def sha256(path: Path) -> str:
    """Checksum of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextmanager
def serve(root: Path):
    """A running `Loopback` that serves a folder."""
    hub = Loopback(root)
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = _Server(("127.0.0.1", 0), handler)
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
