"""Random numbers by name, so that one step's draws do not depend on which steps came before."""

from __future__ import annotations

import zlib

import numpy as np


def named_generator(seed: int, name: str) -> np.random.Generator:
    """A generator of its own for every use of random numbers.

    Parameters
    ----------
    seed : int
        Seed of the whole, 0 or more.
    name : str
        What the numbers are for.

    Returns
    -------
    Generator
        The same for the same seed and name, unrelated to those of other names.

    Examples
    --------
    >>> bool(named_generator(0, "film").random() == named_generator(0, "film").random())
    True
    """
    return np.random.default_rng([seed, zlib.crc32(name.encode())])
