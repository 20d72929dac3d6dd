"""Data that chapters want and this machine lacks: the small public part of it, fetched before a book is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from brainalign.catalogue.download import DownloadError, Patience, bytes_of, fetch, first_url
from brainalign.catalogue.entries import ChecksumError, state_of
from brainalign.catalogue.home import OFFLINE, is_offline
from brainalign.catalogue.web import is_answering
from brainalign.runs.chapter import Chapter
from brainalign.runs.declared import fetchable_data

SMALL = 20_000_000
"""Bytes up to which an entry of the catalogue is fetched without having been asked for."""

_PATIENCE = Patience(timeout=6.0, tries=1)


def wanted_data(chapters: Iterable[Chapter], profile: str) -> list[str]:
    """Entries of the catalogue that chapters read, needed or optional, that can be fetched and are not here.

    Parameters
    ----------
    chapters : iterable of Chapter
        The chapters, in the order of the answer.
    profile : str
        Named set of parameters, on which it depends what a chapter reads.
    """
    return [name for name in fetchable_data(chapters, profile) if state_of(name) in ("not here", "partly here")]


def fetch_small(names: Sequence[str], say: Callable[[str], None]) -> list[str]:
    """Fetch the small ones of some entries, verified; where there is no network, that is found out once.

    Parameters
    ----------
    names : sequence of str
        Entries of the catalogue.
    say : callable
        Called with a line for every entry, and with one line for what is done without.

    Returns
    -------
    list of str
        Entries that were fetched.
    """
    small, fetched = [name for name in names if bytes_of(name) <= SMALL], []
    if not small:
        return []
    if is_offline():
        say(f"{OFFLINE} forbids the network; {_without(small)}")
        return []
    if not is_answering(first_url(small[0])):
        say(f"there is no network; {_without(small)}")
        return []
    for name in small:
        try:
            files = fetch(name, patience=_PATIENCE)
        except ChecksumError as error:
            say(f"{error} Chapters do without {name}.")
        except DownloadError as error:
            say(f"{error} {_without([one for one in small if one not in fetched]).capitalize()}")
            break
        else:
            fetched.append(name)
            say(f"{name}: fetched, {len(files)} file{'s' * (len(files) != 1)}, {bytes_of(name) / 1e6:.2f} MB, verified")
    return fetched


def _without(names: Sequence[str]) -> str:
    listed = " ".join(names)
    return f"chapters do without {', '.join(names)}. Get them later with: brainalign data get {listed}"
