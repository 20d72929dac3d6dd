"""fMRI of four people who looked at 4916 photographs (BOLD5000, release 2.0)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from brainalign.catalogue.entries import MissingDataError, entry, folder_of, locate
from brainalign.datasets.captions import read_captions
from brainalign.datasets.choices import check_choice, check_selection
from brainalign.datasets.naturalistic import NaturalisticRecording, sample_table

SUBJECTS = (1, 2, 3, 4)
N_SESSIONS = {1: 15, 2: 15, 3: 15, 4: 9}
N_TRIALS = {1: 5254, 2: 5254, 3: 5254, 4: 3108}
"""Presentations to every subject."""

TRIALS_PER_RUN = 37
"""A session has 9 or 10 runs."""

VERSIONS = ("TYPEA-ASSUMEHRF", "TYBEB-FITHRF", "TYPEC-FITHRF-GLMDENOISE", "TYPED-FITHRF-GLMDENOISE-RR")
"""Ways in which the makers estimated the response to each presentation, as the files spell them."""

_NAME = "bold5000"
_CAPTIONS = "annotations/captions_train2014.json"
_PICTURES = "BOLD5000_Stimuli/Scene_Stimuli/Presented_Stimuli"
_COCO = "COCO_train2014_"
_REPEATED = "rep_"


def load_bold5000(
    subject: int = 1,
    sessions: Sequence[int] = (1,),
    *,
    version: str = "TYPED-FITHRF-GLMDENOISE-RR",
    captions: bool = True,
) -> NaturalisticRecording:
    """Estimated responses of one subject to every presentation of a photograph; those of COCO have captions.

    Parameters
    ----------
    subject : int
        1 to 4 (CSI1 to CSI4).
    sessions : sequence of int
        Visits to the scanner, from 1.
    version : str
        How the responses were estimated, one of `VERSIONS`; the makers recommend the last.
    captions : bool
        Whether to read the captions; without, and for photographs that are not from COCO, texts are empty.

    Returns
    -------
    NaturalisticRecording
        Per cent of signal change; the makers advise to standardize voxels within each session. A run is a session; a
        stimulus is the name of the image file; ``repeat`` counts its presentations over all sessions. Targets are the
        voxels of the brain whose responses are finite in every session that is read.

    Raises
    ------
    ValueError
        An unknown subject, session or version, or files that do not belong together.
    MissingDataError
        When a file is not here; the text says how to get it. The files of all earlier sessions are needed too: only
        from their lengths follows which names belong to a session.

    Notes
    -----
    Files of release 2.0, side by side below `brainalign data where bold5000`:
    ``CSIX_GLMbetas-VERSION_ses-YY.nii.gz`` (volume by presentations), ``CSIX_brainmask.nii.gz`` and
    ``CSIX_imgnames.txt`` (the image file of every presentation, in order; a name with ``rep_`` before it counts as
    the name without). From COCO, put captions_train2014.json into the folder ``annotations``. Voxels are matched by
    their indices: users of the files report that the affine of the responses is wrong and that of the mask right.

    References
    ----------
    Chang et al. 2019, Scientific Data 6, and the README of release 2.0.
    """
    check_choice("subject", subject, SUBJECTS)
    check_choice("version", version, VERSIONS)
    n_sessions = N_SESSIONS[subject]
    check_selection("sessions", sessions, range(1, n_sessions + 1), f"1 to {n_sessions} of CSI{subject}")
    mask_path = f"CSI{subject}_brainmask.nii.gz"
    selected = np.asarray(nibabel.load(locate(_NAME, mask_path)).dataobj) > 0
    names = _read_names(subject)
    repeats = (names.groupby(names).cumcount() + 1).to_numpy()
    ends = np.cumsum([0, *(_length(_path(subject, version, s), selected) for s in range(1, max(sessions) + 1))])
    if ends[-1] > len(names) or (max(sessions) == n_sessions and ends[-1] != len(names)):
        msg = f"sessions 1 to {max(sessions)} of CSI{subject} hold {ends[-1]} presentations, the names {len(names)}."
        raise ValueError(msg)
    signals, tables = [], []
    for session in sessions:
        rows = slice(ends[session - 1], ends[session])
        signals.append(np.asarray(nibabel.load(locate(_NAME, _path(subject, version, session))).dataobj)[selected].T)
        empty = [()] * len(names[rows])
        tables.append(
            sample_table(f"session{session:02d}", names[rows].tolist(), np.zeros(len(empty)), repeats[rows], empty)
        )
    signal, voxels = _finite_voxels(signals, selected, mask_path)
    samples = pd.concat(tables, ignore_index=True)
    if captions:
        samples["texts"] = pd.Series(_captions(samples["stimulus"]), dtype=object)
    return NaturalisticRecording(f"CSI{subject}", signal, samples, voxels, None)


def locate_bold5000_image(name: str) -> Path:
    """File of a photograph, as it was shown.

    Parameters
    ----------
    name : str
        Name of the image file, the column ``stimulus`` of a recording.

    Returns
    -------
    Path
        Below ``BOLD5000_Stimuli/Scene_Stimuli/Presented_Stimuli``, in one of its folders.

    Raises
    ------
    MissingDataError
        When it is in none of them.
    """
    folder = folder_of(_NAME)
    found = sorted((folder / _PICTURES).glob("*/*"))
    matching = [path for path in found if path.name == name]
    if not matching:
        msg = (
            f"{_NAME}: '{name}' is in none of the folders of {folder / _PICTURES} ({len(found)} files). Unpack "
            f"BOLD5000_Stimuli.zip there. {entry(_NAME).obtain}"
        )
        raise MissingDataError(msg)
    return locate(_NAME, matching[0].relative_to(folder).as_posix())


def _path(subject: int, version: str, session: int) -> str:
    return f"CSI{subject}_GLMbetas-{version}_ses-{session:02d}.nii.gz"


def _read_names(subject: int) -> pd.Series:
    path = f"CSI{subject}_imgnames.txt"
    names = locate(_NAME, path).read_text(encoding="utf-8").split()
    if len(names) != N_TRIALS[subject]:
        msg = f"{path} has {len(names)} names; expected {N_TRIALS[subject]}, one a presentation. Obtain the file anew."
        raise ValueError(msg)
    return pd.Series(names).str.removeprefix(_REPEATED)


def _length(path: str, selected: NDArray[np.bool_]) -> int:
    """Presentations in a session, from the head of its file."""
    shape = nibabel.load(locate(_NAME, path)).shape
    if len(shape) != 4 or shape[:3] != selected.shape or not shape[3] or shape[3] % TRIALS_PER_RUN:
        msg = (
            f"{path} has the shape {shape}; expected {selected.shape} as the brain mask, and whole runs of "
            f"{TRIALS_PER_RUN} presentations. Obtain the file anew."
        )
        raise ValueError(msg)
    return shape[3]


def _finite_voxels(
    signals: list[NDArray], selected: NDArray[np.bool_], mask_path: str
) -> tuple[NDArray[np.float32], pd.DataFrame]:
    signal = np.concatenate(signals)
    kept = np.isfinite(signal).all(axis=0)
    if not kept.any():
        msg = f"no voxel of {mask_path} has finite responses in all sessions. Obtain the files anew."
        raise ValueError(msg)
    voxels = pd.DataFrame(np.argwhere(selected)[kept], columns=["i", "j", "k"])
    return signal[:, kept].astype(np.float32, copy=False), voxels


def _captions(names: pd.Series) -> list[tuple[str, ...]]:
    numbers = {name: int(Path(name).stem.removeprefix(_COCO)) for name in set(names) if name.startswith(_COCO)}
    if not numbers:
        return [()] * len(names)
    found = read_captions(locate(_NAME, _CAPTIONS), set(numbers.values()))
    return [found[numbers[name]] if name in numbers else () for name in names]
