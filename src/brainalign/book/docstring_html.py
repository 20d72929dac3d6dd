"""A numpydoc docstring as HTML: sections, lists of parameters, examples, formulas, links to what is named."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Callable, Iterator

from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers.python import PythonConsoleLexer

__all__ = ["docstring_html"]

Link = Callable[[str], str | None]
"""Gives the address of what a name stands for, or None."""

_SECTION = re.compile(r"^(\S[^\n]*)\n-{3,}\n", re.MULTILINE)
_ENTRIES = ("Parameters", "Attributes", "Returns", "Yields", "Raises", "Warns")
_MARKED = re.compile(r":math:`(?P<math>[^`]+)`|``(?P<double>.+?)``|`(?P<code>[^`]+)`", re.DOTALL)
_DISPLAYED = ".. math::"
_POINT = re.compile(r"^(?:-|\d+\.) ")


def docstring_html(docstring: str, link: Link) -> str:
    """Render a docstring.

    Parameters
    ----------
    docstring : str
        Cleaned of its indentation, with numpydoc sections.
    link : callable
        Gives the address of what a name in backticks stands for, or None.

    Returns
    -------
    str
        HTML without headings: sections begin with a paragraph of class ``section``.
    """
    opening, *pieces = _SECTION.split(docstring)
    parts = list(_blocks(opening, link))
    for title, body in zip(pieces[::2], pieces[1::2], strict=True):
        parts.append(f'<p class="section">{html.escape(title)}</p>')
        parts += [_entries(body, link, title)] if title in _ENTRIES else _blocks(body, link)
    return "\n".join(parts)


def _entries(body: str, link: Link, title: str) -> str:
    """Entries begin at the margin, their texts are indented; what is returned without a name is a type, in words."""
    rows = []
    for entry in re.split(r"\n(?=\S)", body.strip("\n")):
        head, _, text = entry.partition("\n")
        name, colon, kind = head.partition(" : ")
        term = f"<code>{html.escape(name)}</code>" + (f" : {_inline(kind, link)}" if colon else "")
        if not colon and title in ("Returns", "Yields"):
            term = _inline(name, link)
        rows.append(f"<dt>{term}</dt><dd>{''.join(_blocks(textwrap.dedent(text), link))}</dd>")
    return f"<dl>{''.join(rows)}</dl>"


def _blocks(text: str, link: Link) -> Iterator[str]:
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        lines = block.strip("\n")
        if lines.startswith(">>>"):
            yield highlight(lines, PythonConsoleLexer(), HtmlFormatter())
        elif lines.startswith(_DISPLAYED):
            formula = html.escape(" ".join(lines.removeprefix(_DISPLAYED).split()), quote=False)
            yield f'<div class="math notranslate nohighlight">\\[{formula}\\]</div>'
        elif _POINT.match(lines):
            points = re.split(r"^(?:-|\d+\.) ", lines, flags=re.MULTILINE)[1:]
            kind = "ul" if lines.startswith("-") else "ol"
            yield f"<{kind}>{''.join(f'<li>{_inline(point, link)}</li>' for point in points)}</{kind}>"
        elif lines:
            yield f"<p>{_inline(lines, link)}</p>"


def _inline(text: str, link: Link) -> str:
    parts, end = [], 0
    for found in _MARKED.finditer(text):
        parts += [html.escape(text[end : found.start()], quote=False), _marked(found, link)]
        end = found.end()
    return "".join([*parts, html.escape(text[end:], quote=False)])


def _marked(found: re.Match[str], link: Link) -> str:
    if found["math"]:
        return f'<span class="math notranslate nohighlight">\\({html.escape(found["math"], quote=False)}\\)</span>'
    text = found["double"] or found["code"]
    code = f"<code>{html.escape(text, quote=False)}</code>"
    address = link(text.removesuffix("()"))
    return f'<a href="{html.escape(address)}">{code}</a>' if address else code
