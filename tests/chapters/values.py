"""Parameters of the chapters of the book."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brainalign.runs.parameters import ChapterParameters
from brainalign.runs.registry import get_chapter


def values_of(chapter: str, given: Mapping[str, Any] | None = None, *, profile: str = "default") -> ChapterParameters:
    """Validated parameters of a chapter."""
    return get_chapter(chapter).parameters.from_values(chapter, given or {}, profile=profile)
