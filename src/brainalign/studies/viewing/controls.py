"""Positive controls of polarity, read through a model's own dictionary."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brainalign.encoding.delays import delay
from brainalign.encoding.depth import mirror_test, opposed_ends
from brainalign.encoding.polarity import polarity
from brainalign.studies.viewing.brains import Brain, simulate_mirror
from brainalign.studies.viewing.branches import Branch

TESTS = {"both signs": polarity, "opposed ends": opposed_ends, "mirror across halves": mirror_test}
_LATE = 1


def polarity_controls(
    branch: Branch,
    quarters: NDArray[np.int64],
    activations: NDArray[np.floating],
    brain: Brain,
    *,
    noise: float,
    n_draws: int,
    penalty: float,
    margin: int,
    generator: np.random.Generator,
) -> pd.DataFrame:
    """P values of the three tests of polarity in cortices that a model drives, read through its own atoms.

    Parameters
    ----------
    branch : Branch
        Whose dictionary is used.
    quarters : ndarray of int, of shape (n_neurons,)
        From `brainalign.encoding.depth_quarters`.
    activations : ndarray of shape (n_volumes, n_neurons)
        Of the volumes that the brain watched.
    brain : Brain
        Whose parcels and systems are taken.
    noise : float
        Standard deviation of the noise, above 0.
    n_draws : int
        Cortices of each kind.
    penalty : float
        Ridge penalty, above 0.
    margin : int
        Smallest shift in volumes.
    generator : numpy.random.Generator
        Source of the cortices.

    Returns
    -------
    DataFrame
        Columns ``statistic``, ``truth`` (``"planted"``: the first quarter drives the visual system up and the last one
        down; ``"nothing"``: noise alone) and ``p``, for `brainalign.encoding.rejection_rates`.

    Notes
    -----
    A calibration in which every atom is a neuron of its own says nothing of a dictionary whose atoms span layers: a
    weight that belongs to one layer is shared out among several.
    """
    courses, rows = delay(branch.atoms, (_LATE,)), []
    for _ in range(n_draws):
        for truth, gain in (("planted", 0.5), ("nothing", 0.0)):
            cortex = simulate_mirror(
                brain, activations, quarters, gain=gain, late=_LATE, noise=noise, generator=generator
            )
            asked = courses, branch.dictionary.loadings, quarters, cortex.mean_of("visual")
            for name, test in TESTS.items():
                rows.append((name, truth, test(*asked, penalty=penalty, margin=margin).p_value))
    return pd.DataFrame(rows, columns=["statistic", "truth", "p"])
