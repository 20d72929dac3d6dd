"""The four findings of the study, each in one table, for any models and any brain that watched the same film."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brainalign.encoding.depth import mirror_test
from brainalign.encoding.network_maps import system_scores
from brainalign.encoding.polarity import polarity
from brainalign.encoding.redundancy import Redundancy, redundancy
from brainalign.studies.viewing.brains import Brain
from brainalign.studies.viewing.branches import Branch
from brainalign.studies.viewing.generators import named_generator
from brainalign.studies.viewing.together import Viewing

CONTROLS = "controls"
"""Stream of what is predicted without any model in `prediction_finding`."""

REGIONS = "regions"
"""Row of the brain's parcels in `redundancy_finding`."""

_FOLDS = 3


def prediction_finding(viewing: Viewing, *, penalty: float, margin: int) -> pd.DataFrame:
    """How well the atoms of every branch predict the mean of every system, against refits to shifted responses.

    Parameters
    ----------
    viewing : Viewing
        Models and a brain.
    penalty : float
        Ridge penalty, above 0.
    margin : int
        Smallest shift, and gap between folds, in volumes. Where there are clips, whole clips are held out, and shifts
        stay within runs.

    Returns
    -------
    DataFrame
        A row for every stream, branch and system, and for what needs no model (`CONTROLS`) where it is known: ``score``
        (held-out correlation), ``null`` (95th percentile of the refits) and ``p`` (one-sided); see
        `brainalign.encoding.system_scores`.

    Raises
    ------
    ValueError
        Too few volumes for the folds or the shifts.
    """
    brain, tables = viewing.brain, {}
    folds = brain.folds(_FOLDS, gap=margin)
    courses = {key: branch.atoms for key, branch in viewing.branches.items()}
    if viewing.controls is not None:
        courses[CONTROLS, "all"] = viewing.controls
    options = {"penalty": penalty, "margin": margin, "runs": brain.runs}
    for key, course in courses.items():
        tables[key] = system_scores(brain.delayed(course), brain.responses, brain.systems, folds, **options)
    return pd.concat(tables, names=["stream", "branch"])


def redundancy_finding(viewing: Viewing, *, n_units: int, n_draws: int, seed: int) -> pd.DataFrame:
    """How much time courses overlap, of neurons of every viewer and of the brain's parcels, against surrogates.

    Parameters
    ----------
    viewing : Viewing
        Models and a brain.
    n_units : int
        Neurons drawn of every viewer, or parcels; all where there are fewer.
    n_draws : int
        Surrogates of the same spectra, 19 or more.
    seed : int
        Of the draws.

    Returns
    -------
    DataFrame
        A row for every viewer, and `REGIONS`: ``overlap`` (mean absolute correlation of pairs, 0 to 1), ``null`` (95th
        percentile of the surrogates), ``p`` (one-sided) and ``independent`` (participation ratio).

    Raises
    ------
    ValueError
        What `brainalign.encoding.redundancy` refuses.
    """
    rows = {}
    for name, neurons in viewing.neurons.items():
        generator = named_generator(seed, f"redundancy of {name}")
        some = neurons.draw(min(n_units, neurons.activations.shape[1]), generator=generator)
        rows[name] = redundancy(some.activations[viewing.watch], n_draws=n_draws, generator=generator)
    generator, responses = named_generator(seed, "redundancy of regions"), viewing.brain.responses
    chosen = np.sort(generator.permutation(responses.shape[1])[:n_units])
    rows[REGIONS] = redundancy(responses[:, chosen], n_draws=n_draws, generator=generator)
    return pd.DataFrame.from_dict({name: _summary(found) for name, found in rows.items()}, orient="index")


def polarity_finding(viewing: Viewing, *, penalty: float, margin: int) -> pd.DataFrame:
    """Whether layers of both signs drive the systems, and whether positive and negative profiles mirror each other.

    Parameters
    ----------
    viewing : Viewing
        Models and a brain; branches of fewer than 3 layers are left out, where any two profiles mirror each other.
    penalty : float
        Ridge penalty, above 0.
    margin : int
        Smallest shift in volumes.

    Returns
    -------
    DataFrame
        A row for every stream, branch and studied system: ``p_both_signs`` (`brainalign.encoding.polarity`),
        ``mirror`` (mirror index across halves, -1 to 1) and ``p_mirror``; see `brainalign.encoding.mirror_test`.

    Raises
    ------
    ValueError
        Halves too short for the shifts, or no branch of 3 layers.
    """
    brain, rows = viewing.brain, {}
    for (stream, kind), branch in viewing.branches.items():
        layers = branch.depths
        if len(np.unique(layers)) < 3:
            continue
        courses = mean_delayed(branch, brain)
        for system in brain.studied:
            asked = courses, branch.dictionary.loadings, layers, brain.mean_of(system)
            both = polarity(*asked, penalty=penalty, margin=margin)
            mirror = mirror_test(*asked, penalty=penalty, margin=margin)
            rows[stream, kind, system] = both.p_value, mirror.index, mirror.p_value
    if not rows:
        msg = "no branch has 3 layers or more; give streams that go through whole models."
        raise ValueError(msg)
    index = pd.MultiIndex.from_tuples(rows, names=["stream", "branch", "system"])
    return pd.DataFrame(list(rows.values()), index=index, columns=["p_both_signs", "mirror", "p_mirror"])


def mean_delayed(branch: Branch, brain: Brain) -> NDArray[np.float64]:
    """Atoms averaged over the delays, of shape (n_volumes, n_atoms): one weight per atom, so that its sign is one."""
    delayed = brain.delayed(branch.atoms)
    return delayed.reshape(len(delayed), len(brain.delays), -1).mean(axis=1)


def _summary(found: Redundancy) -> dict[str, float]:
    return {
        "overlap": found.overlap,
        "null": float(np.quantile(found.null_overlap, 0.95)),
        "p": found.p_overlap,
        "independent": found.effective_dimensions,
    }
