"""The controlled set of the mini-zoo, which several chapters compare."""

from __future__ import annotations

from collections.abc import Iterable

OBJECTIVES = ("supervised", "distilled", "mae", "contrastive", "captioned")
"""What its models were trained for; nothing else differs between models of one seed and size."""


def controlled_models(sizes: Iterable[str], seeds: Iterable[int]) -> list[str]:
    """References of its models, by size, objective and seed.

    Examples
    --------
    >>> controlled_models(["xs"], [0, 1])[:3]
    ['zoo:supervised-xs', 'zoo:supervised-xs/1', 'zoo:distilled-xs']
    """
    seeds = list(seeds)
    return [seeded(f"{objective}-{size}", seed) for size in sizes for objective in OBJECTIVES for seed in seeds]


def seeded(recipe: str, seed: int) -> str:
    """Reference of a model of the mini-zoo; the first seed, 0, is left out."""
    return f"zoo:{recipe}/{seed}" if seed else f"zoo:{recipe}"
