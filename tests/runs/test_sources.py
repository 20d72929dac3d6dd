"""What some code depends on: a change of behaviour is always seen, a comment or another room's line never."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

import brainalign
from brainalign.catalogue.locations import project_root
from brainalign.runs.chapter import code_cells
from brainalign.runs.fingerprints import fingerprint_function
from brainalign.runs.registry import all_chapters
from brainalign.runs.sources import source_behind
from brainalign.runs.syntax import read_cells, read_module

# A package with every way in which one module hangs on another.
FILES = {
    "__init__.py": '"""The package."""\n',
    "rooms/__init__.py": (
        "from brainalign.rooms.near import helped, NEAR as CLOSE\n"
        "from brainalign.rooms.far import distance\n"
        "from brainalign.rooms.listed import listed\n"
        "from brainalign.rooms.plain import plain\n"
        "from brainalign.rooms import registered\n"
        "__all__ = ['helped', 'distance', 'listed']\n"
    ),
    "rooms/near.py": (
        "import numba\nfrom brainalign.helpers import double, twice\nNEAR = 2\n\n\n"
        "def helped(x, times=3):\n    '''Documented.'''\n    return double(x) * times\n\n\n"
        "@numba.njit\ndef compiled(x):\n    return x + 1\n\n\n@twice\ndef decorated(x):\n    return x\n"
    ),
    "rooms/far.py": "def distance(a, b):\n    return abs(a - b)\n",
    "rooms/listed.py": "KNOWN = {'one': 1}\n\n\ndef listed():\n    return sorted(KNOWN)\n",
    "rooms/registered.py": (
        "from brainalign.rooms.listed import KNOWN\nfrom brainalign.helpers import triple\n\n"
        "KNOWN['three'] = triple(1)\n"
    ),
    "rooms/plain.py": "def plain():\n    return 7\n",
    "rooms/quiet.py": "def quiet():\n    return 0\n",
    "helpers.py": (
        "def double(x):\n    return 2 * x\n\n\ndef triple(x):\n    return 3 * x\n\n\n"
        "def twice(f):\n    return lambda x: f(f(x))\n"
    ),
    "lazy/__init__.py": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from brainalign.lazy.slow import slow\n"
        "SCALE = 1\n\n\n"
        "def __getattr__(name):\n    from brainalign.lazy import slow\n    return getattr(slow, name)\n"
    ),
    "lazy/slow.py": "def slow():\n    return 5\n",
    "named.py": "import importlib\n\n\ndef load():\n    return importlib.import_module('brainalign.lazy.slow').slow\n",
    "unnamed.py": (
        "import importlib\n\n\ndef load(name):\n    return importlib.import_module(f'brainalign.rooms.{name}')\n"
    ),
    "starred.py": "from brainalign.rooms.far import *\n",
    "whole.py": "from brainalign import rooms\n\n\ndef show():\n    return rooms.distance(1, 2)\n",
}


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A small package in the place of the real one."""
    folder = tmp_path / "brainalign"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(brainalign, "__file__", str(folder / "__init__.py"))
    return folder


def behind(*cells):
    return source_behind(read_cells(cells)[1])


def edit(folder, name, old, new):
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


HELPED = "from brainalign.rooms import helped"


@pytest.mark.parametrize(
    ("cell", "file", "old", "new"),
    [
        (HELPED, "rooms/near.py", "* times", "/ times"),
        (HELPED, "helpers.py", "return 2 * x", "return x + x"),  # a helper of a helper
        (HELPED, "rooms/near.py", "times=3", "times=4"),  # a default
        (HELPED, "rooms/near.py", "NEAR = 2", "NEAR = 3"),  # a constant
        (HELPED, "rooms/near.py", "@numba.njit", "@numba.njit(fastmath=True)"),
        (HELPED, "rooms/near.py", "return x + 1", "return x + 2"),  # a function of numba
        (HELPED, "rooms/near.py", "@twice\n", ""),  # a decorator
        (HELPED, "helpers.py", "f(f(x))", "f(f(f(x)))"),  # what the decorator does
        (HELPED, "rooms/near.py", "NEAR = 2", "NEAR = 2\nimport random\nrandom.seed(0)"),
        (HELPED, "rooms/__init__.py", "import helped", "import compiled as helped"),  # what the name stands for
        (HELPED, "rooms/__init__.py", "__all__", "import os\nos.environ['X'] = '1'\n__all__"),  # what the package does
        (HELPED, "__init__.py", '"""The package."""', "import numpy\nnumpy.seterr(all='raise')"),
        (HELPED, "rooms/far.py", "def distance", "import brainalign\nbrainalign.X = 1\n\n\ndef distance"),
        (HELPED, "rooms/far.py", "def distance", "print('loaded')\n\n\ndef distance"),
        ("from brainalign.rooms import CLOSE", "rooms/near.py", "NEAR = 2", "NEAR = 3"),
        ("from brainalign.rooms import listed", "rooms/registered.py", "'three'", "'four'"),  # one adds to a registry
        ("from brainalign.rooms import listed", "helpers.py", "3 * x", "4 * x"),  # by way of that registry
        ("from brainalign.rooms import *", "rooms/far.py", "a - b", "b - a - 0"),
        ("from brainalign.starred import distance", "rooms/far.py", "a - b", "a + b"),
        ("import brainalign.rooms as r\nr.distance(1, 2)", "rooms/far.py", "a - b", "a + b"),
        ("import brainalign.rooms\nbrainalign.rooms.distance(1, 2)", "rooms/far.py", "a - b", "a + b"),
        ("from brainalign import rooms\nf = getattr(rooms, 'dist' + 'ance')", "rooms/far.py", "a - b", "a + b"),
        ("from brainalign.whole import show", "rooms/far.py", "a - b", "a + b"),
        ("from brainalign.lazy import slow", "lazy/slow.py", "return 5", "return 6"),
        ("from brainalign.lazy import slow", "lazy/__init__.py", "getattr(slow, name)", "getattr(slow, name[:4])"),
        ("from brainalign.lazy import SCALE", "lazy/__init__.py", "SCALE = 1", "SCALE = 2"),
        ("from brainalign.named import load", "lazy/slow.py", "return 5", "return 6"),
        ("from brainalign.unnamed import load", "rooms/quiet.py", "return 0", "return 1"),
        ("import importlib\nm = importlib.import_module('brainalign.rooms.quiet')", "rooms/quiet.py", "0", "1"),
        ("from importlib import import_module as get\nm = get('brainalign.rooms.quiet')", "rooms/quiet.py", "0", "1"),
        ("m = __import__('brainalign.' + name)", "rooms/quiet.py", "return 0", "return 1"),
    ],
)  # fmt: skip
def test_changed_behaviour_always_changes_the_checksums(small, cell, file, old, new):
    before = behind(cell)
    edit(small, file, old, new)
    assert behind(cell) != before


@pytest.mark.parametrize(
    ("cell", "file", "old", "new"),
    [
        (HELPED, "rooms/near.py", "'''Documented.'''", "'''Documented, at length.'''"),
        (HELPED, "rooms/near.py", "NEAR = 2\n", "NEAR = (  # near\n    2\n)\n'''How near.'''\n"),
        (HELPED, "helpers.py", "    return 2 * x\n", "\n    # Twice.\n    return 2  *  x\n"),
        (HELPED, "rooms/far.py", "a - b", "a + b"),  # passed on by the same package
        (HELPED, "rooms/quiet.py", "0", "1"),
        (HELPED, "rooms/__init__.py", "'distance', ", ""),
        (HELPED, "rooms/__init__.py", "import distance", "import distance as far_away"),
        (HELPED, "lazy/slow.py", "5", "6"),
        ("from brainalign.lazy import SCALE", "lazy/slow.py", "5", "6"),  # looked up only when asked for
        ("import brainalign.rooms as r\nr.distance(1, 2)", "rooms/plain.py", "7", "8"),
        ("from brainalign import rooms\nrooms.distance(1, 2)", "rooms/plain.py", "7", "8"),
    ],
)
def test_what_no_behaviour_depends_on_leaves_the_checksums(small, cell, file, old, new):
    before = behind(cell)
    edit(small, file, old, new)
    assert behind(cell) == before


def test_what_one_cell_imports_and_another_uses_is_seen(small):
    cells = "import brainalign.rooms as r\nr.helped(1)", "r.distance(1, 2)"
    assert "brainalign.rooms.far" in behind(*cells)
    assert "brainalign.rooms.far" not in behind(cells[0])


def test_an_edit_that_keeps_size_and_time_is_seen(small):
    before, path = behind(HELPED), small / "helpers.py"
    stat = path.stat()
    edit(small, "helpers.py", "2 * x", "4 * x")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert path.stat().st_size == stat.st_size
    assert {name for name, checksum in behind(HELPED).items() if checksum != before[name]} == {"brainalign.helpers"}


def test_a_module_that_comes_later_is_seen(small):
    before = behind(HELPED)
    (small / "later.py").write_text("def later():\n    return 1\n", encoding="utf-8")
    edit(small, "rooms/near.py", "NEAR = 2", "from brainalign.later import later\nNEAR = 2")
    with_it = behind(HELPED)
    assert set(with_it) - set(before) == {"brainalign.later"}
    edit(small, "later.py", "return 1", "return 2")
    assert behind(HELPED) != with_it


def test_a_function_inside_a_function_of_the_package_counts_with_its_module(small, monkeypatch):
    text = (
        "def outer():\n    def inner():\n        return helper()\n    return inner\n\n\ndef helper():\n    return 1\n"
    )
    (small / "nested.py").write_text(text, encoding="utf-8")
    module = ModuleType("brainalign.nested")
    exec(text, vars(module))
    monkeypatch.setitem(sys.modules, "brainalign.nested", module)
    before = fingerprint_function(module.outer(), {}, owner="nested")
    assert "brainalign.nested" in before["source"]
    edit(small, "nested.py", "return 1", "return 2")
    assert fingerprint_function(module.outer(), {}, owner="nested") != before


def test_no_code_reads_a_docstring():
    paths = [*Path(brainalign.__file__).parent.rglob("*.py"), *(project_root() / "notebooks").glob("*.md")]
    said = ["getdoc", "cleandoc", "__" + "doc__", "use_attribute_docstrings"]
    assert [path.name for path in paths if any(word in path.read_text(encoding="utf-8") for word in said)] == []


def test_a_comment_and_a_docstring_leave_every_module_as_it_is():
    for path in sorted(Path(brainalign.__file__).parent.rglob("*.py"))[::7]:
        text, is_package = path.read_text(encoding="utf-8"), path.name == "__init__.py"
        commented, changed = f'{text}\n# A comment.\n"""A text."""\n', f"{text}\nONE_MORE = 1\n"
        plain = read_module(text, "brainalign.any", is_package=is_package)
        assert read_module(commented, "brainalign.any", is_package=is_package) == plain, path
        assert read_module(changed, "brainalign.any", is_package=is_package).meaning != plain.meaning, path


def test_few_chapters_depend_on_a_figure(monkeypatch):
    monkeypatch.delenv("BRAINALIGN_PROJECT", raising=False)
    found = {c.name: behind(*(cell.source for cell in code_cells(c.read_source()))) for c in all_chapters()}
    drawing = {name for name, modules in found.items() if "brainalign.figures.pruning" in modules}
    assert drawing == {"pruning"}
    every = {path.stem for path in (Path(brainalign.__file__).parent / "figures").glob("*.py")}
    assert max(sum(m.startswith("brainalign.figures.") for m in modules) for modules in found.values()) < len(every) / 2
