"""How far the two branches of a model predict different parts of the cortex."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brainalign.encoding.encoding_model import fit_encoding
from brainalign.encoding.modality import modality_size
from brainalign.studies.viewing.brains import Brain
from brainalign.studies.viewing.branches import Branch

_KINDS = ("picture", "text")


def stream_specificity(
    branches: Mapping[tuple[str, str], Branch],
    brains: Sequence[Brain],
    *,
    floor: float,
    common: Sequence[str] = (),
    **fitting: Any,
) -> pd.DataFrame:
    """Mean size of the modality index of every stream in every brain.

    Parameters
    ----------
    branches : mapping of (stream, branch) to Branch
        Both branches, ``"picture"`` and ``"text"``, of every stream.
    brains : sequence of Brain
        Only parcels of studied systems are asked.
    floor : float
        Correlation that the better branch must pass for a parcel to count.
    common : sequence of str
        Streams that must all pass it: then all streams are averaged over the same parcels, which alone makes them
        comparable. By default every stream has parcels of its own.
    **fitting
        Of `brainalign.encoding.fit_encoding`: penalties, n_folds, gap, device.

    Returns
    -------
    DataFrame of shape (n_brains, n_streams)
        0 where both branches predict every parcel alike, 1 where each parcel follows one branch alone.

    Raises
    ------
    ValueError
        No parcel that either branch of a stream predicts by more than the floor, or none that all common streams do.
    """
    streams = list(dict.fromkeys(stream for stream, _ in branches))
    rows = []
    for brain in brains:
        responses = brain.responses[:, brain.in_studied]
        scores = {
            stream: np.stack([_scores(branches[stream, kind].atoms, brain, responses, **fitting) for kind in _KINDS])
            for stream in streams
        }
        counts = {stream: found.max(axis=0) > floor for stream, found in scores.items()}
        if common:
            shared = np.all([counts[stream] for stream in common], axis=0)
            _refuse_none(shared, common, floor)
            counts = dict.fromkeys(streams, shared)
        least = 0.0 if common else floor  # which parcels count is settled
        rows.append({s: modality_size(*found[:, counts[s]], floor=least) for s, found in scores.items()})
    return pd.DataFrame(rows).rename_axis(index="cortex", columns="stream")


def _refuse_none(shared: NDArray[np.bool_], common: Sequence[str], floor: float) -> None:
    if not shared.any():
        msg = (
            f"no parcel is predicted by more than floor = {floor:g} in all of {', '.join(common)}; give a lower floor."
        )
        raise ValueError(msg)


def _scores(atoms: NDArray, brain: Brain, responses: NDArray, **fitting: Any) -> NDArray[np.float64]:
    if brain.timeline is None:
        return fit_encoding(atoms, responses, delays=brain.delays, return_weights=False, **fitting).scores
    # Whole clips are held out, so that no gap is needed.
    fitting |= {"gap": 0}
    return fit_encoding(brain.delayed(atoms), responses, brain.clips, return_weights=False, **fitting).scores
