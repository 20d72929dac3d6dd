"""So that ``python -m brainalign`` is the command `brainalign`."""

from __future__ import annotations

from brainalign.cli import main

main()
