"""Data that chapters declare: which of it a run reads."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from brainalign.runs.data_entries import DataEntry, applies, references

VALUES = {"model": "minilm", "clip": "clip-s", "names": ["mae-s", "bert-s"], "seed": 2, "film": "digits", "loud": True}


def read(*entries):
    return references([DataEntry.model_validate(entry) for entry in entries], VALUES, {"model"})


@pytest.mark.parametrize(
    ("entry", "names"),
    [
        ("digits", ("digits",)),
        ("{model}", ("minilm",)),
        ("zoo:{clip}", ("zoo:clip-s",)),
        ("zoo:{names}/{seed}", ("zoo:mae-s/2", "zoo:bert-s/2")),
        ("zoo:{clip}#vision", ("zoo:clip-s",)),
        ({"use": "digits", "when": {"film": ["digits", "hcp"]}}, ("digits",)),
        ({"use": "digits", "when": {"film": "hcp"}}, ()),
        ({"use": "digits", "when": {"loud": False}}, ()),
        ({"use": "digits", "when": {"names": ["gpt-s", "bert-s"]}}, ("digits",)),
        ({"use": "digits", "when": {"film": "digits", "seed": 1}}, ()),
        (
            {
                "call": "brainalign.catalogue.model_sets:controlled_models",
                "with": {"sizes": ["xs"], "seeds": [0]},
            },
            ("zoo:supervised-xs", "zoo:distilled-xs", "zoo:mae-xs", "zoo:contrastive-xs", "zoo:captioned-xs"),
        ),
    ],
)
def test_an_entry_stands_for_what_a_run_reads(entry, names):
    assert read(entry) == names


def test_what_is_read_twice_is_declared_once_and_in_order():
    assert read("zoo:mae-s/2", "digits", "zoo:{names}/{seed}", "digits") == ("zoo:mae-s/2", "digits", "zoo:bert-s/2")


def test_a_list_without_entries_stands_for_nothing():
    entry = DataEntry(use="zoo:{names}")
    assert references([entry], {"names": []}, set()) == ()
    assert not applies({"names": ["mae-s"]}, {"names": []})


@pytest.mark.parametrize(
    "entry", [{}, {"use": "digits", "call": "brainalign.a:b"}, {"call": "os:system"}, {"use": "digits", "if": {}}, 3]
)
def test_an_entry_that_says_nothing_or_too_much_is_refused(entry):
    with pytest.raises(ValidationError):
        DataEntry.model_validate(entry)
