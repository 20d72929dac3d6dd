"""Fetching the files of the catalogue: in parallel, continued where it was cut off, verified before it counts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from threading import Event
from urllib.parse import quote

import httpx2

from brainalign.catalogue.entries import (
    MIRROR,
    MIRRORED,
    CatalogueEntry,
    CatalogueFile,
    ChecksumError,
    MissingDataError,
    entry,
    folder_of,
    home_folder,
    kept_folder,
    locate,
    mirror_folder,
    sha256_of,
)
from brainalign.catalogue.home import OFFLINE, is_offline
from brainalign.catalogue.web import client

OnProgress = Callable[[str, int], None]
"""Called with a file's path and the number of its bytes that are here, from several threads."""

_WORTH_ANOTHER_TRY = {408, 425, 429, 500, 502, 503, 504}


class DownloadError(MissingDataError):
    """A file could not be fetched; the text says why and what to do. What has arrived is kept and continued."""


@dataclass(frozen=True)
class Patience:
    """How long a server is waited for.

    Attributes
    ----------
    timeout : float
        Seconds without a connection, or without a byte, after which a try has failed.
    tries : int
        Tries in a row that bring not one new byte before the download is given up.
    pause : float
        Seconds before another try, times the number of tries in vain.
    """

    timeout: float = 30.0
    tries: int = 3
    pause: float = 1.0


def fetch(
    name: str, *, parallel: int = 4, patience: Patience | None = None, on_progress: OnProgress | None = None
) -> list[Path]:
    """Every file of an entry, after downloading and verifying those that are not on this machine.

    A download grows in a file that ends in ``.part``, is continued there after an interruption (if the server can),
    and gets its name only when length and checksum are right. Files are looked for in the mirror first when
    ``BRAINALIGN_MIRROR`` names a folder; when it names a server, they are fetched from there.

    Parameters
    ----------
    name : str
        Entry of the catalogue.
    parallel : int
        Number of files that are downloaded at the same time.
    patience : Patience, optional
        Timeout and number of tries.
    on_progress : callable, optional
        Called as ``on_progress(path, n_bytes)`` while files arrive.

    Returns
    -------
    list of Path
        The verified files, in the order of the catalogue.

    Raises
    ------
    ValueError
        For an unknown name.
    DownloadError
        When the network is forbidden or fails, or the disk is too full.
    MissingDataError
        When the entry cannot be fetched but must be obtained by hand; the text says how.
    ChecksumError
        When what is fetched, or what the mirror's folder holds, is not the file it should be.
    """
    record = entry(name)
    if record.obtain is not None:
        msg = f"{name} cannot be fetched by a command. To get it, {record.obtain}."
        raise MissingDataError(msg)
    if record.url is not None:
        missing = [file for file in record.files if not _is_kept(record.url, file)]
        if missing:
            _download_all(_Order(name, record, patience or Patience(), on_progress), missing, parallel)
    return [locate(name, file.path) for file in record.files]


def first_url(name: str) -> str:
    """Where the first file of an entry that can be fetched is asked for: at its source, or at the mirror."""
    record = entry(name)
    return _url_of(record.url, record.files[0].path)


def bytes_of(name: str) -> int:
    """Number of bytes of an entry: as catalogued, or of its files on this machine (0 where neither is known)."""
    record = entry(name)
    try:
        sizes = [file.bytes if file.bytes is not None else _size(name, file) for file in record.files]
    except FileNotFoundError:
        return 0
    return sum(sizes)


def _size(name: str, file: CatalogueFile) -> int:
    return (folder_of(name) / file.path).stat().st_size


@dataclass(frozen=True)
class _Order:
    """Downloads of one entry that run together."""

    name: str
    record: CatalogueEntry
    patience: Patience
    on_progress: OnProgress | None
    stop: Event = field(default_factory=Event)

    @property
    def folder(self) -> Path:
        return home_folder(self.record.url)

    def part(self, file: CatalogueFile) -> Path:
        # With the checksum in its name, what is left of another version of the file is not continued.
        return self.folder / f"{file.path}.{file.sha256[:8]}.part"

    def refuse(self, file: CatalogueFile, why: str, remedy: str) -> DownloadError:
        return DownloadError(f"{self.name}: {file.path} could not be fetched: {why}. {remedy}")


def _is_kept(url: str, file: CatalogueFile) -> bool:
    path = kept_folder(url, [file.path]) / file.path
    mirror = mirror_folder(url)
    if mirror is not None and path.is_relative_to(mirror):
        return True  # if it is altered, `locate` says so; a mirror is the user's, and not written to
    return path.is_file() and path.stat().st_size == file.bytes and sha256_of(path) == file.sha256


def _download_all(order: _Order, files: list[CatalogueFile], parallel: int) -> None:
    if is_offline():
        msg = (
            f"{order.name}: {len(files)} of {len(order.record.files)} files are not here, and {OFFLINE} forbids the "
            f"network. Unset it, or let {MIRROR} name a folder that holds them."
        )
        raise DownloadError(msg)
    try:
        for file in files:
            order.part(file).parent.mkdir(parents=True, exist_ok=True)
        _check_room(order, files)
        with ThreadPoolExecutor(parallel) as threads:
            jobs = [threads.submit(_download, order, file) for file in files]
            try:
                done, _ = wait(jobs, return_when=FIRST_EXCEPTION)
            finally:  # on an error, and on Ctrl-C: the others end after their current chunk
                order.stop.set()
                threads.shutdown(cancel_futures=True)
        for job in done:
            job.result()
    except MissingDataError:
        raise
    except OSError as error:
        msg = f"{order.name}: cannot write to {order.folder} ({error}). Let BRAINALIGN_HOME name another folder."
        raise DownloadError(msg) from error


def _check_room(order: _Order, files: list[CatalogueFile]) -> None:
    parts = [order.part(file) for file in files]
    needed = sum(file.bytes for file in files) - sum(part.stat().st_size for part in parts if part.is_file())
    free = shutil.disk_usage(order.folder).free
    if needed > free:
        msg = (
            f"{order.name}: {needed / 1e6:.1f} MB are needed and {order.folder} has room for {free / 1e6:.1f} MB. "
            "Make room, or let BRAINALIGN_HOME name a folder on another disk."
        )
        raise DownloadError(msg)


def _download(order: _Order, file: CatalogueFile) -> None:
    url = _url_of(order.record.url, file.path)
    part = order.part(file)
    _complete(order, file, url)
    part.touch()  # an empty file has received nothing
    if sha256_of(part) != file.sha256:
        part.unlink()
        msg = (
            f"{order.name}: what {url} sends is not {file.path}: its sha256 is not {file.sha256[:12]}... "
            f"It was removed. {_other_source()}"
        )
        raise ChecksumError(msg)
    os.replace(part, order.folder / file.path)


def _url_of(url: str, path: str) -> str:
    mirror = os.environ.get(MIRROR, "")
    if "://" in mirror and url.startswith(MIRRORED):
        url = f"{mirror.rstrip('/')}/{url.removeprefix(MIRRORED)}"
    if not url.startswith(("https://", "http://")):
        msg = f"{MIRROR} = '{mirror}' must be a folder, or a URL that starts with https:// or http://."
        raise ValueError(msg)
    return f"{url}/{quote(path)}"


def _other_source() -> str:
    if "://" in os.environ.get(MIRROR, ""):
        return f"Ask the keeper of the mirror to renew it, or unset {MIRROR}."
    return f"Try again later, or let {MIRROR} name a mirror."


def _complete(order: _Order, file: CatalogueFile, url: str) -> None:
    """Let the part grow to its full length, however often the connection ends before."""
    part, patience = order.part(file), order.patience
    longest, in_vain, reason = _length(part), 0, "it was interrupted"
    while not order.stop.is_set():
        if in_vain:
            order.stop.wait(patience.pause * in_vain)
        try:
            reason = _receive(order, file, url)
        except (httpx2.UnsupportedProtocol, httpx2.TooManyRedirects, httpx2.DecodingError, httpx2.InvalidURL) as error:
            raise order.refuse(file, f"{url} cannot be asked ({error})", _other_source()) from error
        except httpx2.TransportError as error:
            reason = _in_words(error, patience)
        if reason is None:
            return
        in_vain = 0 if _length(part) > longest else in_vain + 1
        longest = max(longest, _length(part))
        if in_vain >= patience.tries:
            break
    got = f"{_length(part)} of {file.bytes} bytes are here"
    raise order.refuse(file, f"{reason}; {got}", f"Continue with: brainalign data get {order.name}")


def _receive(order: _Order, file: CatalogueFile, url: str) -> str | None:
    """Ask for what the part lacks and append it; returns why it is not complete, or None when it is."""
    part = order.part(file)
    if _length(part) > file.bytes:
        part.unlink()
    if _length(part) == file.bytes:
        return None
    headers = {"Range": f"bytes={_length(part)}-"} if _length(part) else {}
    with client().stream("GET", url, headers=headers, timeout=order.patience.timeout) as answer:
        status = f"the server answers {answer.status_code} {answer.reason_phrase}"
        if answer.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink(missing_ok=True)
            return status
        if answer.status_code in _WORTH_ANOTHER_TRY:
            return status
        if answer.status_code not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
            raise order.refuse(file, f"{status} to {url}", _other_source())
        start, total = _announced(answer)
        if total is not None and total != file.bytes:
            part.unlink(missing_ok=True)
            raise _wrong_length(order, file, url, f"{total} bytes")
        _append(order, file, answer, start)
    return None if _length(part) == file.bytes else "the connection ended early"


def _announced(answer: httpx2.Response) -> tuple[int, int | None]:
    """First byte that the answer holds, and the length of the whole file where the answer tells it."""
    if answer.status_code == HTTPStatus.PARTIAL_CONTENT:
        first_to_last, _, total = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
        first = first_to_last.partition("-")[0]
        return int(first) if first.isdigit() else 0, int(total) if total.isdigit() else None
    length = answer.headers.get("Content-Length", "")
    is_plain = answer.headers.get("Content-Encoding", "identity") == "identity"
    return 0, int(length) if length.isdigit() and is_plain else None


def _append(order: _Order, file: CatalogueFile, answer: httpx2.Response, start: int) -> None:
    part = order.part(file)
    # A server that ignores the range, or begins elsewhere, sends what is already here: go back to where it starts.
    done = min(start, _length(part))
    if done < start:
        part.unlink(missing_ok=True)
        return
    with open(part, "r+b" if part.exists() else "wb") as stream:
        stream.truncate(done)
        stream.seek(done)
        for chunk in answer.iter_bytes():  # as they arrive, so that none before the end of a connection is lost
            if order.stop.is_set():
                return
            done += len(chunk)
            if done > file.bytes:
                break
            stream.write(chunk)
            if order.on_progress is not None:
                order.on_progress(file.path, done)
    if done > file.bytes:
        part.unlink()
        raise _wrong_length(order, file, str(answer.url), f"more than {file.bytes} bytes")


def _wrong_length(order: _Order, file: CatalogueFile, url: str, sent: str) -> ChecksumError:
    return ChecksumError(
        f"{order.name}: what {url} sends is not {file.path}: {sent}, where {file.bytes} are expected. {_other_source()}"
    )


def _in_words(error: Exception, patience: Patience) -> str:
    if isinstance(error, httpx2.TimeoutException):
        return f"the server was silent for {patience.timeout:g} s"
    if isinstance(error, httpx2.ReadError | httpx2.RemoteProtocolError):
        return "the connection ended early"
    return f"the server cannot be reached ({type(error).__name__})"


def _length(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
