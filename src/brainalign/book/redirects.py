"""Pages at the addresses that chapters had before, which lead to where they are now."""

from __future__ import annotations

import html
from collections.abc import Iterable
from pathlib import Path

from brainalign.runs.chapter import Chapter

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<link rel="canonical" href="{now}.html">
<meta http-equiv="refresh" content="0; url={now}.html">
<script>location.replace("{now}.html" + location.search + location.hash)</script>
</head>
<body><p>This chapter has moved to <a href="{now}.html">{title}</a>.</p></body>
</html>
"""


def write_redirects(chapters: Iterable[Chapter], pages: Path) -> list[str]:
    """Write a page for every earlier file name that a chapter declares; the place on the page is kept.

    Parameters
    ----------
    chapters : iterable of Chapter
        Chapters of the book.
    pages : Path
        Folder of the built pages.

    Returns
    -------
    list of str
        Names of the pages, without ending.

    Raises
    ------
    UsageError
        An earlier name is that of a page of today.
    """
    written = []
    for chapter in chapters:
        for place, stem in enumerate(chapter.declaration.formerly):
            page = pages / "notebooks" / f"{stem}.html"
            if page.exists():
                text = f"'{stem}' is the name of a page; leave it out, an earlier name leads to this chapter."
                raise chapter.front_matter.error(("formerly", place), text)
            page.write_text(_PAGE.format(now=chapter.stem, title=html.escape(chapter.title)), encoding="utf-8")
            written.append(f"notebooks/{stem}")
    return written
