"""Replications of the research on aligning Transformers with human brains."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from brainalign.runs.api import RunHandle, run

__all__ = ["RunHandle", "compare_layers", "run"]

_MODULES = {
    "RunHandle": "brainalign.runs.api",
    "compare_layers": "brainalign.similarity.layers",
    "run": "brainalign.runs.api",
}


def __getattr__(name: str) -> Any:
    # Not an import statement: every chapter imports this package, so that it would count among what a chapter's
    # numbers depend on, and make `import brainalign` slow.
    if name in _MODULES:
        return getattr(importlib.import_module(_MODULES[name]), name)
    msg = f"module 'brainalign' has no attribute '{name}'"
    raise AttributeError(msg)
