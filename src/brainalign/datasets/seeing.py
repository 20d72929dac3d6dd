"""The 92 object images in early visual cortex and IT of 15 people, in judgements of 16, and in models of vision.

All matrices hold the images in the order of `brainalign.datasets.objects`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import squareform

from brainalign.catalogue.entries import locate, state_of
from brainalign.datasets.containers import read_matlab

MODELS = "objects-92-models"
"""Entry of the catalogue with judgements and models."""

_REGIONS = {"early visual": "fmri_EVC_RDMs.npz", "IT": "fmri_IT_RDMs.npz"}
_N_IMAGES = 92
_JUDGEMENTS = "92imageData/92_behavRDMs.mat"
_CLASSICAL = "92imageData/92_modelRDMs.mat"
_ALEXNET = "rdms_inferring/modelRDMs_A2020.mat"


class AlexNetLayer(NamedTuple):
    """Which layer, and how it was measured.

    Attributes
    ----------
    layer : str
        "conv1" to "conv5", "fc6" to "fc8", "prob".
    measured : str
        "complete" for all units; else a simulated measurement that averages over places ("smooth") and features.
    """

    layer: str
    measured: str


def load_seeing_people() -> dict[str, NDArray[np.float64]]:
    """Dissimilarities of the images in two regions of 15 people.

    Returns
    -------
    dict of str to ndarray of shape (15, 92, 92)
        Under "early visual" and "IT": 1 - Pearson correlation of fMRI patterns, in [0, 2], with zero diagonals. The
        same place is the same person in both.

    Raises
    ------
    MissingDataError, ChecksumError
        When a file is not here or cannot be trusted; see `brainalign.catalogue.entries.locate`.
    ValueError
        When a file does not hold symmetric matrices of the 92 images.

    Notes
    -----
    The files do not say whose matrix is whose. What a person's early visual cortex has beyond the mean of all
    correlates with what the IT at the same place has at .26 on average, with that at other places at -.02.

    References
    ----------
    Cichy et al. 2014, Nature Neuroscience 17.
    """
    people = {}
    for region, name in _REGIONS.items():
        with np.load(locate("cichy-92", name), allow_pickle=False) as file:
            if "Net_RDM" not in file:
                msg = f"{name} has no array 'Net_RDM'; it has: {', '.join(file)}."
                raise ValueError(msg)
            people[region] = _checked(file["Net_RDM"], name)
    return people


def has_judgements_and_models() -> bool:
    """Whether judgements and models of the images are on this machine."""
    return state_of(MODELS) in ("mirror", "here")


def load_judgements() -> NDArray[np.float64]:
    """Dissimilarities as 16 people judged them, by arranging the images.

    Returns
    -------
    ndarray of shape (16, 92, 92)

    Raises
    ------
    MissingDataError, ChecksumError, ValueError
        As `load_seeing_people`.

    References
    ----------
    Mur et al. 2013, Frontiers in Psychology 4.
    """
    return _checked([record["RDM"] for record in _records(_JUDGEMENTS, "rdms_behav_92")], _JUDGEMENTS)


def load_classical_models() -> dict[str, NDArray[np.float64]]:
    """Dissimilarities of models without learning, and of monkey IT, by the names in the file.

    Returns
    -------
    dict of str to ndarray of shape (92, 92)
        "animacy" and "FaceBodyManmadeNatobj" (whether categories differ), "monkeyIT", "EVA", "HMAX", "V1",
        "Silhouette", "RADON".

    Raises
    ------
    MissingDataError, ChecksumError, ValueError
        As `load_seeing_people`.
    """
    records = list(_records(_CLASSICAL, "Models"))
    matrices = _checked([record["RDM"] for record in records], _CLASSICAL)
    return {str(record["name"].item()): matrix for record, matrix in zip(records, matrices, strict=True)}


def load_alexnet() -> dict[AlexNetLayer, NDArray[np.float64]]:
    """Dissimilarities (squared Euclidean distances) of the images in AlexNet.

    Returns
    -------
    dict of AlexNetLayer to ndarray of shape (92, 92)
        63 matrices, from the first layer to the last, each layer "complete" first.

    Raises
    ------
    MissingDataError, ChecksumError, ValueError
        As `load_seeing_people`.

    References
    ----------
    Schütt et al. 2023, eLife 12.
    """
    records = list(_records(_ALEXNET, "modelRDMs"))
    matrices = _checked([squareform(record["RDM"].ravel().astype(np.float64)) for record in records], _ALEXNET)
    names = [AlexNetLayer(str(r["reprName"].item()), str(r["measModelName"].item())) for r in records]
    return dict(zip(names, matrices, strict=True))


def _records(path: str, name: str) -> Iterator[Mapping[str, Any]]:
    content = read_matlab(locate(MODELS, path), path)
    if name not in content:
        msg = f"{path} has no variable '{name}'; it has: {', '.join(k for k in content if not k.startswith('_'))}."
        raise ValueError(msg)
    yield from content[name].ravel()


def _checked(matrices: ArrayLike, name: str) -> NDArray[np.float64]:
    stack = np.asarray(matrices, dtype=np.float64)
    if stack.ndim != 3 or stack.shape[1:] != (_N_IMAGES, _N_IMAGES):
        msg = f"{name}: matrices of {_N_IMAGES} x {_N_IMAGES} images are expected; got an array of shape {stack.shape}."
        raise ValueError(msg)
    mirrored = stack.swapaxes(1, 2)
    diagonals = np.diagonal(stack, axis1=1, axis2=2)
    lopsided = np.abs(stack - mirrored) > 1e-9 * np.abs(stack)
    if not np.isfinite(stack).all() or lopsided.any() or diagonals.any():
        msg = f"{name}: a matrix is not symmetric with a zero diagonal and finite; remove the file and fetch it again."
        raise ValueError(msg)
    return (stack + mirrored) / 2  # the files of people are symmetric up to rounding
