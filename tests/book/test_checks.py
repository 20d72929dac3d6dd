"""The check of built pages, on pages written by hand."""

from __future__ import annotations

import pytest

from brainalign.book.checks import check_pages

PAGES = ["index", "part/one"]

INDEX = """<!doctype html><html><head>
<link rel="stylesheet" href="_static/style.css"><link rel="canonical" href="https://example.org/index.html">
<script src="_static/program.js"></script><script>const depth = 1;</script></head>
<body><article id="start"><h1 id="title">Tiny</h1>
<p>A <a href="part/one.html">page</a>, a <a href="part/one.html#there">place</a>, <a href="#title">here</a>,
<a href="#">top</a>, <a href="https://example.org/x">out</a>, <a href="mailto:a@example.org">mail</a>,
<a href="a%20file.txt?download=1">a file</a>, <a name="old">an old anchor</a>.</p>
<img src="_images/plot.png" alt="A line that rises"><img src="data:image/png;base64,AAAA" alt="Two dots">
<!-- more --></article></body></html>"""

ONE = """<!doctype html><html><body><article><h2 id="there">There</h2><p><a href="../index.html#start">back</a></p>
</article></body></html>"""


@pytest.fixture
def book(tmp_path):
    files = {
        "index.html": INDEX,
        "part/one.html": ONE,
        "a file.txt": "text",
        "_static/style.css": "body { background: url('dots.png'); src: url(data:font/woff2;base64,AA) }",
        "_static/program.js": "// no more",
        "_images/plot.png": "",
    }
    for name, text in files.items():
        path = tmp_path / "html" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (tmp_path / "outside.html").write_text("<p>not of the book</p>", encoding="utf-8")
    return tmp_path / "html"


def add(book, snippet, page="index.html"):
    path = book / page
    path.write_text(path.read_text(encoding="utf-8").replace("<!-- more -->", snippet), encoding="utf-8")


def test_a_sound_book_has_no_problems(book):
    assert check_pages(book, PAGES) == []


def test_a_missing_page_is_found(book):
    (book / "part" / "one.html").rename(book / "part" / "two.html")
    assert check_pages(book, ["part/one"]) == ["part/one: the page is missing"]
    assert check_pages(book, [*PAGES, "part/two"]) == [
        "part/one: the page is missing",
        "index: part/one.html leads nowhere",
        "index: part/one.html#there leads nowhere",
    ]


def test_a_folder_that_is_not_there_has_no_pages(tmp_path):
    assert check_pages(tmp_path / "none", PAGES) == ["index: the page is missing", "part/one: the page is missing"]


NETWORK = "fetches {} from the network"


@pytest.mark.parametrize(
    ("snippet", "problem"),
    [
        ("<pre>Traceback (most recent call last)\n  File</pre>", "shows a traceback"),
        (
            "<pre><span>Traceback</span> <span>(most recent call last)</span></pre>",
            "shows a traceback",
        ),
        (
            "<pre>&lt;Figure size 640x480 with 1 Axes&gt;</pre>",
            "shows the text of a figure instead of the figure",
        ),
        ("<p>It is {glue:text}`share:.2f`.</p>", "shows a number that was never pasted"),
        ('<img src="_images/plot.png">', "the picture _images/plot.png has no alt text"),
        ('<img src="_images/plot.png" alt="">', "the picture _images/plot.png has no alt text"),
        ('<img src="_images/plot.png" alt="  ">', "the picture _images/plot.png has no alt text"),
        ('<img src="_images/plot.png" alt="_images/plot.png">', "the picture _images/plot.png has no alt text"),
        ('<img src="_images/plot.png" alt="ab12.SVG">', "the picture _images/plot.png has no alt text"),
        ('<img src="_images/gone.png" alt="A line">', "_images/gone.png leads nowhere"),
        ('<a href="gone.html">x</a>', "gone.html leads nowhere"),
        ('<a href="/index.html">x</a>', "/index.html leads nowhere"),
        ('<script src="gone.js"></script>', "gone.js leads nowhere"),
        ('<link rel="stylesheet" href="gone.css">', "gone.css leads nowhere"),
        ('<a href="#gone">x</a>', "#gone leads to a place that is not on the page"),
        ('<a href="part/one.html#title">x</a>', "part/one.html#title leads to a place that is not on the page"),
        ('<a href="../outside.html">x</a>', "../outside.html leads out of the book"),
        ('<script src="https://cdn.example/x.js"></script>', NETWORK.format("https://cdn.example/x.js")),
        ('<script src="//cdn.example/x.js"></script>', NETWORK.format("//cdn.example/x.js")),
        ('<img src="https://cdn.example/x.png" alt="A line">', NETWORK.format("https://cdn.example/x.png")),
        (
            '<link rel="stylesheet" href="https://cdn.example/x.css">',
            NETWORK.format("https://cdn.example/x.css"),
        ),
        ('<link rel="preconnect" href="https://cdn.example">', NETWORK.format("https://cdn.example")),
        ('<iframe src="https://video.example/1"></iframe>', NETWORK.format("https://video.example/1")),
        (
            '<script>load("https://cdn.example/x.min.js")</script>',
            "a script names https://cdn.example/x.min.js on the network",
        ),
    ],
)
def test_a_problem_on_a_page_is_found(book, snippet, problem):
    add(book, snippet)
    assert check_pages(book, PAGES) == [f"index: {problem}"]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("@import url('https://fonts.example/a.css');", "https://fonts.example/a.css"),
        ('@import "https://fonts.example/a.css";', "https://fonts.example/a.css"),
        ("a { src: url(//fonts.example/a.woff2) }", "//fonts.example/a.woff2"),
        ('a { src: url("http://fonts.example/a.woff2") }', "http://fonts.example/a.woff2"),
    ],
)
def test_a_style_sheet_that_fetches_from_the_network_is_found(book, text, address):
    (book / "_static" / "style.css").write_text(text, encoding="utf-8")
    assert check_pages(book, PAGES) == [f"_static/style.css: fetches {address} from the network"]


def test_a_report_of_a_failed_notebook_is_found(book):
    (book / "reports" / "notebooks").mkdir(parents=True)
    (book / "reports" / "notebooks" / "01_tiny.err.log").write_text("Traceback", encoding="utf-8")
    assert check_pages(book, PAGES) == ["01_tiny.err.log: a notebook failed while the book was built"]


def test_all_problems_are_told_at_once(book):
    add(book, '<img src="_images/gone.png"><a href="#gone">x</a><script src="//cdn.example/x.js"></script>')
    assert len(check_pages(book, [*PAGES, "two"])) == 5


def test_a_page_that_was_mended_is_read_again(book):
    add(book, '<a href="part/one.html#new">x</a>')
    assert len(check_pages(book, PAGES)) == 1
    (book / "part" / "one.html").write_text(ONE.replace('id="there"', 'id="there"></h2><h2 id="new"'), encoding="utf-8")
    assert check_pages(book, PAGES) == []
