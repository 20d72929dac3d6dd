"""Names of measures as they stand in a figure or a sentence."""

from __future__ import annotations

import re

# A word of letters and underscores that is no part of a reference or a path ("file:my_model", "a/my_model.gguf").
_MEASURE = re.compile(r"(?<![\w:/.@#~\\-])[A-Za-z]\w*?_\w*(?![\w/@#\\-]|[:.]\w)")


def in_words(text: object) -> str:
    """Write names of measures with spaces, and leave references of models and paths as they are.

    Parameters
    ----------
    text : object
        A name, or a sentence with names in it.

    Returns
    -------
    str
        The text, with spaces for the underscores of every word that stands by itself.

    Examples
    --------
    >>> in_words("global_efficiency of file:my_models/a_b.gguf")
    'global efficiency of file:my_models/a_b.gguf'
    """
    return _MEASURE.sub(lambda found: found.group().replace("_", " "), str(text))
