"""The first call of every chapter: the values of its parameter cell, checked."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from brainalign.runs.declaration import declaration_of
from brainalign.runs.errors import unknown
from brainalign.runs.front_matter import read_front_matter, source_paths
from brainalign.runs.parameter_models import parameters_of
from brainalign.runs.parameters import ChapterParameters

PARAMETER_LOG = "BRAINALIGN_PARAMETER_LOG"
"""Environment variable with a file to which the values that a chapter computes with are added, a line of JSON."""


def open_chapter(name: str, namespace: Mapping[str, Any]) -> ChapterParameters:
    """Validate the values of a chapter's parameter cell.

    Parameters
    ----------
    name : str
        Short name of the chapter.
    namespace : mapping
        The notebook's ``globals()``.

    Returns
    -------
    ChapterParameters
        Shown as a table at the end of a cell.

    Raises
    ------
    UsageError
        The chapter is unknown, a parameter is missing from the cell, or its value is not allowed.
    """
    known = []
    for path in source_paths():
        # Only this chapter is read whole: a fault in another one is no reason not to run.
        found = read_front_matter(path)
        declared = found.values.get("name") if isinstance(found.values, dict) else None
        if declared == name:
            parameters = parameters_of(found, declaration_of(found)).from_notebook(namespace)
            _note(parameters)
            return parameters
        known.append(str(declared))
    raise unknown(kind="chapter", given=name, known=known)


def _note(parameters: ChapterParameters) -> None:
    log = os.environ.get(PARAMETER_LOG)
    if log:
        with open(log, "a", encoding="utf-8") as stream:
            stream.write(json.dumps(parameters.model_dump(mode="json")) + "\n")
