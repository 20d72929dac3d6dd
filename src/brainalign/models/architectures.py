"""Published models without numbers: every module, and every tensor of their files, without a download or memory."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from brainalign.catalogue.files import own_file
from brainalign.catalogue.kept_models import ARCHITECTURES
from brainalign.catalogue.references import Reference, parse_reference, rows_of

if TYPE_CHECKING:
    from torch import nn
    from transformers import PretrainedConfig


@dataclass(frozen=True)
class Contents:
    """What a checkpoint holds.

    Attributes
    ----------
    tensors : dict
        Shape and bytes per number of every tensor, by its name in the file.
    weights : frozenset of str
        Names of those that are weights of the model, shared ones once; the others are buffers, copies, and heads that
        only training needed.
    """

    tensors: dict[str, tuple[tuple[int, ...], int]]
    weights: frozenset[str]


_ITEM_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}


class Architecture(BaseModel):
    """One entry of `data/architectures.yml`: what is needed to build an untrained model of transformers."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    class_name: str = Field(alias="class")
    dtype: Literal["float32", "float16", "bfloat16"] = "float32"
    towers: dict[str, tuple[str, ...]] = {}
    extra_bytes: int = 0
    config: dict[str, Any]


def architectures() -> dict[str, Architecture]:
    """All entries of `data/architectures.yml` by name."""
    return _read(_content())


def _content() -> bytes:
    return own_file(ARCHITECTURES, "data/architectures.yml").read_bytes()


@lru_cache(maxsize=2)
def _read(content: bytes) -> dict[str, Architecture]:
    return {name: Architecture(**fields) for name, fields in yaml.safe_load(content).items()}


def get_architecture(name: str) -> Architecture:
    """One entry of `data/architectures.yml`.

    Raises
    ------
    ValueError
        For an unknown name; the text gives the nearest ones.
    """
    if name not in architectures():
        near = get_close_matches(name, architectures(), n=3, cutoff=0.4)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        msg = f"no dimensions are known of '{name}'.{hint} They are listed in data/architectures.yml."
        raise ValueError(msg)
    return architectures()[name]


def build_config(name: str, changes: dict[str, Any] | None = None) -> PretrainedConfig:
    """Configuration of a model of transformers, from which its class builds the untrained model.

    Parameters
    ----------
    name : str
        Entry of `data/architectures.yml`.
    changes : dict, optional
        Fields to set otherwise, for example ``{"num_hidden_layers": 2}``; a dict inside changes a tower's fields.

    Returns
    -------
    PretrainedConfig
        Its ``architectures`` names the class.

    Raises
    ------
    ValueError
        See `get_architecture`.
    """
    architecture = get_architecture(name)
    fields = dict(architecture.config)
    for field, value in (changes or {}).items():
        fields[field] = {**fields.get(field, {}), **value} if isinstance(value, dict) else value
    return _transformers_class(architecture).config_class(**fields, architectures=[architecture.class_name])


def build_empty(name: str, config: PretrainedConfig | None = None) -> nn.Module:
    """The model of an entry on torch's meta device: every module and shape, no numbers.

    Parameters
    ----------
    name : str
        Entry of `data/architectures.yml`.
    config : PretrainedConfig, optional
        Another configuration of the same class, for example a smaller one.
    """
    import torch

    # The meta device as context: transformers gives no other way to build without memory.
    with torch.device("meta"):
        return _transformers_class(get_architecture(name))(config or build_config(name))


def transformers_contents(name: str) -> Contents:
    """What a file of transformers holds, under the names on disk.

    Parameters
    ----------
    name : str
        Entry of `data/architectures.yml`.
    """
    return _transformers_contents(name, _content())


@cache
def _transformers_contents(name: str, _architectures: bytes) -> Contents:
    from transformers.core_model_loading import revert_weight_conversion

    model = build_empty(name)
    # Parameters, not the state dict: what is tied is saved once. The names inside the model differ from those on disk.
    on_disk = revert_weight_conversion(model, dict(model.named_parameters()))
    itemsize = _ITEM_BYTES[get_architecture(name).dtype]
    return Contents({key: (tuple(tensor.shape), itemsize) for key, tensor in on_disk.items()}, frozenset(on_disk))


@cache
def timm_contents(name: str) -> Contents:
    """What a file of timm holds.

    Parameters
    ----------
    name : str
        Model and tag, for example ``"deit_tiny_patch16_224.fb_in1k"``.

    Raises
    ------
    ValueError
        timm has no such model; the text gives the nearest names.
    """
    return _contents_of(_empty_timm(name))


@cache
def open_clip_contents(name: str) -> Contents:
    """What a file of open_clip holds.

    Parameters
    ----------
    name : str
        ``ARCH/PRETRAINED``, for example ``"ViT-B-32/laion2b_s34b_b79k"``.

    Raises
    ------
    ValueError
        open_clip has no such model; the text gives the nearest names.
    """
    return _contents_of(_empty_open_clip(name))


@cache
def meter_contents(name: str) -> Contents:
    """What a released file of METER holds.

    Parameters
    ----------
    name : str
        Key of `brainalign.models.meter.RELEASED`.

    Raises
    ------
    ValueError
        There is no such release; the text lists them.
    """
    return _contents_of(_empty_meter(name))


@cache
def zoo_contents(name: str) -> Contents:
    """What a file of the mini-zoo holds, which keeps numbers in half precision; every seed has the same.

    Parameters
    ----------
    name : str
        ``NAME`` or ``NAME/SEED``.

    Raises
    ------
    ValueError
        The mini-zoo has no such model.
    """
    from brainalign.models.zoo.weights import random_objective

    # Tiny models: they are built in memory, untrained.
    objective = random_objective(name.split("/")[0], 0)
    heads = {f"objective.{key}": tensor for key, tensor in objective.heads.state_dict().items()}
    stored = objective.model.state_dict() | heads
    itemsizes = {key: 2 if tensor.is_floating_point() else tensor.element_size() for key, tensor in stored.items()}
    tensors = {key: (tuple(tensor.shape), itemsizes[key]) for key, tensor in stored.items()}
    return Contents(tensors, frozenset(dict(objective.model.named_parameters())))


def skeleton(reference: str | Reference) -> nn.Module:
    """The model of a reference on torch's meta device: nothing is fetched, and no memory is taken for weights.

    Parameters
    ----------
    reference : str or Reference
        A model of timm, open_clip or METER, of the mini-zoo, or one of transformers that has an entry in
        `data/architectures.yml`. A tower changes nothing: the whole is built.

    Returns
    -------
    Module
        On the meta device; of the mini-zoo, on the CPU with first weights.

    Raises
    ------
    ValueError
        There is no such model, or its architecture is not known without a network.

    Examples
    --------
    >>> sum(p.numel() for p in skeleton("open_clip:ViT-B-32/openai").parameters())
    151277313
    """
    parsed = parse_reference(reference)
    if parsed.hub == "zoo":
        from brainalign.models.zoo import load_zoo

        return load_zoo(Reference("zoo", parsed.name, random=True)).eval()
    if parsed.hub == "hf":
        known = next((row["architecture"] for row in rows_of(parsed) if row["architecture"]), None)
        if known is not None:
            return build_empty(known).eval()
    builders = {"timm": _empty_timm, "open_clip": _empty_open_clip, "meter": _empty_meter}
    if parsed.hub not in builders:
        msg = f"the architecture of '{parsed}' is not known without its files; give a model of data/models.csv."
        raise ValueError(msg)
    return builders[parsed.hub](parsed.name).eval()


def _empty_timm(name: str) -> nn.Module:
    import timm
    import torch

    if name not in {*timm.list_models(), *timm.list_pretrained()}:
        near = get_close_matches(name, [*timm.list_pretrained(), *timm.list_models()], n=3, cutoff=0.6)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        msg = f"timm {timm.__version__} has no model '{name}'.{hint}"
        raise ValueError(msg)
    with torch.device("meta"):
        return timm.create_model(name, pretrained=False)


def _empty_open_clip(name: str) -> nn.Module:
    import open_clip
    import torch

    known = ["/".join(pair) for pair in open_clip.list_pretrained()]
    if name not in known:
        near = get_close_matches(name, known, n=3, cutoff=0.6)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        msg = f"open_clip {open_clip.__version__} has no model '{name}'.{hint}"
        raise ValueError(msg)
    with torch.device("meta"), _without_warnings():
        return open_clip.create_model(name.split("/")[0], load_weights=False, device="meta")


def _empty_meter(name: str) -> nn.Module:
    import torch

    from brainalign.models.meter import RELEASED, Meter, MeterConfig

    if name not in RELEASED:
        msg = f"METER has no supported release '{name}'. There are: {', '.join(RELEASED)}."
        raise ValueError(msg)
    release = RELEASED[name]
    types = 3 if "nlvr2" in release.tasks else 2  # NLVR2 tells a second image apart
    with torch.device("meta"):
        return Meter(MeterConfig(image_size=release.image_size, tasks=release.tasks, token_types=types))


@contextmanager
def _without_warnings() -> Iterator[None]:
    # open_clip warns on the root logger that the weights are random, which is what is asked for.
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _contents_of(model: nn.Module) -> Contents:
    tensors = {key: (tuple(tensor.shape), tensor.element_size()) for key, tensor in model.state_dict().items()}
    return Contents(tensors, frozenset(dict(model.named_parameters())))


def _transformers_class(architecture: Architecture) -> type:
    import transformers

    return getattr(transformers, architecture.class_name)
