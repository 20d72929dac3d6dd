"""The source that numbers depend on: which modules of the project some code needs, and checksums of what they mean."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import brainalign
from brainalign.catalogue.locations import project_root
from brainalign.runs.syntax import BELOW, EVERYTHING, PACKAGE, RUN, ModuleText, Use, read_module

LOCK_FILE = "requirements.lock"


def lock_checksum() -> dict[str, str]:
    """sha256 of the lock file, by its name."""
    return {LOCK_FILE: hashlib.sha256((project_root() / LOCK_FILE).read_bytes()).hexdigest()}


def compiled_source() -> str:
    """Checksum of all modules that numba compiles; names the folder of what it compiled of them.

    numba itself tells an older version by time and size, and of functions of other modules it does not see a change.
    """
    paths = sorted(Path(brainalign.__file__).parent.rglob("*.py"))
    texts = [content for path in paths if b"numba" in (content := path.read_bytes())]
    return hashlib.sha256(b"\0".join(texts)).hexdigest()[:16]


def source_behind(uses: Iterable[Use]) -> dict[str, str]:
    """Modules of `brainalign` that some code depends on, with checksums of what their sources mean.

    Parameters
    ----------
    uses : iterable of Use
        What the code needs; see `as_uses` for names.

    Returns
    -------
    dict
        sha256 by full name of the module. Comments, docstrings and layout count for nothing.

    Notes
    -----
    A name that a package only passes on (``from brainalign.figures import show_dots``) stands for the module that
    defines it; the package counts by what its ``__init__`` does itself and by what that name means there. A module
    counts with all it imports, in functions too. What a package imports on the way counts when importing it may
    have an effect elsewhere, for example on a registry.
    """
    return _Tracing(uses).checksums()


def as_uses(names: Iterable[str]) -> set[Use]:
    """Full names of modules, or of what is in them, as uses; those of other packages count for nothing."""
    inside = (name.partition(".")[2] for name in names if name.partition(".")[0] == PACKAGE)
    return {(PACKAGE, rest or EVERYTHING) for rest in inside}


class _Tracing:
    """Follows what is used from module to module; every source is read anew, so that no edit is missed."""

    def __init__(self, uses: Iterable[Use]) -> None:
        self._folder = Path(brainalign.__file__).parent
        self._texts: dict[str, ModuleText | None] = {}
        self._whole: set[str] = set()
        self._run: set[str] = set()
        self._meanings: dict[str, set[str]] = {}
        self._seen: set[Use] = set()
        self._waiting = list(uses)
        self._follow()
        while effects := self._with_effects() - self._whole:
            self._waiting += [(module, EVERYTHING) for module in effects]
            self._follow()

    def checksums(self) -> dict[str, str]:
        """Checksum by module, in order."""
        return {module: self._checksum(module) for module in sorted(self._run)}

    def _checksum(self, module: str) -> str:
        text = self._text(module)
        if module in self._whole:
            return text.meaning
        said = [text.own, *sorted(self._meanings.get(module, ()))]
        return hashlib.sha256("\n".join(said).encode()).hexdigest()

    def _text(self, module: str) -> ModuleText | None:
        """The text of a module; None when there is no such module."""
        if module not in self._texts:
            path = self._path(module)
            self._texts[module] = path and read_module(
                path.read_text(encoding="utf-8"), module, is_package=path.name == "__init__.py"
            )
        return self._texts[module]

    def _path(self, module: str) -> Path | None:
        place = self._folder.joinpath(*module.split(".")[1:])
        return next((path for path in (place / "__init__.py", place.with_suffix(".py")) if path.is_file()), None)

    def _is_package(self, module: str) -> bool:
        path = self._path(module)
        return path is not None and path.name == "__init__.py"

    def _follow(self) -> None:
        while self._waiting:
            use = self._waiting.pop()
            if use not in self._seen:
                self._seen.add(use)
                self._take(*use)

    def _take(self, module: str, name: str) -> None:
        if self._text(module) is None:
            outer, _, last = module.rpartition(".")  # a module that is not there, or the name of something in one
            if outer:
                self._waiting.append((outer, EVERYTHING if self._text(outer) is None else last))
            return
        self._take_run(module)
        if name == BELOW:
            self._waiting += [(below, EVERYTHING) for below in self._modules_below(module)]
        elif name in (EVERYTHING, "*") or not self._is_package(module):
            self._take_whole(module)
        elif name != RUN and not name.startswith("__"):  # every module has __file__ and the like
            self._take_name(module, *name.partition(".")[::2])

    def _take_run(self, module: str) -> None:
        """Importing a.b.c runs a and a.b as well."""
        while module and module not in self._run:
            self._run.add(module)
            self._waiting += self._text(module).own_uses
            module = module.rpartition(".")[0]

    def _take_whole(self, module: str) -> None:
        self._whole.add(module)
        self._waiting += self._text(module).uses

    def _take_name(self, package: str, name: str, rest: str) -> None:
        """What a name of a package stands for."""
        text, below = self._text(package), f"{package}.{name}"
        bound, is_module = text.bindings.get(name), self._text(below) is not None
        if bound:
            source, member = bound
            self._meanings.setdefault(package, set()).add(f"{name} = {source} {member}")
            self._waiting.append((source, f"{member}.{rest}" if rest and member not in (RUN, EVERYTHING) else member))
        if is_module:
            self._waiting.append((below, rest or EVERYTHING))
        self._waiting += [(star, EVERYTHING) for star in text.stars]
        if not bound and not is_module and name not in text.defined:
            if text.lazy is None:
                self._take_whole(package)
            self._waiting += text.lazy or ()

    def _modules_below(self, package: str) -> list[str]:
        folder = self._folder.joinpath(*package.split(".")[1:])
        paths = [path.relative_to(self._folder).with_suffix("") for path in folder.rglob("*.py")]
        parts = [path.parts[:-1] if path.name == "__init__" else path.parts for path in paths]
        return [".".join((PACKAGE, *names)) for names in parts]

    def _with_effects(self) -> set[str]:
        """Modules that are loaded on the way, and may change something elsewhere when they are."""
        loaded, waiting = set(), list(self._run)
        while waiting:
            module = waiting.pop()
            text = self._text(module)
            if text is None or module in loaded:
                continue
            loaded.add(module)
            waiting.append(module.rpartition(".")[0] or module)
            for source, name in text.loads:
                waiting += [source, f"{source}.{name}"]
        hooks = {name for module in loaded for name in self._text(module).hooked}
        return {m for m in loaded if self._text(m).has_effects or not hooks.isdisjoint(self._text(m).bases)}
