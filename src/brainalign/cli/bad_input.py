"""What the user wrote wrongly is answered with one plain message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from brainalign.catalogue.entries import ChecksumError
from brainalign.runs.errors import UsageError


@contextmanager
def bad_input() -> Iterator[None]:
    """Turn a ValueError of the rooms below, which means wrong input, into a UsageError.

    Raises
    ------
    UsageError
        With the text of the ValueError.
    ChecksumError
        Unchanged: a file that was altered is another matter.
    """
    try:
        yield
    except ChecksumError:
        raise
    except ValueError as error:
        raise UsageError(str(error)) from error
