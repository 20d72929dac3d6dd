from __future__ import annotations

import re
import sys
from dataclasses import dataclass

import pytest

from brainalign import cli
from tests.runs.conftest import executed, ran, small_hub, small_repositories, tiny  # noqa: F401  fixtures

# Continuous integration asks for colours, and for help texts of its own width.
COLOURS = ("FORCE_COLOR", "PY_COLORS", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "GITHUB_ACTIONS", "TERMINAL_WIDTH")
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Answer:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return [" ".join(line.split()) for line in self.out.splitlines()]


@pytest.fixture
def brainalign(monkeypatch, capsys):
    """Call the command as from a shell, without a process of its own."""

    def call(*words: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["brainalign", *words])
        monkeypatch.setenv("COLUMNS", "200")
        for name in COLOURS:
            monkeypatch.delenv(name, raising=False)
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
        out, err = (ESCAPE.sub("", text) for text in capsys.readouterr())
        assert code != 2 or "Traceback" not in out + err
        return Answer(code, out, err)

    return call
