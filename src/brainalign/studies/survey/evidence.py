"""What a survey says about the published claims that need many models, as far as it holds the models for it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import t

from brainalign.studies.survey.families import GROUP_LABELS
from brainalign.studies.survey.scores import HIGHER_ORDER, LOW_LEVEL, head_depth, nearest_network
from brainalign.topology import ModelSpace

LANGUAGE = ("language", "language, rotary")
"""Groups of language models that are no part of a multimodal one."""

VISION = ("plain ViT", "global-semantic", "local-reconstructive")
"""Groups of models of pictures that are no part of a multimodal one."""

_ROTARY = ("language, rotary", "multimodal language, rotary")
_NEAREST = {
    "limbic_visual": ("Limbic", "Visual"),
    "attention": ("DorsalAttention", "VentralAttention"),
    "default_frontoparietal": ("DefaultMode", "Frontoparietal"),
}
_DISTILLED = ("base", "small", "tiny")


def group_evidence(fitted: ModelSpace, scores: pd.DataFrame, models: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Evidence on claims about where groups and families of models lie.

    Parameters
    ----------
    fitted : ModelSpace
        The space of the heads of all models.
    scores : DataFrame indexed by model
        What `score_models` returned.
    models : DataFrame indexed by model
        What `describe_models` returned.

    Returns
    -------
    dict of str to dict of str to float
        Quantities by the name of the claim, without its study. A claim is missing when the survey lacks a group or
        family that it speaks of. Where a claim speaks of scores, the quantities are the published score, the sum over
        heads, and with ``_by_mean`` after their names the mean over heads, which does not grow with their number; of
        distilled DeiT models it is the mean similarity to higher-order networks.

    Notes
    -----
    Every family counts once in a group, and every model once in a family.
    """
    heads = fitted.transform()
    heads["group"] = heads["model"].map(models["group"])
    found = {
        "axis-1": _axis_range(heads, "axis_1"),
        "axis-2": _axis_range(heads, "axis_2"),
        "rope-right": _rotary_side(heads),
        "multimodal-tip": _tip(heads),
        "rope": _order(scores, models, learned={"group": "language"}, rotary={"group": "language, rotary"}),
        "dinov2-dino": _order(scores, models, dinov2={"family": "dinov2"}, dino={"family": "dino"}),
        "beit-dino-up": _order(
            scores, models, supervised={"group": "plain ViT"}, beit_and_dino={"family": ("beit", "beitv2", "dino")}
        ),
        "distilled-deit": _distilled_sizes(fitted.table),
    }
    return {name: quantities for name, quantities in found.items() if quantities}


def network_evidence(table: pd.DataFrame, n_layers: pd.Series, models: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Evidence on claims about which networks the heads are near to.

    Parameters
    ----------
    table : DataFrame
        Heads with their similarities, as `brainalign.topology.with_similarity` returns them.
    n_layers : Series indexed by model
        Layers of every model.
    models : DataFrame indexed by model
        What `describe_models` returned.

    Returns
    -------
    dict of str to dict of str to float
        As in `group_evidence`. ``higher-order``: mean similarity of the heads of language models to low-level and to
        higher-order networks, every model counting once. ``low-level``: the same of models of pictures. ``layers``:
        mean depth, from 0 to 1, of the heads whose nearest network is limbic or visual, one of attention, default mode
        or frontoparietal; not a number where no head has such a nearest network.
    """
    found = {}
    groups = table["model"].map(models["group"])
    for claim, chosen in (("higher-order", groups.isin(LANGUAGE)), ("low-level", groups.isin(VISION))):
        if chosen.any():
            means = table[chosen].groupby("model")[[*LOW_LEVEL, *HIGHER_ORDER]].mean().mean()
            found[claim] = {
                "low_level": means[list(LOW_LEVEL)].mean(), "higher_order": means[list(HIGHER_ORDER)].mean()
            }  # fmt: skip
    depth, nearest = head_depth(table, n_layers), nearest_network(table)
    found["layers"] = {name: depth[nearest.isin(networks)].mean() for name, networks in _NEAREST.items()}
    return found


def pair_evidence(differences: pd.DataFrame, floors: pd.DataFrame, kinds: Mapping[str, str]) -> dict[str, float]:
    """Evidence on claims that some treatment changes little: no more than another seed does.

    Parameters
    ----------
    differences : DataFrame
        What `pair_differences` returned for these scores.
    floors : DataFrame
        What `compare_with_floor` returned for them: ``floor``, the mean size of a difference between seeds, by kind.
    kinds : mapping of str to str
        Kind of pair by the name of the claim.

    Returns
    -------
    dict of str to float
        Upper end of the 95 % interval (one-sided, Student's t over blocks of pairs) of the mean size of the difference,
        in units of the floor: a treatment changes less than another seed does where it is below 1. Claims with fewer
        than two blocks are missing, where no interval exists.
    """
    found = {}
    for claim, kind in kinds.items():
        of_kind = differences[differences["kind"] == kind]
        sizes = of_kind.assign(size=of_kind["difference"].abs()).groupby("block")["size"].mean()
        if len(sizes) > 1:
            limit = sizes.mean() + t.ppf(0.95, len(sizes) - 1) * sizes.std(ddof=1) / np.sqrt(len(sizes))
            found[claim] = float(limit / floors["floor"].max())
    return found


def _axis_range(heads: pd.DataFrame, axis: str) -> dict[str, float]:
    # The published range is that of all nine groups; without some of them the space is another one.
    if not set(heads["group"]) >= set(GROUP_LABELS.values()):
        return {}
    return {"low": heads[axis].min(), "high": heads[axis].max()}


def _rotary_side(heads: pd.DataFrame) -> dict[str, float]:
    middles = _by_group(heads, "axis_1")
    others = middles.drop(index=list(_ROTARY), errors="ignore")
    if len(middles) - len(others) < len(_ROTARY) or others.empty:
        return {}
    return {"others": others.max(), "rope": middles[list(_ROTARY)].min()}


def _tip(heads: pd.DataFrame) -> dict[str, float]:
    middles = _by_group(heads[heads["axis_1"] > 0], "axis_2")
    others = middles.drop(index="multimodal language", errors="ignore")
    if len(others) == len(middles) or others.empty:
        return {}
    return {"lmm_language": middles["multimodal language"], "others_on_the_right": others.mean()}


def _by_group(heads: pd.DataFrame, axis: str) -> pd.Series:
    return heads.groupby(["group", "model"])[axis].mean().groupby(level="group").mean()


def _order(scores: pd.DataFrame, models: pd.DataFrame, **names: dict[str, str | tuple[str, ...]]) -> dict[str, float]:
    found: dict[str, float] = {}
    for suffix, column in (("", "sum"), ("_by_mean", "mean")):
        for name, where in names.items():
            chosen = _select(models.loc[scores.index], where)
            if not chosen.any():
                return {}
            by_family = scores.loc[chosen, column].groupby(models["family"]).mean()
            found[f"{name}{suffix}"] = by_family.mean()
    return found


def _select(models: pd.DataFrame, where: Mapping[str, str | tuple[str, ...]]) -> pd.Series:
    column, wanted = next(iter(where.items()))
    return models[column].isin([wanted] if isinstance(wanted, str) else wanted)


def _distilled_sizes(heads: pd.DataFrame) -> dict[str, float]:
    ids = {f"deit_{size}_distilled": f"deit-{size}-distilled" for size in _DISTILLED}
    if not set(ids.values()) <= set(heads["model"]):
        return {}
    similarity = heads.groupby("model")[list(HIGHER_ORDER)].mean().mean(axis=1)
    return {name: similarity[model] for name, model in ids.items()}
