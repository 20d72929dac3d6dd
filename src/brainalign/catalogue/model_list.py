"""The rows of the list of models, as they stand in the file: ids, references, sizes."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache

from brainalign.catalogue.files import own_file

MODEL_LIST = "model-list"
"""Entry of the catalogue."""


def list_of_models(*, is_noted: bool = True) -> bytes:
    """Content of `data/models.csv`; see `brainalign.catalogue.files.own_file`."""
    return own_file(MODEL_LIST, "data/models.csv", is_noted=is_noted).read_bytes()


def model_rows(*, is_noted: bool = True) -> Mapping[str, dict[str, str]]:
    """Rows of `data/models.csv` by id, in the order of the file; `brainalign.models.registry` gives them types.

    Raises
    ------
    ValueError
        Two rows have the same id.
    """
    return rows_in(list_of_models(is_noted=is_noted))


@lru_cache(maxsize=4)
def rows_in(content: bytes) -> Mapping[str, dict[str, str]]:
    """Rows by id of a list of models; errors as in `model_rows`."""
    rows = list(csv.DictReader(content.decode("utf-8").splitlines()))
    by_id = {row["id"]: row for row in rows}
    if len(by_id) != len(rows):
        msg = f"data/models.csv has {len(rows)} rows and {len(by_id)} different ids; give every row its own."
        raise ValueError(msg)
    return by_id


def nearest_ids(name: str) -> list[str]:
    """Up to three ids that are spelt like a name."""
    return get_close_matches(name, model_rows(is_noted=False), n=3, cutoff=0.5)
