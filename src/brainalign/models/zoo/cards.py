"""Making and writing cards: each trained file of the mini-zoo is evaluated and described."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from brainalign.catalogue.zoo_cards import CARDS, Card, read_cards
from brainalign.models.zoo.evaluation import evaluate_zoo
from brainalign.models.zoo.recipes import get_recipe, zoo_names
from brainalign.models.zoo.weights import file_name, read_config


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


def write_cards(cards: Sequence[Card], folder: Path) -> None:
    """Add cards to those of a folder; a card of the same name and seed is replaced."""
    known = {(card.name, card.seed): card for card in (*read_cards(folder), *cards)}
    order = zoo_names()
    ordered = sorted(known.values(), key=lambda card: (order.index(card.name), card.seed))
    text = json.dumps([vars(card) for card in ordered], indent=1)
    (folder / CARDS).write_text(f"{text}\n", encoding="utf-8")
