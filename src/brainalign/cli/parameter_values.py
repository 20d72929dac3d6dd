"""Parameters of a chapter on the command line: ``-p NAME VALUE``, as papermill has it."""

from __future__ import annotations

from typing import Annotated

import typer

from brainalign.runs.errors import UsageError

PROFILES_IN_WORDS = (
    "Named set of parameters: default; smoke for a quick trial; paper, where a chapter can do what its paper did."
)

ParameterValues = Annotated[
    list[str] | None,
    typer.Option("--parameter", "-p", metavar="NAME VALUE", help="Set a parameter; may be given several times."),
]


def join_pairs(arguments: list[str]) -> list[str]:
    """Turn ``-p NAME VALUE`` into ``-p NAME=VALUE``, which the option parser can read."""
    joined, rest = [], list(arguments)
    while rest:
        word = rest.pop(0)
        joined.append(word)
        if word in ("-p", "--parameter") and rest:
            name = rest.pop(0)
            joined.append(f"{name}={rest.pop(0)}" if "=" not in name and rest else name)
    return joined


def split_pairs(pairs: list[str] | None) -> dict[str, str]:
    """Values by name.

    Raises
    ------
    UsageError
        For a name without a value, and for a name that is given twice.
    """
    values = {}
    for pair in pairs or []:
        name, separator, value = pair.partition("=")
        if not separator:
            msg = f"'-p {pair}' has no value; write -p NAME VALUE."
            raise UsageError(msg)
        if name in values:
            msg = f"{name} is set twice, to '{values[name]}' and to '{value}'; give it once."
            raise UsageError(msg)
        values[name] = value
    return values
