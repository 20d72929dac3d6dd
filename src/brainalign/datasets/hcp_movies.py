"""7T fMRI of people who watched four runs of film clips (Human Connectome Project, young adults)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
from nibabel.cifti2 import BrainModelAxis, LabelAxis, SeriesAxis
from numpy.typing import NDArray

from brainalign.catalogue.entries import locate
from brainalign.datasets.choices import check_choice, check_selection
from brainalign.datasets.containers import open_hdf5
from brainalign.datasets.naturalistic import (
    NaturalisticRecording,
    check_signal,
    networks_of_parcels,
    sample_table,
)

REPETITION_TIME = 1.0
"""Seconds from one volume to the next."""

RUNS = {1: "tfMRI_MOVIE1_7T_AP", 2: "tfMRI_MOVIE2_7T_PA", 3: "tfMRI_MOVIE3_7T_PA", 4: "tfMRI_MOVIE4_7T_AP"}
"""Names of the runs in the files."""

FILMS = {1: "MOVIE1_CC1", 2: "MOVIE2_HO1", 3: "MOVIE3_CC2", 4: "MOVIE4_HO2"}
"""Names of the films in the files of labels: independent films in runs 1 and 3, Hollywood films in runs 2 and 4."""

N_VOLUMES = {1: 921, 2: 918, 3: 915, 4: 901}

CLIPS = {
    1: ((20, 264), (284, 506), (526, 714), (734, 798)),
    2: ((20, 247), (267, 525), (545, 795)),
    3: ((20, 201), (221, 405), (425, 629), (649, 792)),
    4: ((20, 252), (272, 502), (522, 777)),
}
"""First volume of every clip, from 0, and the first one after it. Between them lie 20 s of rest, and at the end of
every run the clip that all runs repeat."""

MESHES = {"59k": "Atlas_1.6mm_MSMAll_hp2000_clean", "32k": "Atlas_MSMAll_hp2000_clean"}
"""Cortical meshes on which the data are published, with the end of the file's name: 1.6 mm and 2 mm."""

_NAME = "hcp-7t-movies"
_LABELS = "7T_movie_resources/WordNetFeatures.hdf5"


@dataclass(frozen=True)
class MovieLabels:
    """What is to be seen in every second of a run.

    Attributes
    ----------
    synsets : tuple of str
        Meanings in WordNet, for example ``"wolf.n.01"``.
    present : boolean ndarray of shape (n_volumes, n_synsets)
        Whether it is there.
    training, validation : boolean ndarray of shape (n_volumes,)
        The masks ``est`` and ``val`` of the file: volumes for fitting, and for testing. Rest is in neither. The clip
        that ends every run is the one for testing, as we read the names.
    """

    synsets: tuple[str, ...]
    present: NDArray[np.bool_]
    training: NDArray[np.bool_]
    validation: NDArray[np.bool_]

    def words(self) -> list[tuple[str, ...]]:
        """Of every volume the words that name what is there, in the order of ``synsets``, each once."""
        words = [synset.split(".")[0].replace("_", " ") for synset in self.synsets]
        return [tuple(dict.fromkeys(words[i] for i in np.flatnonzero(row))) for row in self.present]


def load_hcp_movies(
    subject: str,
    runs: Sequence[int] = (1, 2, 3, 4),
    *,
    mesh: str = "59k",
    parcellation: str | Path | None = None,
    labels: bool = True,
) -> NaturalisticRecording:
    """Responses of one subject to the four runs of film clips.

    Parameters
    ----------
    subject : str
        Number of the subject, the name of the folder.
    runs : sequence of int
        Out of 1 to 4.
    mesh : {"59k", "32k"}
        Which of the published versions to read: 1.6 mm, or the smaller one at 2 mm.
    parcellation : path, optional
        A ``.dlabel.nii`` file on the same mesh: targets are then the means over its parcels instead of all
        grayordinates (about 170 000 at 1.6 mm, 2.5 GB for four runs).
    labels : bool
        Whether to read the WordNet labels as texts; the column ``validation`` comes with them.

    Returns
    -------
    NaturalisticRecording
        In the unit of the files. The stimulus of a run is its film, ``time`` is the second of the run. Further column
        ``clip``: number of the clip from 1, 0 at rest and in the last clip, which all runs repeat.

    Raises
    ------
    ValueError
        An unknown run or mesh; a file with another number of volumes, another time between them or other
        grayordinates than the first; a value that is not finite; a parcellation on another mesh.
    MissingDataError
        When a file is not here; the text says how to get it.

    Notes
    -----
    Files below `brainalign data where hcp-7t-movies`:
    ``SUBJECT/MNINonLinear/Results/RUN/RUN_Atlas_1.6mm_MSMAll_hp2000_clean.dtseries.nii`` with the names of `RUNS`
    (``RUN_Atlas_MSMAll_hp2000_clean.dtseries.nii`` for the mesh of 32k), and
    ``7T_movie_resources/WordNetFeatures.hdf5``.
    The bounds of the clips are those that published code uses. Subjects scanned before 22 August 2014 saw another
    cut of the films: take the film files that belong to the subject.

    References
    ----------
    Van Essen et al. 2013, NeuroImage 80; HCP S1200 release, 7T movie task. Labels: Huth et al. 2012, Neuron 76.
    """
    check_choice("mesh", mesh, MESHES)
    check_selection("runs", runs, RUNS, ", ".join(map(str, RUNS)))
    signals, tables, first = [], [], None
    for run in runs:
        path = f"{subject}/MNINonLinear/Results/{RUNS[run]}/{RUNS[run]}_{MESHES[mesh]}.dtseries.nii"
        values, axis = _read_series(path, N_VOLUMES[run])
        if first is not None and axis != first:
            msg = f"{path} has other grayordinates than the run before it. Take all runs from one release."
            raise ValueError(msg)
        first = axis
        values, targets = (
            _all_grayordinates(values, axis) if parcellation is None else _average(values, axis, Path(parcellation))
        )
        signals.append(values)
        tables.append(_samples(run, labels))
    samples = pd.concat(tables, ignore_index=True)
    return NaturalisticRecording(str(subject), np.concatenate(signals), samples, targets, REPETITION_TIME)


def load_movie_labels(run: int) -> MovieLabels:
    """The WordNet labels of one run, a row per volume.

    Parameters
    ----------
    run : {1, 2, 3, 4}
        Number of the run.

    Returns
    -------
    MovieLabels

    Raises
    ------
    ValueError
        An unknown run, or a file of another layout.
    MissingDataError
        When the file is not here.

    Notes
    -----
    ``7T_movie_resources/WordNetFeatures.hdf5`` holds ``synsets``, and of every film out of `FILMS` a matrix of that
    name (volumes by labels) and the vectors ``FILM_est`` and ``FILM_val`` of zeros and ones. Published code lays their
    rows beside the volumes of the run, from the first; we have not seen the file, so another length is refused.
    """
    check_choice("run", run, FILMS)
    film = FILMS[run]
    with open_hdf5(locate(_NAME, _LABELS), _LABELS) as file:
        absent = [key for key in ("synsets", film, f"{film}_est", f"{film}_val") if key not in file]
        if absent:
            msg = f"{_LABELS} lacks {', '.join(absent)}; it has {', '.join(file)}. Obtain the file anew."
            raise ValueError(msg)
        synsets = tuple(name.decode() if isinstance(name, bytes) else str(name) for name in np.ravel(file["synsets"]))
        present = np.asarray(file[film]) > 0
        training, validation = (np.ravel(file[f"{film}_{part}"]) > 0 for part in ("est", "val"))
    n = N_VOLUMES[run]
    if present.shape != (n, len(synsets)) or training.shape != (n,) or validation.shape != (n,):
        msg = (
            f"{_LABELS}: {film} has the shape {present.shape}, its masks {training.shape} and {validation.shape}; "
            f"expected ({n}, {len(synsets)}), ({n},) and ({n},): one row per volume, one column per synset."
        )
        raise ValueError(msg)
    return MovieLabels(synsets, present, training, validation)


def stack_validation(recording: NaturalisticRecording) -> NDArray[np.floating]:
    """Responses to the clip that ends every run, one run beside the other, as a noise ceiling needs them.

    Parameters
    ----------
    recording : NaturalisticRecording
        Of `load_hcp_movies` with labels, of two runs or more.

    Returns
    -------
    ndarray of shape (n_runs, n_volumes, n_targets)

    Raises
    ------
    ValueError
        Without labels, with one run, or where the marked volumes of the runs differ in number.
    """
    samples = recording.samples
    if "validation" not in samples or samples["run"].nunique() < 2:
        msg = "a repeated clip needs two runs or more, read with labels=True, which mark it."
        raise ValueError(msg)
    rows = [np.flatnonzero(samples["validation"] & (samples["run"] == run)) for run in samples["run"].unique()]
    if len({len(row) for row in rows}) != 1 or not len(rows[0]):
        msg = (
            f"the runs have {[len(row) for row in rows]} volumes of the repeated clip; they must be as many, and some."
        )
        raise ValueError(msg)
    return np.stack([recording.responses[row] for row in rows])


def _read_series(path: str, n_volumes: int) -> tuple[NDArray[np.float32], BrainModelAxis]:
    image = nibabel.load(locate(_NAME, path))
    if not isinstance(image, nibabel.Cifti2Image):
        msg = f"{path} is no CIFTI file; expected a .dtseries.nii of volumes by grayordinates."
        raise ValueError(msg)
    time, axis = image.header.get_axis(0), image.header.get_axis(1)
    if not isinstance(time, SeriesAxis) or not isinstance(axis, BrainModelAxis):
        msg = f"{path} holds {type(time).__name__} by {type(axis).__name__}; expected volumes by grayordinates."
        raise ValueError(msg)
    if time.unit != "SECOND" or not np.isclose(time.step, REPETITION_TIME):
        msg = f"{path} has {time.step:g} {time.unit.lower()} between volumes; expected {REPETITION_TIME:g} second."
        raise ValueError(msg)
    if time.size != n_volumes:
        msg = f"{path} has {time.size} volumes; expected {n_volumes}. Leave the run out, or obtain it anew."
        raise ValueError(msg)
    return check_signal(image.get_fdata(dtype=np.float32), len(axis), path), axis


def _samples(run: int, labels: bool) -> pd.DataFrame:
    n_volumes = N_VOLUMES[run]
    clip = np.zeros(n_volumes, dtype=int)
    for number, (start, stop) in enumerate(CLIPS[run], start=1):
        clip[start:stop] = number
    found = load_movie_labels(run) if labels else None
    texts = [()] * n_volumes if found is None else found.words()
    table = sample_table(RUNS[run], FILMS[run], REPETITION_TIME * np.arange(n_volumes), 1, texts).assign(clip=clip)
    return table if found is None else table.assign(validation=found.validation)


def _all_grayordinates(values: NDArray[np.float32], axis: BrainModelAxis) -> tuple[NDArray[np.float32], pd.DataFrame]:
    return values, pd.DataFrame({"structure": axis.name, "vertex": axis.vertex})


def _average(values: NDArray[np.float32], axis: BrainModelAxis, path: Path) -> tuple[NDArray[np.float32], pd.DataFrame]:
    """Mean over the grayordinates of every parcel; those without a parcel (key 0) are left out."""
    keys, names = _parcels(axis, path)
    present = np.setdiff1d(np.unique(keys), [0])
    if not len(present):
        msg = f"{path} labels none of the grayordinates. Take a parcellation of the cortex."
        raise ValueError(msg)
    means = np.stack([values[:, keys == key].mean(axis=1) for key in present], axis=1)
    parcels = [names[key] for key in present]
    return means, pd.DataFrame({"parcel": parcels, "network": networks_of_parcels(parcels)})


def _parcels(axis: BrainModelAxis, path: Path) -> tuple[NDArray[np.int64], dict[int, str]]:
    """Key of the parcel of every grayordinate of the series, and the names of the keys."""
    image = nibabel.load(path)
    axes = [image.header.get_axis(i) for i in (0, 1)] if isinstance(image, nibabel.Cifti2Image) else [None, None]
    if not isinstance(axes[0], LabelAxis) or not isinstance(axes[1], BrainModelAxis):
        msg = f"{path} is no .dlabel.nii file; give a parcellation as labels by grayordinates."
        raise ValueError(msg)
    labels = np.asarray(image.dataobj)[0].astype(np.int64)
    structures = {name: labels_of for name, *labels_of in axes[1].iter_structures()}
    keys = np.zeros(len(axis), dtype=np.int64)
    for name, place, model in axis.iter_structures():
        if name in structures and name in axis.nvertices:
            where, other = structures[name]
            n, n_other = axis.nvertices[name], axes[1].nvertices.get(name)
            if n != n_other:
                msg = f"{path} has {n_other} vertices in {name}, the series {n}. Take a parcellation on the same mesh."
                raise ValueError(msg)
            by_vertex = np.zeros(n, dtype=np.int64)
            by_vertex[other.vertex] = labels[where]
            keys[place] = by_vertex[model.vertex]
    return keys, {key: label[0] for key, label in axes[0].label[0].items()}
