"""From the parameters that a chapter declares to the model that checks values."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError, create_model

from brainalign.runs.declaration import Declaration, ParameterDeclaration
from brainalign.runs.errors import UsageError
from brainalign.runs.front_matter import FrontMatter
from brainalign.runs.parameters import (
    DEFAULT_PROFILE,
    ChapterParameters,
    FromText,
    ModelReference,
    NumberFromText,
    bounds_of,
    type_name,
)

_TYPES: dict[str, Any] = {"int": int, "float": float, "bool": bool, "str": str, "model": ModelReference}
_BOUNDS = {"min": "ge", "above": "gt", "max": "le", "below": "lt", "pattern": "pattern"}


def parameters_of(found: FrontMatter, declared: Declaration) -> type[ChapterParameters]:
    """The model of a chapter's parameters.

    Raises
    ------
    UsageError
        A default is outside its own bounds, or a profile has a value that is not allowed; the text names file and line.
    """
    fields = {name: _field(found, name, one) for name, one in declared.parameters.items()}
    made = create_model(f"Parameters of {declared.name}", __base__=ChapterParameters, **fields)
    made.chapter, made.declaration = declared.name, declared
    made.profiles = {DEFAULT_PROFILE: {}, **declared.profiles}
    for profile in made.profiles:
        try:
            made.from_values(declared.name, {}, profile=profile)
        except UsageError as error:
            place = ("profiles", profile) if profile != DEFAULT_PROFILE else ("rules",)
            raise found.error(place, f"the profile {profile} does not fit the parameters. {error}") from None
    return made


def _field(found: FrontMatter, name: str, declared: ParameterDeclaration) -> Any:
    annotation = _annotation(declared)
    try:
        default = TypeAdapter(annotation).validate_python(declared.default)
    except ValidationError:
        default = None
    # What would have to be converted is not what is written: 1e-5 is a text in YAML, 1.0e-5 a number.
    if default is None or default != declared.default:
        schema = TypeAdapter(annotation).json_schema()
        allowed = f"{type_name(annotation)} {bounds_of(schema)}".strip()
        text = f"the default {json.dumps(declared.default)} of '{name}' is not allowed; allowed is {allowed}."
        raise found.error(("parameters", name, "default"), f"{text} Change the default or what is allowed.")
    return (annotation, Field(default, description=declared.help))


def _annotation(declared: ParameterDeclaration) -> Any:
    single = Literal[tuple(declared.choices)] if declared.choices else _TYPES[declared.kind]
    bounds = {key: getattr(declared, name) for name, key in _BOUNDS.items() if getattr(declared, name) is not None}
    if bounds:
        single = Annotated[single, Field(**bounds)]
    if declared.is_list:
        length = Field(min_length=declared.at_least, max_length=declared.at_most)
        return Annotated[list[single], length, FromText]
    return Annotated[single, NumberFromText] if declared.choices and declared.kind == "int" else single
