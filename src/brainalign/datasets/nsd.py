"""7T fMRI of eight people who looked at thousands of photographs (Natural Scenes Dataset)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
from nibabel.spatialimages import SpatialImage
from numpy.typing import ArrayLike, NDArray

from brainalign.catalogue.entries import MissingDataError, locate
from brainalign.datasets.captions import read_captions
from brainalign.datasets.choices import check_choice, check_selection
from brainalign.datasets.containers import open_hdf5
from brainalign.datasets.grids import on_grid
from brainalign.datasets.naturalistic import NaturalisticRecording, check_columns, check_signal, sample_table
from brainalign.datasets.text_tables import read_text_table

SUBJECTS = tuple(range(1, 9))
N_SESSIONS = {1: 40, 2: 40, 3: 32, 4: 30, 5: 40, 6: 32, 7: 40, 8: 30}
"""Sessions of every subject."""

VERSIONS = ("betas_assumehrf", "betas_fithrf", "betas_fithrf_GLMdenoise_RR")
"""Ways in which the makers estimated the response to each presentation; the last one is their best."""

SCALE = 300
"""By how much the files multiply per cent of signal change to keep them as integers."""

_MOST_PER_CENT = 30.0
"""No usual response is as large, and no usual response times 300 as small."""

_NAME = "natural-scenes"
_SPACE = "func1pt8mm"
_STIMULI = "nsddata_stimuli/stimuli/nsd"
_INFORMATION = "nsddata/experiments/nsd/nsd_stim_info_merged.csv"
_TRIAL_COLUMNS = ("SESSION", "RUN", "TRIAL", "73KID")


def load_nsd(
    subject: int = 1,
    sessions: Sequence[int] = (1,),
    *,
    region: str = "nsdgeneral",
    version: str = "betas_fithrf_GLMdenoise_RR",
    captions: bool = True,
) -> NaturalisticRecording:
    """Estimated responses of one subject to every presentation of a photograph, with the captions of COCO.

    Parameters
    ----------
    subject : int
        1 to 8.
    sessions : sequence of int
        Visits to the scanner, from 1, of 750 presentations each.
    region : str
        A region in the volume of 1.8 mm: voxels above 0 in its file. ``"nsdgeneral"`` is the visual cortex that
        responds to the photographs at all.
    version : {"betas_assumehrf", "betas_fithrf", "betas_fithrf_GLMdenoise_RR"}
        How the responses were estimated.
    captions : bool
        Whether to read the captions; without, all texts are empty.

    Returns
    -------
    NaturalisticRecording
        Per cent of signal change. A run is a session; a stimulus is ``nsd`` and the number of the photograph from 0,
        with five digits; ``repeat`` counts its presentations to the subject over all sessions. Further columns
        ``nsd`` (the number) and ``trial`` (from 0 within the session). Targets are the voxels of the region; the
        column ``label`` is the value of the region's file.

    Raises
    ------
    ValueError
        An unknown subject, session or version, a file of another layout or on other voxels than the others, or
        responses too large for per cent.
    MissingDataError
        When a file is not here; the text says how to get it.

    Notes
    -----
    Files below `brainalign data where natural-scenes`, under the names of the data manual:
    ``nsddata_betas/ppdata/subj0X/func1pt8mm/VERSION/betas_sessionYY.hdf5`` or ``.nii.gz`` (whole numbers, 300 times
    per cent, or fractions that are per cent; a volume is turned to the axes of the region's file; the HDF5 file has the
    dataset ``betas`` with the axes of the volume reversed, trials first),
    ``nsddata/ppdata/subj0X/func1pt8mm/roi/REGION.nii.gz``, ``nsddata/ppdata/subj0X/behav/responses.tsv`` (one row a
    presentation; 73KID counts photographs from 1), ``nsddata/experiments/nsd/nsd_stim_info_merged.csv`` (nsdId from
    0, cocoId, cocoSplit) and, from COCO, ``nsddata_stimuli/stimuli/nsd/annotations/captions_SPLIT.json``.

    References
    ----------
    Allen et al. 2022, Nature Neuroscience 25, and the data manual at naturalscenesdataset.org.
    """
    check_choice("subject", subject, SUBJECTS)
    check_choice("version", version, VERSIONS)
    n_sessions = N_SESSIONS[subject]
    check_selection("sessions", sessions, range(1, n_sessions + 1), f"1 to {n_sessions} of subject {subject}")
    name = f"subj{subject:02d}"
    path = f"nsddata/ppdata/{name}/{_SPACE}/roi/{region}.nii.gz"
    image = nibabel.load(locate(_NAME, path))
    labels = np.asarray(image.dataobj)
    selected = labels > 0
    if labels.ndim != 3 or not selected.any():
        msg = (
            f"{path} has the shape {labels.shape} and {int(selected.sum())} voxels above 0; expected a volume of some."
        )
        raise ValueError(msg)
    trials = _read_trials(name)
    signals, tables = [], []
    for session in sessions:
        rows = trials[trials["SESSION"] == session]
        where = f"nsddata_betas/ppdata/{name}/{_SPACE}/{version}/betas_session{session:02d}"
        signals.append(_read_betas(where, image, selected, len(rows)))
        tables.append(_samples(session, rows))
    samples = pd.concat(tables, ignore_index=True)
    if captions:
        samples["texts"] = pd.Series(_captions(samples["nsd"]), dtype=object)
    voxels = pd.DataFrame(np.argwhere(selected), columns=["i", "j", "k"]).assign(label=labels[selected])
    return NaturalisticRecording(name, np.concatenate(signals), samples, voxels, None)


def load_nsd_images(numbers: ArrayLike) -> NDArray[np.uint8]:
    """Photographs, as they were shown.

    Parameters
    ----------
    numbers : integer array_like of shape (n_images,)
        Numbers from 0, the column ``nsd`` of a recording; in any order, also repeated.

    Returns
    -------
    ndarray of shape (n_images, height, width, 3)
        Red, green and blue, 0 to 255; only these images are read.

    Raises
    ------
    ValueError
        A number that is not there, or a file of another layout.
    MissingDataError
        When the file ``nsddata_stimuli/stimuli/nsd/nsd_stimuli.hdf5`` (40 GB, dataset ``imgBrick``) is not here.
    """
    path = f"{_STIMULI}/nsd_stimuli.hdf5"
    distinct, index = np.unique(np.asarray(numbers, dtype=np.int64), return_inverse=True)
    with open_hdf5(locate(_NAME, path), path) as file:
        if "imgBrick" not in file or file["imgBrick"].ndim != 4:
            msg = f"{path} lacks the dataset imgBrick of shape (images, height, width, 3). Obtain the file anew."
            raise ValueError(msg)
        images = file["imgBrick"]
        if not distinct.size or distinct[0] < 0 or distinct[-1] >= len(images):
            msg = f"numbers must be some of 0 to {len(images) - 1}: got {np.asarray(numbers).tolist()[:5]}."
            raise ValueError(msg)
        return images[distinct][index]


def _read_trials(name: str) -> pd.DataFrame:
    """All presentations to a subject, with the photograph from 0 and how often it was shown until then."""
    path = f"nsddata/ppdata/{name}/behav/responses.tsv"
    trials = read_text_table(locate(_NAME, path), delimiter="\t")
    check_columns(trials, _TRIAL_COLUMNS, path)
    trials = trials.sort_values(["SESSION", "RUN", "TRIAL"], kind="stable", ignore_index=True)
    trials["nsd"] = trials["73KID"].astype(int) - 1
    trials["repeat"] = trials.groupby("nsd").cumcount() + 1
    return trials


def _samples(session: int, rows: pd.DataFrame) -> pd.DataFrame:
    names = [f"nsd{number:05d}" for number in rows["nsd"]]
    table = sample_table(
        f"session{session:02d}", names, np.zeros(len(rows)), rows["repeat"].to_numpy(), [()] * len(rows)
    )
    return table.assign(nsd=rows["nsd"].to_numpy(), trial=np.arange(len(rows)))


def _read_betas(where: str, region: SpatialImage, selected: NDArray[np.bool_], n_trials: int) -> NDArray[np.float32]:
    """Responses of shape (n_trials, n_voxels), the voxels in the order of `numpy.argwhere`."""
    try:
        path, found = f"{where}.hdf5", locate(_NAME, f"{where}.hdf5")
    except MissingDataError:
        path, found = f"{where}.nii.gz", locate(_NAME, f"{where}.nii.gz")
    if path.endswith(".hdf5"):
        volumes = _read_hdf5(found, path)
    else:
        volumes = np.asarray(on_grid(nibabel.load(found), region, where=path).dataobj)
    if volumes.ndim != 4 or volumes.shape[:3] != selected.shape or volumes.shape[3] != n_trials:
        msg = (
            f"{path} has the shape {volumes.shape}; expected {(*selected.shape, n_trials)}: the volume of the region, "
            "and as many presentations as responses.tsv has of the session."
        )
        raise ValueError(msg)
    values = check_signal(volumes[selected].T, int(selected.sum()), path)
    return values / np.float32(_factor(values, path))


def _factor(values: NDArray[np.float32], path: str) -> float:
    """By how much the numbers of a file multiply per cent: whole numbers are the makers', fractions are per cent."""
    if (values == np.rint(values)).all():
        return SCALE
    usual = float(np.median(np.abs(values)))
    if usual > _MOST_PER_CENT:
        msg = (
            f"{path} holds fractions of a usual size of {usual:.3g}: too large for per cent of signal change, and not "
            f"the whole numbers ({SCALE} times per cent) of the makers. Store one or the other."
        )
        raise ValueError(msg)
    return 1.0


def _read_hdf5(found: Path, path: str) -> NDArray:
    with open_hdf5(found, path) as file:
        if "betas" not in file:
            msg = f"{path} lacks the dataset betas; it has {', '.join(file)}. Obtain the file anew."
            raise ValueError(msg)
        # MATLAB wrote the file, and HDF5 shows its dimensions in reverse.
        return np.asarray(file["betas"]).T


def _captions(numbers: pd.Series) -> list[tuple[str, ...]]:
    columns, path = ["nsdId", "cocoId", "cocoSplit"], locate(_NAME, _INFORMATION)
    images = read_text_table(path)
    check_columns(images, columns, _INFORMATION)
    images = images.set_index("nsdId")
    unknown = sorted(set(numbers) - set(images.index))
    if unknown:
        msg = f"{_INFORMATION} has no photograph {unknown[0]} (and {len(unknown) - 1} more). Obtain the file anew."
        raise ValueError(msg)
    shown = images.loc[sorted(set(numbers))]
    texts = {}
    for split, rows in shown.groupby("cocoSplit"):
        path = locate(_NAME, f"{_STIMULI}/annotations/captions_{split}.json")
        found = read_captions(path, set(rows["cocoId"]))
        texts |= {number: found[coco] for number, coco in rows["cocoId"].items()}
    return [texts[number] for number in numbers]
