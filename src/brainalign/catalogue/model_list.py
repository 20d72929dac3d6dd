"""The rows of the list of models, as they stand in the file: ids, references, sizes."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

from brainalign.catalogue.locations import project_root


def model_rows() -> Mapping[str, dict[str, str]]:
    """Rows of `data/models.csv` by id, in the order of the file; `brainalign.models.registry` gives them types.

    Raises
    ------
    ValueError
        Two rows have the same id.
    """
    return _rows(project_root() / "data" / "models.csv")


@lru_cache(maxsize=4)
def _rows(path: Path) -> dict[str, dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    by_id = {row["id"]: row for row in rows}
    if len(by_id) != len(rows):
        msg = f"data/models.csv has {len(rows)} rows and {len(by_id)} different ids; give every row its own."
        raise ValueError(msg)
    return by_id


def nearest_ids(name: str) -> list[str]:
    """Up to three ids that are spelt like a name."""
    return get_close_matches(name, model_rows(), n=3, cutoff=0.5)
