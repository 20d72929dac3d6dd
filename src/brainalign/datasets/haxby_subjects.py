"""fMRI of six subjects who viewed pictures of eight categories, at full resolution (haxby2001 of nilearn)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
from nibabel.spatialimages import SpatialImage
from nilearn.datasets import fetch_haxby
from nilearn.masking import compute_epi_mask
from numpy.typing import NDArray

from brainalign.catalogue.entries import folder_of, locate
from brainalign.datasets.choices import check_choice, check_selection
from brainalign.datasets.grids import on_grid
from brainalign.datasets.haxby import CATEGORIES, REST, HaxbyRecording

SUBJECTS = (1, 2, 3, 4, 5, 6)

SUBJECT_MASKS = ("vt", "brain")
"""Available selections of voxels: ventral temporal cortex as its authors drew it, or all of the brain."""

_NAME = "haxby-subjects"
_FOLDER = "haxby2001"


def fetch_haxby_subjects(subjects: Sequence[int], *, stimuli: bool = False) -> Path:
    """Let nilearn download subjects into the folder where `load_haxby_subject` looks for them.

    Parameters
    ----------
    subjects : sequence of int
        Out of `SUBJECTS`, about 300 MB each.
    stimuli : bool
        Whether to fetch the pictures, too. In which order they were shown is not known.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ValueError
        A subject that is not there, or none.

    Notes
    -----
    nilearn checks the archives against the MD5 sums that their server states, and unpacks them.
    """
    check_selection("subjects", subjects, SUBJECTS, "1 to 6")
    folder = folder_of(_NAME)
    folder.mkdir(parents=True, exist_ok=True)
    fetch_haxby(data_dir=folder, subjects=list(subjects), fetch_stimuli=stimuli)
    return folder


def load_haxby_subject(subject: int, mask: str = "vt") -> HaxbyRecording:
    """All runs of one subject, with every volume labelled by the block that it responds to.

    Parameters
    ----------
    subject : {1, 2, 3, 4, 5, 6}
        Number of the subject.
    mask : {"vt", "brain"}
        Which voxels to return: ventral temporal cortex (some hundred), or every voxel that nilearn takes for brain in
        the mean volume (tens of thousands).

    Returns
    -------
    HaxbyRecording
        Of up to 12 x 121 volumes. Runs keep their numbers, from 1; a run in which nothing is labelled, as one of
        subject 5, is left out. So is a voxel that does not vary in one of the runs.

    Raises
    ------
    ValueError
        An unknown subject or mask, labels of another layout or of unknown categories, a mask of another shape, or a
        mask without any voxel that varies.
    MissingDataError
        When a file is not here; the text says how to get it.

    Notes
    -----
    Files as nilearn unpacks them: ``haxby2001/subjN/bold.nii.gz`` (40 x 64 x 64 voxels, 1452 volumes of 2.5 s, all
    runs one after the other; 0.5 GB in memory), ``labels.txt`` (a header, then the label and the number of the run
    from 0, one line per volume) and ``mask4_vt.nii.gz``. The files hold no onsets: labels are taken as they stand, and
    whether they have been moved for the delay of the response is not stated there.

    References
    ----------
    Haxby et al. 2001, Science 293.
    """
    check_choice("subject", subject, SUBJECTS)
    check_choice("mask", mask, SUBJECT_MASKS)
    image = nibabel.load(_file(subject, "bold.nii.gz"))
    volumes = np.asanyarray(image.dataobj)  # not get_fdata: double precision would need 2 GB
    labels, chunks = _read_labels(subject, volumes.shape[-1])
    selected = _select(subject, mask, volumes, image)
    kept = np.isin(chunks, np.unique(chunks[labels != REST]))
    responses = volumes[selected].T[kept].astype(np.float64)
    labels, runs = labels[kept], chunks[kept] + 1
    varies = np.all([np.ptp(responses[runs == run], axis=0) > 0 for run in np.unique(runs)], axis=0)
    if not varies.any():
        msg = f"subject {subject}: no voxel of the mask '{mask}' varies in every run. Are these the right files?"
        raise ValueError(msg)
    size = tuple(map(float, image.header.get_zooms()[:3]))
    return HaxbyRecording(responses[:, varies], labels, runs, np.argwhere(selected)[varies], size)


def _read_labels(subject: int, n_volumes: int) -> tuple[NDArray[np.str_], NDArray[np.int64]]:
    table = pd.read_csv(_file(subject, "labels.txt"), sep=r"\s+")
    known = (*CATEGORIES, REST)
    if list(table.columns) != ["labels", "chunks"] or len(table) != n_volumes or not table["labels"].isin(known).all():
        msg = (
            f"subject {subject}: labels.txt has the columns {', '.join(map(str, table.columns))} and {len(table)} "
            f"lines; expected are labels and chunks, {n_volumes} lines as there are volumes, and as labels "
            f"{', '.join(known)}. Fetch it anew."
        )
        raise ValueError(msg)
    if (table["labels"] == REST).all():
        msg = f"subject {subject}: labels.txt labels no volume with a category. Fetch it anew."
        raise ValueError(msg)
    return table["labels"].to_numpy(dtype=str), table["chunks"].to_numpy(dtype=np.int64)


def _select(subject: int, mask: str, volumes: NDArray, image: SpatialImage) -> NDArray[np.bool_]:
    if mask == "brain":
        mean = nibabel.Nifti1Image(volumes.mean(axis=-1, dtype=np.float64), image.affine)
        return compute_epi_mask(mean).get_fdata() > 0
    found = nibabel.load(_file(subject, "mask4_vt.nii.gz"))
    if volumes.ndim != 4 or found.shape != volumes.shape[:3]:
        msg = f"subject {subject}: volumes of the shape {volumes.shape} and a mask of {found.shape} do not fit."
        raise ValueError(msg)
    return on_grid(found, image, where=f"subject {subject}: mask4_vt.nii.gz").get_fdata() > 0


def _file(subject: int, name: str) -> str:
    return str(locate(_NAME, f"{_FOLDER}/subj{subject}/{name}"))
