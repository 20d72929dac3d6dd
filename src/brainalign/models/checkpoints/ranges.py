"""Read spans of bytes of a file on a web server, and nothing else of it."""

from __future__ import annotations

import io
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import httpx2

from brainalign.catalogue.entries import ChecksumError, sha256_of
from brainalign.catalogue.web import (
    GatedError,
    UnreachableError,
    authorization,
    check_status,
    client,
    first_request,
    reason,
)
from brainalign.models.checkpoints.sources import map_file

Span = tuple[int, int]
"""First byte, and the byte after the last."""

GAP = 64 * 1024
"""Spans that are nearer than this travel together: a request costs more than the bytes between them."""

HEAD = 16 * 1024
"""Bytes that the first request asks for: many headers lie within."""

CONNECTIONS = 4
"""How many spans travel at the same time."""

# A transfer that brings no byte this many times in a row is given up; the pauses stay far below 10 seconds.
_FRUITLESS = 3
_PAUSE = 0.5


class _RangesIgnoredError(Exception):
    """The server sent the whole file when a range was asked for."""


class RemoteBytes:
    """Bytes of a file on a server, read by ranges.

    The first request finds where the file really is (hubs redirect), its size and its version; later ones go there
    directly. What has arrived of a span is kept, so that a broken transfer goes on from the byte it had. A server
    that knows no ranges sends the whole file: that one body is kept, and ranges are not asked for again.

    Parameters
    ----------
    url : str
        Address of the file.
    folder_of : callable
        Gives the folder to keep bytes in, for a version of the file (commit or ETag).
    token : str or None
        Sent to the host of `url`, never to where it redirects.

    Attributes
    ----------
    label : str
        The address.
    size : int
        Bytes of the whole file.
    bytes_read : int
        Bytes that have travelled.
    commit, etag : str or None
        Version of the file, as the server gives it.
    folder : Path
        Where bytes are kept.

    Raises
    ------
    UnreachableError, NoSuchFileError, GatedError
        See `brainalign.catalogue.web`.
    ChecksumError
        The server sent a whole file that is not the one it announced.
    """

    def __init__(self, url: str, folder_of: Callable[[str], Path], *, token: str | None = None) -> None:
        self.label = url
        self.bytes_read = 0
        self._origin, self._token = url, token
        self._lock = threading.Lock()
        self._whole: Path | None = None
        self._head = b""
        response = first_request(url, self._headers(url, (0, HEAD)))
        try:
            self._take_first_answer(response, folder_of)
        except httpx2.TransportError as error:
            raise self._broken(error) from error
        finally:
            response.close()

    def read_spans(self, spans: Sequence[Span]) -> list[memoryview]:
        """Bytes of each span; near ones travel together, several at a time.

        Raises
        ------
        ChecksumError
            The file ends before a span does, or changed on the server.
        UnreachableError
            The transfer broke again and again without a new byte. What has arrived is kept for the next time.
        """
        if any(stop > self.size for _, stop in spans):
            msg = f"{self.label} ends after {self.size:,} bytes, before its own header says: truncated or altered."
            raise ChecksumError(msg)
        absent = [span for span in spans if span[1] > len(self._head)] if self._whole is None else []
        merged = merge_spans(absent)
        try:
            with ThreadPoolExecutor(CONNECTIONS) as pool:
                arrived = [map_file(path) for path in pool.map(self._fetch, merged)]
        except _RangesIgnoredError:
            self._fetch_without_ranges()
        if self._whole is not None:
            whole = map_file(self._whole)
            return [whole[first:stop] for first, stop in spans]
        pieces = [((0, len(self._head)), memoryview(bytearray(self._head))), *zip(merged, arrived, strict=True)]
        return [_cut(span, pieces) for span in spans]

    def stream(self) -> BinaryIO:
        """The file as a seekable stream that fetches what is read of it."""
        return io.BufferedReader(_BlockStream(self), HEAD)

    def whole(self) -> Path:
        """Fetch the whole file, from the byte on which an earlier transfer broke; gives where it lies."""
        if self._whole is None:
            try:
                self._accept_whole(self._fetch((0, self.size)))
            except _RangesIgnoredError:
                self._fetch_without_ranges()
        return self._whole

    def _take_first_answer(self, response: httpx2.Response, folder_of: Callable[[str], Path]) -> None:
        hub = _first_with("X-Repo-Commit", response) or response.headers
        self.commit = hub.get("X-Repo-Commit")
        # The hub's own ETag of a large file is its sha256; the one of the store that it redirects to is not.
        self.etag = (hub.get("X-Linked-Etag") or hub.get("ETag") or "").removeprefix("W/").strip('"') or None
        self._served_etag = response.headers.get("ETag")
        self._url = str(response.url)
        self.folder = folder_of(self.commit or self.etag or "unversioned")
        if response.status_code == 206:
            self.size = _served_range(response)[2]
            self._head = response.read()
            self._count(len(self._head))
        else:
            self._keep_body(response)

    def _fetch(self, span: Span) -> Path:
        path = self._transfer_file(span)
        fruitless = 0
        while (had := path.stat().st_size) < span[1] - span[0]:
            try:
                self._go_on((span[0] + had, span[1]), path)
            except (httpx2.TransportError, GatedError, UnreachableError) as error:
                self._url = self._origin  # where it redirected to may have been good for some minutes only
                fruitless = fruitless + 1 if path.stat().st_size == had else 0
                if fruitless == _FRUITLESS:
                    raise self._broken(error) from error
                time.sleep(_PAUSE * fruitless)
        return path

    def _go_on(self, span: Span, path: Path) -> None:
        url = self._url
        with client().stream("GET", url, headers=self._headers(url, span)) as response:
            check_status(response, self.label)
            if response.status_code != 206:
                raise _RangesIgnoredError
            if _served_range(response) != (*span, self.size) or response.headers.get("ETag") != self._served_etag:
                msg = f"{self.label} changed on the server while it was read. Run the command again."
                raise ChecksumError(msg)
            self._url = str(response.url)
            with path.open("ab") as file:
                for chunk in response.iter_raw():
                    file.write(chunk)
                    self._count(len(chunk))

    def _fetch_without_ranges(self) -> None:
        response = first_request(self._origin, authorization(self._token))
        try:
            self._keep_body(response)
        except httpx2.TransportError as error:
            raise self._broken(error) from error
        finally:
            response.close()

    def _keep_body(self, response: httpx2.Response) -> None:
        path = self._transfer_file((0, 0))
        with path.open("wb") as file:
            for chunk in response.iter_raw():
                file.write(chunk)
                self._count(len(chunk))
        self.size = path.stat().st_size
        self._accept_whole(path)

    def _accept_whole(self, path: Path) -> None:
        if self.etag and re.fullmatch(r"[0-9a-f]{64}", self.etag) and sha256_of(path) != self.etag:
            path.unlink()
            msg = f"{self.label} arrived truncated or altered: its sha256 is not {self.etag[:12]}... Run it again."
            raise ChecksumError(msg)
        self._whole = path.rename(self.folder / self._file_name())

    def _transfer_file(self, span: Span) -> Path:
        path = self.folder / "transfer" / f"{self._file_name()}.{span[0]}-{span[1]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        return path

    def _file_name(self) -> str:
        return re.sub(r"[^\w.-]", "-", self._origin.rpartition("/")[2])

    def _headers(self, url: str, span: Span) -> dict[str, str]:
        token = self._token if url == self._origin else None
        return {"Range": f"bytes={span[0]}-{span[1] - 1}", **authorization(token)}

    def _count(self, n_bytes: int) -> None:
        with self._lock:
            self.bytes_read += n_bytes

    def _broken(self, error: Exception) -> UnreachableError:
        return UnreachableError(
            f"the transfer of {self.label} broke ({reason(error)}); what has arrived is kept. Run it again to go on."
        )


class _BlockStream(io.RawIOBase):
    """A source as a raw file; blocks that were read stay."""

    def __init__(self, source: RemoteBytes) -> None:
        self._source, self._at = source, 0
        self._blocks: dict[int, memoryview] = {}

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._source.size}[whence]
        return self._at

    def readinto(self, buffer: memoryview) -> int:
        stop = min(self._at + len(buffer), self._source.size)
        if stop <= self._at:
            return 0
        numbers = range(self._at // HEAD, (stop - 1) // HEAD + 1)
        absent = [number for number in numbers if number not in self._blocks]
        spans = [(number * HEAD, min((number + 1) * HEAD, self._source.size)) for number in absent]
        self._blocks |= zip(absent, self._source.read_spans(spans), strict=True)
        content = b"".join(self._blocks[number] for number in numbers)
        begin = self._at - numbers[0] * HEAD
        length = stop - self._at
        buffer[:length] = content[begin : begin + length]
        self._at = stop
        return length


def merge_spans(spans: Sequence[Span]) -> list[Span]:
    """Spans that cover the given ones; those nearer than `GAP` become one.

    Examples
    --------
    >>> merge_spans([(900_000, 900_004), (0, 10), (20, 30), (50, 50)])
    [(0, 30), (900000, 900004)]
    """
    merged: list[Span] = []
    for first, stop in sorted(span for span in spans if span[0] < span[1]):
        if merged and first - merged[-1][1] < GAP:
            merged[-1] = merged[-1][0], max(merged[-1][1], stop)
        else:
            merged.append((first, stop))
    return merged


def _cut(span: Span, pieces: Sequence[tuple[Span, memoryview]]) -> memoryview:
    for (first, stop), piece in pieces:
        if first <= span[0] and span[1] <= stop:
            return piece[span[0] - first : span[1] - first]
    return memoryview(b"")  # an empty span: it travelled with none


def _served_range(response: httpx2.Response) -> tuple[int, int, int]:
    found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", response.headers.get("Content-Range", ""))
    if not found:
        msg = f"{response.url} answers with a range that it does not name: {response.headers.get('Content-Range')!r}."
        raise ChecksumError(msg)
    first, last, size = map(int, found.groups())
    return first, last + 1, size


def _first_with(header: str, response: httpx2.Response) -> httpx2.Headers | None:
    chain: Iterator[httpx2.Response] = iter((*response.history, response))
    return next((answer.headers for answer in chain if header in answer.headers), None)
