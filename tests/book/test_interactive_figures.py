"""Interactive figures in a real browser: a small book with one page of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest

from brainalign.book.building import BUILD, _jupyter_book
from brainalign.book.checks import check_pages
from brainalign.catalogue.locations import project_root
from brainalign.datasets.surfaces import load_surface
from brainalign.figures import show_interactive_brain, show_interactive_brain_systems, show_interactive_space
from tests.book.serving import served
from tests.book.test_browser import DESK, PHONE, contrast, open_page

SPACE, BRAIN, SYSTEMS = range(3)
# Colour of what lies under an element: that of the nearest ancestor with a ground of its own.
GROUND = """element => {
  for (let part = element; part; part = part.parentElement) {
    const color = getComputedStyle(part).backgroundColor;
    if (!["transparent", "rgba(0, 0, 0, 0)"].includes(color)) { return color; }
  }
}"""
PATIENCE = 120_000  # ms; a brain is drawn by the processor here, which other tests may keep busy
ALT = "Heads of two models on two axes & seven marks"


def space():
    rng = np.random.default_rng(0)
    heads = pd.DataFrame(rng.normal(size=(12, 2)), columns=["axis_1", "axis_2"])
    heads = heads.assign(model=["one", "other"] * 6, layer=heads.index // 4, head=heads.index % 4)
    heads = heads.assign(nearest_network="DMN", similarity=0.5)
    networks = pd.DataFrame(rng.normal(size=(7, 2)), index=["VIS", "SMN", "DAN", "VAN", "LIM", "FPN", "DMN"])
    return show_interactive_space(heads, networks=networks, null=rng.normal(size=(50, 2)), explained=(0.8, 0.1))


def brains():
    surface = load_surface(100)
    values = np.where(surface.networks == "Visual", 1.0, 0.25)
    systems = {name: surface.networks == name for name in dict.fromkeys(surface.networks)}
    yield show_interactive_brain({"first": values, "second": -values}, surface, label="similarity", center=0.0)
    yield show_interactive_brain_systems(systems, surface)


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> Path:
    """Folder of the pages of a book with the project's own settings."""
    work = tmp_path_factory.mktemp("interactive")
    source = work / "source"
    source.mkdir()
    shutil.copy2(project_root() / "_config.yml", source)
    shutil.copytree(project_root() / "book" / "_static", source / "book" / "_static")
    (source / "book" / "references.bib").write_text("", encoding="utf-8")
    (source / "_toc.yml").write_text("format: jb-book\nroot: start\nchapters:\n- file: figures\n", encoding="utf-8")
    (source / "start.md").write_text("# Start\n\nA page without figures.\n", encoding="utf-8")
    cells = [nbformat.v4.new_markdown_cell("# Figures\n\nThree of them.\n")]
    for number, figure in enumerate([space(), *brains()]):
        output = nbformat.v4.new_output("execute_result", figure._repr_mimebundle_(), execution_count=1)
        about = {"figure": {"caption": "A caption.", "name": f"fig-{number}"}, "image": {"alt": ALT}}
        cells.append(nbformat.v4.new_code_cell("show()", outputs=[output], metadata={"mystnb": about}))
    cells.append(nbformat.v4.new_markdown_cell("The first is {numref}`fig-0`.\n\n" + "Words below.\n\n" * 40))
    about = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    about["language_info"] = {"name": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=about), source / "figures.ipynb")
    _jupyter_book(work)
    return work / BUILD / "html"


@pytest.fixture(scope="module")
def address(pages) -> Iterator[str]:
    with served(pages) as url:
        yield url


@pytest.fixture(scope="module")
def desk(browser, address):
    """The page on a desk; a test that changes a figure changes it back."""
    with open_page(browser, f"{address}/figures.html") as page:
        page.set_default_timeout(PATIENCE)
        yield page


def drawn(page, number):
    """One figure of the page, scrolled to and drawn."""
    root = page.locator(".interactive-figure").nth(number)
    root.scroll_into_view_if_needed()
    page.wait_for_function("n => document.querySelectorAll('.interactive-figure')[n].dataset.drawn", arg=number)
    root.scroll_into_view_if_needed()
    return root


def told(root, element):
    """Text that appears when the mouse moves over the middle of an element."""
    box = element.bounding_box()
    text = root.locator(".hovertext")
    for step in range(40):  # the figure looks at the mouse only now and then
        root.page.mouse.move(box["x"] + box["width"] / 2 + step % 2, box["y"] + box["height"] / 2)
        root.page.wait_for_timeout(100)
        if text.count():
            return text.first.text_content()
    pytest.fail("nothing was told")


def test_the_pages_are_sound_and_the_library_is_there_once(pages):
    assert check_pages(pages, ["start", "figures"]) == []
    assert [path.name for path in pages.rglob("plotly*.js")] == ["plotly.min.js"]
    assert "interactive.js" not in (pages / "start.html").read_text(encoding="utf-8")


def test_the_notebook_to_download_keeps_the_figures_as_they_were(pages):
    notebook = nbformat.read(pages / "_sources" / "figures.ipynb", as_version=4)
    kept = [set(output.data) for cell in notebook.cells for output in cell.get("outputs", [])]
    assert kept == [{"application/vnd.plotly.v1+json", "image/png", "text/plain"}] * 3


def test_a_head_says_what_it_is(desk):
    root = drawn(desk, SPACE)
    text = told(root, root.locator(".scatterlayer .trace").nth(1).locator(".point").first)
    assert "one" in text
    assert "layer 0, head 0" in text
    assert "nearest: DMN (0.50)" in text


def test_the_legend_hides_and_shows_a_group(desk):
    root = drawn(desk, SPACE)
    points = root.locator(".scatterlayer .point")
    everything = points.count()
    entry = root.locator(".legend .traces", has_text="other").locator(".legendtoggle")
    for left in (everything - 6, everything):
        entry.click()
        desk.wait_for_function("n => document.querySelectorAll('.scatterlayer .point').length === n", arg=left)
        assert points.count() == left
        desk.wait_for_timeout(500)  # two clicks at once would mean something else


def test_no_button_sends_a_figure_away(desk):
    titles = drawn(desk, SPACE).locator(".modebar-btn").evaluate_all("all => all.map(b => b.dataset.title)")
    assert "Download plot as a PNG" in titles
    assert not [title for title in titles if "hare" in title or "loud" in title or "Plotly" in title]


def test_print_shows_the_picture(desk):
    root = drawn(desk, SPACE)
    still, moving = root.locator(".still"), root.locator(".moving")
    assert (still.is_visible(), moving.is_visible()) == (False, True)
    desk.emulate_media(media="print")
    assert (still.is_visible(), moving.is_visible()) == (True, False)
    desk.emulate_media(media="screen")


def test_the_brain_tells_its_parcels_and_turns(desk):
    root = drawn(desk, BRAIN)
    text = told(root, root.locator(".moving"))
    assert "parcel" in text
    assert "similarity: 0.25" in text or "similarity: 1" in text
    eye = "n => document.querySelectorAll('.moving')[n].layout.scene.camera.eye.x"
    before = desk.evaluate(eye, BRAIN)
    box = root.locator(".moving").bounding_box()
    desk.mouse.down()
    desk.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + box["height"] / 2, steps=6)
    desk.mouse.up()
    desk.wait_for_function(f"([n, was]) => ({eye})(n) !== was", arg=[BRAIN, before])


def test_the_menu_changes_the_map(desk):
    root = drawn(desk, BRAIN)
    texts = "n => document.querySelectorAll('.moving')[n].data.map(trace => trace.hovertext).join()"
    assert "similarity: -1" not in desk.evaluate(texts, BRAIN)
    root.locator(".updatemenu-header", has_text="first").click()
    root.locator(".updatemenu-dropdown-button", has_text="second").click()
    desk.wait_for_function(f"n => ({texts})(n).includes('similarity: -1')", arg=BRAIN)
    assert "similarity: -0.25" in desk.evaluate(texts, BRAIN)


def test_one_half_of_the_brain_can_be_seen_alone(desk):
    root = drawn(desk, SYSTEMS)
    seen = "n => document.querySelectorAll('.moving')[n].data.filter(t => t.i && t.visible !== false).length"
    everything = desk.evaluate(seen, SYSTEMS)
    assert everything > 0
    root.locator(".updatemenu-button", has_text="left").click()
    desk.wait_for_function(f"([n, left]) => ({seen})(n) === left", arg=[SYSTEMS, everything / 2])
    assert desk.evaluate(seen, SYSTEMS) == everything / 2


def test_nobody_complained_and_no_other_machine_was_asked(desk):
    """Last of the tests on this page: after all that was done to its figures."""
    assert desk.complaints == []
    loaded = desk.evaluate("performance.getEntriesByType('resource').map(entry => entry.name)")
    assert sum("plotly.min.js" in url for url in loaded) == 1


def test_colours_follow_the_switch_of_the_theme(desk):
    fill = "e => getComputedStyle(e).fill"
    root = drawn(desk, SPACE)
    title = root.locator(".xtitle")
    before = title.evaluate(fill)
    desk.evaluate("document.documentElement.dataset.theme = 'dark'")
    desk.wait_for_function("was => getComputedStyle(document.querySelector('.xtitle')).fill !== was", arg=before)
    assert contrast(root.evaluate(GROUND), title.evaluate(fill)) > 4.5
    desk.evaluate("document.documentElement.dataset.theme = 'light'")


def test_figures_fit_a_phone_in_the_dark_and_can_be_read(browser, address):
    with open_page(browser, f"{address}/figures.html", viewport=PHONE, color_scheme="dark") as page:
        page.set_default_timeout(PATIENCE)
        for number in (SPACE, BRAIN, SYSTEMS):
            root = drawn(page, number)
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
            assert root.locator(".main-svg").first.bounding_box()["width"] <= PHONE["width"]
            ground = root.evaluate(GROUND)
            for text in root.locator(".xtitle, .xtick text, .legendtext, .cbaxis text").all():
                assert contrast(ground, text.evaluate("e => getComputedStyle(e).fill")) > 4.5


def test_without_scripts_the_picture_is_there(browser, address):
    context = browser.new_context(viewport=DESK, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/figures.html")
    stills = page.locator(".interactive-figure .still")
    assert stills.count() == 3
    assert all(still.is_visible() and still.get_attribute("alt") == ALT for still in stills.all())
    assert not page.locator(".interactive-figure .moving").first.is_visible()
    context.close()


def test_without_webgl_the_brain_stays_a_picture_and_says_why(browser, address):
    context = browser.new_context(viewport=DESK)
    context.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
    page = context.new_page()
    page.goto(f"{address}/figures.html")
    root = page.locator(".interactive-figure").nth(BRAIN)
    root.scroll_into_view_if_needed()
    page.wait_for_function("n => !document.querySelectorAll('.note')[n].hidden", arg=BRAIN)
    assert root.locator(".still").is_visible()
    assert "WebGL" in root.locator(".note").inner_text()
    context.close()
