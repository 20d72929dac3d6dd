"""How plans are shown: what has to be fetched of data and of models, and with which commands."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from brainalign.cli.plans import print_plans
from brainalign.runs.plan import Plan

NOTHING = {
    "chapter": "tiny", "profile": "default", "n_runs": 1, "n_existing": 0, "downloads": {}, "models": {},
    "optional": {}, "kept": {}, "by_hand": [], "seconds": 1.0, "run_bytes": 10.0, "n_earlier": 1,
    "earlier_profile": "default",
}  # fmt: skip


def shown(*fields):
    """The lines below the table."""
    stream = io.StringIO()
    print_plans(Console(file=stream, width=200), [Plan(**(NOTHING | changes)) for changes in fields], 1)
    return stream.getvalue().splitlines()[1 + len(fields) :]


def test_nothing_to_fetch_is_nothing_to_say():
    assert shown({}) == []


def test_models_have_their_own_command_and_count_with_the_data():
    lines = shown(
        {"downloads": {"story": 1000}, "models": {"hf:a/b": 2500, "hf:c/d": None}}, {"models": {"hf:a/b": 2500}}
    )
    assert lines == [
        "to download, 1.00 kB: brainalign data get story",
        "to fetch, 2.50 kB: brainalign models fetch hf:a/b",
        "to fetch, size unknown: brainalign models fetch hf:c/d",
        "to download and fetch in all: 3.50 kB",
    ]


@pytest.mark.parametrize("n_models", [3, 9])
def test_of_many_optional_models_the_first_are_named(n_models):
    optional = {f"hf:a/{number}": 1000 for number in range(n_models)}
    lines = shown({"optional": optional | {"story": None}, "kept": {"hf:k/k": 5000}}, {"kept": {"hf:k/k": 5000}})
    assert lines[0] == (
        f"optional, not here: {n_models + 1} references, {n_models}.00 kB (and 1 of unknown size); runs do without them"
    )
    assert lines[1:4] == [f"  1.00 kB: brainalign models fetch hf:a/{number}" for number in range(3)]
    if n_models == 3:
        assert lines[4] == "  size unknown: brainalign data get story"
    else:
        assert lines[6] == "  and 5 more; many at once: brainalign models fetch --study topology"
    assert lines[-1] == "models of a hub that are here: 1, 5.00 kB on the disk"


def test_what_is_needed_by_one_chapter_is_not_optional():
    assert shown({"models": {"hf:a/b": 10}}, {"optional": {"hf:a/b": 10}}) == [
        "to fetch, 10 B: brainalign models fetch hf:a/b"
    ]


@pytest.mark.parametrize(
    ("of", "told"),
    [
        ({}, "earlier runs"),
        ({"n_earlier": 0, "earlier_profile": None, "is_of_page": True}, "the committed page"),
        ({"n_earlier": 0, "earlier_profile": None}, "the defaults"),
    ],
)
def test_times_of_other_values_are_called_that(of, told):
    lines = shown({"other_values": ["n", "scale"], **of})
    assert lines == [f"tiny: the time is of {told}, with other values of n, scale, and may be far off"]
    assert shown({"other_values": ["n"], "n_existing": 1, **of}) == []


def test_times_of_another_profile_are_called_that():
    (line,) = shown({"profile": "paper"})
    assert line == (
        "tiny has no run with profile paper: time and size are those of its profile default, and may be far off"
    )
    assert shown({"profile": "paper", "n_existing": 1}) == []
