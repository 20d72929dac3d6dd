"""Brains that models are held against: stimuli, and the responses to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from brainalign.datasets.objects import load_object_dissimilarities
from brainalign.datasets.scenes import EMPTY, SIDE, draw_scenes
from brainalign.similarity import classical_scaling

_CONTRAST_GRID = 6  # patches along a side of a scene, 4 x 4 pixels each, as the models cut it


@dataclass(frozen=True, eq=False)
class Target:
    """Responses of one brain area to pictures.

    Attributes
    ----------
    name : str
    pictures : ndarray of shape (n_stimuli, 24, 24)
        What the models are shown, ink from 0 to 1. The order is random: parts of them are random parts.
    responses : Tensor of shape (n_stimuli, n_units)
        In double precision.

    Raises
    ------
    ValueError
        For other numbers of pictures and responses.
    """

    name: str
    pictures: NDArray[np.floating]
    responses: Tensor

    def __post_init__(self) -> None:
        if len(self.pictures) != len(self.responses):
            msg = (
                f"target '{self.name}' has {len(self.pictures)} pictures and {len(self.responses)} responses; give "
                "one response per picture."
            )
            raise ValueError(msg)


def object_targets(*, generator: np.random.Generator) -> tuple[Target, ...]:
    """Human and monkey inferior temporal cortex (IT), 92 pictures of objects.

    Parameters
    ----------
    generator : numpy.random.Generator
        Draws the order of the pictures, which the files keep sorted by category.

    Returns
    -------
    tuple of Target
        "human IT" and "monkey IT". Only dissimilarities were published; the responses are points with these squared
        distances, so measures that see through rotations are as they were with the true responses (up to a factor).

    Raises
    ------
    MissingDataError, ChecksumError
        See `brainalign.datasets.objects.load_object_dissimilarities`.

    References
    ----------
    Kriegeskorte et al. 2008, Neuron 60.
    """
    objects = load_object_dissimilarities()
    order = generator.permutation(len(objects.images))
    pictures = object_ink(objects.images)[order]
    return tuple(
        Target(name, pictures, classical_scaling(torch.tensor(rdm[np.ix_(order, order)])))
        for name, rdm in (("human IT", objects.human), ("monkey IT", objects.monkey))
    )


def object_ink(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Colour pictures on a grey ground as small pictures of ink.

    Parameters
    ----------
    images : ndarray of shape (n, height, width, 3)
        8-bit colours; the ground is the grey 128, as in the study.

    Returns
    -------
    ndarray of shape (n, 24, 24)
        Distance of the brightness from the ground, 0 (ground) to 1, averaged over the pixels that fall together. The
        models saw white digits on black; brighter and darker than the ground both become ink.
    """
    brightness = torch.tensor(images).double().mean(dim=3)
    ink = (brightness - 128).abs() / 128
    return adaptive_avg_pool2d(ink[:, None], SIDE)[:, 0].numpy()


def planted_targets(
    n_stimuli: int, *, n_voxels: int = 60, noise: float = 1.0, generator: np.random.Generator
) -> tuple[Target, ...]:
    """Three simulated areas that see scenes of digits; what each of them codes is known.

    Parameters
    ----------
    n_stimuli : int
        Number of scenes, of handwriting that no model was trained on.
    n_voxels : int
        Voxels of each area.
    noise : float
        Standard deviation of a voxel's noise, in units of that of its signal.
    generator : numpy.random.Generator
        Draws scenes, voxels and noise.

    Returns
    -------
    tuple of Target
        "simulated contrast": how much ink is in each of 36 patches. "simulated place": which of the nine cells hold a
        digit. "simulated digit": which of the ten digits are there.

    Raises
    ------
    ValueError
        For fewer than one voxel, negative noise, or what `brainalign.datasets.scenes.draw_scenes` refuses.

    Notes
    -----
    A voxel is a random weighting (standard normal) of the area's standardised variables, plus independent noise. The
    choice of the three areas is ours: a rough picture of the way from local contrast to what and where.
    """
    if n_voxels < 1 or noise < 0:
        msg = f"an area needs n_voxels of 1 or more and noise of 0 or more: got {n_voxels} and {noise}."
        raise ValueError(msg)
    scenes = draw_scenes(n_stimuli, generator=generator, split="test")
    patches = adaptive_avg_pool2d(torch.tensor(scenes.images)[:, None].double(), _CONTRAST_GRID)
    codes = {
        "contrast": patches.flatten(1).numpy(),
        "place": (scenes.cells != EMPTY).astype(float),
        "digit": scenes.labels.astype(float),
    }
    return tuple(
        Target(f"simulated {name}", scenes.images, _voxels(code, n_voxels, noise, generator))
        for name, code in codes.items()
    )


def _voxels(code: NDArray[np.float64], n_voxels: int, noise: float, generator: np.random.Generator) -> Tensor:
    spread = code.std(axis=0)
    standard = (code - code.mean(axis=0)) / np.where(spread > 0, spread, 1)
    signal = standard @ generator.standard_normal((code.shape[1], n_voxels))
    return torch.tensor(signal + noise * signal.std(axis=0) * generator.standard_normal(signal.shape))
