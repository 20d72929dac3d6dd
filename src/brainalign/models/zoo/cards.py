"""Cards: what each shipped file of the mini-zoo is, how it was made, and what it can do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brainalign.catalogue.entries import locate
from brainalign.models.zoo.evaluation import evaluate_zoo
from brainalign.models.zoo.recipes import get_recipe
from brainalign.models.zoo.weights import file_name, read_config

_FILE = "cards.json"


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


def make_card(name: str, seed: int, *, folder: Path, minutes: float) -> Card:
    """Evaluate a trained file and describe it.

    Parameters
    ----------
    name : str
    seed : int
    folder : Path
        Where the file is.
    minutes : float
        Processor time that its training took.

    Returns
    -------
    Card
    """
    recipe, config = get_recipe(name), read_config(folder / file_name(name, seed))
    results = evaluate_zoo(name, seed, folder=folder)
    return Card(
        name=name,
        seed=seed,
        objective=recipe.objective,
        group=recipe.group,
        library_class=config["library_class"],
        steps=config["steps"],
        batch=recipe.batch,
        minutes=round(minutes, 2),
        parents=dict(recipe.parents),
        differs=recipe.differs,
        results={metric: result.as_dict() for metric, result in results.items()},
    )


def read_cards(folder: Path | None = None) -> list[Card]:
    """The cards beside the weights, in the order of the table of recipes.

    Parameters
    ----------
    folder : Path, optional
        By default that of the shipped weights.

    Returns
    -------
    list of Card
        Empty where no file was evaluated yet.
    """
    path = locate("zoo-cards", f"data/zoo/{_FILE}") if folder is None else folder / _FILE
    return [Card(**fields) for fields in json.loads(path.read_text(encoding="utf-8"))] if path.is_file() else []


def write_cards(cards: Sequence[Card], folder: Path) -> None:
    """Add cards to those of a folder; a card of the same name and seed is replaced."""
    from brainalign.models.zoo.recipes import zoo_names

    known = {(card.name, card.seed): card for card in (*read_cards(folder), *cards)}
    order = zoo_names()
    ordered = sorted(known.values(), key=lambda card: (order.index(card.name), card.seed))
    text = json.dumps([vars(card) for card in ordered], indent=1)
    (folder / _FILE).write_text(f"{text}\n", encoding="utf-8")
