"""Cards of the mini-zoo: what each shipped file is, how it was made, and what it can do, as it was written down."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brainalign.catalogue.entries import locate

CARDS = "cards.json"
"""Name of the file with the cards of all weights beside it."""


@dataclass(frozen=True)
class Card:
    """One shipped file.

    Attributes
    ----------
    name : str
    seed : int
        Of the first weights and of the data.
    objective, group, library_class : str
    steps, batch : int
    minutes : float
        Processor time of the training, one thread.
    parents : dict
        Part to the model that it started from.
    differs : str
        What differs from the published recipe of the objective.
    results : dict
        By metric, the fields of `brainalign.models.zoo.evaluation.Measurement`, of the shipped half-precision weights.
    """

    name: str
    seed: int
    objective: str
    group: str
    library_class: str
    steps: int
    batch: int
    minutes: float
    parents: dict[str, str]
    differs: str
    results: dict[str, dict[str, Any]]


def read_cards(folder: Path | None = None) -> list[Card]:
    """The cards beside the weights, in the order of the recipes.

    Parameters
    ----------
    folder : Path, optional
        By default that of the shipped weights.

    Returns
    -------
    list of Card
        Empty where no file was evaluated yet.
    """
    path = locate("zoo-cards", f"data/zoo/{CARDS}") if folder is None else folder / CARDS
    return [Card(**fields) for fields in json.loads(path.read_text(encoding="utf-8"))] if path.is_file() else []
