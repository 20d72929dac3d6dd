"""Pairs of models that differ in one thing, such as fine-tuning, against what another seed changes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from scipy.stats import permutation_test

from brainalign.catalogue.references import Reference, parse_reference
from brainalign.models.registry import ModelEntry, find_model
from brainalign.models.zoo import RECIPES
from brainalign.topology.alignment import network_columns

SEEDS = "another seed"
"""Kind of the pairs that differ in their seed alone: the noise floor."""

_RESAMPLES = 9999
_COMPARISON = [
    "n_pairs", "n_blocks", "difference", "size", "floor", "over_floor", "matched", "matched_floor", "p", "least_p",
]  # fmt: skip
_ZOO_PAIRS = (
    ("distilled instead of supervised", "supervised", "distilled"),
    ("from a trained tower instead of scratch", "clip-hard-scratch", "clip-hard"),
    ("with grounding instead of without", "meter-plain", "meter"),
)


def find_pairs(references: Sequence[str]) -> pd.DataFrame:
    """All pairs among the models that differ in one thing.

    Parameters
    ----------
    references : sequence of str
        Ids of the registry and models of the mini-zoo; others are in no pair.

    Returns
    -------
    DataFrame with one row per pair
        ``kind``: what the second has and the first has not; ``first``, ``second``; ``block``: pairs of one block have a
        model or a family in common, and are not independent. In the registry: ``fine-tuned`` (the name of the second
        continues that of the first), ``instruction-tuned``, ``distilled`` and ``DINOv2 instead of DINO`` (of one size).
        In the mini-zoo: ``another seed``, ``trained on`` (a tower that started from another's weights) and others.
        Empty when there is no pair.

    Raises
    ------
    ValueError
        When a reference cannot be read.
    """
    entries = [entry for reference in references if (entry := find_model(reference)) is not None]
    tiny = {str(parsed): parsed for name in references if (parsed := parse_reference(name)).hub == "zoo"}
    rows = [*_registry_pairs(entries), *_zoo_pairs(tiny)]
    found = pd.DataFrame(rows, columns=["kind", "first", "second", "block"])
    as_given = {str(parse_reference(name)): name for name in references if name not in {e.id for e in entries}}
    return found.replace({"first": as_given, "second": as_given})


def pair_differences(table: pd.DataFrame, scores: pd.Series, pairs: pd.DataFrame) -> pd.DataFrame:
    """How far the two models of every pair are apart, as wholes and head by head.

    Parameters
    ----------
    table : DataFrame
        Heads with their similarities, as `brainalign.topology.with_similarity` returns them.
    scores : Series indexed by model
        Score of every model, for example the mean of its heads along the first axis.
    pairs : DataFrame
        What `find_pairs` returned. Pairs of which a model is missing are left out.

    Returns
    -------
    DataFrame with one row per pair
        The columns of `pairs`, and ``difference``, the score of the second minus that of the first; ``by_place``, the
        root mean square difference of the similarities of heads in the same place; ``matched``, the same when heads of
        a layer may change places so that they fit best. Not a number where the two have other layers or heads.

    Notes
    -----
    Heads of two seeds have no common order, so in the same place they differ more than they need to: compare the
    noise floor by `matched`.
    """
    measured = set(scores.index) & set(table["model"])
    kept = pairs[pairs["first"].isin(measured) & pairs["second"].isin(measured)].reset_index(drop=True)
    similarity = {
        name: heads.set_index(["layer", "head"])[network_columns(table)]
        for name, heads in table.groupby("model", sort=False)
    }
    distances = [
        _head_distances(similarity[first], similarity[second])
        for first, second in zip(kept["first"], kept["second"], strict=True)
    ]
    by_place, matched = zip(*distances, strict=True) if distances else ((), ())
    difference = scores.loc[kept["second"]].to_numpy() - scores.loc[kept["first"]].to_numpy()
    return kept.assign(difference=difference, by_place=by_place, matched=matched)


def compare_with_floor(differences: pd.DataFrame, *, generator: np.random.Generator) -> pd.DataFrame:
    """Every kind of pair against the pairs that differ in their seed alone.

    Parameters
    ----------
    differences : DataFrame
        What `pair_differences` returned.
    generator : numpy.random.Generator
        Source of patterns of signs, where there are too many for all.

    Returns
    -------
    DataFrame indexed by kind
        ``n_pairs``, ``n_blocks``; ``difference``, the mean over blocks; ``size``, the mean of its absolute value over
        pairs, ``floor``, that of the pairs of seeds, and ``over_floor``, the ratio of the two; ``matched``, the mean
        distance of heads, and ``matched_floor``, that of the pairs of seeds; ``p``: two-sided, from changing the sign
        of whole blocks (all patterns up to 13 blocks), and ``least_p``, the smallest that so few blocks allow. With one
        block both are 1. Without pairs of seeds the floors are not numbers; the table is empty without other pairs.
    """
    is_floor = differences["kind"] == SEEDS
    seeds = differences[is_floor]
    floor, matched_floor = seeds["difference"].abs().mean(), seeds["matched"].mean()
    rows = {}
    for kind, pairs in differences[~is_floor].groupby("kind", sort=False):
        blocks = pairs.groupby("block")["difference"].mean().to_numpy()
        size = pairs["difference"].abs().mean()
        rows[kind] = {
            "n_pairs": len(pairs), "n_blocks": blocks.size, "difference": blocks.mean(), "size": size,
            "floor": floor, "over_floor": size / floor, "matched": pairs["matched"].mean(),
            "matched_floor": matched_floor, "p": _sign_p(blocks, generator),
            "least_p": max(2.0 ** (1 - blocks.size), 1 / (_RESAMPLES + 1)),
        }  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index", columns=_COMPARISON).rename_axis("kind")


def _registry_pairs(entries: Sequence[ModelEntry]) -> Iterator[tuple[str, str, str, str]]:
    kinds: dict[str, Callable[[ModelEntry, ModelEntry], bool]] = {
        "fine-tuned": _is_fine_tuned,
        "instruction-tuned": _is_instruction_tuned,
        "distilled": _is_distilled,
        "DINOv2 instead of DINO": _is_dinov2_of_dino,
    }
    for kind, holds in kinds.items():
        for first in entries:
            yield from (
                (kind, first.id, second.id, _size_and_family(first, kind)) for second in entries if holds(first, second)
            )


def _size_and_family(entry: ModelEntry, kind: str) -> str:
    # DINO and DINOv2 are one family each, and so are the distilled: there a size is what comes nearest to a repeat.
    return entry.id if kind in ("distilled", "DINOv2 instead of DINO") else entry.family


def _is_fine_tuned(first: ModelEntry, second: ModelEntry) -> bool:
    (one, tag), (other, longer) = (parse_reference(e.reference).name.partition(".")[::2] for e in (first, second))
    return first.hub == second.hub == "timm" and one == other and bool(tag) and longer.startswith(f"{tag}_")


def _is_instruction_tuned(first: ModelEntry, second: ModelEntry) -> bool:
    if (first.objective, second.objective) != ("next-word", "instruction-tuned"):
        return False
    return first.reference == re.sub(r"-(Instruct|chat)(?=-|$)", "", second.reference)


def _is_distilled(first: ModelEntry, second: ModelEntry) -> bool:
    return "_distilled" in second.reference and first.reference == second.reference.replace("_distilled", "")


def _is_dinov2_of_dino(first: ModelEntry, second: ModelEntry) -> bool:
    if (first.family, second.family) != ("dino", "dinov2"):
        return False
    # Patches of 16 pixels come nearest to the 14 of DINOv2.
    return first.reference.replace("_patch16_224.dino", "_patch14_dinov2.lvd142m") == second.reference


def _zoo_pairs(tiny: dict[str, Reference]) -> Iterator[tuple[str, str, str, str]]:
    for name, parsed in tiny.items():
        stem, seed = _stem_and_seed(parsed)
        tower = f"#{parsed.tower}" if parsed.tower else ""
        for other in RECIPES[stem].seeds:
            second = _name(stem, other, tower)
            if other > seed and second in tiny:
                yield SEEDS, name, second, f"{stem}{tower}"
        for kind, base, changed in _ZOO_PAIRS:
            second = _name(re.sub(rf"^{base}(?=-x?s$)", changed, stem), seed, tower)
            if second != name and second in tiny:
                yield kind, name, second, f"{stem}/{seed}"
    for name, parsed in tiny.items():
        parent = _parent(parsed)
        if parent in tiny:
            yield "trained on", parent, name, parent


def _parent(parsed: Reference) -> str | None:
    """The tower whose weights the image tower of a multimodal model started from."""
    stem, seed = _stem_and_seed(parsed)
    origin = next((parent for part, parent in RECIPES[stem].parents.items() if part.endswith("visual")), None)
    if origin is None or parsed.tower != "vision":
        return None
    parent, part = origin.partition("#")[::2]
    return _name(parent, RECIPES[stem].parent_seed(parent, seed), "#vision" if part else "")


def _stem_and_seed(parsed: Reference) -> tuple[str, int]:
    stem, _, seed = parsed.name.partition("/")
    return stem, int(seed or 0)


def _name(stem: str, seed: int, tower: str) -> str:
    return str(parse_reference(f"zoo:{stem}/{seed}{tower}"))


def _head_distances(first: pd.DataFrame, second: pd.DataFrame) -> tuple[float, float]:
    if list(first.index) != list(second.index):
        return np.nan, np.nan
    by_place = np.sqrt(np.mean((first - second).to_numpy() ** 2))
    squares = 0.0
    for layer in first.index.unique("layer"):
        costs = cdist(first.loc[layer], second.loc[layer], "sqeuclidean")
        squares += costs[linear_sum_assignment(costs)].sum()
    return float(by_place), float(np.sqrt(squares / first.size))


def _sign_p(blocks: np.ndarray, generator: np.random.Generator) -> float:
    if blocks.size < 2:
        return 1.0
    found = permutation_test(
        (blocks,), lambda values, axis: np.abs(values.mean(axis=axis)), permutation_type="samples",
        alternative="greater", vectorized=True, n_resamples=_RESAMPLES, rng=generator,
    )  # fmt: skip
    return float(found.pvalue)
