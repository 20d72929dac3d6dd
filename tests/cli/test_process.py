"""The command in a process of its own, as from a shell."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from brainalign.runs.registry import all_chapters
from tests.cli.conftest import COLOURS

pytestmark = pytest.mark.processes


@pytest.fixture
def command(tmp_path):
    environment = {**os.environ, "BRAINALIGN_RUNS": str(tmp_path / "runs")}
    for name in ("BRAINALIGN_PROJECT", *COLOURS):
        environment.pop(name, None)

    def call(*words: str, program=(sys.executable, "-m", "brainalign.cli")) -> subprocess.CompletedProcess:
        return subprocess.run(
            [*program, *words], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    yield call
    assert not (tmp_path / "runs").exists()


def test_list_works_from_any_folder(command):
    done = command("list")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["chapter", *(c.name for c in all_chapters())]
    assert max(map(len, done.stdout.splitlines())) > 80  # a log is not wrapped


def test_help_calls_the_command_by_its_name(command):
    done = command("run", "--help")
    assert done.returncode == 0
    assert "Usage: brainalign run [OPTIONS]" in done.stdout


def test_params_works_under_the_name_that_is_installed(command):
    done = command("params", "topology", program=[Path(sys.executable).with_name("brainalign")])
    assert (done.returncode, done.stderr) == (0, "")
    assert "n_twins" in done.stdout


@pytest.mark.parametrize(
    "words", [["zoo"], ["zoo", "list", "--json"], ["list"], ["params", "topology"], ["runs", "list"]]
)
def test_what_only_lists_does_not_wait_for_torch(command, words):
    said = f"import sys; sys.argv[1:] = {words}; from brainalign.cli import main\n"
    said += "slow = {'torch', 'pandas', 'scipy.stats'}\n"
    said += "try:\n    main()\nfinally:\n    print(slow & sys.modules.keys(), file=sys.stderr)"
    done = command(program=(sys.executable, "-c", said))
    assert done.stderr == "set()\n"
    assert len(done.stdout.splitlines()) >= 1


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["run", "topologie"], "brainalign: unknown chapter: 'topologie'. Did you mean 'topology'?"),
        (["run", "topology", "-p", "n_twins", "1"], "brainalign: topology: n_twins = '1' is not allowed;"),
        (["show", "nothing"], "brainalign: there is no run 'nothing'."),
    ],
)
def test_a_mistake_ends_with_one_message_and_code_2(command, words, text):
    done = command(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(text)
    assert "Traceback" not in done.stderr
