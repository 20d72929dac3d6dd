"""A simulated cortex whose truth is planted: which source drives which system, with what sign and delay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import lfilter


@dataclass(frozen=True)
class Drive:
    """One planted influence.

    Attributes
    ----------
    source : int
        Column of the sources.
    system : str
        Name of the system whose parcels follow it.
    gain : float
        Strength and sign, in standard deviations of the noise.
    delay : int
        Volumes by which the parcels come later.
    """

    source: int
    system: str
    gain: float
    delay: int = 0


@dataclass(frozen=True)
class SimulatedCortex:
    """Responses and the truth behind them.

    Attributes
    ----------
    responses : ndarray of shape (n_volumes, n_parcels)
        What a scanner would see.
    signal : ndarray of shape (n_volumes, n_parcels)
        The part that the sources drive; zero in parcels that nothing drives.
    gains : ndarray of shape (n_sources, n_parcels)
        Signed strength with which every parcel follows every source, over all delays.
    """

    responses: NDArray[np.float64]
    signal: NDArray[np.float64]
    gains: NDArray[np.float64]

    @property
    def ceiling(self) -> NDArray[np.float64]:
        """Correlation of a perfect prediction with the responses, of shape (n_parcels,); 0 where nothing drives."""
        spread = self.signal.std(axis=0)
        signal = (self.signal - self.signal.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
        responses = (self.responses - self.responses.mean(axis=0)) / self.responses.std(axis=0)
        return (signal * responses).mean(axis=0)


def simulate_cortex(
    sources: ArrayLike,
    drives: Sequence[Drive],
    systems: Mapping[str, ArrayLike],
    *,
    noise: float = 1.0,
    memory: float = 0.5,
    shared: float = 0.3,
    spread: float = 0.5,
    generator: np.random.Generator,
) -> SimulatedCortex:
    """Responses of parcels to sources, by a plan, with noise as scanners have it.

    Parameters
    ----------
    sources : array_like of shape (n_volumes, n_sources)
        Time courses; standardized here.
    drives : sequence of Drive
        The plan; empty for a cortex that nothing drives.
    systems : mapping of str to array_like of bool, of shape (n_parcels,)
        Parcels by system. Every parcel belongs to exactly one.
    noise : float
        Standard deviation of the noise, above 0.
    memory : float
        Correlation of the noise from volume to volume, 0 to below 1.
    shared : float
        Share of the noise variance that all parcels of a system have in common, 0 to 1.
    spread : float
        How much the parcels of a system differ in how strongly they follow one drive, 0 to 1.
    generator : Generator
        Source of the noise and of the parcels' gains.

    Returns
    -------
    SimulatedCortex

    Raises
    ------
    ValueError
        A drive from a source or to a system that is not there, a delay that is negative or as long as the film, a
        source that does not vary, parcels in no system or in several, noise parameters out of range.

    Notes
    -----
    Parcel p of a driven system follows ``sum_d gain_d u_dp z_d(t - delay_d)``, where z is the standardized source
    (zero before the start) and u is drawn evenly from 1 - spread to 1 + spread. Noise is autoregressive of order 1.
    """
    z = _standardized(np.asarray(sources, dtype=float))
    names, members = _partition(systems)
    _check(drives, z.shape, names, noise=noise, memory=memory, shares=(shared, spread))
    gains = np.zeros((z.shape[1], members.shape[1]))
    signal = np.zeros((len(z), members.shape[1]))
    for drive in drives:
        own = (
            drive.gain
            * generator.uniform(1 - spread, 1 + spread, members.shape[1])
            * members[names.index(drive.system)]
        )
        late = np.concatenate([np.zeros(drive.delay), z[: len(z) - drive.delay, drive.source]])
        signal += np.outer(late, own)
        gains[drive.source] += own
    common = autoregressive_noise((len(z), len(names)), memory, generator) @ members
    own = autoregressive_noise(signal.shape, memory, generator)
    return SimulatedCortex(signal + noise * (np.sqrt(shared) * common + np.sqrt(1 - shared) * own), signal, gains)


@dataclass(frozen=True)
class Truth:
    """What one system follows.

    Attributes
    ----------
    follows : tuple of str
        Names of groups of variables.
    delay : int
        Volumes by which it comes later.
    """

    follows: tuple[str, ...]
    delay: int


def plan_cortex(
    variables: Mapping[str, ArrayLike],
    truth: Mapping[str, Truth],
    *,
    gain: float = 0.5,
    n_directions: int = 3,
    generator: np.random.Generator,
) -> tuple[NDArray[np.float64], list[Drive]]:
    """Sources and drives that let every system follow the variables that it should.

    Parameters
    ----------
    variables : mapping of str to array_like of shape (n_volumes, n_variables)
        Groups of variables of a film, from `brainalign.datasets.films.film_variables`.
    truth : mapping of str to Truth
        What each system follows.
    gain : float
        Strength of a system that follows one direction alone, in standard deviations of the noise.
    n_directions : int
        Random mixtures of a group of variables that a system follows, 1 or more.
    generator : Generator
        Source of the mixtures and of their signs.

    Returns
    -------
    sources : ndarray of shape (n_volumes, n_sources)
        The mixtures.
    drives : list of Drive
        One a source; systems that follow several groups share the strength among them.

    Raises
    ------
    ValueError
        A system that follows a group that is not there.
    """
    sources, drives = [], []
    for system, true in truth.items():
        for name in true.follows:
            if name not in variables:
                msg = f"the system '{system}' can not follow '{name}'; the variables are: {', '.join(variables)}."
                raise ValueError(msg)
            values = np.asarray(variables[name], dtype=float)
            for _ in range(n_directions):
                strength = gain / np.sqrt(len(true.follows)) * generator.choice([-1.0, 1.0])
                drives.append(Drive(len(sources), system, float(strength), true.delay))
                sources.append(values @ generator.standard_normal(values.shape[1]))
    return np.stack(sources, axis=1), drives


def _standardized(sources: NDArray[np.float64]) -> NDArray[np.float64]:
    if sources.ndim != 2 or len(sources) < 2 or not np.isfinite(sources).all():
        msg = f"sources must be a finite matrix of at least 2 volumes (rows); got shape {sources.shape}."
        raise ValueError(msg)
    spread = sources.std(axis=0)
    if not spread.all():
        msg = f"sources {np.flatnonzero(spread == 0).tolist()} do not vary; leave them out."
        raise ValueError(msg)
    return (sources - sources.mean(axis=0)) / spread


def _partition(systems: Mapping[str, ArrayLike]) -> tuple[list[str], NDArray[np.float64]]:
    members = np.stack([np.asarray(mask, dtype=bool) for mask in systems.values()])
    counts = members.sum(axis=0)
    if (counts != 1).any():
        msg = (
            f"every parcel must belong to exactly one system: {np.count_nonzero(counts == 0)} belong to none and "
            f"{np.count_nonzero(counts > 1)} to several."
        )
        raise ValueError(msg)
    return list(systems), members.astype(float)


def _check(
    drives: Sequence[Drive],
    shape: tuple[int, ...],
    names: list[str],
    *,
    noise: float,
    memory: float,
    shares: tuple[float, float],
) -> None:
    for drive in drives:
        if not 0 <= drive.source < shape[1] or drive.system not in names:
            msg = f"{drive} is impossible; there are {shape[1]} sources and the systems {', '.join(names)}."
            raise ValueError(msg)
        if not 0 <= drive.delay < shape[0]:
            msg = f"{drive} is impossible; delays go from 0 to {shape[0] - 1} volumes."
            raise ValueError(msg)
    if noise <= 0 or not 0 <= memory < 1 or not all(0 <= share <= 1 for share in shares):
        msg = (
            f"noise = {noise:g} must be above 0, memory = {memory:g} at least 0 and below 1, shared = {shares[0]:g} "
            f"and spread = {shares[1]:g} between 0 and 1."
        )
        raise ValueError(msg)


def autoregressive_noise(shape: tuple[int, int], memory: float, generator: np.random.Generator) -> NDArray[np.float64]:
    """Noise of variance 1 whose neighbours in time correlate.

    Parameters
    ----------
    shape : (n_volumes, n_series)
        The series do not depend on each other.
    memory : float
        Correlation from volume to volume, 0 to below 1.
    generator : Generator
        Source of the noise.

    Returns
    -------
    ndarray of shape (n_volumes, n_series)
        Of the same variance from the first volume on.
    """
    steps = generator.standard_normal(shape)
    steps[1:] *= np.sqrt(1 - memory**2)  # the first value is drawn from the whole variance: no run-in
    return lfilter([1.0], [1.0, -memory], steps, axis=0)
