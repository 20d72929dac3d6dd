"""Where the commands print, and how sizes are written."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.text import Text


def open_console(*, stderr: bool = False) -> Console:
    """A console that wraps lines in a terminal, and not in a log or a pipe."""
    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, width=None if terminal else 200, highlight=False, soft_wrap=not terminal)


@contextmanager
def plain_warnings(kind: type[Warning]) -> Iterator[None]:
    """Show warnings of one kind as a line of text, each time, without the place in the code."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", kind)
        shown = warnings.showwarning

        def show(message: Any, category: type[Warning], *rest: Any) -> None:
            if issubclass(category, kind):
                open_console(stderr=True).print(Text(f"brainalign: {message}"))
            else:
                shown(message, category, *rest)

        warnings.showwarning = show
        yield


def print_json(content: Any) -> None:
    """Print for a program: JSON, and nothing else."""
    sys.stdout.write(json.dumps(content, indent=1, default=str, ensure_ascii=False) + "\n")


def readable_bytes(n_bytes: int) -> str:
    """A number of bytes with three digits and a decimal unit.

    Examples
    --------
    >>> readable_bytes(440425712), readable_bytes(999)
    ('440 MB', '999 B')
    """
    return _scaled(n_bytes, ("B", "kB", "MB", "GB", "TB"), " ")


def readable_count(n: int) -> str:
    """A count with three digits and a letter for thousands (K), millions (M) and more.

    Examples
    --------
    >>> readable_count(5717416)
    '5.72M'
    """
    return _scaled(n, ("", "K", "M", "B", "T"), "")


def _scaled(number: int, units: tuple[str, ...], separator: str) -> str:
    if number < 1000:
        return f"{number}{separator}{units[0]}".strip()
    scaled = float(number)
    step = 0
    while scaled >= 999.5 and step < len(units) - 1:
        scaled /= 1000
        step += 1
    digits = 2 if scaled < 9.995 else 1 if scaled < 99.95 else 0
    return f"{scaled:.{digits}f}{separator}{units[step]}"
