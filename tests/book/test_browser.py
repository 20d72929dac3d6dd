"""The book as its readers see it: a real browser, a phone, the dark."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from brainalign.book.building import pages_of_toc
from brainalign.catalogue.locations import project_root

PAGES = pages_of_toc(project_root() / "_toc.yml")
pages = pytest.mark.parametrize("page", PAGES)
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@contextmanager
def open_page(browser, url, *, viewport=DESK, color_scheme="light"):
    """Open a page and collect what it complains about and what it asks other machines for."""
    context = browser.new_context(viewport=viewport, color_scheme=color_scheme)
    page = context.new_page()
    page.complaints = []
    host = url.split("/")[2]
    page.on("console", lambda m: page.complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("requestfailed", lambda request: page.complaints.append(f"not loaded: {request.url}"))
    page.on(
        "request",
        lambda request: (
            page.complaints.append(f"asked {request.url}")
            if not request.url.startswith("data:") and host not in request.url
            else None
        ),
    )
    page.goto(url)
    page.wait_for_load_state("networkidle")
    yield page
    context.close()


@pages
def test_page_is_whole_on_a_desk_and_on_a_phone(browser, address, page):
    """One visit for everything that holds of every page: visits are what takes the time of these tests."""
    with open_page(browser, f"{address}/{page}.html") as opened:
        pictures = opened.evaluate("[...document.querySelectorAll('article img')].map(i => [i.naturalWidth, i.alt])")
        opened.set_viewport_size(PHONE)
        width = opened.evaluate("document.documentElement.scrollWidth")
        complaints = list(opened.complaints)
    assert complaints == []
    assert all(size > 0 and alt.strip() for size, alt in pictures)
    assert width <= PHONE["width"]


def test_equations_are_typeset_from_the_book_itself(browser, address):
    with open_page(browser, f"{address}/notebooks/02_head.html") as opened:
        opened.wait_for_selector("mjx-container")
        assert opened.locator("mjx-container").count() >= 5
        assert opened.locator("mjx-merror").count() == 0
        assert opened.complaints == []


def test_search_finds_a_word(browser, address):
    with open_page(browser, f"{address}/search.html?q=modularity") as opened:
        opened.wait_for_selector("ul.search li")
        found = opened.locator("ul.search li a").all_inner_texts()
    assert any("One attention head" in title for title in found)


def test_a_long_table_is_searched_and_sorted(browser, address):
    with open_page(browser, f"{address}/notebooks/01_models.html") as opened:
        table = opened.locator(".searchable-rows").first
        shown = table.locator("tbody tr:visible")
        everything = shown.count()
        opened.locator(".searchable-bar input").first.fill("MAE masked")
        assert 0 < shown.count() < everything
        assert all("mae" in text.lower() for text in shown.all_inner_texts())
        assert opened.locator(".searchable-bar output").first.inner_text() == f"{shown.count()} of {everything} rows"
        table.get_by_role("button", name="million parameters").click()
        column = [cell.strip() for cell in table.locator("thead th").all_inner_texts()].index("million parameters")
        sizes = [float(row.locator("td").nth(column).get_attribute("data-value")) for row in shown.all()]
        assert sizes == sorted(sizes)
        assert sizes[0] < sizes[-1]


def test_first_page_leads_to_the_title_page(browser, address):
    with open_page(browser, f"{address}/index.html") as opened:
        opened.wait_for_url("**/book/intro.html")
        assert opened.locator("article h1").inner_text().startswith("brainalign")


def test_dark_theme_is_dark_and_readable(browser, address):
    url = f"{address}/notebooks/02_head.html"
    with open_page(browser, url, color_scheme="dark") as opened:
        ground = opened.locator("body").evaluate("e => getComputedStyle(e).backgroundColor")
        ink = opened.locator("article p").first.evaluate("e => getComputedStyle(e).color")
    assert luminance(ground) < 0.1
    assert contrast(ground, ink) > 4.5


def test_theme_button_switches_to_another_theme(browser, address):
    with open_page(browser, f"{address}/book/intro.html") as opened:
        before = opened.evaluate("document.documentElement.dataset.mode")
        opened.locator("button.theme-switch-button:visible").first.click()
        assert opened.evaluate("document.documentElement.dataset.mode") != before


def test_solution_and_run_record_unfold(browser, address):
    with open_page(browser, f"{address}/notebooks/02_head.html") as opened:
        record = opened.locator("details", has_text="How the numbers on this page were made")
        assert not record.locator("table").is_visible()
        record.locator("summary").click()
        assert record.locator("table").is_visible()
        solution = opened.locator("div.solution.dropdown").first
        solution.locator("button, label, .toggle-button").first.click()
        assert solution.locator("pre").first.is_visible()


def test_hidden_code_unfolds(browser, address):
    with open_page(browser, f"{address}/notebooks/02_head.html") as opened:
        hidden = opened.locator("details.hide.above-input").first
        assert not hidden.locator("pre").is_visible()
        hidden.locator("summary").click()
        assert hidden.locator("pre").is_visible()


def test_notebook_can_be_downloaded(browser, address):
    with open_page(browser, f"{address}/notebooks/03_topology.html") as opened:
        link = opened.locator("a[href$='.ipynb']").first.get_attribute("href")
        notebook = opened.request.get(f"{address}/notebooks/{link}").json()
    assert notebook["metadata"]["brainalign"]["chapter"] == "topology"


def _channels(color: str) -> list[float]:
    return [float(value) / 255 for value in color[color.index("(") + 1 : -1].split(",")[:3]]


def luminance(color: str) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in _channels(color)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Ratio of luminances as the accessibility guidelines define it (WCAG 2.1)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_a_name_in_code_leads_to_its_place_in_the_reference(browser, address):
    with open_page(browser, f"{address}/notebooks/03_topology.html") as opened:
        opened.locator("a.api-link:has-text('head_metrics')").first.click()
        opened.wait_for_load_state("networkidle")
        assert opened.url.endswith("book/api/topology.html#brainalign.topology.alignment.head_metrics")
        place = opened.locator("[id='brainalign.topology.alignment.head_metrics']")
        assert "head_metrics(" in place.inner_text()
        assert opened.locator("mjx-container").count() > 0
        assert opened.complaints == []
