"""Is a built book sound? Jupyter Book calls a book with a failed notebook or a missing picture a success."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup

_FORBIDDEN = {
    "Traceback (most recent call last)": "shows a traceback",
    "<Figure size": "shows the text of a figure instead of the figure",
    "{glue": "shows a number that was never pasted",
}
_FILE_NAME = re.compile(r"\.(png|svg|jpe?g|gif)$", re.IGNORECASE)
_FETCHED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "video": "src"}
# A link element of these kinds names a page; a browser does not fetch it.
_NOT_FETCHED = {"canonical", "next", "prev", "search", "author", "index", "genindex"}
_CSS_URL = re.compile(r"""(?:@import\s+|url\()\s*["']?((?:https?:)?//[^"')\s]+)""")


def check_pages(html: Path, pages: Sequence[str]) -> list[str]:
    """Look for everything that makes a built book unsound.

    Parameters
    ----------
    html : Path
        Folder with the built pages.
    pages : sequence of str
        Names of the pages that must be there, without ending.

    Returns
    -------
    list of str
        One line a problem; empty when the book is sound. Looked for are missing pages, tracebacks, figures shown as
        text, pictures without alt text, links and pictures that lead nowhere, anything fetched from the network, and
        reports of failed executions.
    """
    _parse.cache_clear()  # a book built again has other pages under the same names
    _anchors.cache_clear()
    problems = [f"{name}: the page is missing" for name in pages if not (html / f"{name}.html").is_file()]
    reports = sorted((html / "reports").rglob("*.err.log")) if (html / "reports").is_dir() else []
    problems += [f"{report.name}: a notebook failed while the book was built" for report in reports]
    for name in pages:
        page = html / f"{name}.html"
        if page.is_file():
            problems += [f"{name}: {problem}" for problem in _check_page(page, html)]
    problems += [f"{css.relative_to(html)}: {problem}" for css in html.rglob("*.css") for problem in _check_css(css)]
    return problems


def _check_page(page: Path, html: Path) -> Iterator[str]:
    soup = _parse(page)
    article = soup.find("article") or soup
    text = article.get_text()
    yield from (meaning for mark, meaning in _FORBIDDEN.items() if mark in text)
    for image in article.find_all("img"):
        alt = (image.get("alt") or "").strip()
        if not alt or _FILE_NAME.search(alt):
            yield f"the picture {image.get('src')} has no alt text"
    yield from _fetched_from_network(soup)
    yield from _broken_links(soup, page, html)


def _fetched_from_network(soup: BeautifulSoup) -> Iterator[str]:
    for tag, attribute in _FETCHED.items():
        for element in soup.find_all(tag):
            if tag == "link" and _NOT_FETCHED & set(element.get("rel") or []):
                continue
            address = element.get(attribute) or ""
            if urlsplit(address).netloc:
                yield f"fetches {address} from the network"
    for script in soup.find_all("script"):
        for address in re.findall(r"https?://[^\s\"']+\.js\b", script.string or ""):
            yield f"a script names {address} on the network"


def _broken_links(soup: BeautifulSoup, page: Path, html: Path) -> Iterator[str]:
    for tag, attribute in (("a", "href"), ("img", "src"), ("script", "src"), ("link", "href")):
        for element in soup.find_all(tag):
            address = element.get(attribute)
            parts = urlsplit(address or "")
            if not address or parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            if not target.exists():
                yield f"{address} leads nowhere"
            elif not target.is_relative_to(html.resolve()):
                yield f"{address} leads out of the book"
            elif parts.fragment and target.suffix == ".html" and unquote(parts.fragment) not in _anchors(target):
                yield f"{address} leads to a place that is not on the page"


@cache
def _anchors(page: Path) -> frozenset[str]:
    soup = _parse(page)
    return frozenset(element["id"] for element in soup.find_all(id=True)) | {"", "top"}


def _check_css(path: Path) -> Iterator[str]:
    for address in _CSS_URL.findall(path.read_text(encoding="utf-8", errors="replace")):
        yield f"fetches {address} from the network"


@cache
def _parse(page: Path) -> BeautifulSoup:
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
