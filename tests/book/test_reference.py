"""The reference of all functions, and the links that lead to it."""

from __future__ import annotations

import importlib
import inspect
import re

import pytest

from brainalign.book.building import pages_of_toc
from brainalign.book.docstring_html import docstring_html
from brainalign.book.package_source import ROOMS, canonical_name, read_modules
from brainalign.book.reference import _address, _imported_names, _module_html, link_code, reference_pages
from brainalign.catalogue.locations import project_root

LINKED = re.compile(r'<a class="api-link" href="([^"]+)"><span class="n">(\w+)</span></a>')


def code(text: str) -> str:
    """A cell as Sphinx writes it, highlighted word by word."""
    marked = re.sub(r"([A-Za-z_]\w*)", r'<span class="n">\1</span>', text)
    marked = re.sub(r"([.=])", r'<span class="o">\1</span>', marked.replace('class="n"', "CLASS"))
    return f'<div class="highlight-ipython3 notranslate"><pre>{marked.replace("CLASS", NAMED)}</pre></div>'


NAMED = 'class="n"'


def test_every_room_has_a_page_in_the_book():
    assert [page for page in pages_of_toc(project_root() / "_toc.yml") if page.startswith("book/api/")] == (
        reference_pages()
    )


@pytest.mark.parametrize("room", ["agreement", "encoding", "similarity", "topology"])
def test_what_a_room_offers_is_found_where_python_finds_it(room):
    offered = importlib.import_module(f"brainalign.{room}")
    for name in offered.__all__:
        one = getattr(offered, name)
        if inspect.isfunction(one) or inspect.isclass(one):
            assert canonical_name(f"brainalign.{room}.{name}") == f"{one.__module__}.{one.__qualname__}"


def test_names_that_are_no_definitions_have_no_place():
    assert canonical_name("brainalign.topology.METRICS") is None
    assert canonical_name("numpy.ndarray") is None
    assert canonical_name("brainalign.similarity.nothing") is None


@pytest.mark.parametrize("room", ROOMS)
def test_every_link_between_docstrings_leads_to_a_name_that_is_there(room):
    places = {
        f"{module.name.split('.')[1]}.html#{name}"
        for module in read_modules().values()
        if module.name != "brainalign"
        for one in module.definitions
        for name in (one.name, *(member.name for member in one.members))
    }
    pages = {f"{name}.html" for name in ROOMS}
    for module in read_modules().values():
        if module.name.split(".")[1:2] == [room]:
            links = re.findall(r'<a href="([^"]+)"><code>', _module_html(module))
            assert {link for link in links if "#module-" not in link} <= places | pages


def test_a_docstring_becomes_sections_entries_and_formulas():
    text = """Ratio of `n` < 3.

Parameters
----------
x, y : array of shape (n,)
    Numbers, see `ratio`.

Returns
-------
float in [0, 1]
    Larger is :math:`a < b`.

Notes
-----
.. math:: x^2

- one
- two

>>> ratio(1, 2)
0.5
"""
    found = docstring_html(text, lambda name: "there.html" if name == "ratio" else None)
    assert "<p>Ratio of <code>n</code> &lt; 3.</p>" in found
    assert "<dt><code>x, y</code> : array of shape (n,)</dt>" in found
    assert 'see <a href="there.html"><code>ratio</code></a>' in found
    assert "<dt>float in [0, 1]</dt>" in found
    assert r'<span class="math notranslate nohighlight">\(a &lt; b\)</span>' in found
    assert r"\[x^2\]" in found
    assert "<ul><li>one\n</li><li>two</li></ul>" in found
    assert '<div class="highlight">' in found


def test_imports_are_read_over_several_lines_and_under_other_names():
    names = _imported_names("from brainalign.topology import (\n    align,\n    space as room,\n)\nimport numpy")
    assert names == {"align": "brainalign.topology.align", "room": "brainalign.topology.space"}


def test_names_in_code_lead_to_the_reference_and_attributes_and_keywords_do_not():
    body = code("from brainalign.similarity import linear_cka\nlinear_cka(X, linear_cka=1)\nX.linear_cka")
    linked = LINKED.findall(link_code(body, "../book/api/"))
    address = "../book/api/similarity.html#brainalign.similarity.kernels.linear_cka"
    assert linked == [(address, "linear_cka")] * 2


def test_code_that_imports_nothing_of_the_package_is_left_alone():
    body = code("from numpy import linear_cka\nlinear_cka(X)")
    assert link_code(body, "") == body


def test_what_has_no_page_has_no_address():
    assert _address("brainalign") is None
