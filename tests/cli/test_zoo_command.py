"""The command `brainalign zoo`."""

from __future__ import annotations

import json

import pytest
from numpy.testing import assert_equal

from brainalign.catalogue.zoo_cards import read_cards
from brainalign.models.zoo import RECIPES

pytestmark = pytest.mark.training


def test_the_zoo_is_listed_with_its_cards(brainalign):
    answer = brainalign("zoo")
    assert_equal(answer.code, 0)
    assert_equal(answer.lines[0], "model seed objective steps minutes metric held out chance random twin")
    assert_equal(answer.out, brainalign("zoo", "list").out)
    cards = read_cards()
    assert_equal(len(answer.lines), len(cards) + 2)
    for line, card in zip(answer.lines[1:], cards, strict=False):
        metric, result = next(iter(card.results.items()))
        assert line.startswith(f"{card.name} {card.seed} {card.objective} {card.steps} {card.minutes:.1f} {metric} ")
        assert f" {result['value']:.3f} {result['chance']:.3f} " in line
    assert_equal({line.split()[0] for line in answer.lines[1:-1]}, set(RECIPES))


def test_a_model_is_trained_evaluated_and_found_again(brainalign, tmp_path):
    answer = brainalign(
        "zoo", "train", "mae-xs", "--seed", "1", "--steps", "3", "--threads", "1", "--output", str(tmp_path)
    )
    assert_equal(answer.code, 0)
    assert_equal(sorted(path.name for path in tmp_path.iterdir()), ["cards.json", "mae-xs-1.safetensors"])
    assert answer.lines[0].startswith(f"weights: {tmp_path}/mae-xs-1.safetensors, 0.")
    assert_equal(answer.lines[1], "model seed metric held out chance oracle random twin wrong image no image")
    (card,) = json.loads((tmp_path / "cards.json").read_text())
    assert_equal((card["name"], card["seed"], card["steps"]), ("mae-xs", 1, 3))
    again = brainalign("zoo", "evaluate", "--folder", str(tmp_path))
    assert_equal(again.lines, answer.lines[1:])
    for metric, result in card["results"].items():
        (line,) = (line for line in again.lines if line.startswith(f"mae-xs 1 {metric} "))
        assert f" {result['value']:.3f} " in line


def test_the_cards_are_there_for_programs(brainalign):
    cards = json.loads(brainalign("zoo", "list", "--json").out)
    assert_equal(cards, [vars(card) for card in read_cards()])


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("train", "mae-xs", "--device", "cuda:99"), 2, "device = 'cuda:99' is not on this machine"),
        (("train", "mae-xs", "--device", "gpu"), 2, "device = 'gpu' is unknown"),
        (("train", "mea-xs"), 2, "unknown model of the mini-zoo 'mea-xs'. Did you mean 'mae-xs'?"),
        (("evaluate", "meter"), 2, "unknown model of the mini-zoo 'meter'. Did you mean 'meter-s'?"),
        (("evaluate", "mae-xs", "--seed", "77"), 1, "mae-xs-77.safetensors is missing"),
        (("train", "mae-xs", "--steps", "0"), 2, "Invalid value for '--steps'"),
    ],
)
def test_bad_input_is_one_plain_message(brainalign, tmp_path, words, code, message):
    output = ("--output", str(tmp_path)) if words[0] == "train" else ()
    answer = brainalign("zoo", *words, *output)
    assert_equal(answer.code, code)
    assert message in answer.err
    assert "Traceback" not in answer.err
    assert_equal(list(tmp_path.iterdir()), [])
