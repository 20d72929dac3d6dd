"""People in a scanner who watched a film, and models that are shown its frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from brainalign.datasets.naturalistic import NaturalisticRecording
from brainalign.datasets.surfaces import NO_PARCEL, CorticalSurface, study_systems
from brainalign.encoding.ceilings import noise_ceiling
from brainalign.encoding.preprocessing import clean
from brainalign.studies.viewing.brains import Brain
from brainalign.studies.viewing.timelines import Timeline, label_clips

_STRUCTURES = ("CIFTI_STRUCTURE_CORTEX_LEFT", "CIFTI_STRUCTURE_CORTEX_RIGHT")


@dataclass(frozen=True)
class FrameFiles(Sequence[Image.Image]):
    """Frames of a film, each opened only when it is asked for: thousands of open files are more than a system allows.

    Attributes
    ----------
    paths : sequence of Path
        One file per volume; a file may come several times.
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


def measured_brain(
    recording: NaturalisticRecording, surface: CorticalSurface, *, delays: tuple[int, ...] = (3, 4, 5, 6)
) -> Brain:
    """The cortex of a person while clips are shown, by parcel.

    Parameters
    ----------
    recording : NaturalisticRecording
        Whole runs; see `parcel_means`. Samples have the column ``clip``, 0 at rest and in the clip that all runs
        repeat.
    surface : CorticalSurface
        Where the parcels lie.
    delays : tuple of int
        Volumes by which features are delayed; by default 3 to 6, for volumes of a second.

    Returns
    -------
    Brain
        Slow drifts are removed from whole runs, which are standardized. Only volumes of clips are kept, each once all
        delayed features lie in its own clip: rest, the beginnings of clips and the repeated clip tell whether anything
        is shown at all, which any features would follow. The ceiling comes from the repeated clip where samples have
        the column ``validation`` and there are two runs, and is not known otherwise.
    """
    samples = recording.samples
    runs = samples["run"].to_numpy()
    cleaned = clean(parcel_means(recording, surface), runs, tr=recording.tr or 1.0)
    is_shown = samples["clip"].to_numpy() > 0
    timeline = Timeline(runs[is_shown], label_clips(runs[is_shown], samples["clip"][is_shown]), delays)
    ceiling = repeated_ceiling(cleaned, samples)
    return Brain(
        cleaned[is_shown][timeline.is_settled], study_systems(surface), surface, delays, ceiling, timeline=timeline
    )


def repeated_ceiling(responses: NDArray[np.floating], samples: pd.DataFrame) -> NDArray[np.float64] | None:
    """Correlation that a perfect prediction of one run would have, from the clip that all runs repeat.

    Parameters
    ----------
    responses : ndarray of shape (n_samples, n_parcels)
        Cleaned, of whole runs.
    samples : DataFrame of n_samples rows
        With ``run``, and ``validation`` where the repeated clip is marked.

    Returns
    -------
    ndarray of shape (n_parcels,) or None
        Root of `brainalign.encoding.noise_ceiling`, 0 where that is negative. None where no clip is marked, or in one
        run only.
    """
    if "validation" not in samples or not samples["validation"].any():
        return None
    rows = [np.flatnonzero(samples["validation"] & (samples["run"] == run)) for run in samples["run"].unique()]
    length = min(map(len, rows))
    if len(rows) < 2 or not length:
        return None
    repeats = np.stack([responses[row[:length]] for row in rows])
    return np.sqrt(noise_ceiling(repeats).clip(0))


def luminance(frames: Sequence[Image.Image]) -> NDArray[np.float64]:
    """Mean brightness of every frame, from 0 (black) to 1.

    Parameters
    ----------
    frames : sequence of n PIL images

    Returns
    -------
    ndarray of shape (n,)
    """
    return np.array([np.asarray(frame.convert("L"), dtype=float).mean() / 255 for frame in frames])


def _open(path: Path) -> Image.Image:
    with Image.open(path) as frame:
        return frame.convert("RGB")
