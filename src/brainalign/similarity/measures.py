"""All measures of similarity, gathered from the modules that define them.

Arrays are torch tensors. A measure is a function and what it promises, side by side in one file (see `registration`);
the tests read the records and check every promise, kept or not made, on random data.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from types import ModuleType

from torch import Tensor

# While the package is being imported, `rsa` is the module; afterwards it is the function of that name.
from brainalign.similarity import alignment, correlation, dimensionality, kernels, neighbors, prediction, rsa
from brainalign.similarity.registration import INVARIANCES, Measure, record_of

__all__ = ["INVARIANCES", "MEASURES", "Measure", "get_measure", "list_measures"]

AnyMeasure = Measure | str | Callable[[Tensor, Tensor], Tensor]
"""A registered measure, its name, or any function of two representations."""


def gather_measures(*modules: ModuleType) -> tuple[Measure, ...]:
    """Measures of modules, in the order in which they are defined.

    Raises
    ------
    ValueError
        When two have one name.
    """
    found: dict[str, Measure] = {}
    for module in modules:
        for one in vars(module).values():
            record = record_of(one)
            if record is None or one.__module__ != module.__name__:
                continue
            if record.name in found:
                msg = f"two measures are named {record.name!r}; give one of them another name."
                raise ValueError(msg)
            found[record.name] = record
    return tuple(found.values())


# Modules, not functions: a new measure is listed as soon as it is defined in one of them.
MEASURES = gather_measures(kernels, alignment, correlation, prediction, rsa, neighbors, dimensionality)

_BY_NAME = {measure.name: measure for measure in MEASURES}


def list_measures() -> tuple[str, ...]:
    """Names of all registered measures, in the order of the registry.

    Examples
    --------
    >>> list_measures()[0]
    'linear_cka'
    """
    return tuple(measure.name for measure in MEASURES)


def get_measure(name: str) -> Measure:
    """Look up a measure by its name.

    Parameters
    ----------
    name : str
        One of `list_measures()`.

    Returns
    -------
    Measure
        The function and its declared properties.

    Raises
    ------
    ValueError
        For an unknown name; the text gives the nearest one.

    Examples
    --------
    >>> get_measure("linear_cka").bounds
    (0.0, 1.0)
    """
    if name not in _BY_NAME:
        nearest = difflib.get_close_matches(str(name), _BY_NAME, n=1, cutoff=0.0)[0]
        msg = f"there is no measure {name!r}; the nearest name is {nearest!r}. list_measures() gives all names."
        raise ValueError(msg)
    return _BY_NAME[name]


def as_measure(measure: AnyMeasure) -> Measure | Callable[[Tensor, Tensor], Tensor]:
    """The measure of that name; what is no name is returned as it is."""
    return get_measure(measure) if isinstance(measure, str) else measure
