"""Climbs under several measures from the same starts, as tidy tables, and what the study reports of them.

Data are torch tensors, tables are pandas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from brainalign.similarity.optimization.ascent import Climb, climb
from brainalign.similarity.optimization.capture import CapturedComponents, capture_scores
from brainalign.similarity.optimization.decoding import decoding_accuracy
from brainalign.similarity.optimization.objectives import score_towards

__all__ = ["ClimbTables", "accuracy_at_scores", "compare_climbs", "needed_scores", "summarize_climbs"]

RARE = {"below 1 %": 0.01, "below 0.1 %": 0.001}
"""Names of the first components with less than these shares of the variance."""

_ROUNDING = 1e-6  # of sums of shares in single precision


@dataclass(frozen=True)
class ClimbTables:
    """Climbs under several measures.

    Attributes
    ----------
    steps : DataFrame with columns ``measure``, ``start``, ``step``, ``score``
        Score of every copy at every step.
    captures : DataFrame with columns ``measure``, ``start``, ``component``, ``variance``, ``score``
        Score at which a component is captured, NaN for never; its variance is a share.
    finals : dict of str to Tensor of shape (n_starts, n_samples, n_features)
        By measure: where the copies stopped.
    """

    steps: pd.DataFrame
    captures: pd.DataFrame
    finals: dict[str, Tensor]


def compare_climbs(
    reference: Tensor,
    starts: Tensor,
    measures: Sequence[str],
    *,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    **settings: Any,
) -> ClimbTables:
    """Climb from the same starts under each measure.

    Parameters
    ----------
    reference : Tensor of shape (n_samples, n_features) or (n_starts, n_samples, n_features)
        What the data climb towards: one for all starts, or one for each.
    starts : Tensor of shape (n_starts, n_samples, n_features_of_data)
        Where the copies start.
    measures : sequence of str
        Names that `score_towards` takes.
    options : mapping of str to mapping, optional
        Options of a measure, by its name.
    **settings
        `stop_above`, `max_steps` and `learning_rate` of `climb`.

    Returns
    -------
    ClimbTables

    Raises
    ------
    TypeError, ValueError
        What `score_towards`, `CapturedComponents` and `climb` refuse.
    """
    captured = CapturedComponents(reference)
    steps, captures, finals = [], [], {}
    for measure in measures:
        objective = score_towards(reference, measure, **(options or {}).get(measure, {}))
        ways = climb(objective, starts, observe=captured, **settings)
        finals[measure] = torch.stack([way.final for way in ways])
        for start, way in enumerate(ways):
            labels = {"measure": measure, "start": start}
            steps.append(pd.DataFrame({**labels, "step": range(len(way.scores)), "score": way.scores.cpu()}))
            found = capture_scores(way.scores, way.observations)
            variances = (captured.variances if reference.ndim == 2 else captured.variances[start]).cpu()
            captures.append(
                pd.DataFrame({**labels, "component": range(len(found)), "variance": variances, "score": found.cpu()})
            )
    return ClimbTables(pd.concat(steps, ignore_index=True), pd.concat(captures, ignore_index=True), finals)


def summarize_climbs(steps: pd.DataFrame, captures: pd.DataFrame) -> pd.DataFrame:
    """What the study reports of each climb.

    Parameters
    ----------
    steps, captures : DataFrame
        As in `ClimbTables`; without a column ``start`` every measure was climbed once.

    Returns
    -------
    DataFrame with columns ``measure``, ``start``, ``quantity``, ``value``
        Quantities: ``score of the start``, ``steps``, ``first component``, ``below 1 %``, ``below 0.1 %`` (scores at
        which the first component and the first ones with so little variance are captured, NaN for never), and
        ``never captured`` (number of components).

    Raises
    ------
    ValueError
        If the tables hold different measures.
    """
    steps, captures = (t if "start" in t else t.assign(start=0) for t in (steps, captures))
    if set(steps["measure"]) != set(captures["measure"]):
        msg = (
            f"the tables hold different measures: {', '.join(sorted(set(steps['measure'])))} and "
            f"{', '.join(sorted(set(captures['measure'])))}. Give both of the same climbs."
        )
        raise ValueError(msg)
    rows = []
    for (measure, start), way in steps.groupby(["measure", "start"], sort=False):
        found = captures[(captures["measure"] == measure) & (captures["start"] == start)].sort_values("component")
        values = {"score of the start": way["score"].iloc[0], "steps": way["step"].max()}
        values["first component"] = found["score"].iloc[0]
        for name, share in RARE.items():
            rare = found[found["variance"] < share]["score"]
            values[name] = rare.iloc[0] if len(rare) else float("nan")
        values["never captured"] = found["score"].isna().sum()
        rows += [(measure, start, name, float(value)) for name, value in values.items()]
    return pd.DataFrame(rows, columns=["measure", "start", "quantity", "value"])


def needed_scores(captures: pd.DataFrame, *, share: float = 0.9) -> pd.DataFrame:
    """Score at which all of the strongest components that together hold a share of the variance are captured.

    Parameters
    ----------
    captures : DataFrame
        As in `ClimbTables`.
    share : float
        Of the variance, above 0 and at most 1. The components are counted from the strongest on, up to the one with
        which the share is reached.

    Returns
    -------
    DataFrame with columns ``measure``, ``start``, ``score``
        The last capture of these components; NaN where one of them is never captured.

    Raises
    ------
    ValueError
        For a share out of its range.

    Notes
    -----
    A summary of ours, not of the study.
    """
    if not 0 < share <= 1:
        msg = f"share = {share} of the variance is not possible; give a number above 0 and up to 1."
        raise ValueError(msg)
    rows = []
    for (measure, start), found in captures.groupby(["measure", "start"], sort=False):
        ordered = found.sort_values("component")
        before = ordered["variance"].cumsum() - ordered["variance"]
        needed = ordered["score"][before < share - _ROUNDING]
        rows.append((measure, start, needed.max(skipna=False)))
    return pd.DataFrame(rows, columns=["measure", "start", "score"])


def accuracy_at_scores(way: Climb, labels: ArrayLike, levels: Sequence[float], *, seed: int) -> list[float]:
    """Accuracy of decoding labels from the data when their score first reaches given levels.

    Parameters
    ----------
    way : Climb
        With the data themselves as observations (``observe=lambda data, copies: data``).
    labels : array_like of shape (n_samples,)
        What each sample shows.
    levels : sequence of float
        Scores.
    seed : int
        Of the folds.

    Returns
    -------
    list of float
        Accuracy at each level; NaN at levels below the start or above the end.

    Raises
    ------
    ValueError
        What `decoding_accuracy` refuses.
    """
    accuracies = []
    for level in levels:
        reached = way.scores >= level
        if reached[0] or not reached.any():
            accuracies.append(float("nan"))
            continue
        data = way.observations[int(reached.to(torch.int8).argmax())]
        accuracies.append(decoding_accuracy(data.cpu().numpy(), labels, seed=seed))
    return accuracies
