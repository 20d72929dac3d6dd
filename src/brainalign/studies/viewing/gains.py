"""What training adds to prediction: trained models less their untrained twins, with cortices or people as units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from scipy.stats import t

from brainalign.encoding.encoding_model import fit_encoding
from brainalign.studies.viewing.brains import Brain
from brainalign.studies.viewing.branches import Branch

TRAINED = ("CLIP", "METER")
"""Streams whose untrained twin is ``"NAME, random"``."""


def system_predictions(
    branches: Mapping[tuple[str, str], Branch], brains: Sequence[Brain], **fitting: Any
) -> pd.DataFrame:
    """Held-out correlation of every branch with the mean response of every studied system, brain by brain.

    Parameters
    ----------
    branches : mapping of (stream, branch) to Branch
    brains : sequence of Brain
        Each a unit: a person, or one draw of a simulated cortex.
    **fitting
        Of `brainalign.encoding.fit_encoding`: penalties, n_folds, gap, device.

    Returns
    -------
    DataFrame
        Columns ``stream``, ``branch``, ``system``, ``brain`` (number) and ``score`` (-1 to 1), one row per combination.
    """
    rows = []
    for (stream, kind), branch in branches.items():
        for number, brain in enumerate(brains):
            # Delays were put in here, so that a measured brain can leave out the beginnings of clips.
            found = fit_encoding(brain.delayed(branch.atoms), brain.means, brain.clips, return_weights=False, **fitting)
            rows += [(stream, kind, system, number, r) for system, r in zip(brain.studied, found.scores, strict=True)]
    return pd.DataFrame(rows, columns=["stream", "branch", "system", "brain", "score"])


def training_gains(predictions: pd.DataFrame) -> pd.DataFrame:
    """By how much the better branch of a trained model predicts a system better than that of its untrained twin.

    Parameters
    ----------
    predictions : DataFrame
        From `system_predictions`, of trained streams and their twins, in at least two brains.

    Returns
    -------
    DataFrame
        A row for every trained stream and system: ``trained`` and ``twin`` (mean correlations), ``gain``, and ``low``
        and ``high``, the 95 % interval of the gain over brains (Student's t).

    Raises
    ------
    ValueError
        With fewer than two brains, which are the units.
    """
    best = predictions.groupby(["stream", "system", "brain"], sort=False)["score"].max().unstack("brain")
    if best.shape[1] < 2:
        msg = f"{best.shape[1]} brain is no sample: the units are brains, so give two or more."
        raise ValueError(msg)
    rows = {}
    for stream in (name for name in TRAINED if name in best.index.levels[0]):
        for system, trained in best.loc[stream].iterrows():
            twin = best.loc[(f"{stream}, random", system)]
            gain = trained - twin
            half = t.ppf(0.975, len(gain) - 1) * gain.std(ddof=1) / len(gain) ** 0.5
            rows[stream, system] = trained.mean(), twin.mean(), gain.mean(), gain.mean() - half, gain.mean() + half
    index = pd.MultiIndex.from_tuples(rows, names=["stream", "system"])
    return pd.DataFrame(list(rows.values()), index=index, columns=["trained", "twin", "gain", "low", "high"])
