"""Replications of the research on aligning Transformers with human brains."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from brainalign.runs.api import RunHandle, run

__all__ = ["RunHandle", "run"]


def __getattr__(name: str) -> Any:
    # Not an import statement: every chapter imports this package, so that it would count among what a chapter's
    # numbers depend on, and make `import brainalign` slow.
    if name in __all__:
        return getattr(importlib.import_module("brainalign.runs.api"), name)
    msg = f"module 'brainalign' has no attribute '{name}'"
    raise AttributeError(msg)
