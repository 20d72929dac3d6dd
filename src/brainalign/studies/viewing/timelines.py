"""Which volumes of a recording can be asked about: those of clips, each once its past is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brainalign.encoding.delays import delay
from brainalign.encoding.splits import Split, split_samples


@dataclass(frozen=True)
class Timeline:
    """Runs and clips of the volumes that were watched, in the order of time.

    Attributes
    ----------
    runs : ndarray of shape (n_watched,)
        Label of the scanner run of every volume.
    clips : ndarray of shape (n_watched,)
        Label of the clip of every volume; clips of two runs have different labels.
    delays : tuple of int
        Volumes by which features are delayed.
    """

    runs: NDArray
    clips: NDArray
    delays: tuple[int, ...]

    @property
    def is_settled(self) -> NDArray[np.bool_]:
        """Volumes whose delayed features all lie in their own clip, of shape (n_watched,).

        At the beginning of a clip the features of the past are unknown, and the response is still that to rest or to
        the clip before. Filled with zeros, any features at all would tell these volumes from the others.
        """
        before = np.r_[False, self.clips[1:] == self.clips[:-1]]
        age = np.zeros(len(before), dtype=int)
        for volume in np.flatnonzero(before):
            age[volume] = age[volume - 1] + 1
        return age >= max(self.delays)

    def delayed(self, courses: ArrayLike) -> NDArray[np.floating]:
        """Courses of the watched volumes at all delays, for the settled volumes.

        Parameters
        ----------
        courses : array_like of shape (n_watched, n_features)

        Returns
        -------
        ndarray of shape (n_settled, n_features * n_delays)
            See `brainalign.encoding.delay`; nothing is carried from one clip into the next.
        """
        return delay(courses, self.delays, self.clips)[self.is_settled]

    def folds(self, n_folds: int) -> list[Split]:
        """Splits of the settled volumes that hold out whole clips.

        Parameters
        ----------
        n_folds : int
            Most folds; clips are grouped where there are more of them.

        Returns
        -------
        list of Split
            Numbers among the settled volumes.

        Raises
        ------
        ValueError
            With fewer than two clips.
        """
        labels = np.unique(self.clips[self.is_settled], return_inverse=True)[1]
        if labels.max() == 0:
            msg = "one clip cannot be held out from itself; watch two or more."
            raise ValueError(msg)
        return split_samples(np.arange(len(labels)), labels, n_folds=n_folds, gap=0)


def label_clips(runs: Sequence[str], clips: Sequence[int]) -> NDArray[np.str_]:
    """One label for every clip of every run.

    Examples
    --------
    >>> label_clips(["a", "a", "b"], [1, 2, 1]).tolist()
    ['a, clip 1', 'a, clip 2', 'b, clip 1']
    """
    return np.array([f"{run}, clip {clip}" for run, clip in zip(runs, clips, strict=True)])
