"""Errors that are shown to the user as text, without a traceback."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class UsageError(ValueError):
    """What was asked for does not exist or is not allowed; the text says what is."""


def unknown(kind: str, given: str, known: Iterable[str], *, owner: str = "") -> UsageError:
    """An error for a name that does not exist, with the nearest one that does.

    Parameters
    ----------
    kind : str
        What the name should have named, for example ``"chapter"``.
    given : str
        The name given.
    known : iterable of str
        All names that exist.
    owner : str
        What the name was looked for in, for example ``"topology"``.

    Returns
    -------
    UsageError
        Not raised yet.
    """
    known = list(known)
    near = get_close_matches(given, known, n=1, cutoff=0.4)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    where = f" of {owner}" if owner else ""
    return UsageError(f"unknown {kind}{where}: '{given}'.{hint} Known are: {', '.join(known)}.")


class BookError(RuntimeError):
    """The book was not built, or its pages are not sound; the text lists why."""


class StoreError(RuntimeError):
    """A run or a deposit cannot be kept, or cannot be believed; the text says why and what to do."""


class StoreWarning(UserWarning):
    """Something in a store was passed over; the text says what and why."""
