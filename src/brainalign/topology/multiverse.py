"""All defensible ways to do an analysis, and in how many of them a claim holds."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from brainalign.numeric import as_doubles
from brainalign.topology.inference import sign_flip_p


def multiverse(
    choices: Mapping[str, Sequence[object]], estimate: Callable[..., Mapping[str, Sequence[float]]]
) -> pd.DataFrame:
    """Run an analysis for every combination of choices.

    Parameters
    ----------
    choices : mapping of str to sequence
        Defensible options by name of the choice; the first option of each is the study's.
    estimate : function
        Called with one option of every choice by name. Returns, by name of the claim, one difference per block that is
        positive where the claim holds.

    Returns
    -------
    DataFrame with one row a combination and claim
        The options (one column a choice), ``claim``, ``estimate`` (mean over blocks), ``effect`` (in standard
        deviations over blocks), ``p`` (two-sided, all sign flips) and ``is_study``, true where all options are the
        first. ``problem`` says why an analysis gave nothing; its numbers are then missing.

    Raises
    ------
    ValueError
        When a choice has no option, or no analysis worked.

    Notes
    -----
    The combinations share the models and the data, so they are no sample: a share of them is a description of how
    much a claim hangs on choices, not a probability (Steegen et al. 2016, Perspectives on Psychological Science 11).
    """
    _check_choices(choices)
    rows = []
    for options in itertools.product(*choices.values()):
        chosen = dict(zip(choices, options, strict=True))
        is_study = all(chosen[name] == choices[name][0] for name in choices)
        rows += [{**chosen, **found, "is_study": is_study} for found in _ask(estimate, chosen)]
    return _check_worked(pd.DataFrame(rows))


def one_at_a_time(
    choices: Mapping[str, Sequence[object]], estimate: Callable[..., Mapping[str, Sequence[float]]]
) -> pd.DataFrame:
    """Leave the study's analysis in one choice only, for every option of every choice.

    Parameters
    ----------
    choices : mapping of str to sequence
        Defensible options by name of the choice; the first option of each is the study's.
    estimate : function
        As for `multiverse`.

    Returns
    -------
    DataFrame with one row per option and claim
        ``choice``, ``option``, ``claim``, ``estimate``, ``effect``, ``p``, ``problem`` and ``is_study`` as `multiverse`
        has them. The study's own analysis is computed once and stands under every choice.

    Raises
    ------
    ValueError
        When a choice has no option, or no analysis worked.

    Notes
    -----
    This costs a sum of the numbers of options and not their product, so finer steps can be taken than a multiverse
    allows. What two choices do together it does not see.
    """
    _check_choices(choices)
    study = {name: options[0] for name, options in choices.items()}
    own = _ask(estimate, study)
    rows = []
    for name, options in choices.items():
        for place, option in enumerate(options):
            asked = own if place == 0 else _ask(estimate, {**study, name: option})
            rows += [{"choice": name, "option": option, **found, "is_study": place == 0} for found in asked]
    return _check_worked(pd.DataFrame(rows))


def hold_shares(table: pd.DataFrame, *, alpha: float = 0.05) -> pd.DataFrame:
    """For every claim, the share of the analyses in which it holds.

    Parameters
    ----------
    table : DataFrame
        What `multiverse` returned.
    alpha : float
        Level below which a p-value counts.

    Returns
    -------
    DataFrame indexed by claim
        ``analyses`` (that worked), ``holds`` (share with a positive estimate), ``holds_clearly`` (positive with
        p < alpha), ``reversed_clearly`` (negative with p < alpha), ``in_study`` (estimate of the study's own options)
        and ``least``, ``largest`` (range of the estimates).
    """
    worked = table.dropna(subset=["estimate"])
    rows = {}
    for claim, found in worked.groupby("claim", sort=False):
        up, clear = found["estimate"] > 0, found["p"] < alpha
        own = found.loc[found["is_study"], "estimate"]
        rows[claim] = {
            "analyses": len(found),
            "holds": up.mean(),
            "holds_clearly": (up & clear).mean(),
            "reversed_clearly": ((found["estimate"] < 0) & clear).mean(),
            "in_study": own.iloc[0] if len(own) else np.nan,
            "least": found["estimate"].min(),
            "largest": found["estimate"].max(),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("claim")


def _check_choices(choices: Mapping[str, Sequence[object]]) -> None:
    empty = [name for name, options in choices.items() if not len(options)]
    if empty or not choices:
        msg = f"every choice needs at least one option: {', '.join(empty) or 'no choice'} has none."
        raise ValueError(msg)


def _ask(
    estimate: Callable[..., Mapping[str, Sequence[float]]], chosen: Mapping[str, object]
) -> list[dict[str, float | str]]:
    try:
        return [{"claim": claim, **_summary(differences)} for claim, differences in estimate(**chosen).items()]
    except ValueError as error:
        return [{"claim": "", "problem": str(error)}]


def _check_worked(table: pd.DataFrame) -> pd.DataFrame:
    if "estimate" not in table:
        msg = f"none of {len(table)} analyses worked. The first says: {table['problem'].iloc[0]}"
        raise ValueError(msg)
    return table


def _summary(differences: Sequence[float]) -> dict[str, float | str]:
    values = as_doubles(differences, name="differences")
    p = sign_flip_p(values)  # refuses values that are not finite
    sd = values.std(ddof=1)
    return {"estimate": values.mean(), "effect": values.mean() / sd if sd > 0 else np.nan, "p": p, "problem": ""}
