"""fMRI of children and adults who watched a short animated film (development_fmri of nilearn)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from nilearn.maskers import NiftiLabelsMasker

from brainalign.catalogue.entries import locate
from brainalign.datasets.naturalistic import NaturalisticRecording, check_columns, check_signal, sample_table
from brainalign.datasets.text_tables import read_text_table

REPETITION_TIME = 2.0
"""Seconds from one volume to the next, as nilearn states: the heads of the resampled files are not relied on."""

FILM = "partly-cloudy"
AGE_GROUPS = ("adult", "child")
MOTION = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")
"""Shifts (mm) and turns (radians) of the head, columns of the samples besides the usual ones."""

_NAME = "development-fmri"
_FOLDER = "development_fmri"


def available_subjects(age_group: str | None = None) -> list[str]:
    """Subjects of the table of participants, whether or not their files are here.

    Parameters
    ----------
    age_group : {"adult", "child"}, optional
        Only these.

    Returns
    -------
    list of str
        Such as ``"sub-pixar123"``, in the order of the table.

    Raises
    ------
    ValueError
        An unknown group, or a table of another layout.
    MissingDataError
        When the table is not here; the text says how to get it.
    """
    if age_group not in (None, *AGE_GROUPS):
        msg = f"age_group = {age_group!r} is not available; choose one of {', '.join(AGE_GROUPS)}, or None."
        raise ValueError(msg)
    path = f"{_FOLDER}/participants.tsv"
    table = read_text_table(locate(_NAME, path), delimiter="\t")
    check_columns(table, ("participant_id", "Child_Adult"), path)
    chosen = table if age_group is None else table[table["Child_Adult"] == age_group]
    return chosen["participant_id"].tolist()


def load_development(subjects: Sequence[str], parcellation: str | Path) -> list[NaturalisticRecording]:
    """Mean signal of every parcel while each subject watched the film.

    Parameters
    ----------
    subjects : sequence of str
        Out of `available_subjects`.
    parcellation : path
        A NIfTI image of whole numbers in MNI space, 0 outside of parcels, for example the Schaefer atlas; it is
        resampled to the 4 mm of the data.

    Returns
    -------
    list of NaturalisticRecording
        One per subject, in arbitrary units, all of the same length: for a mean over subjects or correlations between
        them. ``time`` counts from the first volume; at which one the film begins the files do not say. Nothing is
        spoken in the film: all texts are empty. Targets have the column ``parcel``, the number in the image; parcels
        that the resampling loses are left out. The samples have the columns of `MOTION` besides.

    Raises
    ------
    ValueError
        An unknown subject, files of another layout, or subjects with different numbers of volumes.
    MissingDataError
        When a file is not here; the text says how to get it.

    Notes
    -----
    Files as nilearn writes them: ``development_fmri/participants.tsv``,
    ``SUBJECT_task-pixar_space-MNI152NLin2009cAsym_desc-preproc_bold.nii.gz`` and
    ``SUBJECT_task-pixar_desc-confounds_regressors.tsv`` beside it.

    References
    ----------
    Richardson et al. 2018, Nature Communications 9; OpenNeuro ds000228.
    """
    known = available_subjects()
    unknown = [subject for subject in subjects if subject not in known]
    if unknown or not len(subjects) or len(set(subjects)) < len(subjects):
        msg = f"subjects = {list(subjects)} must each be one of the {len(known)} in the table ({known[0]}, ...), once."
        raise ValueError(msg)
    recordings = [_load_subject(subject, Path(parcellation)) for subject in subjects]
    lengths = {recording.subject: len(recording.samples) for recording in recordings}
    if len(set(lengths.values())) > 1:
        msg = f"subjects differ in their numbers of volumes: {lengths}. Leave the shorter ones out."
        raise ValueError(msg)
    return recordings


def _load_subject(subject: str, parcellation: Path) -> NaturalisticRecording:
    path = f"{_FOLDER}/{subject}_task-pixar_space-MNI152NLin2009cAsym_desc-preproc_bold.nii.gz"
    masker = NiftiLabelsMasker(parcellation, resampling_target="data", standardize=None)
    signal = masker.fit_transform(locate(_NAME, path))
    parcels = pd.DataFrame({"parcel": [int(masker.region_ids_[column]) for column in range(signal.shape[1])]})
    signal = check_signal(signal, len(parcels), path)
    motion = _read_motion(subject, len(signal))
    times = REPETITION_TIME * np.arange(len(signal))
    samples = pd.concat([sample_table(FILM, FILM, times, 1, [()] * len(signal)), motion], axis=1)
    return NaturalisticRecording(subject, signal, samples, parcels, REPETITION_TIME)


def _read_motion(subject: str, n_volumes: int) -> pd.DataFrame:
    path = f"{_FOLDER}/{subject}_task-pixar_desc-confounds_regressors.tsv"
    table = read_text_table(locate(_NAME, path), delimiter="\t")
    absent = [column for column in MOTION if column not in table]
    if absent or len(table) != n_volumes:
        msg = (
            f"{path} has {len(table)} rows and lacks {', '.join(absent) or 'no column'}; expected {n_volumes} rows, "
            f"one per volume, with {', '.join(MOTION)}. Fetch it anew."
        )
        raise ValueError(msg)
    return table[list(MOTION)]
