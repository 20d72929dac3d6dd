"""fMRI of a subject who viewed pictures of eight categories, at the coarse resolution of 25 mm."""

from __future__ import annotations

from dataclasses import dataclass

import nibabel
import numpy as np
import pandas as pd
from nibabel.spatialimages import SpatialImage
from numpy.typing import NDArray
from scipy.signal import detrend

from brainalign.catalogue.entries import locate
from brainalign.datasets.choices import check_choice
from brainalign.datasets.grids import on_grid
from brainalign.datasets.text_tables import read_text_table

CATEGORIES = ("bottle", "cat", "chair", "face", "house", "scissors", "scrambledpix", "shoe")
"""What was shown; in each run, one block of each."""

REST = "rest"
"""Label of the volumes between blocks."""

MASKS = ("brain", "gray", "white", "vt")
"""Available selections of voxels; ``vt`` (ventral temporal cortex) is a single voxel at this resolution."""

N_RUNS = 12
REPETITION_TIME = 2.5
"""Seconds from one volume to the next."""


@dataclass(frozen=True)
class HaxbyRecording:
    """Responses of all runs, one after the other.

    Attributes
    ----------
    responses : ndarray of shape (n_volumes, n_voxels)
        The scanner's signal, in arbitrary units.
    labels : ndarray of shape (n_volumes,)
        What each volume responds to: one of `CATEGORIES`, or `REST`.
    runs : ndarray of shape (n_volumes,)
        Run of each volume, from 1.
    voxels : ndarray of shape (n_voxels, 3)
        Indices of the voxels in the volume.
    voxel_size : tuple of three float
        Edges of a voxel in mm.
    """

    responses: NDArray[np.float64]
    labels: NDArray[np.str_]
    runs: NDArray[np.int64]
    voxels: NDArray[np.int64]
    voxel_size: tuple[float, float, float]


def load_haxby(mask: str = "brain", *, delay: float = 0.0) -> HaxbyRecording:
    """Twelve runs of subject 1 at 25 mm, with every volume labelled by the block that it responds to.

    Parameters
    ----------
    mask : {"brain", "gray", "white", "vt"}
        Which voxels to return.
    delay : float
        Seconds by which labels are shifted further. The onsets in the files already lie where the signal has begun
        to rise: the ventral temporal voxel follows blocks against rest best (r = 0.63) without a shift.

    Returns
    -------
    HaxbyRecording
        Of 12 x 121 volumes.

    Raises
    ------
    ValueError
        For an unknown mask, a negative delay, runs whose volumes do not fit the mask or lie on other voxels, or events
        without a time in the run.
    MissingDataError, ChecksumError
        When a file is not here or cannot be trusted; see `brainalign.catalogue.entries.locate`.

    References
    ----------
    Haxby et al. 2001, Science 293; resampled by the makers of PyMVPA.
    """
    check_choice("mask", mask, MASKS)
    if not 0 <= delay < np.inf:
        msg = f"delay = {delay} must be a number of seconds, 0 or more."
        raise ValueError(msg)
    image = nibabel.load(_file(f"masks/25mm/{mask}.nii.gz"))
    responses, labels = zip(*(_load_run(run, image, delay) for run in range(1, N_RUNS + 1)), strict=True)
    runs = np.repeat(np.arange(1, N_RUNS + 1), [len(volumes) for volumes in responses])
    size = tuple(map(float, image.header.get_zooms()[:3]))
    return HaxbyRecording(
        np.concatenate(responses), np.concatenate(labels), runs, np.argwhere(image.get_fdata() > 0), size
    )


def average_blocks(recording: HaxbyRecording) -> NDArray[np.float64]:
    """Mean response to each category in each run, after each voxel's run was detrended and standardized.

    Parameters
    ----------
    recording : HaxbyRecording
        For example from `load_haxby`.

    Returns
    -------
    ndarray of shape (n_runs, n_categories, n_voxels)
        In units of the voxel's standard deviation over the run; categories in the order of `CATEGORIES`.

    Raises
    ------
    ValueError
        When a run lacks a category, or a voxel does not vary within a run.
    """
    numbers = np.unique(recording.runs)
    return np.stack([_average_run(recording, run) for run in numbers])


def _average_run(recording: HaxbyRecording, run: int) -> NDArray[np.float64]:
    chosen = recording.runs == run
    labels = recording.labels[chosen]
    absent = [category for category in CATEGORIES if category not in labels]
    if absent:
        msg = f"run {run} has no volume of: {', '.join(absent)}. Leave the run out, or shorten the delay."
        raise ValueError(msg)
    signal = recording.responses[chosen]
    flat = np.flatnonzero(np.ptp(signal, axis=0) == 0)
    if flat.size:
        msg = f"run {run}: voxel {flat[0]} does not vary (and {flat.size - 1} more). Choose a mask without it."
        raise ValueError(msg)
    signal = detrend(signal, axis=0)
    signal /= signal.std(axis=0)
    return np.stack([signal[labels == category].mean(axis=0) for category in CATEGORIES])


def _load_run(run: int, mask: SpatialImage, delay: float) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    folder = f"BOLD/task001_run{run:03d}"
    image = nibabel.load(_file(f"{folder}/bold_25mm.nii.gz"))
    if image.ndim != 4 or image.shape[:3] != mask.shape:
        msg = f"run {run} has the shape {image.shape}, the mask {mask.shape}: they do not belong together."
        raise ValueError(msg)
    volumes = on_grid(image, mask, where=f"run {run}").get_fdata()
    events = _read_events(f"{folder}/bold_events.tsv", image.shape[3])
    return volumes[mask.get_fdata() > 0].T, _label_volumes(events, volumes.shape[3], delay)


def _read_events(path: str, n_volumes: int) -> pd.DataFrame:
    """Onset, duration and category of every block; a time that is n/a would leave the block out silently."""
    events = read_text_table(_file(path), delimiter="\t")
    absent = [column for column in ("onset", "duration", "trial_type") if column not in events]
    if absent:
        msg = f"{path} lacks the columns {', '.join(absent)}; it has {', '.join(events)}. Fetch it anew."
        raise ValueError(msg)
    times = events[["onset", "duration"]].apply(pd.to_numeric, errors="coerce")
    lasting = (times["duration"] > 0) & np.isfinite(times).all(axis=1)
    inside = lasting & times["onset"].between(0, n_volumes * REPETITION_TIME, inclusive="left")
    wrong = events[~inside | ~events["trial_type"].isin(CATEGORIES)]
    if len(wrong):
        msg = (
            f"{path}: an event of '{wrong.iloc[0]['trial_type']}' at {wrong.iloc[0]['onset']} s for "
            f"{wrong.iloc[0]['duration']} s (and {len(wrong) - 1} more) has no time within the run of "
            f"{n_volumes * REPETITION_TIME:g} s or no known category. Complete or drop it."
        )
        raise ValueError(msg)
    return events.assign(onset=times["onset"], duration=times["duration"])


def _label_volumes(events: pd.DataFrame, n_volumes: int, delay: float) -> NDArray[np.str_]:
    times = REPETITION_TIME * np.arange(n_volumes) - delay
    labels = np.full(n_volumes, REST, dtype=f"<U{max(map(len, CATEGORIES))}")
    for event in events.itertuples():
        labels[(times >= event.onset) & (times < event.onset + event.duration)] = event.trial_type
    return labels


def _file(path: str) -> str:
    return str(locate("haxby-25mm", path))
