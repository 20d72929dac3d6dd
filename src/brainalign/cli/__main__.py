"""So that ``python -m brainalign.cli`` is the command `brainalign`."""

from __future__ import annotations

from brainalign.cli import main

main()
