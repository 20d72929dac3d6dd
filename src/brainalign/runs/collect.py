"""All runs as one tidy table: a row per run, a column for every parameter and every number."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from brainalign.runs.errors import UsageError
from brainalign.runs.store import Run, RunStore

PARAMETER, RESULT = "parameters.", "results."
"""Beginnings of the names of columns with parameters and with results."""

FORMATS = (".parquet", ".csv")
"""Endings of the files that a table can be written to."""

_MOST_EXACT = 2**53  # whole numbers up to here are floats, too

_FACTS = ("chapter", "run_id", "status", "profile", "started", "seconds", "peak_memory_bytes", "commit")


def collect_runs(
    store: RunStore | None = None,
    chapters: Collection[str] | None = None,
    *,
    run_ids: Collection[str] | None = None,
    with_lists: bool = False,
) -> pd.DataFrame:
    """One table of the parameters and results of all runs.

    Parameters
    ----------
    store : RunStore, optional
        Where the runs are.
    chapters : collection of str, optional
        Only runs of these chapters; by default of all.
    run_ids : collection of str, optional
        Only these runs, for example those of a sweep.
    with_lists : bool
        Whether results that are lists are kept, too, as JSON.

    Returns
    -------
    DataFrame
        A row per run, good or failed, sorted by chapter and time: chapter, run_id, status, profile, started (UTC),
        seconds, peak_memory_bytes, commit, error; then ``parameters.NAME`` and ``results.NAME``. A result that is a
        mapping has a column for each of its numbers, ``results.NAME.PART``. Empty where a run has no such value. Whole
        numbers beyond 2^53, for example seeds, keep all their digits: their column holds Python's own integers.
    """
    store = store or RunStore()
    rows = [_row(run, with_lists) for run in store.runs(chapters, run_ids=run_ids)]
    names = list(dict.fromkeys(name for row in rows for name in row)) or [*_FACTS, "error"]
    table = pd.DataFrame({name: _column([row.get(name) for row in rows]) for name in names})
    order = [name for start in ("", PARAMETER, RESULT) for name in table if _start(name) == start]
    return table[order].sort_values(["chapter", "started", "run_id"], ignore_index=True)


def flat_results(results: Mapping[str, Any]) -> dict[str, Any]:
    """Results by name, with every part of a mapping under ``NAME.PART``.

    Examples
    --------
    >>> flat_results({"r": 0.5, "of model": {"a": 1, "b": [2, 3]}})
    {'r': 0.5, 'of model.a': 1, 'of model.b': [2, 3]}
    """
    flat: dict[str, Any] = {}
    for name, value in results.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}.{part}": inner for part, inner in flat_results(value).items()}
        else:
            flat[name] = value
    return flat


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as parquet or CSV, by the ending of the file's name; the file appears whole or not at all.

    Raises
    ------
    UsageError
        For another ending, or a folder that is not there.
    """
    if path.suffix not in FORMATS:
        msg = f"{path.name} ends neither in .parquet nor in .csv; one of them says how the table is written."
        raise UsageError(msg)
    if not path.parent.is_dir():
        msg = f"there is no folder {path.parent}; make it, or name another file."
        raise UsageError(msg)
    partial = path.with_name(f".{path.name}.partial")
    if path.suffix == ".csv":
        table.to_csv(partial, index=False)
    else:
        _one_type_a_column(table).to_parquet(partial, index=False)
    partial.replace(path)


def _row(run: Run, with_lists: bool) -> dict[str, Any]:
    manifest = run.manifest
    row = {name: getattr(manifest, name) for name in _FACTS}
    row["error"] = manifest.error_line
    row |= {f"{PARAMETER}{name}": _cell(value) for name, value in manifest.parameters.items()}
    for name, value in flat_results(run.results()).items():
        if with_lists or not isinstance(value, list):
            row[f"{RESULT}{name}"] = _cell(value)
    return row


def _column(values: list[Any]) -> pd.Series:
    # With a gap among them, pandas would make floats of whole numbers, which hold no more than 53 bits.
    return pd.Series(values, dtype=object if any(map(_is_long, values)) else None)


def _is_long(value: Any) -> bool:
    return isinstance(value, int) and abs(value) > _MOST_EXACT


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | dict) else value


def _start(name: str) -> str:
    return next((start for start in (PARAMETER, RESULT) if name.startswith(start)), "")


def _one_type_a_column(table: pd.DataFrame) -> pd.DataFrame:
    """Parquet has one type per column: where chapters or runs disagree, or a number is too long, all become text."""
    mixed = {}
    for name in table:
        values = table[name].dropna()
        types = {type(value) for value in values}
        if (len(types) > 1 and not types <= {int, float}) or any(map(_is_long, values)):
            mixed[name] = table[name].map(_text, na_action="ignore")
    return table.assign(**mixed)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
