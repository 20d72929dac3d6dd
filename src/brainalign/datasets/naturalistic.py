"""One record for all large recordings of people who watched films or looked at photographs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from brainalign.datasets.connectomes import NETWORKS

SAMPLE_COLUMNS = ("run", "stimulus", "time", "repeat", "texts")
"""What is known of every sample, whatever the dataset."""

_SCHAEFER_NAME = re.compile(r"7Networks_[LR]H_([A-Za-z]+)_")
_SCHAEFER_NETWORKS = dict(
    zip(("Vis", "SomMot", "DorsAttn", "SalVentAttn", "Limbic", "Cont", "Default"), NETWORKS, strict=True)
)


@dataclass(frozen=True)
class NaturalisticRecording:
    """Responses of one subject to films or photographs, with what was shown.

    Attributes
    ----------
    subject : str
        Name of the subject in the files.
    responses : ndarray of shape (n_samples, n_targets)
        A sample is a volume of the scanner, or the estimated response to one presentation of a photograph; a target
        is a voxel, a grayordinate or a parcel. The unit is the dataset's; see the function that reads it.
    samples : DataFrame of n_samples rows
        ``run``: name of the scanner run or session, whose samples are neighbours. ``stimulus``: name of the film (or
        its segment) or photograph. ``time``: seconds after the start of the stimulus at which the sample begins.
        ``repeat``: which presentation of the stimulus it is, from 1. ``texts``: a tuple of strings, empty where
        nothing is said or known. Some datasets have further columns.
    targets : DataFrame of n_targets rows
        Where every target lies: parcel and network, grayordinate, or voxel.
    tr : float or None
        Seconds from one volume to the next; None where samples are presentations.

    Raises
    ------
    ValueError
        When shapes or columns do not fit, or the samples of a run are not neighbours.
    """

    subject: str
    responses: NDArray[np.floating]
    samples: pd.DataFrame
    targets: pd.DataFrame
    tr: float | None

    def __post_init__(self) -> None:
        expected = (len(self.samples), len(self.targets))
        if self.responses.shape != expected or 0 in expected:
            msg = (
                f"responses have the shape {self.responses.shape}; {expected[0]} samples and {expected[1]} targets, "
                "one or more of each, need that many rows and columns."
            )
            raise ValueError(msg)
        absent = [column for column in SAMPLE_COLUMNS if column not in self.samples]
        if absent:
            msg = f"samples lack the columns {', '.join(absent)}; all of {', '.join(SAMPLE_COLUMNS)} are needed."
            raise ValueError(msg)
        runs = self.samples["run"]
        if (runs != runs.shift()).sum() != runs.nunique():
            msg = "the samples of a run must be neighbours. Sort the samples by run."
            raise ValueError(msg)

    def choose(self, which: ArrayLike) -> NaturalisticRecording:
        """Only some samples.

        Parameters
        ----------
        which : boolean ndarray of shape (n_samples,)
            True for the samples to keep, for example ``recording.samples["repeat"] == 1``.

        Returns
        -------
        NaturalisticRecording

        Raises
        ------
        ValueError
            When the array is of another shape or type, or keeps nothing.
        """
        which = np.asarray(which)
        if which.dtype != bool or which.shape != (len(self.samples),):
            msg = f"which must be {len(self.samples)} times True or False: got {which.dtype} of shape {which.shape}."
            raise ValueError(msg)
        samples = self.samples[which].reset_index(drop=True)
        return replace(self, responses=self.responses[which], samples=samples)

    def repeated_stimuli(self) -> list[str]:
        """Names of the stimuli that were presented more than once, in the order of the samples."""
        repeats = self.samples.groupby("stimulus", sort=False)["repeat"].nunique()
        return repeats.index[repeats > 1].tolist()

    def stack_repeats(self, stimuli: Sequence[str]) -> NDArray[np.floating]:
        """Responses to repeated stimuli, one presentation beside the other, as a noise ceiling needs them.

        Parameters
        ----------
        stimuli : sequence of str
            Names out of `repeated_stimuli`.

        Returns
        -------
        ndarray of shape (n_repeats, n_samples, n_targets)
            The stimuli one after the other; of each, as many presentations as every one of them has, the first first.

        Raises
        ------
        ValueError
            When a stimulus was presented once or never, or its presentations differ in their times.
        """
        if not len(stimuli):
            msg = f"name at least one stimulus; repeated are: {', '.join(self.repeated_stimuli()) or 'none'}."
            raise ValueError(msg)
        rows = [self._rows_by_repeat(stimulus) for stimulus in stimuli]
        n_repeats = min(map(len, rows))
        return np.stack([self.responses[np.concatenate([row[r] for row in rows])] for r in range(n_repeats)])

    def _rows_by_repeat(self, stimulus: str) -> list[NDArray[np.intp]]:
        chosen = np.flatnonzero(self.samples["stimulus"] == stimulus)
        groups = self.samples.iloc[chosen].groupby("repeat").indices
        rows = [chosen[groups[repeat]] for repeat in sorted(groups)]
        if len(rows) < 2:
            known = ", ".join(self.repeated_stimuli()) or "none"
            msg = f"'{stimulus}' was presented {len(rows)} time(s), two are needed; repeated are: {known}."
            raise ValueError(msg)
        times = self.samples["time"].to_numpy()
        for other in rows[1:]:
            if len(other) != len(rows[0]) or np.abs(times[other] - times[rows[0]]).max() > 1e-6:
                msg = (
                    f"the presentations of '{stimulus}' have {len(rows[0])} and {len(other)} samples, or other times. "
                    "Choose the samples that they share."
                )
                raise ValueError(msg)
        return rows


def sample_table(
    run: str, stimuli: str | Sequence[str], times: ArrayLike, repeats: ArrayLike, texts: Iterable[tuple[str, ...]]
) -> pd.DataFrame:
    """Table of the samples of one run.

    Parameters
    ----------
    run : str
        Name of the run.
    stimuli : str or sequence of str
        The stimulus of all samples, or of each.
    times : array_like of shape (n_samples,)
        Seconds after the start of the stimulus.
    repeats : int or array_like of shape (n_samples,)
        Which presentation of the stimulus it is, from 1.
    texts : iterable of n_samples tuples of str
        What is said or written of each.

    Returns
    -------
    DataFrame
        With the columns of `SAMPLE_COLUMNS`.
    """
    table = pd.DataFrame({"time": np.asarray(times, dtype=float)})
    table["run"], table["stimulus"] = run, stimuli
    table["repeat"], table["texts"] = repeats, pd.Series(list(texts), dtype=object)
    return table[list(SAMPLE_COLUMNS)]


def check_signal(values: NDArray, n_targets: int, where: str) -> NDArray[np.float32]:
    """Check the signal of one run and return it as float32.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_targets)
        As read from a file.
    n_targets : int
        How many columns there must be.
    where : str
        Name of the file for the messages.

    Returns
    -------
    ndarray of shape (n_samples, n_targets)

    Raises
    ------
    ValueError
        Another shape, or a value that is not finite; the text says where.
    """
    if values.ndim != 2 or values.shape[1] != n_targets or not len(values):
        msg = f"{where} has the shape {values.shape}; expected (samples, {n_targets}). Obtain the file anew."
        raise ValueError(msg)
    wrong = np.argwhere(~np.isfinite(values))
    if len(wrong):
        row, column = wrong[0]
        msg = (
            f"{where} holds {values[row, column]} in sample {row}, target {column} (and in {len(wrong) - 1} more "
            "places). Leave the run out, or obtain the file anew."
        )
        raise ValueError(msg)
    return values.astype(np.float32, copy=False)


def check_columns(table: pd.DataFrame, columns: Sequence[str], where: str) -> None:
    """Refuse a table without some columns.

    Parameters
    ----------
    table : DataFrame
        As read from a file.
    columns : sequence of str
        What it must have.
    where : str
        Name of the file for the message.

    Raises
    ------
    ValueError
        When a column is absent; the text says which, and which there are.
    """
    absent = [column for column in columns if column not in table]
    if absent:
        msg = f"{where} lacks the columns {', '.join(absent)}; it has {', '.join(table)}. Obtain the file anew."
        raise ValueError(msg)


def networks_of_parcels(names: Sequence[str]) -> list[str]:
    """Network of parcels by their names in the Schaefer atlas with seven networks.

    Parameters
    ----------
    names : sequence of str
        For example ``"7Networks_LH_Default_pCunPCC_1"``.

    Returns
    -------
    list of str
        Names out of `brainalign.datasets.connectomes.NETWORKS`; an empty one where the name is of another kind.

    Examples
    --------
    >>> networks_of_parcels(["7Networks_LH_Cont_Par_1", "L_V1_ROI"])
    ['Frontoparietal', '']
    """
    found = (_SCHAEFER_NAME.match(name) for name in names)
    return [_SCHAEFER_NETWORKS.get(match[1], "") if match else "" for match in found]
