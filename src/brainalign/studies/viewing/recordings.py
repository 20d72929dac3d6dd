"""People in a scanner who watched a film, and models that are shown its frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from brainalign.datasets.naturalistic import NaturalisticRecording
from brainalign.datasets.surfaces import NO_PARCEL, CorticalSurface, study_systems
from brainalign.studies.viewing.brains import Brain

_STRUCTURES = ("CIFTI_STRUCTURE_CORTEX_LEFT", "CIFTI_STRUCTURE_CORTEX_RIGHT")


@dataclass(frozen=True)
class FrameFiles(Sequence[Image.Image]):
    """Frames of a film, each opened only when it is asked for: thousands of open files are more than a system allows.

    Attributes
    ----------
    paths : sequence of Path
        One file a volume; a file may come several times.
    """

    paths: Sequence[Path]

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.paths)

    def __getitem__(self, index: int | slice) -> Image.Image | list[Image.Image]:
        """One frame, or those of a slice, in three channels."""
        if isinstance(index, slice):
            return [_open(path) for path in self.paths[index]]
        return _open(self.paths[index])


def parcel_means(recording: NaturalisticRecording, surface: CorticalSurface) -> NDArray[np.float64]:
    """Mean response of every parcel, from responses on the vertices of the surface.

    Parameters
    ----------
    recording : NaturalisticRecording
        With targets that have a ``structure`` (as CIFTI names it) and a ``vertex`` of the same mesh as the surface;
        what is not cortex is left out.
    surface : CorticalSurface
        Both hemispheres, with the parcel of every vertex.

    Returns
    -------
    ndarray of shape (n_samples, n_parcels)

    Raises
    ------
    ValueError
        Responses on no vertices or on a finer mesh, or a parcel without any vertex.
    """
    if not {"structure", "vertex"} <= set(recording.targets):
        msg = f"targets have {', '.join(recording.targets)}; vertices of a surface need 'structure' and 'vertex'."
        raise ValueError(msg)
    labels = np.full(len(recording.targets), NO_PARCEL)
    for name, hemisphere in zip(_STRUCTURES, (surface.left, surface.right), strict=True):
        own = (recording.targets["structure"] == name).to_numpy()
        vertices = recording.targets.loc[own, "vertex"].to_numpy()
        if len(vertices) and vertices.max() >= len(hemisphere.labels):
            msg = (
                f"{name} has the vertex {vertices.max()}, the surface {len(hemisphere.labels)} vertices: they are "
                "different meshes. Read the responses on the mesh of the surface."
            )
            raise ValueError(msg)
        labels[own] = hemisphere.labels[vertices]
    n_parcels = len(surface.networks)
    counts = np.bincount(labels[labels != NO_PARCEL], minlength=n_parcels)
    if not counts.all():
        msg = f"{int((counts == 0).sum())} of {n_parcels} parcels have no vertex with a response; take a coarser atlas."
        raise ValueError(msg)
    membership = np.zeros((len(labels), n_parcels), dtype=np.float32)
    cortical = np.flatnonzero(labels != NO_PARCEL)
    membership[cortical, labels[cortical]] = 1 / counts[labels[cortical]]
    return (recording.responses @ membership).astype(np.float64)


def standardize_runs(responses: NDArray[np.floating], runs: Sequence[str]) -> NDArray[np.float64]:
    """Responses with mean 0 and variance 1 in every run.

    Parameters
    ----------
    responses : ndarray of shape (n_samples, n_parcels)
        Of several runs of a scanner, whose units and means differ.
    runs : sequence of n_samples str
        Run of every sample.

    Returns
    -------
    ndarray of shape (n_samples, n_parcels)

    Raises
    ------
    ValueError
        When a parcel is constant in a run.
    """
    scaled = np.asarray(responses, dtype=np.float64).copy()
    for run in dict.fromkeys(runs):
        own = np.asarray(runs) == run
        spread = scaled[own].std(axis=0)
        if not (spread > 0).all():
            msg = f"{int((spread == 0).sum())} parcels are constant in the run {run}; leave the run out."
            raise ValueError(msg)
        scaled[own] = (scaled[own] - scaled[own].mean(axis=0)) / spread
    return scaled


def measured_brain(
    recording: NaturalisticRecording, surface: CorticalSurface, *, delays: tuple[int, ...] = (3, 4, 5, 6)
) -> Brain:
    """The cortex of a person, by parcel.

    Parameters
    ----------
    recording : NaturalisticRecording
        See `parcel_means`.
    surface : CorticalSurface
        Where the parcels lie.
    delays : tuple of int
        Volumes by which features are delayed; by default 3 to 6, for volumes of a second.

    Returns
    -------
    Brain
        Standardized in every run; its ceiling is not known.
    """
    responses = standardize_runs(parcel_means(recording, surface), recording.samples["run"].tolist())
    return Brain(responses, study_systems(surface), surface, delays)


def _open(path: Path) -> Image.Image:
    with Image.open(path) as frame:
        return frame.convert("RGB")
