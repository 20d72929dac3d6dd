"""Attention heads one by one: which of them predict a system of the brain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from brainalign.encoding.delays import delay
from brainalign.encoding.neurons import Neurons
from brainalign.encoding.refits import shifted_scores
from brainalign.encoding.shifts import admissible_shifts, share_at_least
from brainalign.encoding.significance import benjamini_hochberg
from brainalign.encoding.splits import Split
from brainalign.numeric import as_doubles


def score_heads(
    neurons: Neurons,
    response: ArrayLike,
    folds: Sequence[Split],
    *,
    delays: Sequence[int],
    penalty: float,
    margin: int,
) -> pd.DataFrame:
    """Predict a response from the channels of every head by themselves, in held-out time.

    Parameters
    ----------
    neurons : Neurons
        Channels of heads on the samples of the response.
    response : array_like of shape (n_samples,)
        For example the mean of a system's parcels.
    folds : sequence of (train, test)
        From `brainalign.encoding.contiguous_folds`.
    delays : sequence of int
        Delays of the channels.
    penalty : float
        Ridge penalty on standardized features, above 0.
    margin : int
        Smallest circular shift of the null model, longer than the memory of the response.

    Returns
    -------
    DataFrame
        One row per head: ``tower``, ``layer``, ``attention`` (0, and 1 for the second attention of a layer that reads
        another stream as well), ``head``, ``score`` (correlation, -1 to 1), ``null`` (95th percentile of fits to
        shifted responses), ``p`` and ``q`` (adjusted for the number of heads, Benjamini and Hochberg).

    Raises
    ------
    ValueError
        Neurons that belong to no head, or sizes that do not fit.
    """
    if (neurons.places["head"] < 0).any():
        msg = "hidden units of an MLP belong to no head; record the kind 'context' or 'query_key'."
        raise ValueError(msg)
    response = as_doubles(response, name="response")
    shifts = np.append(0, admissible_shifts(len(response), margin))
    keys, rows = _heads_of(neurons.places), []
    for key, columns in keys.groupby(list(keys.columns), sort=False).indices.items():
        features = delay(neurons.activations[:, columns], delays)
        score, *null = shifted_scores(features, response[:, None], folds, penalty=penalty, shifts=shifts)[:, 0]
        rows.append((*key, score, np.quantile(null, 0.95), float(share_at_least(score, null))))
    table = pd.DataFrame(rows, columns=[*keys.columns, "score", "null", "p"])
    return table.assign(q=benjamini_hochberg(table["p"].to_numpy()))


def _heads_of(places: pd.DataFrame) -> pd.DataFrame:
    """Head of every neuron. Heads of a layer's second attention follow those of its first, from head 0 on."""
    begins_again = places.groupby(["tower", "layer"])["head"].diff() < 0
    attention = begins_again.groupby([places["tower"], places["layer"]]).cumsum().astype(int)
    return places[["tower", "layer"]].assign(attention=attention, head=places["head"])
