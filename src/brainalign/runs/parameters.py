"""Parameters of a chapter: names, types, bounds and help, checked before anything runs."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, get_args, get_origin

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from brainalign.catalogue.references import parse_reference
from brainalign.runs.data_entries import DataEntry, references
from brainalign.runs.declaration import Declaration, breach_of
from brainalign.runs.errors import UsageError, unknown

DEFAULT_PROFILE = "default"


@dataclass(frozen=True)
class ParameterInfo:
    """What there is to know about one parameter.

    Attributes
    ----------
    name, type, default, bounds, help : str
        As shown to the user; `bounds` is empty where every value of the type is allowed.
    """

    name: str
    type: str
    default: str
    bounds: str
    help: str


def _known_device(name: str) -> str:
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", name):
        msg = "auto, cpu, cuda, cuda:N, or mps"
        raise ValueError(msg)
    return name


Device = Annotated[str, AfterValidator(_known_device)]
"""A device by name, see `brainalign.devices.resolve_device`. Whether it is there is settled when the chapter runs."""


class ChapterParameters(BaseModel):
    """Base of every chapter's parameters. A chapter adds fields, profiles and the data it reads.

    Every chapter has the field `device`, after its own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    profiles: ClassVar[Mapping[str, Mapping[str, Any]]] = {DEFAULT_PROFILE: {}}
    """Named sets of values that differ from the defaults."""

    chapter: ClassVar[str] = "this chapter"
    """Name of the chapter, for the texts of its rules."""

    declaration: ClassVar[Declaration | None] = None
    """What the chapter declares; None where a model of parameters is written by hand."""

    device: Device = Field("auto", description="where torch computes, auto, cpu, cuda, cuda:N, or mps")

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Put the inherited field after the chapter's own, as the parameter cell has it."""
        cls.__pydantic_fields__["device"] = cls.__pydantic_fields__.pop("device")
        cls.model_rebuild(force=True)

    @model_validator(mode="after")
    def _keeps_the_rules(self) -> Self:
        for rule in self.declaration.rules if self.declaration else ():
            if broken := breach_of(rule, vars(self)):
                msg = f"{self.chapter}: {broken}"
                raise ValueError(msg)
        return self

    def data(self) -> tuple[str, ...]:
        """Entries of the catalogue, and models, that a run with these parameters reads."""
        return self._references(self.declaration.data) if self.declaration else ()

    def optional_data(self) -> tuple[str, ...]:
        """References that a run with these parameters reads if they are on this machine, and does without if not.

        Their state, the checksum or that they are absent, is part of the key: once one is there, the run is made anew.
        """
        return self._references(self.declaration.optional_data) if self.declaration else ()

    def _references(self, entries: Iterable[DataEntry]) -> tuple[str, ...]:
        models = {name for name, one in self.declaration.parameters.items() if one.kind == "model"}
        return references(entries, vars(self), models)

    @classmethod
    def from_values(cls, chapter: str, values: Mapping[str, Any], *, profile: str = DEFAULT_PROFILE) -> Self:
        """Validate values given by a user on top of a profile.

        Parameters
        ----------
        chapter : str
            Name of the chapter, for the error's text.
        values : mapping
            Values by parameter name; text is converted to the parameter's type.
        profile : str
            Named set that the values are put on top of.

        Returns
        -------
        ChapterParameters

        Raises
        ------
        UsageError
            Unknown profile or name (the nearest one is given), or a value that is not allowed (what was given, what
            is allowed).
        """
        if profile not in cls.profiles:
            raise unknown(kind="profile", given=profile, known=cls.profiles, owner=chapter)
        for name in values:
            if name not in cls.model_fields:
                raise unknown(kind="parameter", given=name, known=cls.model_fields, owner=chapter)
        try:
            return cls(**{**cls.profiles[profile], **values})
        except ValidationError as error:
            raise UsageError(_explain(cls, chapter, error)) from None

    @classmethod
    def from_notebook(cls, namespace: Mapping[str, Any]) -> Self:
        """Validate the values of a chapter's parameter cell.

        Parameters
        ----------
        namespace : mapping
            The notebook's ``globals()``.

        Raises
        ------
        UsageError
            A parameter is missing from the cell, or its value is not allowed.
        """
        missing = [name for name in cls.model_fields if name not in namespace]
        if missing:
            msg = f"the parameter cell does not define {', '.join(missing)}."
            raise UsageError(msg)
        return cls.from_values("this chapter", {name: namespace[name] for name in cls.model_fields})

    @classmethod
    def describe(cls) -> list[ParameterInfo]:
        """Name, type, default, bounds and help of every parameter, in order."""
        schema = cls.model_json_schema()["properties"]
        return [
            ParameterInfo(
                name,
                type_name(field.annotation),
                json.dumps(field.default),
                bounds_of(schema[name]),
                field.description or "",
            )
            for name, field in cls.model_fields.items()
        ]

    def changed(self) -> dict[str, Any]:
        """Values that differ from the defaults."""
        return {
            name: value for name, value in self.model_dump().items() if value != type(self).model_fields[name].default
        }

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td><code>{info.name}</code></td><td>{html.escape(json.dumps(getattr(self, info.name)))}</td>"
            f"<td>{html.escape(info.help)}</td></tr>"
            for info in self.describe()
        )
        head = "<thead><tr><th>parameter</th><th>value</th><th>meaning</th></tr></thead>"
        return f"<table class='dataframe parameters'>{head}{rows}</table>"


def _from_text(value: Any) -> Any:
    """Read ``100,200`` or ``[100, 200]``, as typed on a command line, as a list."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value if value.lstrip().startswith("[") else f"[{value}]")
    except json.JSONDecodeError:
        return [part.strip() for part in value.split(",")]


FromText = BeforeValidator(_from_text)
"""Marks a list parameter that may be given as text."""


def _number_from_text(value: Any) -> Any:
    """Read ``10``, as typed on a command line; what is no number is left, and refused with the choices."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


NumberFromText = BeforeValidator(_number_from_text)
"""Marks a choice among whole numbers that may be given as text."""


def _known_model(text: str) -> str:
    try:
        reference = parse_reference(text)
    except ValueError as error:
        raise PydanticCustomError(_REFUSED, "{reason}", {"reason": str(error)}) from None
    if reference.hub != "file":
        return text.strip()
    # Below the user's home with ~, so that no user name enters a manifest.
    folder, home = Path(reference.name), Path.home()
    return str(replace(reference, name=f"{'~' / folder.relative_to(home)}")) if folder.is_relative_to(home) else text


_REFUSED = "refused"
"""Type of an error of a validator of ours whose text says why a value is refused, not only what is allowed."""

ModelReference = Annotated[str, AfterValidator(_known_model)]
"""A model by any reference or id that `brainalign.catalogue.references.parse_reference` reads."""


def type_name(annotation: Any) -> str:
    """A type as it is shown to the user."""
    if get_origin(annotation) is Annotated:
        return type_name(get_args(annotation)[0])
    if get_origin(annotation) is Literal:
        return type(get_args(annotation)[0]).__name__
    if get_origin(annotation) in (list, tuple):
        return f"list of {type_name(get_args(annotation)[0])}"
    return annotation.__name__


def bounds_of(schema: Mapping[str, Any]) -> str:
    """Bounds and choices in the JSON schema of a type, as they are shown to the user."""
    parts = []
    if "enum" in schema:
        parts.append(" | ".join(map(str, schema["enum"])))
    for key, sign in (("minimum", ">="), ("exclusiveMinimum", ">"), ("maximum", "<="), ("exclusiveMaximum", "<")):
        if key in schema:
            parts.append(f"{sign} {schema[key]}")
    if "items" in schema and (inner := bounds_of(schema["items"])):
        parts.append(f"each {inner}")
    if schema.get("minItems"):
        parts.append(f"at least {schema['minItems']}")
    if "maxItems" in schema:
        parts.append(f"at most {schema['maxItems']}")
    if "pattern" in schema:
        parts.append(f"matching {schema['pattern']}")
    return ", ".join(parts)


def _explain(cls: type[ChapterParameters], chapter: str, error: ValidationError) -> str:
    infos = {info.name: info for info in cls.describe()}
    lines = []
    for problem in error.errors():
        name = str(problem["loc"][0]) if problem["loc"] else ""
        if name not in infos:
            lines.append(problem["msg"].removeprefix("Value error, "))
            continue
        if problem["type"] == _REFUSED:
            lines.append(f"{chapter}: {name} = {problem['input']!r} is not allowed: {problem['msg']}")
            continue
        # A validator of our own says what is allowed; otherwise type and bounds do.
        own = problem["msg"].removeprefix("Value error, ") if problem["type"] == "value_error" else ""
        allowed = own or f"{infos[name].type} {infos[name].bounds}".strip()
        lines.append(f"{chapter}: {name} = {problem['input']!r} is not allowed; allowed is {allowed}.")
    return "\n".join(lines)
