"""Models of the user's own are looked at before a chapter begins, so that what is wrong with them is said at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from brainalign.catalogue.entries import MissingDataError
from brainalign.cli.bad_input import bad_input
from brainalign.runs.chapter import Chapter
from brainalign.runs.errors import UsageError


def check_own_models(chapter: Chapter, values: Mapping[str, Any], profile: str) -> None:
    """Refuse a chapter's parameters that name weights of the user's own which cannot be read.

    Raises
    ------
    UsageError
        The text says what the weights are, and what to do.
    """
    parameters = chapter.parameters.from_values(chapter.name, values, profile=profile)
    check_models(parameters.changed().values())


def check_models(values: Iterable[Any]) -> None:
    """Refuse values that name weights of the user's own which cannot be read; errors as in `check_own_models`."""
    named = [model for value in values for model in _own_models(value)]
    if not named:
        return
    from brainalign.models.checking import check_model  # torch takes seconds to import

    with bad_input():
        for model in dict.fromkeys(named):
            try:
                check_model(model)
            except MissingDataError as error:  # not to be fetched, as other data: the path is wrong
                raise UsageError(str(error)) from error


def _own_models(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        return [value] if value.startswith("file:") else []
    return [model for one in value for model in _own_models(one)] if isinstance(value, list | tuple) else []
