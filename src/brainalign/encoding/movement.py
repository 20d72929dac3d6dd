"""How far artificial neurons move when the picture, or the caption, is exchanged and all else stays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from brainalign.numeric import as_doubles, as_labels

Recorded = Mapping[tuple[str, int, str], ArrayLike]
_CROSS = "cross_"
_PLACE = ["tower", "layer", "reads"]


def movement_by_layer(
    before: Recorded, after: Recorded, exchanged: Recorded, *, n_draws: int, generator: np.random.Generator
) -> pd.DataFrame:
    """Movement of the neurons of every layer, with intervals over stimuli.

    Parameters
    ----------
    before, after, exchanged : mapping of (tower, layer, kind) to array_like
        Pooled activations of the same stimuli, of shape (n_stimuli, ...): as they are, with one thing changed, and with
        picture and caption both exchanged for those of another stimulus.
    n_draws : int
        How often stimuli are drawn again for the intervals, 99 or more.
    generator : Generator
        Source of the draws.

    Returns
    -------
    DataFrame with one row per layer and attention
        ``tower``, ``layer``, ``reads`` ("own" stream, or the "other" one in layers of cross-attention), ``value`` with
        ``low`` and ``high``, the middle 95 % of the draws.

    Raises
    ------
    ValueError
        Records of different keys or shapes, too few stimuli or draws, or a layer that the exchange does not move.

    Notes
    -----
    The mean squared way from before to after, summed over the neurons of the layer, divided by that from before to
    exchanged: 0 where nothing moves, 1 where one change does as much as both. Above 1 is possible, where a picture and
    a caption that do not belong together move a layer further than a pair that does.
    """
    if n_draws < 99:
        msg = f"n_draws = {n_draws} is too few for an interval; give 99 or more."
        raise ValueError(msg)
    rows = []
    for key, way, whole in _ways(before, after, exchanged):
        n = len(way)
        draws = generator.multinomial(n, np.full(n, 1 / n), size=n_draws)
        moved = (draws @ way.sum(axis=1)) / (draws @ whole.sum(axis=1))
        value = way.sum() / whole.sum()
        low, high = np.quantile(moved, [0.025, 0.975])
        rows.append({**_place(key), "value": value, "low": min(low, value), "high": max(high, value)})
    return pd.DataFrame(rows)


def movement_by_neuron(before: Recorded, after: Recorded, exchanged: Recorded) -> pd.DataFrame:
    """Movement of every single neuron.

    Parameters
    ----------
    before, after, exchanged : mapping of (tower, layer, kind) to array_like
        As for `movement_by_layer`.

    Returns
    -------
    DataFrame with one row per neuron
        ``tower``, ``layer``, ``reads`` and ``moved``, as `movement_by_layer` defines it. Neurons that the exchange of
        both does not move are left out.

    Raises
    ------
    ValueError
        See `movement_by_layer`.
    """
    parts = []
    for key, way, whole in _ways(before, after, exchanged):
        living = whole.sum(axis=0) > 0
        moved = way.sum(axis=0)[living] / whole.sum(axis=0)[living]
        parts.append(pd.DataFrame({**_place(key), "moved": moved}))
    return pd.concat(parts, ignore_index=True)


def beside_twins(moves: pd.DataFrame) -> pd.DataFrame:
    """Movement of trained models beside the mean of their untrained twins.

    Parameters
    ----------
    moves : DataFrame
        Rows of `movement_by_layer`, with the columns ``model``, ``change`` and ``twin``: 0 for the trained model, 1, 2,
        ... for its twins.

    Returns
    -------
    DataFrame
        One row per model, layer, ``reads`` and ``change``, with ``value``, ``low``, ``high`` of the trained model, and
        under ``untrained``, the mean of its twins. A model without a trained version has the mean of the untrained
        ones as its value, their range as ``low`` and ``high``, and no number under ``untrained``.
    """
    place = ["model", *_PLACE, "change"]
    twins = moves[moves["twin"] > 0].groupby(place, sort=False)["value"].agg(["mean", "min", "max"])
    twins = twins.rename(columns={"mean": "untrained", "min": "low", "max": "high"}).reset_index()
    trained = moves[moves["twin"] == 0].drop(columns="twin").merge(twins[[*place, "untrained"]], on=place, how="left")
    alone = twins[~twins["model"].isin(trained["model"])]
    alone = alone.assign(value=alone["untrained"], untrained=np.nan)
    return pd.concat([trained, alone[trained.columns]], ignore_index=True)


def share_between(activations: ArrayLike, scenes: ArrayLike) -> NDArray[np.float64]:
    """Share of each neuron's variance over a film that lies between scenes, not within them.

    Parameters
    ----------
    activations : array_like of shape (n_volumes, n_neurons)
        Time courses.
    scenes : array_like of shape (n_volumes,)
        Number of the scene that each volume shows.

    Returns
    -------
    ndarray of shape (n_neurons,)
        From 0 to 1. Chance is not 0: with scenes of few volumes their means differ by chance; compare with the same
        courses shifted in time.

    Raises
    ------
    ValueError
        Lengths that differ, or a neuron that does not vary.
    """
    courses, scenes = as_doubles(activations, name="activations"), as_labels(scenes, name="scenes")
    if courses.ndim != 2 or scenes.shape != (len(courses),):
        msg = f"courses have shape {courses.shape} and scenes {scenes.shape}; they need the same volumes."
        raise ValueError(msg)
    if not (np.ptp(courses, axis=0) > 0).all():
        msg = "a neuron does not vary over the film; leave such neurons out (as_neurons does)."
        raise ValueError(msg)
    _, scene, counts = np.unique(scenes, return_inverse=True, return_counts=True)
    centered = courses - courses.mean(axis=0)
    sums = np.zeros((len(counts), courses.shape[1]))
    np.add.at(sums, scene, centered)
    return (sums**2 / counts[:, None]).sum(axis=0) / (centered**2).sum(axis=0)


def _ways(
    before: Recorded, after: Recorded, exchanged: Recorded
) -> Iterator[tuple[tuple[str, int, str], NDArray[np.float64], NDArray[np.float64]]]:
    """Squared ways of every stimulus and neuron, (n_stimuli, n_neurons), after the change and after the exchange."""
    if not set(before) == set(after) == set(exchanged) or not before:
        msg = f"records must be of the same layers: got {len(before)}, {len(after)} and {len(exchanged)} of them."
        raise ValueError(msg)
    for key in before:
        start, one, both = (as_doubles(record[key], name=str(key)) for record in (before, after, exchanged))
        if not start.shape == one.shape == both.shape or len(start) < 2:
            shapes = f"{start.shape}, {one.shape} and {both.shape}"
            msg = f"{key} has shapes {shapes}; they must agree, with 2 stimuli or more."
            raise ValueError(msg)
        way, whole = (((x - start) ** 2).reshape(len(start), -1) for x in (one, both))
        if not whole.sum() > 0:
            msg = f"{key} does not move when picture and caption are exchanged; are the stimuli different?"
            raise ValueError(msg)
        yield key, way, whole


def _place(key: tuple[str, int, str]) -> dict[str, str | int]:
    tower, layer, kind = key
    return dict(zip(_PLACE, (tower, layer, "other" if kind.startswith(_CROSS) else "own"), strict=True))
