"""How a model is named: a text such as ``timm:NAME`` or ``hf:ORG/NAME#vision@random``, read into its parts."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import lru_cache
from pathlib import PurePath
from typing import Literal, get_args

from brainalign.catalogue.locations import project_root
from brainalign.catalogue.model_list import model_rows, nearest_ids

Hub = Literal["timm", "hf", "open_clip", "meter", "zoo", "file", "package"]

FORMS = (
    "an id of the registry (see: brainalign models)",
    "timm:NAME",
    "hf:ORG/NAME",
    "open_clip:ARCH/PRETRAINED",
    "meter:NAME",
    "zoo:NAME or zoo:NAME/SEED",
    "file:PATH",
)
"""The ways to write a reference; ``#TOWER`` and ``@REVISION`` or ``@random`` may follow each."""

FILE = "file:"
"""What stands before a path on this machine."""

PACKAGED = ("minilm", "smollm2", "dinov2-s-saliency")
"""Models whose weights come with packages that are installed."""

_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".onnx", ".h5", ".json")
_RANDOM = "random"
_PREFIXES = tuple(hub for hub in get_args(Hub) if hub != "package")
_NAMES = {
    "timm": r"[\w.-]+",
    "hf": r"[\w.-]+(?:/[\w.-]+)?",
    "open_clip": r"[\w.-]+/[\w.-]+",
    "meter": r"[\w.-]+",
    "zoo": r"[\w.-]+(?:/\d+)?",
    "file": r".+",
}
_TOWER = r"[a-z][a-z0-9-]*"
_REVISION = r"[\w./-]+"


@dataclass(frozen=True)
class Reference:
    """A model, named in full.

    Attributes
    ----------
    hub : {"timm", "hf", "open_clip", "meter", "zoo", "file", "package"}
        Where the weights come from; ``"package"`` is a model whose weights were installed with the project.
    name : str
        Name there: ``ORG/NAME`` of transformers, ``ARCH/PRETRAINED`` of open_clip, ``NAME`` or ``NAME/SEED`` of the
        mini-zoo, a path of ``file:``.
    tower : str or None
        Part of a model with several towers, for example ``"vision"`` or ``"text"``.
    revision : str or None
        Commit, tag or branch on the hub; None is the newest.
    random : bool
        Whether the untrained twin of the same architecture is meant.
    """

    hub: Hub
    name: str
    tower: str | None = None
    revision: str | None = None
    random: bool = False

    @property
    def files(self) -> Reference:
        """What names the files: the same without the tower, which lies in the same file as the others."""
        return replace(self, tower=None)

    def __str__(self) -> str:
        """Canonical text: `parse_reference` reads it back to an equal reference."""
        text = self.name if self.hub == "package" else f"{self.hub}:{self.name}"
        if self.tower:
            text += f"#{self.tower}"
        suffix = _RANDOM if self.random else self.revision
        return f"{text}@{suffix}" if suffix else text


def parse_reference(text: str | Reference) -> Reference:
    """Read the text that names a model.

    Parameters
    ----------
    text : str or Reference
        An id of the registry such as ``minilm``, ``timm:NAME``, ``hf:ORG/NAME``, ``open_clip:ARCH/PRETRAINED``,
        ``meter:NAME``, ``zoo:NAME``, ``zoo:NAME/SEED`` or ``file:PATH``. Then may follow ``#TOWER``, and
        ``@REVISION`` or ``@random``. A reference is returned as it is.

    Returns
    -------
    Reference
        Ids of the registry are replaced by what they stand for.

    Raises
    ------
    ValueError
        The text has none of these forms, or no such id exists; the message gives the nearest ids and the forms.

    Examples
    --------
    >>> parse_reference("hf:openai/clip-vit-base-patch16#vision@random")
    Reference(hub='hf', name='openai/clip-vit-base-patch16', tower='vision', revision=None, random=True)
    >>> str(parse_reference("zoo:mae-s/0"))
    'zoo:mae-s'
    """
    if isinstance(text, Reference):
        return text
    prefix, colon, rest = text.strip().partition(":")
    if prefix != "file":
        _refuse_path(rest if prefix in _PREFIXES else text.strip(), known=prefix in _PREFIXES)
    if not colon:
        return _parse_id(text.strip())
    if prefix not in _PREFIXES:
        near = get_close_matches(prefix, _PREFIXES, n=1, cutoff=0.5)
        hint = f" Did you mean '{near[0]}:{rest}'?" if near else ""
        msg = f"unknown prefix '{prefix}:' in '{text}'.{hint} {_allowed()}"
        raise ValueError(msg)
    name, tower, suffix = _split_path(rest) if prefix == "file" else _split(rest)
    if not re.fullmatch(_NAMES[prefix], name):
        form = next(form for form in FORMS if form.startswith(f"{prefix}:"))
        msg = f"'{text}' cannot be read: '{name}' is no name of the form {form}. {_allowed()}"
        raise ValueError(msg)
    return _build(text, prefix, name, tower, suffix)


def rows_of(reference: str | Reference, *, is_noted: bool = True) -> list[dict[str, str]]:
    """Rows of the list of models that a reference names: several where its towers have rows of their own, or none."""
    wanted = _model_of(parse_reference(reference))
    rows = model_rows(is_noted=is_noted).values()
    return [row for row in rows if _model_of(_parse_listed(row["reference"])) == wanted]


_parse_listed = lru_cache(maxsize=1024)(parse_reference)


def _model_of(reference: Reference) -> tuple[str, str]:
    # A row of the mini-zoo stands for all seeds.
    name = reference.name.partition("/")[0] if reference.hub == "zoo" else reference.name
    return reference.hub, name


def _build(text: str, hub: Hub, name: str, tower: str | None, suffix: str | None) -> Reference:
    if suffix is not None and suffix != _RANDOM and hub not in ("timm", "hf", "open_clip"):
        msg = f"'{text}': only timm, hf and open_clip have revisions; after @ give '{_RANDOM}', or leave it out."
        raise ValueError(msg)
    if hub == "zoo":
        stem, _, seed = name.partition("/")
        name = f"{stem}/{int(seed)}" if int(seed or 0) else stem  # the first seed is the one meant without a seed
    return Reference(hub, name, tower, None if suffix == _RANDOM else suffix, suffix == _RANDOM)


def _parse_id(text: str) -> Reference:
    name, tower, suffix = _split(text)
    if name in PACKAGED:
        return _build(text, "package", name, tower, suffix)
    row = model_rows().get(name)
    if row is None:
        near = [f"hf:{name}"] if "/" in name else nearest_ids(name)
        hint = f" Did you mean {' or '.join(repr(id_) for id_ in near)}?" if near else ""
        msg = f"unknown model '{text}'.{hint} {_allowed()}"
        raise ValueError(msg)
    named = parse_reference(row["reference"])
    if tower and named.tower and tower != named.tower:
        msg = f"'{text}': the id '{name}' stands for the tower '{named.tower}' of {named.hub}:{named.name}."
        raise ValueError(msg)
    random = suffix == _RANDOM
    revision = None if random else suffix or row["revision"] or None
    return Reference(named.hub, named.name, tower or named.tower, revision, random or named.random)


def _split(text: str) -> tuple[str, str | None, str | None]:
    # The suffixes may come in either order.
    found = re.fullmatch(
        rf"(?P<name>[^#@]*)(?:#(?P<tower>{_TOWER}))?(?:@(?P<suffix>{_REVISION}))?(?:#(?P<late>{_TOWER}))?", text
    )
    if not found or (found["tower"] and found["late"]):
        msg = f"'{text}' cannot be read: after the name may follow #TOWER, and @REVISION or @{_RANDOM}. {_allowed()}"
        raise ValueError(msg)
    return found["name"], found["tower"] or found["late"], found["suffix"]


def _split_path(path: str) -> tuple[str, str | None, str | None]:
    # Folders may have # and @ in their names: only the last part is looked at, and only for what can be meant.
    found = re.fullmatch(rf"(?P<name>.*?)(?:#(?P<tower>{_TOWER}))?(?P<suffix>@{_RANDOM})?", path)
    return found["name"], found["tower"], _RANDOM if found["suffix"] else None


def _refuse_path(text: str, *, known: bool) -> None:
    """Refuse what can only be a path, after the name of a hub or after nothing."""
    path = text.partition("#")[0]
    begins = re.match(r"/|~|\.{1,2}[/\\]|[A-Za-z]:[/\\]", path) is not None
    ends = not known and (
        PurePath(path).suffix.lower() in _SUFFIXES or ("/" in path and (project_root() / path).exists())
    )
    if begins or ends:
        msg = f"'{text}' is a path on this machine; a path is written '{FILE}{text}'. {_allowed()}"
        raise ValueError(msg)


def _allowed() -> str:
    return f"A model is named by {'; '.join(FORMS)}. #TOWER and @REVISION or @{_RANDOM} may follow."
