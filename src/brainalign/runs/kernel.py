"""Starts the kernel of a run: the project's source as it is now, and no file of its data past the catalogue.

A program, not a module to import: it prepares the process before anything of the project is loaded in it.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

PACKAGE = "brainalign"

DATA = "BRAINALIGN_DATA_FOLDER"
"""Environment variable with the folder of the project's data."""

_USE_LOG = "BRAINALIGN_USE_LOG"  # as in brainalign.catalogue.files, which must not be imported yet
_FILES = "brainalign.catalogue.files"


class FromSource(importlib.machinery.SourceFileLoader):
    """Compiles a module from its source, whatever bytecode lies beside it: that is only told apart by time and size."""

    def get_code(self, fullname: str) -> CodeType:
        """The code of the source as it is now."""
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


class Finder:
    """Finds the modules of the project in the source tree of this file, and lets `FromSource` load them."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Where a module is; None for those of others."""
        if name.partition(".")[0] != PACKAGE:
            return None
        places = [str(Path(__file__).parents[2])] if path is None else path
        spec = importlib.machinery.PathFinder.find_spec(name, places, target)
        if spec is not None and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = FromSource(spec.loader.name, spec.loader.path)
            spec.cached = None
        return spec


def watch_data(folder: str, log: str) -> None:
    """Note every file below a folder that is opened to be read without having been located.

    Parameters
    ----------
    folder : str
        The project's data.
    log : str
        The log of what was used, where such a file stands by its path: no chapter declares that.
    """
    starts = tuple({os.path.join(os.path.abspath(folder), ""), os.path.join(os.path.realpath(folder), "")})

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or not isinstance(arguments[0], str | bytes | os.PathLike):
            return
        path = os.path.abspath(os.fsdecode(arguments[0]))
        if not path.startswith(starts) or (arguments[2] or 0) & (os.O_WRONLY | os.O_CREAT):
            return
        located = getattr(sys.modules.get(_FILES), "located", frozenset())
        if (found := os.path.realpath(path)) not in located:
            with open(log, "a", encoding="utf-8") as stream:
                stream.write(os.path.join("data", os.path.relpath(found, os.path.realpath(folder))) + "\n")

    sys.addaudithook(hear)


def main() -> None:
    """Prepare this process and become a kernel."""
    os.environ.pop("PYTHONSTARTUP", None)  # IPython would run it
    sys.meta_path.insert(0, Finder)
    if os.environ.get(DATA) and os.environ.get(_USE_LOG):
        watch_data(os.environ[DATA], os.environ[_USE_LOG])
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance()


if __name__ == "__main__":
    main()
