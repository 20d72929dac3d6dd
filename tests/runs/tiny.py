"""A miniature project: one chapter, one data file, everything that a run needs."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from brainalign.catalogue.entries import catalogue
from brainalign.runs.chapter import Chapter, read_chapter
from brainalign.runs.declaration import declaration_of
from brainalign.runs.front_matter import parse_front_matter
from brainalign.runs.keys import RunKey, compute_key
from brainalign.runs.manifest import Manifest
from brainalign.runs.parameter_models import parameters_of
from brainalign.runs.registry import get_chapter
from brainalign.runs.store import RunStore

USER = "marie-curie"
BEHAVIOUR = "TINY_BEHAVIOUR"


NOTEBOOK = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
chapter:
  name: tiny
  part: I. Tiny
  minutes: 0.1
  parameters:
    n: {type: int, default: 3, min: 1, max: 100, help: "how many rows are read"}
    scale: {type: float, default: 1.0, above: 0, below: 10, help: "what the rows are multiplied with"}
    kind: {type: str, default: sum, choices: [mean, sum], help: "how the rows are put together"}
    sizes: {type: list of int, default: [100], choices: [100, 200], at_least: 1, help: "sizes"}
    note: {type: str, default: plain, help: "kept as it is, <b> & all"}
    loud: {type: bool, default: false, help: "whether more is said"}
  profiles:
    smoke: {n: 2, sizes: [200]}
  data:
    - tiny-table
---

# Does it work at all?

Prose on which no number depends.

```{code-cell} ipython3
:tags: [parameters]

n: int = 3  # how many rows are read
scale: float = 1.0  # what the rows are multiplied with
kind: str = "sum"  # how the rows are put together
sizes: list[int] = [100]  # sizes
note: str = "plain"  # kept as it is, <b> & all
loud: bool = False  # whether more is said
device: str = "auto"  # where torch computes, auto, cpu, cuda, cuda:N, or mps
```

```{code-cell} ipython3
import os
import time
from pathlib import Path

import pandas as pd

from brainalign.catalogue.entries import locate
from brainalign.runs.recording import record, record_table

table = pd.read_csv(locate("tiny-table", "data/tiny.csv")).head(n)
```

And some more prose.

```{code-cell} ipython3
record("n_rows", len(table))
record("total", (scale * table["value"]).sum())
record("note", note)
record("hash_seed", os.environ["PYTHONHASHSEED"])
record_table("rows", table)
```

```{code-cell} ipython3
behaviour = os.environ.get("TINY_BEHAVIOUR", "")
if behaviour == "raise":
    raise ValueError(f"no luck in {Path.cwd()}")
if behaviour == "refuse":
    from brainalign.runs.errors import UsageError

    raise UsageError("a wish that cannot be met; wish for less.")
if behaviour == "hang":
    time.sleep(120)
if behaviour == "other data":
    locate("tiny-other", "data/other.csv")
print("working in", Path.cwd(), "of", Path.home())
Path.cwd() / "shown"
```
"""

CONTENTS = """\
format: jb-book
root: book/intro
parts:
  - caption: I. Tiny
    numbered: true
    chapters:
      - file: notebooks/01_tiny
"""

CATALOGUE = """\
tiny-table:
  kind: brain
  title: Five numbers
  citation: nobody
  licence: CC0-1.0
  files:
    - path: data/tiny.csv
tiny-other:
  kind: brain
  title: A number that no chapter declares
  citation: nobody
  licence: CC0-1.0
  files:
    - path: data/other.csv
"""

SOURCE = "notebooks/01_tiny.md"

_declared = parse_front_matter(NOTEBOOK, Path(SOURCE))
TinyParameters = parameters_of(_declared, declaration_of(_declared))
"""Parameters of every kind that chapters have."""

FILES = {
    "_toc.yml": CONTENTS,
    "_config.yml": "title: Tiny\n",
    "book/intro.md": "# Tiny\n",
    "pyproject.toml": "[project]\nname = 'tiny'\n",
    "requirements.lock": "numpy==2.0.0\n",
    SOURCE: NOTEBOOK,
    "data/catalogue.yml": CATALOGUE,
    "data/tiny.csv": "name,value\na,1.5\nb,2.5\nc,3.5\nd,4.5\ne,5.5\n",
    "data/other.csv": "name,value\nz,0\n",
}


@dataclass(frozen=True)
class Tiny:
    """Where a miniature project is.

    Attributes
    ----------
    base : Path
        Folder of everything: the home of a user, in it the project and its runs.
    """

    base: Path

    @property
    def home(self) -> Path:
        return self.base / USER

    @property
    def root(self) -> Path:
        return self.home / "a {tiny} project {0}"

    @property
    def runs(self) -> Path:
        return self.home / "my {runs}"

    @property
    def source(self) -> Path:
        return self.root / SOURCE

    @property
    def chapter(self) -> Chapter:
        """Its only chapter."""
        return read_chapter(self.source)

    @property
    def store(self) -> RunStore:
        return RunStore(self.runs)

    def key(self, **values: Any) -> RunKey:
        return compute_key(self.chapter, self.chapter.parameters.from_values("tiny", values))

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text that is in a file once."""
        text = (self.root / path).read_text(encoding="utf-8")
        assert text.count(old) == 1
        (self.root / path).write_text(text.replace(old, new), encoding="utf-8")

    def pin(self, content: str) -> None:
        """Demand that the data file has this content."""
        digest = hashlib.sha256(content.encode()).hexdigest()
        self.edit("data/catalogue.yml", "path: data/tiny.csv", f"path: data/tiny.csv\n      sha256: {digest}")
        catalogue.cache_clear()

    def bytes_of_runs(self) -> dict[str, bytes]:
        """Content of every file of every run, hidden ones and the names of empty folders too."""
        paths = sorted(self.runs.rglob("*"))
        return {str(path.relative_to(self.runs)): path.read_bytes() if path.is_file() else b"" for path in paths}


def tiny_chapter() -> Chapter:
    """The chapter of the miniature project that is worked on."""
    return get_chapter("tiny")


def build(base: Path) -> Tiny:
    """Write the files of a miniature project."""
    tiny = Tiny(base)
    for name, text in FILES.items():
        path = tiny.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tiny


def enter(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the miniature project the one that is worked on, by a user with a home of their own."""
    monkeypatch.setenv("BRAINALIGN_PROJECT", str(tiny.root))
    monkeypatch.setenv("BRAINALIGN_RUNS", str(tiny.runs))
    monkeypatch.setenv("HOME", str(tiny.home))
    monkeypatch.setenv("USER", USER)
    monkeypatch.setenv("LOGNAME", USER)
    monkeypatch.delenv(BEHAVIOUR, raising=False)
    catalogue.cache_clear()


def copy(tiny: Tiny, base: Path) -> Tiny:
    """The project with its runs at another place."""
    shutil.copytree(tiny.base, base, dirs_exist_ok=True)
    return Tiny(base)


def manifest(key: RunKey, /, **changes: Any) -> Manifest:
    """A manifest as a run with this key would write it."""
    fields = {
        "run_id": key.digest[:12], "key": key.digest, "key_parts": key.__dict__, "chapter": "tiny",
        "profile": "default", "parameters": key.parameters, "changed_parameters": {}, "status": "ok",
        "started": "2026-01-01T00:00:00+00:00", "seconds": 1.0, "cell_seconds": [], "peak_memory_bytes": 1,
        "versions": {}, "hardware": {"processor": "an abacus", "cores": 1, "gpus": []}, "data": [], "outputs": {},
        "commit": None, "command": "brainalign run tiny",
    }  # fmt: skip
    return Manifest(**{**fields, **changes})


def put(store: RunStore, written: Manifest, *, chapter: str = "tiny", name: str | None = None) -> Path:
    """Put a run that was never executed into a store."""
    folder = store.folder / chapter / (name or written.run_id)
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(written.to_json(), encoding="utf-8")
    (folder / "results.json").write_text(json.dumps({"n_rows": 3}), encoding="utf-8")
    return folder
