"""Recording a chapter's numbers: one call keeps a number with the run and pastes it into the prose."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from IPython.display import display

if TYPE_CHECKING:
    import pandas as pd

RUN_FOLDER = "BRAINALIGN_RUN_FOLDER"
"""Environment variable with the folder of the run in progress; unset when a notebook is opened by hand."""

RESULTS = "results.json"
TABLES = "tables"

CLAIM_PREFIX = "claim:"
"""Begins the name under which evidence on a claim is kept; no other result may begin so."""

# The mime type under which myst-nb finds glued values; it strips the prefix when it pastes them.
_GLUE_PREFIX = "application/papermill.record/"
GLUE_MIME = f"{_GLUE_PREFIX}text/plain"
"""Mime type of results in the outputs of a notebook; evidence on claims stands there as JSON."""


def record(name: str, value: Any) -> None:
    """Keep a result under a name, with the run and for the prose of the page.

    In prose, the role ``glue:text`` of MyST shows the number as recorded, so text and run cannot disagree.

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
        For a name that this run has recorded already, or one that is kept for evidence on claims.

    Notes
    -----
    JSON has no NaN and no infinity: the file holds null for them, the page shows them as they are.
    """
    if name.startswith(CLAIM_PREFIX):
        msg = f"'{name}' cannot be the name of a result; record evidence on a claim with record_claim."
        raise ValueError(msg)
    plain = _plain(value)
    _keep(name, plain)
    _show(name, repr(plain))


def record_claim(
    claim: str,
    value: float | Mapping[str, float],
    *,
    null: Sequence[float] | np.ndarray | None = None,
    draws: Mapping[str, Sequence[float]] | None = None,
    twins: float | Mapping[str, float] | None = None,
) -> None:
    """Keep what was measured about a published claim; the scorecard makes a verdict of it.

    Parameters
    ----------
    claim : str
        Id of a claim in ``data/claims.yml``, whose criterion says what is expected.
    value : float, or mapping of str to float
        What was measured. With a criterion that names several quantities, all of them by name.
    null : sequence of float, optional
        The same quantity under a null model, one value per draw.
    draws : mapping of str to sequence of float, optional
        Single values of each quantity, where it is a mean over random draws.
    twins : float, or mapping of str to float, optional
        The same for untrained models; the scorecard says whether they meet the criterion, too.

    Raises
    ------
    TypeError
        For a value that is neither a number nor a mapping of names to numbers.
    ValueError
        When this run has recorded evidence on the claim already, or for an empty mapping.
    """
    evidence: dict[str, Any] = {"value": _numbers(claim, value)}
    evidence["null"] = None if null is None else _floats(null)
    if draws is not None:
        evidence["draws"] = {name: _floats(values) for name, values in draws.items()}
    if twins is not None:
        evidence["twins"] = _numbers(claim, twins)
    _keep(CLAIM_PREFIX + claim, evidence)
    _show(CLAIM_PREFIX + claim, json.dumps(_finite(evidence), allow_nan=False))


def _numbers(claim: str, value: float | Mapping[str, float]) -> Any:
    plain = _plain(dict(value) if isinstance(value, Mapping) else value)
    if plain == {}:
        msg = f"evidence on '{claim}' names no quantity; record at least one, or nothing at all."
        raise ValueError(msg)
    for number in plain.values() if isinstance(plain, dict) else [plain]:
        if isinstance(number, bool) or not isinstance(number, int | float):
            msg = f"evidence on '{claim}' must be a number, or a mapping of names to numbers; got {number!r}."
            raise TypeError(msg)
    return plain


def _floats(values: Sequence[float] | np.ndarray) -> list[float]:
    return np.asarray(values, dtype=float).ravel().tolist()


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


def _keep(name: str, plain: Any) -> None:
    json.dumps(plain)  # refuse here, at the call, and not when the run ends
    folder = os.environ.get(RUN_FOLDER)
    if folder:
        _add_to_file(Path(folder) / RESULTS, name, plain)


def _show(name: str, text: str) -> None:
    display({GLUE_MIME: text}, raw=True, metadata={"scrapbook": {"name": name, "mime_prefix": _GLUE_PREFIX}})


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
