"""In which repository of which hub a model's files are, and under which names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from huggingface_hub import hf_hub_url

from brainalign.catalogue.references import Reference

METER_RELEASES = "BRAINALIGN_METER_RELEASES"
"""Environment variable with an address that replaces the one of METER's released checkpoints."""

_METER_URL = "https://github.com/zdou0830/METER/releases/download"
_HUB_URL = "https://huggingface.co"
_TRANSFORMERS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
_TIMM = ("model.safetensors", "pytorch_model.bin")
_OPEN_CLIP = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")


@dataclass(frozen=True)
class Repository:
    """Where a model's files are.

    Attributes
    ----------
    name : str
        ``ORG/NAME`` on the hub, or the address of a folder of released files.
    weights : tuple of str
        Names that the weights may have, in the order in which they are tried.
    config : str or None
        Name of the configuration.
    is_hub : bool
        Whether it is a repository of the hub (with revisions and a local cache), not a plain address.
    """

    name: str
    weights: tuple[str, ...]
    config: str | None
    is_hub: bool = True

    def url(self, file: str, revision: str | None) -> str:
        """Address of a file."""
        if not self.is_hub:
            return f"{self.name}/{file}"
        return hf_hub_url(self.name, file, revision=revision or "main", endpoint=hub_endpoint())


def hub_endpoint() -> str:
    """Address of the hub; ``HF_ENDPOINT`` replaces it (read now: the hub's client reads it when it is imported)."""
    return os.environ.get("HF_ENDPOINT", _HUB_URL).rstrip("/")


def repository_of(reference: Reference) -> Repository:
    """Repository of a ``hf:``, ``timm:``, ``open_clip:`` or ``meter:`` reference.

    Raises
    ------
    ValueError
        The library knows no such model, or no hub that has its weights; the text gives the nearest names.
    """
    if reference.hub == "hf":
        return Repository(reference.name, _TRANSFORMERS, "config.json")
    if reference.hub == "timm":
        return _of_timm(reference)
    if reference.hub == "open_clip":
        return _of_open_clip(reference)
    return _of_meter(reference)


def _of_timm(reference: Reference) -> Repository:
    import timm  # seconds to import; only needed when a model of timm is asked for

    architecture = reference.name.partition(".")[0]
    if not timm.is_model(architecture):
        raise _unknown(reference, timm.list_models())
    tags = timm.list_pretrained(f"{architecture}.*")
    if "." in reference.name and reference.name not in tags:
        raise _unknown(reference, tags)
    cfg = timm.get_pretrained_cfg(reference.name)
    if cfg is None or not cfg.hf_hub_id:
        raise _unknown(reference, tags)
    return Repository(cfg.hf_hub_id, _TIMM, "config.json")


def _of_open_clip(reference: Reference) -> Repository:
    import open_clip  # seconds to import

    architecture, _, tag = reference.name.partition("/")
    if architecture not in open_clip.list_models():
        raise _unknown(reference, [f"{name}/{known}" for name, known in open_clip.list_pretrained()])
    cfg: Mapping[str, Any] = open_clip.get_pretrained_cfg(architecture, tag) or {}
    if not cfg.get("hf_hub"):
        tags = open_clip.list_pretrained_tags_by_model(architecture)
        raise _unknown(reference, [f"{architecture}/{known}" for known in tags])
    organisation, name, file = (*cfg["hf_hub"].split("/"), "")[:3]
    own = (file,) if file else ()
    return Repository(f"{organisation}/{name}", own + _OPEN_CLIP, "open_clip_config.json")


def _of_meter(reference: Reference) -> Repository:
    from brainalign.models.meter import RELEASED  # that package also builds the model, which needs torch's modules

    if reference.name not in RELEASED:
        raise _unknown(reference, RELEASED)
    base = os.environ.get(METER_RELEASES, _METER_URL).rstrip("/")
    folder, _, file = RELEASED[reference.name].path.rpartition("/")
    return Repository(f"{base}/{folder}", (file,), None, is_hub=False)


def _unknown(reference: Reference, known: Any) -> ValueError:
    near = get_close_matches(reference.name, list(known), n=3, cutoff=0.4)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return ValueError(f"{reference.hub} knows no pretrained weights '{reference.name}'.{hint}")
