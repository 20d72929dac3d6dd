"""Proof that checking notebooks can fail: nbval passes much that it should not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("stored", "code"), [("1.235\n", 0), ("1.236\n", 1)], ids=["as stored", "one digit changed"])
def test_a_changed_digit_in_a_marked_cell_is_noticed(tmp_path, stored, code):
    cell = nbformat.v4.new_code_cell(
        "print(1.235)",
        metadata={"tags": ["nbval-check-output"]},
        execution_count=1,
        outputs=[nbformat.v4.new_output("stream", name="stdout", text=stored)],
    )
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "marked.ipynb")
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), "-q"]
    done = subprocess.run([*command, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
