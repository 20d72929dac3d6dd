"""Brains that watch a film: responses of parcels by system, measured or simulated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brainalign.datasets.cortex import Drive, Truth, plan_cortex, simulate_cortex
from brainalign.datasets.surfaces import CorticalSurface, study_systems
from brainalign.encoding.delays import delay
from brainalign.encoding.splits import Split, contiguous_folds
from brainalign.studies.viewing.timelines import Timeline

REST = "others"

TRUTH = {
    "language": Truth(("caption",), delay=2),
    "visual": Truth(("picture",), delay=1),
    "attention": Truth(("place",), delay=2),
    "default mode": Truth(("picture", "caption"), delay=3),
}
"""What the systems of a simulated cortex follow in the film, and how many volumes later. No model has a part in it."""


@dataclass(frozen=True)
class Brain:
    """Responses of a cortex to a film.

    Attributes
    ----------
    responses : ndarray of shape (n_volumes, n_parcels)
        One volume for each volume of the film that it watched, or for each settled one of the timeline.
    systems : dict of str to ndarray of bool, of shape (n_parcels,)
        Parcels of every system; those under ``"others"`` belong to none that is asked about.
    surface : CorticalSurface
        Where the parcels lie.
    delays : tuple of int
        Volumes by which features are delayed to meet the responses.
    ceiling : ndarray of shape (n_parcels,) or None
        Correlation that a perfect prediction would have; None where it is not known.
    timeline : Timeline or None
        Runs and clips of what was watched; None for one film without a break.
    """

    responses: NDArray[np.float64]
    systems: dict[str, NDArray[np.bool_]]
    surface: CorticalSurface
    delays: tuple[int, ...]
    ceiling: NDArray[np.float64] | None = None
    timeline: Timeline | None = None

    def delayed(self, courses: ArrayLike) -> NDArray[np.floating]:
        """Courses of the watched volumes at all delays, a row for every volume of the responses.

        Parameters
        ----------
        courses : array_like of shape (n_watched, n_features)

        Returns
        -------
        ndarray of shape (n_volumes, n_features * n_delays)
        """
        return delay(courses, self.delays) if self.timeline is None else self.timeline.delayed(courses)

    def folds(self, n_folds: int, gap: int) -> list[Split]:
        """Splits of the volumes of the responses: whole clips, or blocks with a gap where there is one film."""
        if self.timeline is None:
            return contiguous_folds(len(self.responses), n_folds, gap=gap)
        return self.timeline.folds(n_folds)

    @property
    def runs(self) -> NDArray | None:
        """Label of the scanner run of every volume of the responses; None for one run."""
        return None if self.timeline is None else self.timeline.runs[self.timeline.is_settled]

    @property
    def clips(self) -> NDArray | None:
        """Label of the clip of every volume of the responses; None for one film."""
        return None if self.timeline is None else self.timeline.clips[self.timeline.is_settled]

    @property
    def studied(self) -> dict[str, NDArray[np.bool_]]:
        """The systems that are asked about."""
        return {name: own for name, own in self.systems.items() if name != REST}

    @property
    def in_studied(self) -> NDArray[np.bool_]:
        """Parcels of any of them, of shape (n_parcels,)."""
        return np.any(list(self.studied.values()), axis=0)

    def mean_of(self, system: str) -> NDArray[np.float64]:
        """Mean response of a system's parcels, of shape (n_volumes,)."""
        return self.responses[:, self.systems[system]].mean(axis=1)

    @property
    def means(self) -> NDArray[np.float64]:
        """Mean responses of the systems that are asked about, of shape (n_volumes, n_systems)."""
        return np.stack([self.mean_of(name) for name in self.studied], axis=1)


def simulate_brain(
    variables: Mapping[str, ArrayLike],
    surface: CorticalSurface,
    *,
    noise: float,
    truth: Mapping[str, Truth] = TRUTH,
    delays: tuple[int, ...] = (1, 2, 3),
    generator: np.random.Generator,
) -> Brain:
    """A cortex whose systems follow what is true of the film, with slow noise that parcels of a system share.

    Parameters
    ----------
    variables : mapping of str to array_like of shape (n_volumes, n_variables)
        From `brainalign.datasets.films.film_variables`, of the volumes that it watches.
    surface : CorticalSurface
        Where the parcels lie.
    noise : float
        Standard deviation of the noise, above 0.
    truth : mapping of str to Truth
        What each system follows.
    delays : tuple of int
        Delays that are offered to models of it.
    generator : Generator
        Source of mixtures, gains and noise.

    Returns
    -------
    Brain
        With its ceiling.

    Raises
    ------
    ValueError
        What `brainalign.datasets.cortex.plan_cortex` or `simulate_cortex` refuse.
    """
    systems = study_systems(surface)
    sources, drives = plan_cortex(variables, truth, generator=generator)
    cortex = simulate_cortex(sources, drives, systems, noise=noise, generator=generator)
    return Brain(cortex.responses, systems, surface, delays, cortex.ceiling)


def simulate_mirror(
    brain: Brain,
    activations: ArrayLike,
    quarters: ArrayLike,
    *,
    system: str = "visual",
    gain: float = 0.5,
    late: int = 1,
    noise: float,
    generator: np.random.Generator,
) -> Brain:
    """A positive control for polarity: a cortex that the first layers of a model drive up and the last ones down.

    Parameters
    ----------
    brain : Brain
        Whose parcels and systems are taken.
    activations : array_like of shape (n_volumes, n_neurons)
        Neurons of one model.
    quarters : array_like of shape (n_neurons,)
        From `brainalign.encoding.depth_quarters`.
    system : str
        System that is driven; nothing drives the others.
    gain : float
        Strength of either end, in standard deviations of the noise.
    late : int
        Volumes by which the parcels come later.
    noise : float
        Standard deviation of the noise, above 0.
    generator : Generator
        Source of gains and noise.

    Returns
    -------
    Brain
        The mean of the first quarter's neurons lifts the system, that of the last quarter's lowers it.

    Raises
    ------
    ValueError
        What `brainalign.datasets.cortex.simulate_cortex` refuses.
    """
    activations, quarters = np.asarray(activations, dtype=float), np.asarray(quarters)
    ends = [activations[:, quarters == end].mean(axis=1) for end in (quarters.min(), quarters.max())]
    drives = [Drive(0, system, gain, late), Drive(1, system, -gain, late)]
    sources = np.stack(ends, axis=1)
    cortex = simulate_cortex(sources, drives, brain.systems, noise=noise, generator=generator)
    return replace(brain, responses=cortex.responses, ceiling=cortex.ceiling)
