"""Rules that hold for the whole tree."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import grimp
import networkx as nx
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent


def run(*command: str | Path) -> subprocess.CompletedProcess:
    return subprocess.run([str(part) for part in command], cwd=ROOT, capture_output=True, text=True, check=False)


def tracked_files() -> list[Path]:
    listed = run("git", "ls-files")
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


@pytest.mark.parametrize(
    "command", [("ruff", "check"), ("ruff", "format", "--check"), ("lint-imports", "--no-cache"), ("ty", "check")]
)
def test_linters_are_content(command):
    done = run(BIN / command[0], *command[1:])
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_module_leads_back_to_itself():
    """Imports inside functions count, and those through a package's `__init__.py`, which the linter passes over."""
    graph = grimp.build_graph("brainalign", cache_dir=None)
    graph.remove_import(importer="brainalign", imported="brainalign.runs.api")  # for type checkers only
    edges = [(module, other) for module in graph.modules for other in graph.find_modules_directly_imported_by(module)]
    assert len(edges) > 1000
    circles = [sorted(found) for found in nx.strongly_connected_components(nx.DiGraph(edges)) if len(found) > 1]
    assert circles == []


def test_the_lock_has_what_the_project_asks_for():
    locked = {}
    for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines():
        name, equal, number = line.split("#")[0].split(";")[0].strip().partition("==")
        if equal:
            locked[canonicalize_name(name)] = number
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    for requirement in map(Requirement, asked):
        number = locked.get(canonicalize_name(requirement.name))
        assert number is not None, f"{requirement.name} is not in the lock; renew it with: make lock"
        assert requirement.specifier.contains(number), f"{requirement} and {number} of the lock do not agree"


def test_torch_and_torchvision_fit_together():
    """A torchvision built for another torch imports, and fails at the first operator of its own."""
    import torch
    from torchvision.ops import nms

    boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 2.0, 2.1], [5.0, 5.0, 6.0, 6.0]])
    assert nms(boxes, torch.tensor([0.9, 0.8, 0.7]), 0.5).tolist() == [0, 2]


def test_conda_environment_installs_the_same_lock():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    pip = next(item["pip"] for item in environment["dependencies"] if isinstance(item, dict))
    assert pip == ["-r requirements.lock", "--editable ."]


def test_repository_stays_small():
    sizes = {path: path.stat().st_size for path in tracked_files()}
    assert sum(sizes.values()) < 80e6
    large = {str(path.relative_to(ROOT)) for path, size in sizes.items() if size > 2e6}
    assert large == set()


def test_citation_file_is_readable():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == version("brainalign")
    assert {"title", "authors", "license", "message", "cff-version"} <= set(citation)
    assert f"## {citation['version']}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
