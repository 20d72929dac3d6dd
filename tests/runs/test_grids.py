"""Grids: what they hold, how they are counted, and what is refused before anything starts."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml

from brainalign.runs.errors import UsageError
from brainalign.runs.grids import make_grid, read_grid
from brainalign.runs.registry import get_chapter
from tests.runs.tiny import tiny_chapter


@pytest.fixture(autouse=True)
def _tiny_is_the_project(tiny):
    """The miniature project is the one that is worked on."""


def refusal(content):
    with pytest.raises(UsageError) as refused:
        make_grid(content).parameters(tiny_chapter())
    return str(refused.value)


def test_a_product_holds_every_combination():
    grid = make_grid({"product": {"n": [1, 2], "kind": ["sum", "mean"]}, "values": {"loud": True}})
    assert grid.n_runs == 4
    assert list(grid) == [
        {"loud": True, "n": n, "kind": kind} for n, kind in [(1, "sum"), (1, "mean"), (2, "sum"), (2, "mean")]
    ]
    assert [one.n for one in grid.parameters(tiny_chapter())] == [1, 1, 2, 2]


def test_a_zip_goes_side_by_side_and_is_combined_with_the_product():
    grid = make_grid({"zip": {"n": [1, 2], "scale": [0.5, 2.0]}, "product": {"kind": ["sum", "mean"]}})
    assert grid.n_runs == 4
    assert {(one["n"], one["scale"]) for one in grid} == {(1, 0.5), (2, 2.0)}


def test_several_zips_are_combined():
    grid = make_grid({"zip": [{"n": [1, 2], "scale": [1, 2]}, {"kind": ["sum", "mean"], "note": ["a", "b"]}]})
    assert grid.n_runs == 4
    assert grid.varied == ["n", "scale", "kind", "note"]


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ({"from": 1, "to": 4}, [1, 2, 3, 4]),
        ({"from": 1, "to": 8, "step": 3}, [1, 4, 7]),
        ({"from": 3, "to": 1, "step": -1}, [3, 2, 1]),
        ({"from": 5, "to": 5}, [5]),
        ({"from": 0.1, "to": 0.5, "step": 0.1}, [0.1, 0.2, 0.3, 0.4, 0.5]),
        ({"from": 1, "to": 2, "step": 0.5}, [1.0, 1.5, 2.0]),
        ({"from": 0.0, "to": "2e-3", "step": "1e-3"}, [0.0, 0.001, 0.002]),  # YAML reads 1e-3 as text
    ],
)
def test_a_range_holds_both_ends_and_exact_decimals(given, values):
    assert [one["scale"] for one in make_grid({"product": {"scale": given}})] == values


def test_values_that_are_lists_are_listed():
    grid = make_grid({"product": {"sizes": [[100], [100, 200]]}})
    assert [one.sizes for one in grid.parameters(tiny_chapter())] == [[100], [100, 200]]


def test_a_profile_is_what_the_values_are_put_on_top_of():
    (one,) = make_grid({"profile": "smoke", "product": {"scale": [2.0]}}).parameters(tiny_chapter())
    assert (one.n, one.sizes, one.scale) == (2, [200], 2.0)


def test_a_million_runs_are_counted_without_being_written_out():
    million = {"product": {"n": {"from": 1, "to": 100}, "scale": {"from": 0.001, "to": 9.0, "step": 0.0009}}}
    start = time.process_time()
    grid = make_grid(million)
    grid.check(tiny_chapter())
    assert grid.n_runs == 100 * 9999
    assert len(grid.digest("tiny")) == 12
    assert time.process_time() - start < 0.5


def test_the_same_grid_has_the_same_name_and_another_has_another():
    names = {
        make_grid(content).digest(chapter)
        for content, chapter in [
            ({"product": {"n": [1, 2]}}, "tiny"),
            ({"profile": "default", "product": {"n": [1, 2]}, "values": {}}, "tiny"),
            ({"product": {"n": [1, 3]}}, "tiny"),
            ({"product": {"n": [1, 2]}}, "other"),
            ({"product": {"n": [1, 2]}, "profile": "smoke"}, "tiny"),
            ({"product": {"n": {"from": 1, "to": 2}}}, "tiny"),
            ({"product": {"n": {"from": 1, "to": 3}}}, "tiny"),
        ]
    }
    assert len(names) == 6


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"prodct": {"n": [1]}}, "unknown section of the grid: 'prodct'. Did you mean 'product'?"),
        ({"product": {"nn": [1]}}, "unknown parameter of tiny: 'nn'. Did you mean 'n'?"),
        ({"values": {"scal": 1}, "product": {"n": [1]}}, "unknown parameter of tiny: 'scal'. Did you mean 'scale'?"),
        ({"profile": "smok", "product": {"n": [1]}}, "unknown profile of tiny: 'smok'. Did you mean 'smoke'?"),
        ({"product": {"n": [1, 2, 0]}}, "tiny: n = 0 is not allowed; allowed is int >= 1, <= 100."),
        ({"product": {"n": 3}}, "n: 3 is one value; write a list [3], or set it under values."),
        ({"product": {"n": []}}, "n: the list is empty; give at least one value."),
        ({"product": {"n": {"from": 1, "two": 3}}}, "unknown part of the range of n: 'two'."),
        ({"product": {"n": {"from": 1}}}, "n: 'to' of a range must be a number; got None."),
        ({"product": {"n": {"from": True, "to": 3}}}, "n: 'from' of a range must be a number; got True."),
        ({"product": {"n": {"from": 1, "to": "inf"}}}, "n: 'to' of a range must be a number; got 'inf'."),
        ({"product": {"n": {"from": 3, "to": 1}}}, "n: steps of 1 never lead from 3 to 1;"),
        ({"product": {"n": {"from": 1, "to": 3, "step": 0}}}, "n: steps of 0 never lead from 1 to 3;"),
        ({"zip": {"n": [1, 2], "scale": [1]}}, "what stands under zip is taken side by side, so it needs equally many"),
        ({"zip": [{}]}, "zip needs at least one parameter."),
        ({"zip": {"n": [1]}, "product": {"n": [2]}}, "the grid sets n more than once;"),
        ({"values": {"n": 2}}, "the grid varies nothing;"),
        ({}, "the grid varies nothing;"),
        (None, "the grid varies nothing;"),
        (["n"], "a grid must map names to values; got list."),
        ({"product": [1]}, "product must map names to values; got list."),
    ],
)
def test_what_is_no_grid_of_the_chapter_is_refused(content, text):
    assert refusal(content).startswith(text)


def test_a_file_is_read_and_its_name_is_in_the_error(tmp_path):
    path = tmp_path / "grid.yml"
    path.write_text("product:\n  n: {from: 1, to: 3}\n  scale: [1e-3, 2]\n", encoding="utf-8")
    assert [one.scale for one in read_grid(path).parameters(tiny_chapter())] == [0.001, 2.0] * 3
    path.write_text("produkt: {}", encoding="utf-8")
    with pytest.raises(UsageError, match=r"^grid\.yml: unknown section of the grid"):
        read_grid(path)
    path.write_text("product: {n: [1", encoding="utf-8")
    with pytest.raises(UsageError, match=r"grid\.yml is not YAML"):
        read_grid(path)
    with pytest.raises(UsageError, match=r"none\.yml cannot be read: No such file"):
        read_grid(tmp_path / "none.yml")


def test_the_grid_of_the_book_is_one(monkeypatch):
    monkeypatch.delenv("BRAINALIGN_PROJECT", raising=False)
    page = (Path(__file__).parents[2] / "book" / "sweeps.md").read_text(encoding="utf-8")
    grid = make_grid(yaml.safe_load(page.split("```yaml\n")[1].split("```")[0]))
    assert f"for {grid.n_runs} runs:" in page
    assert len(grid.parameters(get_chapter("topology"))) == grid.n_runs


@pytest.mark.parametrize("given", ["{from: 0, to: 1e9}", "{from: 0, to: 1000000000000000000000000000000}"])
def test_a_range_is_counted_before_it_is_written_out(tmp_path, given):
    path = tmp_path / "grid.yml"
    path.write_text(f"product: {{seed: {given}}}", encoding="utf-8")
    with pytest.raises(UsageError, match="1,000,000 runs"):
        read_grid(path)


def test_a_product_is_refused_by_its_count():
    with pytest.raises(UsageError, match="100,000,000 runs"):
        make_grid({"product": {"seed": {"from": 1, "to": 10_000}, "layer": {"from": 1, "to": 10_000}}})


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "grid.yml"
    path.write_bytes(bytes(range(128, 256)))
    with pytest.raises(UsageError, match="not YAML"):
        read_grid(path)


def test_a_value_that_stands_twice_is_one_run():
    grid = make_grid({"product": {"seed": [1, 1, 2, 1], "scale": [1, 1.0, True]}})
    assert [dict(values) for values in grid] == [{"seed": s, "scale": k} for s in (1, 2) for k in (1, 1.0, True)]
