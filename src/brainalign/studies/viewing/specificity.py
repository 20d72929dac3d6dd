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


def stream_specificity(
    branches: Mapping[tuple[str, str], Branch], brains: Sequence[Brain], *, floor: float, **fitting: Any
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
    **fitting
        Of `brainalign.encoding.fit_encoding`: penalties, n_folds, gap, device.

    Returns
    -------
    DataFrame of shape (n_brains, n_streams)
        0 where both branches predict every parcel alike, 1 where each parcel follows one branch alone.

    Raises
    ------
    ValueError
        No parcel that either branch of a stream predicts by more than the floor.
    """
    streams = list(dict.fromkeys(stream for stream, _ in branches))
    rows = []
    for brain in brains:
        responses, row = brain.responses[:, brain.in_studied], {}
        for stream in streams:
            picture, text = (
                _scores(branches[stream, kind].atoms, brain, responses, **fitting) for kind in ("picture", "text")
            )
            row[stream] = modality_size(picture, text, floor=floor)
        rows.append(row)
    return pd.DataFrame(rows).rename_axis(index="cortex", columns="stream")


def _scores(atoms: NDArray, brain: Brain, responses: NDArray, **fitting: Any) -> NDArray[np.float64]:
    if brain.timeline is None:
        return fit_encoding(atoms, responses, delays=brain.delays, return_weights=False, **fitting).scores
    # Whole clips are held out, so that no gap is needed.
    fitting |= {"gap": 0}
    return fit_encoding(brain.delayed(atoms), responses, brain.clips, return_weights=False, **fitting).scores
