"""What runs on other machines: its files are sound, and every command in them is one of this project."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from brainalign.cli import app

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

workflows = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)


def jobs_of(path: Path) -> dict[str, dict]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]


def commands_of(path: Path) -> list[list[str]]:
    scripts = [step["run"] for job in jobs_of(path).values() for step in job["steps"] if "run" in step]
    return [shlex.split(line) for script in scripts for line in script.splitlines() if line.strip()]


def unknown_words(command: list[str]) -> list[str]:
    """Words of a command that name nothing: a target of make, a command of brainalign."""
    program, *words = command
    if program == "make":
        return [word for word in words if "=" not in word and word not in TARGETS]
    if program == "brainalign":
        return [] if words[:1] and words[0] in get_command(app).commands else words[:1]
    return [program]


def test_the_three_workflows_are_there():
    assert {path.stem for path in WORKFLOWS} == {"book", "links", "tests"}


@workflows
def test_keys_are_those_of_a_workflow(path):
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    # YAML reads the key `on` as true.
    assert set(found) <= {"name", True, "permissions", "concurrency", "jobs"}
    assert set(found[True]) <= {"push", "pull_request", "schedule", "workflow_dispatch"}
    assert found["permissions"] == {"contents": "read"}
    for job in found["jobs"].values():
        assert {"runs-on", "timeout-minutes", "steps"} <= set(job)
        assert set(job) <= {
            "runs-on", "timeout-minutes", "steps", "needs", "if", "env", "permissions", "environment",
        }  # fmt: skip
        assert set(needed_jobs(job)) <= set(found["jobs"])


def needed_jobs(job: dict) -> list[str]:
    needs = job.get("needs", [])
    return [needs] if isinstance(needs, str) else needs


@workflows
def test_steps_run_or_use_something_of_a_fixed_version(path):
    for job in jobs_of(path).values():
        for step in job["steps"]:
            assert ("run" in step) != ("uses" in step)
            if "uses" in step:
                assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step["uses"])


@workflows
def test_values_of_steps_are_those_of_steps_before(path):
    for job in jobs_of(path).values():
        known = {step["id"] for step in job["steps"] if "id" in step}
        assert set(re.findall(r"steps\.(\w+)\.", str(job))) <= known


@workflows
def test_commands_exist(path):
    assert [word for command in commands_of(path) for word in unknown_words(command)] == []


def test_a_command_that_does_not_exist_is_noticed():
    assert unknown_words(["make", "tests"]) == ["tests"]
    assert unknown_words(["brainalign", "books"]) == ["books"]
    assert unknown_words(["tox"]) == ["tox"]


def test_the_script_for_a_clean_clone_runs_targets_that_exist():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    named = re.findall(r"^make (\S+)", script, re.MULTILINE)
    assert named == ["check", "test", "book"]
    assert set(named) <= TARGETS


def test_every_hook_before_a_commit_is_one_of_make_check():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    programs = {Path(hook["entry"].split()[0]).name for hook in hooks}
    checked = (ROOT / "Makefile").read_text(encoding="utf-8").split("\ncheck:")[1].split("\n\n")[0]
    assert programs == set(re.findall(r"\$\(BIN\)/(\S+)", checked))
    assert all((Path(sys.executable).parent / name).is_file() for name in programs)
