"""Sets of models that chapters compare, by their references."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from brainalign.catalogue.model_list import model_rows

OBJECTIVES = ("supervised", "distilled", "mae", "contrastive", "captioned")
"""What the models of the controlled set were trained for; nothing else differs between models of one seed and size."""

_CONTROLLED = tuple(f"{objective}-{size}" for size in ("s", "xs") for objective in OBJECTIVES)
_OTHERS = ("tower-s", "clip-s", "clip-hard-s", "clip-hard-scratch-s", "meter-s", "meter-plain-s")

RECIPE_SETS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "all": (*_CONTROLLED, *_OTHERS),
        "controlled": _CONTROLLED,
        "few": ("supervised-xs", "mae-xs", "contrastive-xs"),
    }
)
"""Recipes of the mini-zoo that see pictures, by the name of the set."""

SHIPPED_SEEDS: Mapping[str, int] = MappingProxyType(
    {
        "tower-s": 2, "clip-s": 2, "clip-hard-s": 2, "clip-hard-scratch-s": 1, "meter-s": 2, "meter-plain-s": 1,
        "bert-s": 2, "gpt-s": 2,
    }
)  # fmt: skip
"""How many seeds of a recipe there are, where not four."""

_TWO_TOWERS = ("clip-s", "clip-hard-s", "clip-hard-scratch-s", "meter-s", "meter-plain-s")


def seeded(recipe: str, seed: int) -> str:
    """Reference of a model of the mini-zoo; the first seed, 0, is left out."""
    return f"zoo:{recipe}/{seed}" if seed else f"zoo:{recipe}"


def controlled_models(sizes: Iterable[str], seeds: Iterable[int]) -> list[str]:
    """References of the controlled set, by size, objective and seed.

    Examples
    --------
    >>> controlled_models(["xs"], [0, 1])[:3]
    ['zoo:supervised-xs', 'zoo:supervised-xs/1', 'zoo:distilled-xs']
    """
    seeds = list(seeds)
    return [seeded(f"{objective}-{size}", seed) for size in sizes for objective in OBJECTIVES for seed in seeds]


def compared_models(models: str, n_seeds: int) -> list[str]:
    """References of the models of a set of `RECIPE_SETS`, with up to so many seeds of each recipe."""
    return [
        seeded(recipe, seed)
        for recipe in RECIPE_SETS[models]
        for seed in range(min(n_seeds, SHIPPED_SEEDS.get(recipe, 4)))
    ]


def surveyed_models(models: str, also: Iterable[str] = ()) -> list[str]:
    """References of the models of a survey, MiniLM first where it is among them.

    Parameters
    ----------
    models : {"zoo", "few", "study"}
        MiniLM with every Transformer of the mini-zoo and each of its towers, a few of them, or the list of the study.
    also : iterable of str
        Further models, which come last.

    Returns
    -------
    list of str
    """
    if models == "study":
        chosen = [name for name, row in model_rows().items() if row["study"] == "topology"]
    elif models == "few":
        few = (seeded(name, seed) for name in ("supervised-xs", "distilled-xs", "mae-xs") for seed in (0, 1))
        chosen = ["minilm", *few, "zoo:bert-s", "zoo:gpt-s"]
    else:
        single = (seeded(name, seed) for name in ("tower-s", "bert-s", "gpt-s") for seed in range(SHIPPED_SEEDS[name]))
        pairs = (seeded(name, seed) for name in _TWO_TOWERS for seed in range(SHIPPED_SEEDS[name]))
        towers = [f"{pair}#{tower}" for pair in pairs for tower in ("vision", "text")]
        chosen = ["minilm", *controlled_models(("s", "xs"), range(4)), *single, *towers]
    return [*chosen, *(name for name in also if name not in chosen)]
