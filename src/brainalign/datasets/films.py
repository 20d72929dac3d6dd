"""Films of digit scenes: a scene stays for a few volumes, with its caption, until the next one comes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from brainalign.datasets.scenes import DIGITS, EMPTY, GRID, RELATIONS, Split, draw_scenes, render


@dataclass(frozen=True)
class Film:
    """One picture and one caption a volume.

    Attributes
    ----------
    images : ndarray of shape (n_volumes, 24, 24)
        Ink; the same scene is drawn anew in every volume, with its own contrast, shift and noise.
    captions : ndarray of shape (n_volumes, 7)
        Token numbers; true of the picture.
    cells : ndarray of shape (n_volumes, 9)
        Digit in each cell, as in `brainalign.datasets.scenes.Scenes`.
    words : ndarray of shape (n_volumes, 3)
        First digit, relation and second digit of the caption.
    places : ndarray of shape (n_volumes, 2)
        Cells of the two digits that the caption speaks of.
    scene : ndarray of shape (n_volumes,)
        Number of the scene, rising.
    """

    images: NDArray[np.float32]
    captions: NDArray[np.int64]
    cells: NDArray[np.int64]
    words: NDArray[np.int64]
    places: NDArray[np.int64]
    scene: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.images)


def draw_film(
    n_volumes: int, *, generator: np.random.Generator, mean_length: float = 3.0, split: Split = "test"
) -> Film:
    """Draw a film of captioned digit scenes.

    Parameters
    ----------
    n_volumes : int
        Length, 1 or more.
    generator : Generator
        Source of every draw.
    mean_length : float
        Mean number of volumes that a scene stays, 1 or more; lengths are geometric, so that the end of a scene can not
        be foretold.
    split : {"train", "test"}
        Which handwritten digits are shown.

    Returns
    -------
    Film

    Raises
    ------
    ValueError
        A length below 1, or an unknown split.
    """
    if n_volumes < 1 or mean_length < 1:
        msg = f"n_volumes = {n_volumes} and mean_length = {mean_length:g} must both be 1 or more."
        raise ValueError(msg)
    begins = generator.random(n_volumes) < 1 / mean_length
    begins[0] = False
    shown = np.cumsum(begins)
    scenes = draw_scenes(int(shown[-1]) + 1, generator=generator, split=split)
    return Film(
        images=render(scenes.instances[shown], generator=generator),
        captions=scenes.captions[shown],
        cells=scenes.cells[shown],
        words=scenes.words[shown],
        places=scenes.mentioned[shown],
        scene=shown,
    )


def film_variables(film: Film) -> dict[str, NDArray[np.float64]]:
    """What is true of a film, as numbers that a simulated cortex can follow.

    Parameters
    ----------
    film : Film
        What is shown.

    Returns
    -------
    dict of str to ndarray of shape (n_volumes, n_variables)
        ``"picture"``: which digits are there and which cells are filled (19). ``"caption"``: first digit, relation and
        second digit, as zeros and ones (24). ``"place"``: cells of the two digits spoken of, as zeros and ones (18).
        ``"change"``: 1 in the volume where a scene begins (1).
    """
    digits = (film.cells[:, :, None] == np.arange(len(DIGITS))).any(axis=1)
    sizes = (len(DIGITS), len(RELATIONS), len(DIGITS))
    words = [np.eye(n)[index] for n, index in zip(sizes, film.words.T, strict=True)]
    return {
        "picture": np.concatenate([digits, film.cells != EMPTY], axis=1).astype(float),
        "caption": np.concatenate(words, axis=1),
        "place": np.eye(GRID**2)[film.places].reshape(len(film), -1),
        "change": np.diff(film.scene, prepend=-1)[:, None].astype(float),
    }
