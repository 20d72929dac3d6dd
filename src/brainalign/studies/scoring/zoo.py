"""Which of this project's own models enter a table of scores."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from brainalign.catalogue.references import parse_reference
from brainalign.models.zoo import RECIPES, trained_seeds

PICTURE_RECIPES = tuple(
    name for name, recipe in RECIPES.items() if recipe.objective not in ("convolutional", "bert", "gpt")
)
"""Recipes of the mini-zoo whose models see pictures with a Transformer."""

TWIN_RECIPES = ("supervised-s", "supervised-xs", "clip-s", "meter-s")
"""Recipes whose untrained twins differ: those of the controlled set start from the same weights, size by size."""

TEXT_MODELS = ("zoo:bert-s", "zoo:gpt-s", "minilm")
"""Models that see no pictures; they have scores only where none are needed."""


def list_models(recipes: Sequence[str] = PICTURE_RECIPES, *, n_seeds: int = 4) -> pd.DataFrame:
    """Models of the mini-zoo, some of their untrained twins, and three models of texts.

    Parameters
    ----------
    recipes : sequence of str
        Out of `PICTURE_RECIPES`.
    n_seeds : int
        How many seeds of each are taken, as far as they are shipped, and of each of `TWIN_RECIPES` among them that are
        not trained.

    Returns
    -------
    DataFrame of shape (n_models, 4)
        Indexed by the name of the model. ``reference``; ``family``: recipes that differ in size or detail only are one
        family, and all untrained models are one; ``recipe``: what differs in seed only has the same; ``sees_pictures``.

    Raises
    ------
    ValueError
        For an unknown recipe, none, or fewer than one seed.
    """
    unknown = [name for name in recipes if name not in PICTURE_RECIPES]
    if unknown or not recipes or n_seeds < 1:
        msg = (
            f"give recipes out of {', '.join(PICTURE_RECIPES)} and 1 seed or more: got {', '.join(unknown or recipes)} "
            f"and {n_seeds}."
        )
        raise ValueError(msg)
    rows = [
        (f"zoo:{name}/{seed}#vision", name.split("-")[0], name, True)
        for name in recipes
        for seed in trained_seeds(name)[:n_seeds]
    ]
    rows += [
        (f"zoo:{name}/{seed}#vision@random", "untrained", f"{name}@random", True)
        for name in TWIN_RECIPES
        if name in recipes
        for seed in trained_seeds(name)[:n_seeds]
    ]
    rows += [(reference, reference, reference, False) for reference in TEXT_MODELS]
    table = pd.DataFrame(rows, columns=["reference", "family", "recipe", "sees_pictures"])
    table["reference"] = [str(parse_reference(reference)) for reference in table["reference"]]
    names = pd.Index(
        [reference.removeprefix("zoo:").replace("#vision", "") for reference in table["reference"]], name="model"
    )
    return table.set_axis(names)
