"""The command `brainalign zoo`: the tiny models that the book trains itself."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import MofNCompleteColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from brainalign.catalogue.zoo_cards import read_cards
from brainalign.cli.bad_input import bad_input
from brainalign.cli.console import open_console, print_json
from brainalign.runs.progress import PlainLines, open_bars

if TYPE_CHECKING:
    from rich.console import Console

    from brainalign.catalogue.zoo_cards import Card

zoo_app = typer.Typer(help="List the mini-zoo, train a model of it, or evaluate one.", no_args_is_help=False)

_HEADINGS = ("model", "seed", "metric", "held out", "chance", "oracle", "random twin", "wrong image", "no image")
_OUTPUT = Path("runs/zoo")

Seed = Annotated[int, typer.Option(min=0, help="Seed of the first weights and of the scenes.")]


@zoo_app.callback(invoke_without_command=True)
def summary(context: typer.Context) -> None:
    """List the mini-zoo when no other command is given."""
    if not context.invoked_subcommand:
        list_zoo()


@zoo_app.command("list")
def list_zoo(
    json_: Annotated[bool, typer.Option("--json", help="The cards as JSON, for programs.")] = False,
) -> None:
    """List the shipped models with the first result of their cards."""
    cards = read_cards()
    if json_:
        print_json([vars(card) for card in cards])
        return
    table = Table(
        "model", "seed", "objective", "steps", "minutes", *_HEADINGS[2:5], _HEADINGS[6], box=None, pad_edge=False
    )
    for card in cards:
        metric, result = next(iter(card.results.items()))
        made = (card.name, str(card.seed), card.objective, str(card.steps), f"{card.minutes:.1f}")
        shown = (_number(result[field]) for field in ("value", "chance", "random_twin"))
        table.add_row(*(Text(text) for text in (*made, metric, *shown)))
    console = open_console()
    console.print(table)
    console.print(Text(f"{len(cards)} models; all results: brainalign zoo evaluate NAME"))


@zoo_app.command()
def train(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Model of the mini-zoo; see: brainalign zoo")],
    seed: Seed = 0,
    device: Annotated[str, typer.Option(help="Where to compute: auto, cpu, cuda, cuda:N, or mps.")] = "cpu",
    steps: Annotated[int | None, typer.Option(min=1, help="Length of the schedule; by default the recipe's.")] = None,
    output: Annotated[Path, typer.Option(help="Folder for the weights, the card and the restart file.")] = _OUTPUT,
    threads: Annotated[int, typer.Option(min=1, help="Processor threads; the models are too small for many.")] = 2,
) -> None:
    """Train a model, go on where a stopped training was, and evaluate it."""
    import torch

    from brainalign.devices import resolve_device
    from brainalign.models.zoo import make_card, train_zoo, write_cards

    with bad_input():
        place = resolve_device(device)
    torch.set_num_threads(min(threads, os.cpu_count() or 1))
    console = open_console()
    with bad_input(), _bar(console, name) as bar:
        trained = train_zoo(name, seed, folder=output, device=place, progress=bar, steps=steps)
    console.print(Text(f"weights: {trained.path}, {trained.seconds / 60:.1f} minutes of processor time"))
    card = make_card(name, seed, folder=output, minutes=trained.seconds / 60)
    write_cards([card], output)
    _print_results(console, [card])


@zoo_app.command()
def evaluate(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Model; by default all that are there.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed; by default every one that is there.")] = None,
    folder: Annotated[Path | None, typer.Option(help="Folder of the weights; by default the shipped ones.")] = None,
) -> None:
    """Measure models on handwritten digits that training never used, beside chance, oracles and controls."""
    import torch

    from brainalign.models.zoo import make_card, zoo_folder

    torch.set_num_threads(1)  # batches of small matrices; results do not depend on the machine
    place = folder or zoo_folder()
    minutes = {(card.name, card.seed): card.minutes for card in read_cards(place)}
    console, cards = open_console(), []
    with bad_input(), open_bars(console, MofNCompleteColumn(), TimeRemainingColumn()) as bars:
        wanted = _wanted(name, seed, place)
        task, lines = bars.add_task("evaluating", total=len(wanted)), PlainLines(console, bars)
        for one in wanted:
            cards.append(make_card(*one, folder=place, minutes=minutes.get(one, 0.0)))
            bars.advance(task)
            lines.tell(f"evaluating: {len(cards)} of {len(wanted)} models")
    _print_results(console, cards)


def _wanted(name: str | None, seed: int | None, folder: Path) -> list[tuple[str, int]]:
    from brainalign.models.zoo import RECIPES, trained_seeds

    names = list(RECIPES) if name is None else [name]
    found = [(one, each) for one in names for each in trained_seeds(one, folder=folder) if seed in (None, each)]
    if not found and name is not None:
        return [(name, 0 if seed is None else seed)]  # whose absence is then explained
    return found


def _print_results(console: Console, cards: Iterable[Card]) -> None:
    table = Table(*_HEADINGS, box=None, pad_edge=False)
    for card in cards:
        for metric, result in card.results.items():
            table.add_row(*(Text(text) for text in _row(card, metric, result)))
    console.print(table)


def _row(card: Card, metric: str, result: dict[str, Any]) -> tuple[str, ...]:
    oracle = ", ".join(f"{name} {_number(value)}" for name, value in result["oracle"].items()) or "1"
    controls = (_number(result[field]) for field in ("random_twin", "wrong_image", "no_image"))
    return (card.name, str(card.seed), metric, _number(result["value"]), _number(result["chance"]), oracle, *controls)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


@contextmanager
def _bar(console: Console, name: str) -> Iterator[Any]:
    with open_bars(console, MofNCompleteColumn(), TimeRemainingColumn()) as bars:
        task, lines = bars.add_task(name, total=None), PlainLines(console, bars)

        def advance(done: int, total: int, loss: float) -> None:
            bars.update(task, completed=done, total=total, description=f"{name}, loss {loss:.3f}")
            lines.tell(f"{name}: {done} of {total} steps, loss {loss:.3f}")

        yield advance
