"""Two runs side by side: what was asked differently, what their keys say, and which numbers changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from brainalign.runs.collect import flat_results
from brainalign.runs.errors import UsageError
from brainalign.runs.keys import RunKey
from brainalign.runs.store import Run


@dataclass(frozen=True)
class Comparison:
    """What differs between two runs of a chapter.

    Attributes
    ----------
    parameters : DataFrame
        Columns name, first, second: parameters that differ. None where a run has no such parameter.
    key_parts : list of str
        Parts of the key that differ, a line each; without the parameters, which have their table.
    circumstances : DataFrame
        Columns name, first, second: versions and hardware that differ.
    numbers : DataFrame
        Columns name, first, second, difference, relative: results that differ. The difference is second minus first,
        the largest one of two equally long lists of numbers, and NaN where it has no meaning; relative is its size
        over that of the first.
    n_equal : int
        Number of results that are exactly the same.
    """

    parameters: pd.DataFrame
    key_parts: list[str]
    circumstances: pd.DataFrame
    numbers: pd.DataFrame
    n_equal: int


def compare_runs(first: Run, second: Run) -> Comparison:
    """Set two runs side by side.

    Parameters
    ----------
    first, second : Run
        Runs of the same chapter.

    Returns
    -------
    Comparison

    Raises
    ------
    UsageError
        For runs of different chapters.
    """
    one, two = first.manifest, second.manifest
    if one.chapter != two.chapter:
        msg = f"{first.name} and {second.name} are of different chapters, which share no numbers. Name two runs of one."
        raise UsageError(msg)
    differences = RunKey(**two.key_parts).differences(RunKey(**one.key_parts))
    results = flat_results(first.results()), flat_results(second.results())
    numbers = _differing(*results)
    measured = [_difference(row.first, row.second) for row in numbers.itertuples()]
    numbers[["difference", "relative"]] = np.reshape(measured, (len(numbers), 2)).astype(float)
    return Comparison(
        parameters=_differing(one.parameters, two.parameters),
        key_parts=[line for line in differences if not line.startswith("parameters: ")],
        circumstances=_differing({**one.versions, **one.hardware}, {**two.versions, **two.hardware}),
        numbers=numbers,
        n_equal=len(results[0].keys() | results[1].keys()) - len(numbers),
    )


def _differing(first: Mapping[str, Any], second: Mapping[str, Any]) -> pd.DataFrame:
    rows = [
        (name, first.get(name), second.get(name))
        for name in {**first, **second}
        if name not in first or name not in second or first[name] != second[name]
    ]
    # Objects: pandas would turn the whole numbers of a column with a gap into fractions.
    return pd.DataFrame(rows, columns=["name", "first", "second"], dtype=object)


def _difference(first: Any, second: Any) -> tuple[float, float]:
    """Largest difference by size, with its sign, and its size over that of the first value there."""
    nothing = (np.nan, np.nan)
    if any(value is None or isinstance(value, bool | str) for value in (first, second)):
        return nothing
    try:
        one, two = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    except (TypeError, ValueError):
        return nothing  # words in a list, or lists of unequal length
    if one.shape != two.shape or not np.array_equiv(np.isnan(one), np.isnan(two)):
        return nothing
    change = np.nan_to_num(two - one).ravel()
    largest = int(np.abs(change).argmax())
    size = abs(one.ravel()[largest])
    return float(change[largest]), float(abs(change[largest]) / size) if size else np.nan
