"""What all readers refuse alike: a choice that is not available, and a selection that is empty or names one twice."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def check_choice(name: str, value: object, allowed: Collection) -> None:
    """Refuse a value that is not available.

    Parameters
    ----------
    name : str
        What the argument is called.
    value : object
        What was given.
    allowed : collection
        What is available, in the order in which the text names it.

    Raises
    ------
    ValueError
        For any other value.
    """
    if value not in allowed:
        msg = f"{name} = {value!r} is not available; choose one of {', '.join(map(str, allowed))}."
        raise ValueError(msg)


def check_selection(name: str, values: Sequence[int], allowed: Collection[int], described: str) -> None:
    """Refuse a selection that is empty, names one twice, or one that is not available.

    Parameters
    ----------
    name : str
        What the argument is called.
    values : sequence of int
        What was given.
    allowed : collection of int
        What is available.
    described : str
        The same in words.

    Raises
    ------
    ValueError
        For any other selection.
    """
    if not len(values) or len(set(values)) < len(values) or not set(values) <= set(allowed):
        msg = f"{name} = {list(values)} must name some of {described}, each once."
        raise ValueError(msg)
