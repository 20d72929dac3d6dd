"""Recording a chapter's numbers: one call keeps a number with the run and pastes it into the prose."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from IPython.display import display

RUN_FOLDER = "BRAINALIGN_RUN_FOLDER"
"""Environment variable with the folder of the run in progress; unset when a notebook is opened by hand."""

RESULTS = "results.json"
TABLES = "tables"

# The mime type under which myst-nb finds glued values; it strips the prefix when it pastes them.
_GLUE_PREFIX = "application/papermill.record/"


def record(name: str, value: Any) -> None:
    """Keep a result under a name, with the run and for the prose of the page.

    In prose, ``{glue:text}`name:.2f` `` shows the number as recorded, so text and run cannot disagree.

    Parameters
    ----------
    name : str
        Stable name, unique in the chapter.
    value : number, str, bool, or list or dict of those
        The result; numpy scalars and arrays are converted.

    Raises
    ------
    TypeError
        For a value that JSON cannot hold.
    ValueError
        For a name that this run has recorded already.

    Notes
    -----
    JSON has no NaN and no infinity: the file holds null for them, the page shows them as they are.
    """
    plain = _plain(value)
    json.dumps(plain)  # refuse here, at the call, and not when the run ends
    folder = os.environ.get(RUN_FOLDER)
    if folder:
        _add_to_file(Path(folder) / RESULTS, name, plain)
    mime = f"{_GLUE_PREFIX}text/plain"
    display({mime: repr(plain)}, raw=True, metadata={"scrapbook": {"name": name, "mime_prefix": _GLUE_PREFIX}})


def record_table(name: str, table: pd.DataFrame) -> None:
    """Keep a tidy table with the run, as ``tables/NAME.parquet``.

    Parameters
    ----------
    name : str
        Stable name, unique in the chapter.
    table : DataFrame
        One observation a row. The index is not kept; reset it if it matters.
    """
    folder = os.environ.get(RUN_FOLDER)
    if folder:
        target = Path(folder) / TABLES / f"{name}.parquet"
        target.parent.mkdir(exist_ok=True)
        table.to_parquet(target, index=False)


def _add_to_file(path: Path, name: str, value: Any) -> None:
    results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if name in results:
        msg = f"'{name}' was recorded before in this run; give every result a name of its own."
        raise ValueError(msg)
    results[name] = _finite(value)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(results, indent=1, allow_nan=False), encoding="utf-8")
    partial.replace(path)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
