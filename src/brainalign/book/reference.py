"""Sphinx extension: a page for every room with all its public names, and links to them from the code of chapters."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from brainalign.book.docstring_html import docstring_html
from brainalign.book.package_source import ROOMS, Definition, Module, canonical_name, read_modules

__all__ = ["link_code", "reference_pages", "write_reference_pages"]

_FOLDER = "book/api"
_CODE = re.compile(r'<div class="highlight-(?:ipython3|python|default)[^>]*>.*?</pre>', re.DOTALL)
_IMPORT = re.compile(r"^\s*from (brainalign[\w.]*) import (\([^)]*\)|[^\n(]*)", re.MULTILINE)
# A name that is no attribute of something and no keyword of a call.
_NAME = re.compile(
    r'(?<!<span class="o">\.</span>)<span class="n">(?P<name>\w+)</span>(?!<span class="o">=</span>)',
)


def reference_pages() -> list[str]:
    """Names of the pages of the reference, one for every room."""
    return [f"{_FOLDER}/{room}" for room in ROOMS]


def write_reference_pages(source: Path, pages: Sequence[str]) -> None:
    """Write those of the pages that are in a book into its sources; what stands on them is made when it is built."""
    for room, page in zip(ROOMS, reference_pages(), strict=True):
        if page not in pages:
            continue
        path = source / f"{page}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {room}\n\n```{{api-room}} {room}\n```\n", encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive, and the links of the pages that are written."""
    app.add_directive("api-room", ApiRoom)
    # Before the extension for equations looks whether the page has any.
    app.connect("html-page-context", _note_equations, priority=400)
    app.connect("html-page-context", _link_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class ApiRoom(SphinxDirective):
    """``{api-room} similarity``: the public functions and classes of a room, module by module."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """One section for every module that defines something public."""
        name = f"brainalign.{self.arguments[0]}"
        if self.arguments[0] not in ROOMS:
            msg = f"there is no room {self.arguments[0]!r}; the rooms are {', '.join(ROOMS)}."
            raise self.error(msg)
        inside = [one for key, one in read_modules().items() if key == name or key.startswith(f"{name}.")]
        opening = nodes.raw("", _module_html(inside[0]), format="html")
        self._note(inside[0].definitions)
        return [opening, *(self._section(module, name) for module in inside[1:] if module.definitions)]

    def _section(self, module: Module, room: str) -> nodes.section:
        title = module.name.removeprefix(f"{room}.")
        section = nodes.section("", nodes.title(title, title), ids=[f"module-{module.name}"])
        section += nodes.raw("", _module_html(module), format="html")
        self._note(module.definitions)
        return section

    def _note(self, definitions: tuple[Definition, ...]) -> None:
        """Tell Sphinx of every name, so that search and references of other pages find it."""
        domain = self.env.get_domain("py")
        for one in definitions:
            domain.note_object(one.name, one.kind, one.name, location=self.get_source_info())
            self._note(one.members)


def _module_html(module: Module) -> str:
    return "\n".join([docstring_html(module.docstring, _linker(module)), *_definitions_html(module)])


def _definitions_html(module: Module) -> Iterator[str]:
    link = _linker(module)
    for one in module.definitions:
        yield _definition_html(one, link)


def _definition_html(one: Definition, link: Any) -> str:
    place, _, name = one.name.rpartition(".")
    kind = {"class": "class ", "property": "property "}.get(one.kind, "")
    head = (
        f'<dt class="sig" id="{one.name}"><span class="kind">{kind}</span>'
        f'<span class="place">{place}.</span><b>{name}</b>{html.escape(one.signature)}'
        f'<a class="headerlink" href="#{one.name}" title="Link to {name}">#</a></dt>'
    )
    members = "".join(_definition_html(member, link) for member in one.members)
    return f'<dl class="api">{head}<dd>{docstring_html(one.docstring, link)}{members}</dd></dl>'


def _linker(module: Module) -> Any:
    own = {one.name.rpartition(".")[2]: one.name for one in module.definitions}
    room = ".".join(module.name.split(".")[:2])

    def link(text: str) -> str | None:
        if not re.fullmatch(r"[A-Za-z_][\w.]*", text):
            return None
        known = own.get(text) or module.imported.get(text)
        candidates = [known] if known else [text, f"{module.name}.{text}", f"{room}.{text}"]
        return next((_address(found) for one in candidates if (found := canonical_name(one))), None)

    return link


def _address(name: str) -> str | None:
    """Where a name stands, as seen from another page of the reference; None for what has no page."""
    parts = name.split(".")
    if len(parts) < 2 or parts[1] not in ROOMS:
        return None
    module = read_modules().get(name)
    if module is None:
        return f"{parts[1]}.html#{name}"
    # The page of the room itself; a module without public names has no place on it.
    return f"{parts[1]}.html" + (f"#module-{name}" if len(parts) > 2 and module.definitions else "")


def _note_equations(app: Sphinx, page: str, _template: str, context: dict[str, Any], _doctree: Any) -> None:
    if page in reference_pages() and 'class="math' in context.get("body", ""):
        app.env.get_domain("math").data["has_equations"][page] = True


def _link_page(app: Sphinx, page: str, _template: str, context: dict[str, Any], _doctree: Any) -> None:
    # A book of a few chapters may come without the reference; then there is nothing to link to.
    is_there = app.env.found_docs.issuperset(reference_pages())
    if is_there and page not in reference_pages() and "brainalign" in context.get("body", ""):
        folder = app.builder.get_relative_uri(page, f"{_FOLDER}/index").removesuffix("index.html")
        context["body"] = link_code(context["body"], folder)


def link_code(body: str, folder: str) -> str:
    """Link names in the code of a page that it imports from the package.

    Parameters
    ----------
    body : str
        HTML of the page.
    folder : str
        Address of the reference as seen from the page, with a slash at its end.

    Returns
    -------
    str
        The same with links around the names; attributes and keywords of the same name are left alone.
    """
    names = _imported_names(re.sub(r"<[^>]+>", "", "\n".join(_CODE.findall(body))))
    found = {name: canonical_name(full) for name, full in names.items()}
    linked = {name: _address(full) for name, full in found.items() if full}

    def anchor(found: re.Match[str]) -> str:
        address = linked.get(found["name"])
        return f'<a class="api-link" href="{folder}{address}">{found[0]}</a>' if address else found[0]

    return _CODE.sub(lambda block: _NAME.sub(anchor, block[0]), body)


def _imported_names(code: str) -> dict[str, str]:
    """Dotted names behind the names that a code imports from the package."""
    names = {}
    for place, listed in _IMPORT.findall(html.unescape(code)):
        for one in filter(None, (part.strip() for part in listed.strip("()\n ").split(","))):
            name, _, alias = one.partition(" as ")
            names[alias.strip() or name.strip()] = f"{place}.{name.strip()}"
    return names
