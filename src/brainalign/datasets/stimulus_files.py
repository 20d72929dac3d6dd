"""What was shown at a time: frames extracted from a film, or features computed elsewhere and kept in a file.

Films are not decoded here. Extract frames with a tool for films, for example
``ffmpeg -i life03.mkv -vf fps=2 FRAMES/life03/%06d.jpg``, or compute features where the films are and keep them with
`save_features`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from brainalign.catalogue.entries import MissingDataError, sha256_of

_FRAME = re.compile(r"(\d{6})\.(jpg|png)")
_ROUNDING = 1e-6  # of a step: 3 x 1.49 s divided by 1.49 s is a little less than 3 in floating point


@dataclass(frozen=True)
class FeatureFile:
    """Features of several stimuli, as they are kept in a file.

    Attributes
    ----------
    features : dict of str to ndarray of shape (n_rows, n_features)
        Of every stimulus one row per step.
    step : float or None
        Seconds from one row to the next; None for photographs, which have one row each.
    source : str
        What computed them, in words: model, layer, version.
    """

    features: dict[str, NDArray[np.floating]]
    step: float | None
    source: str

    def at(self, samples: pd.DataFrame, *, hold: float = 0.0) -> NDArray[np.floating]:
        """Features of what was shown when each sample began.

        Parameters
        ----------
        samples : DataFrame
            Of a recording, with the columns ``stimulus`` and ``time``.
        hold : float
            Seconds for which the last row stands for what follows it: a scan can go on a little after the film.

        Returns
        -------
        ndarray of shape (n_samples, n_features)

        Raises
        ------
        ValueError
            A stimulus without features, or a time that they do not reach.
        """
        unknown = sorted(set(samples["stimulus"]) - set(self.features))
        if unknown:
            msg = f"there are no features of {', '.join(unknown[:5])} ({len(unknown)} stimuli); only of others."
            raise ValueError(msg)
        width = next(iter(self.features.values())).shape[1]
        found = np.empty((len(samples), width), dtype=np.result_type(*self.features.values()))
        for stimulus, chosen in _rows_of_stimuli(samples):
            times = samples["time"].to_numpy()[chosen]
            values = self.features[stimulus]
            found[chosen] = values[_index(times, len(values), self.step, hold, stimulus)]
        return found


def frame_paths(folder: str | Path, samples: pd.DataFrame, *, rate: float, hold: float = 0.0) -> list[Path]:
    """File of the frame that was on the screen when each sample began; no file is opened.

    Parameters
    ----------
    folder : path
        With a folder for each stimulus, named as it, that holds ``000001.jpg`` (or ``.png``) and so on without gaps.
    samples : DataFrame
        Of a recording, with the columns ``stimulus`` and ``time``.
    rate : float
        Frames a second in the folder.
    hold : float
        Seconds for which the last frame stands for what follows it: a scan can go on a little after the film.

    Returns
    -------
    list of n_samples Path

    Raises
    ------
    ValueError
        A rate that is not above 0, gaps in the numbers, or a time that the frames do not reach.
    MissingDataError
        When a stimulus has no frames.
    """
    if not 0 < rate < np.inf:
        msg = f"rate = {rate} must be a number of frames per second, above 0."
        raise ValueError(msg)
    paths: list[Path | None] = [None] * len(samples)
    for stimulus, chosen in _rows_of_stimuli(samples):
        frames = _list_frames(Path(folder) / stimulus)
        times = samples["time"].to_numpy()[chosen]
        for row, index in zip(chosen, _index(times, len(frames), 1 / rate, hold, stimulus), strict=True):
            paths[row] = frames[index]
    return paths


def save_features(path: str | Path, features: Mapping[str, ArrayLike], *, step: float | None, source: str) -> None:
    """Keep features of stimuli in ``NAME.npz``, with a manifest ``NAME.json`` beside it.

    Parameters
    ----------
    path : path
        Ends in ``.npz``.
    features : mapping of str to array_like of shape (n_rows, n_features)
        Of every stimulus one row per step.
    step : float or None
        Seconds from one row to the next; None for photographs, which have one row each.
    source : str
        What computed them, in words: model, layer, version.

    Raises
    ------
    ValueError
        A path with another ending, a step that is not above 0, or arrays of other shapes or not finite.
    """
    path = Path(path)
    arrays = {name: np.asarray(values) for name, values in features.items()}
    if path.suffix != ".npz":
        msg = f"{path.name} must end in .npz."
        raise ValueError(msg)
    _check(arrays, step, path.name)
    np.savez(path, **arrays)
    shapes = {name: list(values.shape) for name, values in arrays.items()}
    manifest = {"source": source, "step": step, "shapes": shapes, "sha256": sha256_of(path)}
    path.with_suffix(".json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def load_features(path: str | Path) -> FeatureFile:
    """Features that `save_features` has kept.

    Parameters
    ----------
    path : path
        The ``.npz`` file; the manifest must lie beside it.

    Returns
    -------
    FeatureFile

    Raises
    ------
    MissingDataError
        When the file or its manifest is not there.
    ValueError
        When they do not belong together, or the arrays are of other shapes or not finite.
    """
    path = Path(path)
    for needed in (path, path.with_suffix(".json")):
        if not needed.is_file():
            msg = f"{needed} is missing: features are kept as NAME.npz with the manifest NAME.json beside it."
            raise MissingDataError(msg)
    manifest = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    absent = [key for key in ("source", "step", "shapes", "sha256") if key not in manifest]
    if absent or manifest["sha256"] != sha256_of(path):
        reason = f"lacks {', '.join(absent)}" if absent else "states another checksum"
        msg = f"the manifest of {path.name} {reason}; write both with save_features."
        raise ValueError(msg)
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    _check(arrays, manifest["step"], path.name)
    return FeatureFile(arrays, manifest["step"], manifest["source"])


def _check(arrays: Mapping[str, NDArray], step: float | None, name: str) -> None:
    if step is not None and not 0 < step < np.inf:
        msg = f"{name}: step = {step} must be a number of seconds above 0, or None for photographs."
        raise ValueError(msg)
    shapes = {stimulus: values.shape for stimulus, values in arrays.items()}
    if not arrays or any(len(shape) != 2 or 0 in shape for shape in shapes.values()):
        msg = f"{name}: expected arrays of shape (rows, features), one per stimulus: got {shapes}."
        raise ValueError(msg)
    if len({shape[1] for shape in shapes.values()}) > 1:
        msg = f"{name}: all stimuli need the same number of features: got {shapes}."
        raise ValueError(msg)
    for stimulus, values in arrays.items():
        if not np.issubdtype(values.dtype, np.floating) or not np.isfinite(values).all():
            msg = f"{name}: the features of '{stimulus}' must be finite floating-point numbers."
            raise ValueError(msg)
        if step is None and len(values) != 1:
            msg = f"{name}: '{stimulus}' has {len(values)} rows; without a step every stimulus has one."
            raise ValueError(msg)


def _rows_of_stimuli(samples: pd.DataFrame) -> list[tuple[str, NDArray[np.intp]]]:
    return list(samples.groupby("stimulus", sort=False).indices.items())


def _index(times: NDArray, n_rows: int, step: float | None, hold: float, stimulus: str) -> NDArray[np.int64]:
    """Row that is current at each time."""
    if step is None:
        return np.zeros(len(times), dtype=np.int64)
    end = n_rows * step
    if times.min() < 0 or (times >= end + hold - _ROUNDING * step).any():
        msg = (
            f"'{stimulus}' is shown from 0 to {end:.2f} s, samples begin at {times.min():.2f} to {times.max():.2f} s. "
            f"Leave those outside away, or let the last one stay with hold (now {hold:g} s)."
        )
        raise ValueError(msg)
    return np.minimum(np.floor(times / step + _ROUNDING).astype(np.int64), n_rows - 1)


def _list_frames(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.glob("*") if _FRAME.fullmatch(path.name))
    if not found:
        msg = f"{folder} holds no frames named 000001.jpg and so on. Extract them there, for example with ffmpeg."
        raise MissingDataError(msg)
    numbers = [int(path.stem) for path in found]
    if numbers != list(range(1, len(found) + 1)):
        msg = f"{folder} holds {len(found)} frames numbered {numbers[0]} to {numbers[-1]}; expected 1 to {len(found)}."
        raise ValueError(msg)
    return found
