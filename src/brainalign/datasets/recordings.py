"""The public recordings of neurons that data are optimised towards: readers of the files as their authors publish them.

None of them can be fetched without a person's doing; `brainalign.catalogue.entries` says how to obtain each.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from brainalign.catalogue.entries import MissingDataError, entry, folder_of, locate
from brainalign.datasets.choices import check_choice
from brainalign.datasets.containers import open_hdf5, read_matlab
from brainalign.numeric import as_numbers

__all__ = [
    "Recording",
    "load_freeman_ziemba_2013",
    "load_hatsopoulos_2007",
    "load_majaj_hong_2015",
    "load_mante_2013",
]

_MANTE_FOLDERS = {"ar": "PFC data 1", "fe": "PFC data 2"}
_MANTE_CONDITION = {"targ_dir": "choice", "stim_dir": "motion", "stim_col2dir": "color", "context": "context"}
_MANTE_N_CONDITIONS = 72
_HATSOPOULOS = "Dataset5_Monkey4_Session1_ReachDataSimultaneousRecording.mat"
_MAJAJ_HONG = "assy_dicarlo_MajajHong2015_public.nc"
_FREEMAN_ZIEMBA = "assy_movshon_FreemanZiemba2013_public.nc"


@dataclass(frozen=True)
class Recording:
    """Responses of many neurons to many conditions.

    Attributes
    ----------
    responses : ndarray of shape (n_bins, n_conditions, n_units)
        Mean response in each time bin.
    labels : dict of str to ndarray of shape (n_conditions,)
        What each condition was, by task variable.
    """

    responses: NDArray[np.float64]
    labels: dict[str, NDArray[Any]]

    def samples(self) -> NDArray[np.float64]:
        """Responses as one matrix: every bin of every condition a row, bins outermost."""
        return self.responses.reshape(-1, self.responses.shape[-1])


def load_mante_2013(subject: str = "ar", *, bin_ms: float = 50.0) -> Recording:
    """Prefrontal units of a monkey that decides on the colour or the motion of dots, averaged over trials.

    Parameters
    ----------
    subject : {"ar", "fe"}
        Which monkey; the study takes the first.
    bin_ms : float
        Width of a time bin, in milliseconds.

    Returns
    -------
    Recording
        Units that were recorded in all 72 correct conditions, in the order of their file names; 15 bins of 50 ms.
        Labels: choice, motion, color, context, as the first unit's file gives them (coherences differ between days).

    Raises
    ------
    MissingDataError
        If the folder is not there; the text says how to obtain it.
    ValueError
        For an unknown subject, bins that do not fit, a file that cannot be read, or files of which none has all
        conditions.

    Warns
    -----
    UserWarning
        For a file without a unit, which is left out.

    References
    ----------
    Mante, Sussillo, Shenoy and Newsome (2013). Nature 503. Preprocessing: Cloos et al. (2024), arXiv 2407.07059.
    """
    check_choice("subject", subject, _MANTE_FOLDERS)
    folder = _MANTE_FOLDERS[subject]
    files = (folder_of("mante-2013") / folder).glob("*.mat")
    names = sorted(path.name for path in files if not path.name.startswith("."))  # macOS leaves ._unit.mat behind
    if not names:
        msg = f"mante-2013: the folder {folder} is missing or empty. To obtain it: {entry('mante-2013').obtain}"
        raise MissingDataError(msg)
    units, conditions = [], None
    for name in names:
        variables = read_matlab(locate("mante-2013", f"{folder}/{name}"), f"{folder}/{name}", simplify_cells=True)
        if "unit" not in variables:
            msg = f"mante-2013: {folder}/{name} holds no variable unit and is left out."
            warnings.warn(msg, UserWarning, stacklevel=2)
            continue
        unit = variables["unit"]
        found, means = _mean_by_correct_condition(unit, bin_ms)
        if len(found) == _MANTE_N_CONDITIONS:
            units.append(means)
            conditions = found if conditions is None else conditions
    if conditions is None:
        msg = f"mante-2013: none of the {len(names)} files in {folder} has all {_MANTE_N_CONDITIONS} conditions."
        raise ValueError(msg)
    labels = dict(zip(_MANTE_CONDITION.values(), np.array(conditions).T, strict=True))
    return Recording(np.stack(units, axis=-1).transpose(1, 0, 2), labels)


def _mean_by_correct_condition(unit: dict[str, Any], bin_ms: float) -> tuple[list[tuple], NDArray[np.float64]]:
    """Conditions whose trials were all correct, in order, and the unit's mean response to each, over time bins."""
    variables = unit["task_variable"]
    trials = list(zip(*(np.asarray(variables[name]).tolist() for name in _MANTE_CONDITION), strict=True))
    is_correct, responses = np.asarray(variables["correct"]), np.asarray(unit["response"], dtype=float)
    step_ms = (unit["time"][1] - unit["time"][0]) * 1000
    steps = round(bin_ms / step_ms)
    n_bins = responses.shape[1] // steps if steps else 0
    if not n_bins:
        msg = f"bins of {bin_ms} ms do not fit {responses.shape[1]} samples of {step_ms:.3g} ms; choose another bin_ms."
        raise ValueError(msg)
    binned = responses[:, : n_bins * steps].reshape(len(responses), n_bins, steps).mean(axis=-1)
    conditions, means = [], []
    for condition in sorted(set(trials)):
        rows = [row for row, trial in enumerate(trials) if trial == condition]
        if is_correct[rows].all():
            conditions.append(condition)
            means.append(binned[rows].mean(axis=0))
    return conditions, np.array(means)


def load_hatsopoulos_2007(*, window_ms: tuple[float, float] = (0.0, 500.0), bin_ms: float = 50.0) -> Recording:
    """Motor cortex units of a monkey that reaches for eight targets, trial by trial, from the onset of movement.

    Parameters
    ----------
    window_ms : tuple of two floats
        Start and end, in milliseconds after the onset of movement.
    bin_ms : float
        Width of a time bin, in milliseconds; the window must be a multiple of it.

    Returns
    -------
    Recording
        Spikes in each bin, smoothed over time with a Gaussian of 25 ms. Label: target, 0 to 7.

    Raises
    ------
    MissingDataError
        If the file is not there; the text says how to obtain it.
    ValueError
        For a window that is not a positive multiple of the bin.

    Notes
    -----
    The study bins the whole session and cuts trials at the bins' edges; here bins start at each trial's own onset.

    References
    ----------
    Suresh et al. (2020). eLife 9. Preprocessing: Cloos et al. (2024), arXiv 2407.07059.
    """
    start, stop = window_ms
    n_bins = round((stop - start) / bin_ms)
    if n_bins < 1 or abs(n_bins * bin_ms - (stop - start)) > 1e-9:
        msg = f"the window from {start} to {stop} ms must be a positive multiple of bin_ms = {bin_ms}."
        raise ValueError(msg)
    with open_hdf5(locate("hatsopoulos-2007", _HATSOPOULOS), _HATSOPOULOS) as file:
        units = _matlab_vectors(file, file["spikes"])
        onsets = _matlab_vectors(file, file["stmv_cell"], keep_empty=True)
    edges = (start + bin_ms * np.arange(n_bins + 1)) / 1000
    targets = np.repeat(np.arange(len(onsets)), [len(times) for times in onsets])
    trials = [np.stack([np.diff(np.searchsorted(u, onset + edges)) for u in units]) for onset in np.concatenate(onsets)]
    counts = np.array(trials, dtype=float).transpose(2, 0, 1)
    return Recording(gaussian_filter1d(counts, 25 / bin_ms, axis=0, mode="constant"), {"target": targets})


def load_majaj_hong_2015() -> Recording:
    """Responses of sites in the inferior temporal cortex of monkeys to images of objects, averaged over repetitions.

    Returns
    -------
    Recording
        One bin, sites of region IT only. Label: category.

    Raises
    ------
    MissingDataError
        If the file is not there; the text says how to obtain it.

    References
    ----------
    Majaj, Hong, Solomon and DiCarlo (2015). Journal of Neuroscience 35.
    """
    values, coordinates = _read_assembly("majaj-hong-2015", _MAJAJ_HONG)
    values = values[:, :, coordinates["region"] == "IT"]
    return _average_repetitions(values, coordinates, "category_name", label="category")


def load_freeman_ziemba_2013(*, bin_ms: int = 150) -> Recording:
    """Responses of units in monkey V1 and V2 to texture images, averaged over repetitions.

    Parameters
    ----------
    bin_ms : int
        Width of a time bin; the file has bins of 1 ms.

    Returns
    -------
    Recording
        Label: texture_type.

    Raises
    ------
    MissingDataError
        If the file is not there; the text says how to obtain it.
    ValueError
        If the bins do not fit.

    References
    ----------
    Freeman, Ziemba, Heeger, Simoncelli and Movshon (2013). Nature Neuroscience 16.
    """
    values, coordinates = _read_assembly("freeman-ziemba-2013", _FREEMAN_ZIEMBA)
    if bin_ms < 1 or len(values) % bin_ms:
        msg = f"bin_ms must divide the {len(values)} bins of the recording: got {bin_ms}."
        raise ValueError(msg)
    values = values.reshape(len(values) // bin_ms, bin_ms, *values.shape[1:]).mean(axis=1)
    return _average_repetitions(values, coordinates, "texture_type", label="texture_type")


def _average_repetitions(
    values: NDArray[np.float64], coordinates: dict[str, NDArray[Any]], variable: str, *, label: str
) -> Recording:
    """Mean over the presentations of each image, in the order of the images' names."""
    images = coordinates.get("image_id", coordinates.get("stimulus_id"))
    names, first, image = np.unique(images, return_index=True, return_inverse=True)
    means = np.zeros((len(values), len(names), values.shape[-1]))
    for bin_values, bin_means in zip(values, means, strict=True):
        np.add.at(bin_means, image, bin_values)
    means /= np.bincount(image)[:, None]
    return Recording(means, {label: coordinates[variable][first]})


def _matlab_vectors(file: Any, array: Any, *, keep_empty: bool = False) -> list[NDArray[np.float64]]:
    """Vectors in a MATLAB cell array of version 7.3, also those in cells within cells."""
    if array.attrs.get("MATLAB_empty", 0):
        return [np.empty(0)] if keep_empty else []
    if array.dtype.kind != "O":
        return [np.asarray(array, dtype=float).ravel()]
    # HDF5 has the dimensions of MATLAB reversed; raveling the transpose backwards gives MATLAB's own order.
    references = np.asarray(array).T.ravel(order="F")
    return [vector for r in references for vector in _matlab_vectors(file, file[r], keep_empty=keep_empty)]


def _read_assembly(name: str, path: str) -> tuple[NDArray[np.float64], dict[str, NDArray[Any]]]:
    """Values of shape (n_bins, n_presentations, n_units) and the coordinates of a netCDF file of Brain-Score."""
    with open_hdf5(locate(name, path), path) as file:
        variables = {key: item for key, item in file.items() if hasattr(item, "dims")}
        main = max(variables.values(), key=lambda item: (item.ndim, item.size))
        axes = [dimension[0].name.strip("/") for dimension in main.dims]
        values = as_numbers(main, name=f"{path}: {main.name.strip('/')}").astype(np.float64)
        coordinates = {key: _text(item) for key, item in variables.items() if item.ndim == 1}
    if "time_bin" not in axes:
        axes, values = ["time_bin", *axes], values[None]
    order = [axes.index(axis) for axis in ("time_bin", "presentation", "neuroid")]
    return values.transpose(order), coordinates


def _text(item: Any) -> NDArray[Any]:
    return item.asstr()[:] if item.dtype.kind == "O" else np.asarray(item)
