"""Requests to servers: short time limits, no silent retries, and answers put into words."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from queue import Empty, Queue
from typing import Any

import httpx2

from brainalign.catalogue.files import MissingDataError
from brainalign.catalogue.home import HUB_OFFLINE, OFFLINE, is_offline

ANSWER_WITHIN = 8.0
"""Seconds for the answer to a first request, looking up the server's name and trying its addresses included."""

FIRST_TIMEOUT = httpx2.Timeout(6, connect=3)
"""Seconds for each step of a first request."""

_TIMEOUT = httpx2.Timeout(10, connect=3)


class UnreachableError(MissingDataError):
    """The server does not answer, or no request may be made."""


class NoSuchFileError(MissingDataError):
    """The server answers that there is no such file."""


class GatedError(MissingDataError):
    """The server wants a token, or its licence to be accepted first."""


@cache
def client() -> httpx2.Client:
    """The connections of this process; several threads may use them."""
    # Unpacked content would not be the bytes of the file.
    return httpx2.Client(follow_redirects=True, timeout=_TIMEOUT, headers={"Accept-Encoding": "identity"})


def authorization(token: str | None) -> dict[str, str]:
    """Header that carries the token, if there is one."""
    return {"Authorization": f"Bearer {token}"} if token else {}


def first_request(url: str, headers: dict[str, str]) -> httpx2.Response:
    """Send the first request for a file of a hub; the body is not read yet.

    Raises
    ------
    UnreachableError
        Offline, no connection, or no answer within `ANSWER_WITHIN` seconds.
    NoSuchFileError, GatedError
        As the server answers.
    """
    if is_offline(hub=True):
        msg = f"{url} is not asked for: {HUB_OFFLINE} or {OFFLINE} is set."
        raise UnreachableError(msg)
    request = client().build_request("GET", url, headers=headers, timeout=FIRST_TIMEOUT)
    try:
        response = _within(ANSWER_WITHIN, lambda: client().send(request, stream=True))
    except (httpx2.TransportError, TimeoutError) as error:
        msg = f"{url} does not answer ({reason(error)})."
        raise UnreachableError(msg) from error
    try:
        check_status(response, url)
    except MissingDataError:
        response.close()
        raise
    return response


def is_answering(url: str, within: float = 4.0) -> bool:
    """Whether the server of a file answers at all, be it with a refusal.

    Parameters
    ----------
    url : str
        Address of the file.
    within : float
        Seconds after which it does not, whatever is waited for: a name, a connection or an answer.
    """
    try:
        _within(within, lambda: client().head(url, timeout=within))
    except (httpx2.TransportError, TimeoutError):
        return False
    return True


def get_small(url: str, token: str | None = None) -> bytes:
    """Content of a small file; errors as in `first_request`."""
    response = first_request(url, authorization(token))
    try:
        return response.read()
    except httpx2.TransportError as error:
        msg = f"{url} broke off ({reason(error)})."
        raise UnreachableError(msg) from error
    finally:
        response.close()


def check_status(response: httpx2.Response, url: str) -> None:
    """Put refusals of a server into words.

    Raises
    ------
    NoSuchFileError, GatedError, UnreachableError
        For status 404, for 401 and 403, and for any other failure.
    """
    code, status = response.headers.get("X-Error-Code", ""), response.status_code
    if status == 404 or code == "RepoNotFound":
        msg = f"{url} does not exist ({code or status})."
        raise NoSuchFileError(msg)
    if status in (401, 403):
        msg = (
            f"{url} is gated: the server refuses it ({code or status}). Accept the licence on the model's page, "
            "then set HF_TOKEN to a token of your account."
        )
        raise GatedError(msg)
    if status >= 400:
        msg = f"{url} cannot be had now: the server answers with status {status}."
        raise UnreachableError(msg)


def reason(error: Exception) -> str:
    """Short text for a failure of the connection."""
    return str(error) or type(error).__name__


def _within(seconds: float, call: Callable[[], Any]) -> Any:
    # Time limits of the client hold for each address and step; looking up a name has none at all.
    answers: Queue[tuple[bool, Any]] = Queue()

    def answer() -> None:
        try:
            answers.put((True, call()))
        except Exception as error:  # handed to the waiting thread, which raises it
            answers.put((False, error))

    threading.Thread(target=answer, daemon=True).start()
    try:
        succeeded, value = answers.get(timeout=seconds)
    except Empty:
        msg = f"no answer within {seconds:.0f} s"
        raise TimeoutError(msg) from None
    if not succeeded:
        raise value
    return value
