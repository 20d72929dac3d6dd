"""Groups of models compared, with whole families as the units: models of one family are not independent."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brainalign.catalogue.references import Reference, parse_reference
from brainalign.models.registry import ModelEntry, find_entries, find_model
from brainalign.models.zoo import RECIPES
from brainalign.topology import holm

Array = NDArray[np.float64]

GROUP_LABELS: Mapping[str, str] = MappingProxyType(
    {
        "ViT": "plain ViT",
        "ViT-Variants-global-semantic": "global-semantic",
        "ViT-Variants-local-reconstructive": "local-reconstructive",
        "LMM-vision": "multimodal vision",
        "LMM-vision-RoPE": "multimodal vision, rotary",
        "LMM-language": "multimodal language",
        "LMM-language-RoPE": "multimodal language, rotary",
        "LLM": "language",
        "LLM-RoPE": "language, rotary",
    }
)
"""Short names of the study's nine groups, vision before language."""

OWN = "own"
"""Group of models that neither the registry nor the mini-zoo knows."""

CONTRASTS = (
    ("global-semantic", "local-reconstructive"),
    ("global-semantic", "plain ViT"),
    ("multimodal vision", "plain ViT"),
    ("language", "plain ViT"),
    ("multimodal language", "language"),
    ("language, rotary", "language"),
)
"""Differences that are looked at, first minus second; listed before anything was measured."""

# By objective of the mini-zoo, the group of the study that holds models with such an objective.
_ZOO_GROUPS = {
    "supervised": "plain ViT",
    "cells": "plain ViT",
    "contrastive": "global-semantic",
    "mae": "local-reconstructive",
    "distilled": "local-reconstructive",
    "captioned": "multimodal vision",
    "bert": "language",
    "gpt": "language",
}
# By family where that says more than what a model takes in.
_BOOK_GROUPS = {
    "smollm2": "language, rotary",
    "dinov2-saliency": "global-semantic",
    "text": "language",
    "vision": "plain ViT",
}
_MOST_FAMILIES = 20  # 184756 ways to divide them are gone through in a moment


def describe_models(references: Sequence[str]) -> pd.DataFrame:
    """Group, family and objective of models.

    Parameters
    ----------
    references : sequence of str
        Ids of the registry, models of the mini-zoo, or any other reference.

    Returns
    -------
    DataFrame indexed by model
        ``group``: one of `GROUP_LABELS`, after the folders of the study, or `OWN`; ``family``: models that share their
        authors and design, in the mini-zoo those of one recipe whatever their size and seed; ``objective``;
        ``modality``, ``"vision"`` or ``"text"``, of a tower that of the tower.

    Raises
    ------
    ValueError
        When a reference cannot be read.

    Notes
    -----
    The study gives no list of its groups. Rows of the registry have a reconstructed one. For the mini-zoo the grouping
    is ours: MAE and distillation count as local-reconstructive, contrastive learning of pictures as global-semantic.
    """
    rows = {reference: _describe(reference) for reference in references}
    columns = ["group", "family", "objective", "modality"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("model")


def compare_groups(
    values: pd.Series,
    models: pd.DataFrame,
    *,
    generator: np.random.Generator,
    contrasts: Sequence[tuple[str, str]] = CONTRASTS,
    n_resamples: int = 9999,
    level: float = 0.95,
) -> pd.DataFrame:
    """Differences between groups of models, tested and bounded with families as the units.

    Parameters
    ----------
    values : Series indexed by model
        What was measured, finite.
    models : DataFrame indexed by model
        ``group`` and ``family`` of every model, as `describe_models` returns them.
    generator : numpy.random.Generator
        Source of the bootstrap.
    contrasts : sequence of (str, str)
        Groups to compare, first minus second, listed before the values were seen. Those of which a group has no model
        are left out.
    n_resamples : int
        Draws of the bootstrap.
    level : float
        Coverage of its interval, between 0 and 1.

    Returns
    -------
    DataFrame with one row per contrast
        ``first``, ``second``, ``n_first`` and ``n_second`` (families), ``difference`` between the means over families
        of the means over models, ``low`` and ``high`` (not a number when a group has a single family), ``effect`` (the
        difference in standard deviations between families of a group), ``p``, ``least_p`` (the smallest that so few
        families allow) and ``p_holm``.

    Raises
    ------
    ValueError
        When no contrast can be made, a model has no group, a value is not finite, or there are more than 20 families.

    Notes
    -----
    p is the share of all ways to deal whole families into groups of these sizes whose difference is as large, the
    observed one included; it is exact. The interval draws families with replacement within each group (percentiles);
    with a handful of families it is too narrow. A family with models in both groups counts once in each: its halves
    are alike, so p errs on the large side.
    """
    _check(values, models)
    clusters = values.groupby([models.loc[values.index, "group"], models.loc[values.index, "family"]]).mean()
    present = set(clusters.index.get_level_values("group"))
    possible = [pair for pair in contrasts if present.issuperset(pair)]
    if not possible:
        asked = "; ".join(f"{first} - {second}" for first, second in contrasts)
        msg = f"there are models of {', '.join(sorted(present))}, so none of these can be compared: {asked}."
        raise ValueError(msg)
    rows = []
    for first, second in possible:
        one, other = (clusters[group].to_numpy() for group in (first, second))
        low, high = _bootstrap(one, other, n_resamples, level, generator)
        p, least = _permutation_p(one, other)
        rows.append(
            {
                "first": first, "second": second, "n_first": one.size, "n_second": other.size,
                "difference": one.mean() - other.mean(), "low": low, "high": high,
                "effect": _effect(one, other), "p": p, "least_p": least,
            }
        )  # fmt: skip
    found = pd.DataFrame(rows)
    return found.assign(p_holm=holm(found["p"]))


def _describe(reference: str) -> tuple[str, str, str, str]:
    parsed = parse_reference(reference)
    if parsed.hub == "zoo":
        return _describe_zoo(parsed)
    entry = _entry_of(reference, parsed)
    if entry is None:
        return OWN, str(parsed), "unknown", parsed.tower or "unknown"
    modality = entry.tower or entry.modality
    group = (
        GROUP_LABELS[entry.group]
        if entry.group
        else _BOOK_GROUPS.get(entry.family) or _BOOK_GROUPS.get(entry.modality, OWN)
    )
    return group, entry.family, entry.objective, modality


def _describe_zoo(parsed: Reference) -> tuple[str, str, str, str]:
    recipe = RECIPES[parsed.name.partition("/")[0]]
    modality = parsed.tower or ("text" if recipe.objective in ("bert", "gpt") else "vision")
    multimodal = "multimodal language" if modality == "text" else "multimodal vision"
    family = recipe.name.partition("-")[0]
    return _ZOO_GROUPS.get(recipe.objective, multimodal), family, recipe.objective, modality


def _entry_of(reference: str, parsed: Reference) -> ModelEntry | None:
    entry = find_model(reference)
    if entry is not None:
        return entry
    return next((row for row in find_entries(parsed) if row.tower == parsed.tower), None)


def _check(values: pd.Series, models: pd.DataFrame) -> None:
    unknown = [str(name) for name in values.index if name not in models.index]
    if unknown or not np.isfinite(values.to_numpy(dtype=np.float64)).all():
        named = f"no group is known of {', '.join(unknown)}" if unknown else "some values are missing or not finite"
        msg = f"{named}; give one finite value and one group per model."
        raise ValueError(msg)


def _permutation_p(one: Array, other: Array) -> tuple[float, float]:
    together = np.concatenate([one, other])
    if together.size > _MOST_FAMILIES:
        msg = f"{together.size} families are too many for all divisions: take at most {_MOST_FAMILIES}, larger ones."
        raise ValueError(msg)
    chosen = np.array(list(itertools.combinations(range(together.size), one.size)))
    sums = together[chosen].sum(axis=1)
    differences = np.abs(sums / one.size - (together.sum() - sums) / other.size)
    # The first combination is the observed one; rounding must not lose those that tie with it.
    p = np.mean(differences >= differences[0] - 1e-12 * np.abs(together).max())
    return float(p), (2 if one.size == other.size else 1) / len(chosen)


def _bootstrap(
    one: Array, other: Array, n_resamples: int, level: float, generator: np.random.Generator
) -> tuple[float, float]:
    if min(one.size, other.size) < 2:
        return np.nan, np.nan
    draws = [group[generator.integers(group.size, size=(n_resamples, group.size))].mean(axis=1)
             for group in (one, other)]  # fmt: skip
    low, high = np.quantile(draws[0] - draws[1], [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _effect(one: Array, other: Array) -> float:
    within = np.concatenate([one - one.mean(), other - other.mean()])
    freedom = within.size - 2
    sd = np.sqrt(np.sum(within**2) / freedom) if freedom > 0 else 0.0
    return float((one.mean() - other.mean()) / sd) if sd > 0 else np.nan
