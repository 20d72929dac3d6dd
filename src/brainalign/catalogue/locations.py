"""Where the project's own files are."""

from __future__ import annotations

import os
from pathlib import Path

_MARKERS = ("_toc.yml", "pyproject.toml", "notebooks")


def project_root() -> Path:
    """Folder that holds the book: `_toc.yml`, `notebooks`, `data`.

    The environment variable ``BRAINALIGN_PROJECT`` wins; otherwise the source tree that this module was
    imported from.

    Returns
    -------
    Path
        An absolute folder.

    Raises
    ------
    FileNotFoundError
        When neither place holds the book.
    """
    named = os.environ.get("BRAINALIGN_PROJECT")
    root = Path(named).expanduser().resolve() if named else Path(__file__).resolve().parents[3]
    missing = [marker for marker in _MARKERS if not (root / marker).exists()]
    if missing:
        msg = (
            f"{root} is not the brainalign project: it has no {', '.join(missing)}. Install the package from "
            "its source tree (pip install -e .), or set BRAINALIGN_PROJECT to the folder that holds _toc.yml."
        )
        raise FileNotFoundError(msg)
    return root
