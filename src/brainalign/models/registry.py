"""The registry of models: which models the studies use, what they are, and how large they are."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, NonNegativeInt, PositiveInt, field_validator

from brainalign.catalogue.model_list import list_of_models, nearest_ids, rows_in
from brainalign.catalogue.references import Hub, Reference, parse_reference, rows_of

if TYPE_CHECKING:
    from transformers import PretrainedConfig

    from brainalign.models.sizes import Sizes

GROUPS = (
    "LLM",
    "LLM-RoPE",
    "LMM-language",
    "LMM-language-RoPE",
    "LMM-vision",
    "LMM-vision-RoPE",
    "ViT",
    "ViT-Variants-global-semantic",
    "ViT-Variants-local-reconstructive",
)
"""The nine folders into which the topological study sorts its 151 models."""

Objective = Literal[
    "supervised",
    "distilled",
    "self-distilled",
    "masked-image",
    "masked-image-then-supervised",
    "image-contrastive",
    "masked-language",
    "next-word",
    "instruction-tuned",
    "reasoning-tuned",
    "sentence-contrastive",
    "image-text-contrastive",
    "image-text-fused",
    "image-text-generative",
]


class ModelEntry(BaseModel):
    """One row of `data/models.csv`.

    Attributes
    ----------
    id : str
        Short name, by which the model can be asked for.
    hub, reference, revision : str
        Where it is, how it is named in full (see `brainalign.catalogue.references`), and its pinned commit where known.
    study : {"topology", "encoding", "book"}
        Who uses it: the topological study, the encoding study, or the book alone.
    group : str or None
        Folder of the topological study, one of `GROUPS`.
    reconstructed : bool
        True when the row is our reconstruction: the study's own list of 151 models is not public.
    family, tower, modality, objective : str
        Family; part of a model with several; what the model (the tower) takes in; group of training objectives.
    architecture : str or None
        Entry of `data/architectures.yml`, of models of transformers.
    parameters : int or None
        Number of weights of the model (of the tower), shared ones counted once.
    full_bytes, topology_bytes : int or None
        Size of the whole checkpoint's tensors, and of those parts of them that spatial attention reads.
    top1, knn_top1 : float or None
        Published ImageNet Top-1 in percent, by `top1_protocol` and by nearest neighbours, from `top1_source`.
    gated : {"yes", "no", "unknown"}
        Whether the hub asks to accept a licence before the download.
    note : str
        What else has to be known; why a number is missing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: str
    hub: Hub
    reference: str
    revision: str | None
    study: Literal["topology", "encoding", "book"]
    group: str | None
    reconstructed: bool
    family: str
    tower: str | None
    modality: Literal["text", "vision", "multimodal"]
    objective: Objective
    architecture: str | None
    parameters: PositiveInt | None
    full_bytes: PositiveInt | None
    topology_bytes: NonNegativeInt | None
    top1: float | None
    knn_top1: float | None
    top1_protocol: str
    top1_source: str
    gated: Literal["yes", "no", "unknown"]
    note: str

    @field_validator(
        "revision", "group", "tower", "architecture", "parameters", "full_bytes", "topology_bytes", "top1", "knn_top1",
        mode="before",
    )  # fmt: skip
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("group")
    @classmethod
    def _is_published(cls, value: str | None) -> str | None:
        if value is not None and value not in GROUPS:
            msg = f"'{value}' is none of the study's groups: {', '.join(GROUPS)}."
            raise ValueError(msg)
        return value


def _entries() -> dict[str, ModelEntry]:
    return _typed(list_of_models())


@lru_cache(maxsize=2)
def _typed(content: bytes) -> dict[str, ModelEntry]:
    return {id_: ModelEntry(**row) for id_, row in rows_in(content).items()}


def models(
    *,
    family: str | None = None,
    group: str | None = None,
    modality: str | None = None,
    study: str | None = None,
) -> list[ModelEntry]:
    """Models of the registry, in the order of the file.

    Parameters
    ----------
    family, group, modality, study : str, optional
        Keep those rows only; upper and lower case count the same.

    Returns
    -------
    list of ModelEntry
        Never empty because of a misspelling: see below.

    Raises
    ------
    ValueError
        No row has that family, group, modality or study; the text lists those that exist.

    Examples
    --------
    >>> [entry.id for entry in models(family="mae")]
    ['mae-base', 'mae-large', 'mae-huge']
    >>> len(models(study="topology"))
    151
    """
    found = list(_entries().values())
    filters = {"family": family, "group": group, "modality": modality, "study": study}
    for field, wanted in filters.items():
        if wanted is not None:
            value = _known_value(field, wanted)
            found = [entry for entry in found if getattr(entry, field) == value]
    return found


def find_model(model_id: str) -> ModelEntry | None:
    """The row with this id, or None."""
    return _entries().get(model_id)


def get_model(model_id: str) -> ModelEntry:
    """The row with this id.

    Raises
    ------
    ValueError
        There is none; the text gives the nearest ids.
    """
    entry = find_model(model_id)
    if entry is None:
        near = " or ".join(f"'{name}'" for name in nearest_ids(model_id))
        hint = f" Did you mean {near}?" if near else ""
        msg = f"the registry has no model '{model_id}'.{hint} All ids: brainalign models."
        raise ValueError(msg)
    return entry


def find_entries(reference: str | Reference) -> list[ModelEntry]:
    """The rows of the model that a reference names: several where its towers have rows of their own, or none."""
    return [_entries()[row["id"]] for row in rows_of(reference)]


def architecture_config(model: ModelEntry | Reference | str) -> PretrainedConfig:
    """Configuration of a model of transformers, known without a network.

    Parameters
    ----------
    model : ModelEntry, Reference or str
        A row of the registry, or a reference to a model that has one.

    Returns
    -------
    PretrainedConfig
        Its ``architectures`` names the class that builds the untrained model.

    Raises
    ------
    ValueError
        The model has no entry in `data/architectures.yml`.
    """
    from brainalign.models.architectures import build_config

    entries = [model] if isinstance(model, ModelEntry) else find_entries(model)
    if not entries or entries[0].architecture is None:
        named = entries[0].id if entries else model
        msg = (
            f"the dimensions of '{named}' are not in data/architectures.yml, so it cannot be built without its "
            "config.json. Give a folder that holds one (file:FOLDER), or a model that is listed there."
        )
        raise ValueError(msg)
    return build_config(entries[0].architecture)


def measure_entry(entry: ModelEntry) -> Sizes:
    """Parameters, bytes of the whole checkpoint and bytes that spatial attention reads, computed anew.

    Raises
    ------
    ValueError
        See `brainalign.models.sizes.measure`.
    """
    from brainalign.models.sizes import measure

    return measure(parse_reference(entry.reference), entry.architecture)


def _known_value(field: str, wanted: str) -> str:
    known = _known_values(field, _entries().values())
    by_lower = {value.lower(): value for value in known}
    if wanted.lower() in by_lower:
        return by_lower[wanted.lower()]
    near = get_close_matches(wanted.lower(), by_lower, n=1, cutoff=0.5)
    hint = f" Did you mean '{by_lower[near[0]]}'?" if near else ""
    msg = f"no model has the {field} '{wanted}'.{hint} Allowed are: {', '.join(known)}."
    raise ValueError(msg)


def _known_values(field: str, entries: Iterable[ModelEntry]) -> list[str]:
    return list(dict.fromkeys(value for entry in entries if (value := getattr(entry, field))))
