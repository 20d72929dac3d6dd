"""Dissimilarities of 92 object images in the inferior temporal cortex (IT) of humans and monkeys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import squareform

from brainalign.catalogue.entries import locate
from brainalign.datasets.containers import read_matlab

CATEGORIES = ("animate", "inanimate", "human", "nonhuman", "body", "face", "natural object", "artificial object")
"""Categories that the images were chosen for; an image belongs to several (a hand is animate, human and body)."""

_SESSIONS_FILE = "92_brainRDMs.mat"
_PUBLISHED_FILE = "Kriegeskorte_Neuron2008_supplementalData.mat"
# The published file's own names of CATEGORIES, in their order; its other columns are random draws of images.
_COLUMNS = ("animate", "inanim", "human", "nonhumani", "body", "face", "natObj", "artiObj")


@dataclass(frozen=True)
class ObjectDissimilarities:
    """How differently the pairs of 92 images are represented in IT: 1 - Pearson correlation of response patterns.

    Attributes
    ----------
    human_sessions : ndarray of shape (n_subjects, n_sessions, n_images, n_images)
        Four human subjects in two fMRI sessions each.
    human : ndarray of shape (n_images, n_images)
        Mean over subjects and sessions; the matrix that was published.
    monkey : ndarray of shape (n_images, n_images)
        From 674 units of two monkeys.
    subjects : tuple of str
        Initials of the human subjects.
    labels : ndarray of shape (n_images,)
        The finest category of every image, for example ``"nonhuman face"``.
    categories : dict of str to ndarray of shape (n_images,)
        Whether each image belongs to the category, for each of `CATEGORIES`.
    images : ndarray of shape (n_images, 175, 175, 3)
        What was shown, as 8-bit colours.
    """

    human_sessions: NDArray[np.float64]
    human: NDArray[np.float64]
    monkey: NDArray[np.float64]
    subjects: tuple[str, ...]
    labels: NDArray[np.str_]
    categories: dict[str, NDArray[np.bool_]]
    images: NDArray[np.uint8]

    @property
    def human_subjects(self) -> NDArray[np.float64]:
        """Mean over the sessions of each subject, of shape (n_subjects, n_images, n_images)."""
        return self.human_sessions.mean(axis=1)


def load_object_dissimilarities() -> ObjectDissimilarities:
    """The 92 object images and the dissimilarities of their responses in human and monkey IT.

    Returns
    -------
    ObjectDissimilarities

    Raises
    ------
    MissingDataError, ChecksumError
        When a file is not here or cannot be trusted; see `brainalign.catalogue.entries.locate`.
    ValueError
        When the files do not hold what they are known to hold.

    Notes
    -----
    The published human matrix is the plain mean of the eight matrices of single sessions. The dissimilarities of all
    4186 pairs of images correlate at r = 0.491 between human and monkey (Spearman 0.439).

    References
    ----------
    Kriegeskorte et al. 2008, Neuron 60, Figure 1.
    """
    sessions = read_matlab(locate("objects-92", _SESSIONS_FILE), _SESSIONS_FILE)["RDMs"][0]
    published = read_matlab(locate("objects-92", _PUBLISHED_FILE), _PUBLISHED_FILE)
    stimuli = published["stimuli_92objs"][0]
    by_name = {_text(record["name"])[:3]: _square(record["RDM"]) for record in published["RDMs_mIT_hIT_fig1"][0]}
    return ObjectDissimilarities(
        human_sessions=np.array([[_square(record["RDM"]) for record in subject] for subject in sessions]),
        human=_named("matrix", by_name, "hIT"),
        monkey=_named("matrix", by_name, "mIT"),
        subjects=tuple(_text(subject[0]["name"]).split(" | ")[1] for subject in sessions),
        labels=np.array([_text(stimulus["category"]) for stimulus in stimuli]),
        categories=_categories(published),
        images=np.stack([stimulus["image"] for stimulus in stimuli]),
    )


def _categories(published: dict[str, Any]) -> dict[str, NDArray[np.bool_]]:
    names = [_text(name) for name in published["categoryLabels"][0]]
    columns = dict(zip(names, published["categoryVectors"].T.astype(bool), strict=True))
    return {ours: _named("category", columns, theirs) for ours, theirs in zip(CATEGORIES, _COLUMNS, strict=True)}


def _square(matrix: NDArray) -> NDArray[np.float64]:
    """A symmetric matrix with a zero diagonal, also from the vector of its upper triangle."""
    matrix = np.asarray(matrix, dtype=np.float64)
    return squareform(matrix.ravel() if min(matrix.shape) == 1 else squareform(matrix))


def _named(kind: str, found: dict[str, NDArray], name: str) -> NDArray:
    if name not in found:
        msg = f"{_PUBLISHED_FILE} has no {kind} '{name}'; it has: {', '.join(found)}."
        raise ValueError(msg)
    return found[name]


def _text(field: NDArray) -> str:
    """The text inside the nested arrays that MATLAB's strings become."""
    while isinstance(field, np.ndarray):
        field = field.ravel()[0]
    return str(field)
