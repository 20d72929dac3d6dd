"""The command `brainalign models`: which models there are, what each is, fetching what is needed of some."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from brainalign.cli.bad_input import bad_input
from brainalign.cli.console import open_console, print_json, readable_bytes, readable_count
from brainalign.runs.errors import UsageError

if TYPE_CHECKING:
    from brainalign.catalogue.references import Reference
    from brainalign.models.registry import ModelEntry

models_app = typer.Typer(
    help="List the models of the registry, show one, fetch what is needed of some.", no_args_is_help=False
)

_LOCAL = ("package", "zoo", "file")

_MODEL_HELP = (
    "An id of the registry, or timm:NAME, hf:ORG/NAME, open_clip:ARCH/PRETRAINED, meter:NAME, zoo:NAME, file:PATH."
)

ModelName = Annotated[str, typer.Argument(metavar="MODEL", help=_MODEL_HELP)]


@models_app.callback(invoke_without_command=True)
def list_models(
    context: typer.Context,
    family: Annotated[str | None, typer.Option(help="Only this family, for example vit.")] = None,
    group: Annotated[str | None, typer.Option(help="Only this group of the topological study.")] = None,
    modality: Annotated[str | None, typer.Option(help="Only text, vision or multimodal.")] = None,
    study: Annotated[str | None, typer.Option(help="Only what topology, encoding or the book uses.")] = None,
) -> None:
    """List the models of the registry."""
    if context.invoked_subcommand:
        return
    from brainalign.models.registry import models  # imports torch, which the other commands do without

    with bad_input():
        found = models(family=family, group=group, modality=modality, study=study)
    table = Table("id", "family", "group", "modality", box=None, pad_edge=False)
    for heading in ("parameters", "topology needs", "Top-1 %"):
        table.add_column(heading, justify="right")
    for entry in found:
        table.add_row(*(Text(text) for text in _row(entry)))
    console = open_console()
    console.print(table)
    console.print(Text(f"{len(found)} {'model' if len(found) == 1 else 'models'}"))


@models_app.command()
def show(
    model: ModelName, json_: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False
) -> None:
    """Show everything that is known of a model, and what would be fetched of it."""
    from brainalign.catalogue.references import parse_reference
    from brainalign.models.registry import find_entries

    with bad_input():
        reference = parse_reference(model)
        entries = find_entries(reference)
        same_tower = [entry for entry in entries if entry.tower == reference.tower]
        rows = _fields(same_tower[0], reference) if same_tower else _described(reference, entries)
    if json_:
        print_json(rows)
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, text in rows.items():
        table.add_row(name, Text(text))
    open_console().print(table)


@models_app.command()
def fetch(
    models: Annotated[list[str] | None, typer.Argument(metavar="MODEL...", help=_MODEL_HELP)] = None,
    study: Annotated[str | None, typer.Option(help="Every model that topology, encoding or the book uses.")] = None,
    group: Annotated[str | None, typer.Option(help="Every model of a group of the topological study.")] = None,
    family: Annotated[str | None, typer.Option(help="Every model of a family.")] = None,
    full: Annotated[
        bool,
        typer.Option("--full", help="Fetch whole checkpoints, to run the models, or for formats not read in parts."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how many models and bytes; fetch nothing.")] = False,
) -> None:
    """Fetch the weights that topological alignment needs, and keep them for work offline.

    Several models are fetched one after the other; what is kept already is not fetched again, so the same command
    goes on after a stop.
    """
    from brainalign.cli.fetching import fetch_all, show_sizes, told
    from brainalign.models.fetching import fetch as fetch_weights

    chosen = _chosen(models or [], {"study": study, "group": group, "family": family})
    if dry_run:
        show_sizes(chosen, full=full)
    elif models and len(chosen) == 1:
        with bad_input():
            fetched = fetch_weights(chosen[0], full=full)
        open_console().print(Text(told(chosen[0], fetched)))
    else:
        fetch_all(chosen, full=full)


def _chosen(names: list[str], filters: dict[str, str | None]) -> list[Reference]:
    from brainalign.catalogue.references import parse_reference
    from brainalign.models.registry import models as registered

    if bool(names) == any(filters.values()):
        msg = "name the models to fetch, or choose by --study, --group or --family, not both. See: brainalign models"
        raise UsageError(msg)
    with bad_input():
        ids = names or [entry.id for entry in registered(**filters)]
        return list(dict.fromkeys(map(parse_reference, ids)))


def _row(entry: ModelEntry) -> tuple[str, ...]:
    return (
        entry.id,
        entry.family,
        entry.group or "-",
        entry.modality,
        _or_unknown(entry.parameters, readable_count),
        _or_unknown(entry.topology_bytes, readable_bytes),
        "-" if entry.top1 is None else f"{entry.top1:.1f}",
    )


def _fields(entry: ModelEntry, reference: Reference) -> dict[str, str]:
    top1 = {"Top-1": "none typed"}
    if entry.top1 is not None:
        nearest = "" if entry.knn_top1 is None else f", nearest neighbours {entry.knn_top1:g} %"
        top1 = {
            "Top-1": f"{entry.top1:g} %{nearest}",
            "protocol": entry.top1_protocol,
            "source": entry.top1_source,
        }
    shown = {
        "id": entry.id,
        "reference": str(reference),
        "hub": entry.hub,
        "revision": reference.revision or entry.revision or "not pinned",
        "study": entry.study,
        "group": entry.group or "-",
        "listed": "our reconstruction of the study's list" if entry.reconstructed else "by this book",
        "family": entry.family,
        "tower": entry.tower or "-",
        "modality": entry.modality,
        "objective": entry.objective,
        "architecture": entry.architecture or "-",
        "parameters": _or_unknown(entry.parameters, lambda n: f"{readable_count(n)} ({n})"),
        "checkpoint": _or_unknown(entry.full_bytes, _bytes_in_full),
        "topology needs": _or_unknown(entry.topology_bytes, _bytes_in_full),
        **top1,
        "gated": entry.gated,
        "to fetch": _to_fetch(reference, entry.topology_bytes, entry.full_bytes)
        if entry.full_bytes
        else "see the note",
    }
    if entry.full_bytes is not None:
        shown["to fetch"] = _to_fetch(reference, entry.topology_bytes, entry.full_bytes)
    return shown | ({"note": entry.note} if entry.note else {})


def _to_fetch(reference: Reference, topology_bytes: int | None, full_bytes: int | None) -> str:
    if reference.random:
        return "nothing: the untrained twin is built here"
    if reference.hub in _LOCAL:
        return "nothing: its weights are here"
    command = f"brainalign models fetch {reference}"
    if topology_bytes is None or full_bytes is None:
        return command
    share = 100 * topology_bytes / full_bytes
    return f"{readable_bytes(topology_bytes)}, which is {share:.1f} % of the checkpoint, with: {command}"


def _described(reference: Reference, entries: list[ModelEntry]) -> dict[str, str]:
    # A model without a row of its own: other hubs than hf know its sizes, hf only when its towers have rows.
    from brainalign.models.sizes import measure

    rows = {
        "id": ", ".join(entry.id for entry in entries) or "not in the registry",
        "reference": str(reference),
        "hub": reference.hub,
        "revision": reference.revision or "not pinned",
        "tower": reference.tower or "-",
    }
    architecture = entries[0].architecture if entries else None
    if architecture is None and reference.hub in ("hf", "file"):
        return rows | {
            "checkpoint": "unknown before its files are opened",
            "to fetch": _to_fetch(reference, None, None),
        }
    sizes = measure(reference, architecture)
    return rows | {
        "parameters": f"{readable_count(sizes.parameters)} ({sizes.parameters})",
        "checkpoint": _bytes_in_full(sizes.full_bytes),
        "topology needs": _bytes_in_full(sizes.topology_bytes),
        "to fetch": _to_fetch(reference, sizes.topology_bytes, sizes.full_bytes),
    }


def _bytes_in_full(n_bytes: int) -> str:
    return f"{readable_bytes(n_bytes)} ({n_bytes} bytes)"


def _or_unknown(number: int | None, write: Callable[[int], str]) -> str:
    return "unknown" if number is None else write(number)
