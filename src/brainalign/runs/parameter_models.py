"""From the parameters that a chapter declares to the model that checks values."""

from __future__ import annotations

import json
import keyword
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError, create_model

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
)

_TYPES: dict[str, Any] = {"int": int, "float": float, "bool": bool, "str": str, "model": ModelReference}
_BOUNDS = {"min": "ge", "above": "gt", "max": "le", "below": "lt", "pattern": "pattern"}
_TAKEN = {*dir(ChapterParameters), *ChapterParameters.model_fields}
"""Names of attributes of every model of parameters."""


def parameters_of(found: FrontMatter, declared: Declaration) -> type[ChapterParameters]:
    """The model of a chapter's parameters.

    Raises
    ------
    UsageError
        A default is outside its own bounds, or a profile has a value that is not allowed; the text names file and line.
    """
    for name in declared.parameters:
        if name in _TAKEN or not name.isidentifier() or keyword.iskeyword(name):
            reason = f"'{name}' cannot be the name of a parameter: it has a meaning already, or is no name in Python."
            raise found.error(("parameters", name), f"{reason} Take another one.")
    fields = {name: _field(found, name, one) for name, one in declared.parameters.items()}
    made = create_model(f"Parameters of {declared.name}", __base__=ChapterParameters, **fields)
    made.chapter, made.declaration = declared.name, declared
    made.profiles = {DEFAULT_PROFILE: {}, **declared.profiles}
    _check_conditions(found, declared)
    for profile in made.profiles:
        _check_profile(found, made, profile)
    return made


def _check_conditions(found: FrontMatter, declared: Declaration) -> None:
    """A condition on a value that a parameter never has would silently leave out what it is put before."""
    for key, entries in (("data", declared.data), ("optional_data", declared.optional_data), ("rules", declared.rules)):
        for number, entry in enumerate(entries):
            for name, wanted in entry.when.items():
                parameter = declared.parameters[name]
                adapter = TypeAdapter(_single(parameter))
                for value in wanted if isinstance(wanted, list) else [wanted]:
                    if not _is_taken_as_it_is(adapter, value):
                        text = f"'{name}' is never {_shown(value)}; allowed is {_allowed(adapter, parameter)}."
                        raise found.error((key, number, "when", name), f"{text} Mend the condition.")


def _check_profile(found: FrontMatter, made: type[ChapterParameters], profile: str) -> None:
    try:
        values = made.from_values(made.chapter, {}, profile=profile)
    except UsageError as error:
        place = ("profiles", profile) if profile != DEFAULT_PROFILE else ("rules",)
        raise found.error(place, f"the profile {profile} does not fit the parameters. {error}") from None
    try:
        values.data()
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        text = f"what a run with the profile {profile} reads cannot be told: {error}. Mend the entry of data."
        raise found.error(("data",), text) from None


def _field(found: FrontMatter, name: str, declared: ParameterDeclaration) -> Any:
    annotation = _annotation(declared)
    adapter = TypeAdapter(annotation)
    # What would have to be converted is not what is written: 1e-5 is a text in YAML, 1.0e-5 a number.
    if not _is_taken_as_it_is(adapter, declared.default):
        text = f"the default {_shown(declared.default)} of '{name}' is not allowed; allowed is"
        mend = "Change the default or what is allowed."
        raise found.error(("parameters", name, "default"), f"{text} {_allowed(adapter, declared)}. {mend}")
    return (annotation, Field(adapter.validate_python(declared.default), description=declared.help))


def _is_taken_as_it_is(adapter: TypeAdapter[Any], value: Any) -> bool:
    try:
        taken = adapter.validate_python(value)
    except ValidationError:
        return False
    return taken == value and isinstance(taken, bool) == isinstance(value, bool)


def _allowed(adapter: TypeAdapter[Any], declared: ParameterDeclaration) -> str:
    return f"{declared.type} {bounds_of(adapter.json_schema())}".strip()


def _shown(value: Any) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)


def _single(declared: ParameterDeclaration) -> Any:
    single = Literal[tuple(declared.choices)] if declared.choices else _TYPES[declared.kind]
    bounds = {key: getattr(declared, name) for name, key in _BOUNDS.items() if getattr(declared, name) is not None}
    return Annotated[single, Field(**bounds)] if bounds else single


def _including(needed: list[Any], given: list[Any]) -> list[Any]:
    left_out = [str(value) for value in needed if value not in given]
    if left_out:
        msg = f"a list that holds {' and '.join(map(str, needed))}; {', '.join(left_out)} is not in it"
        raise ValueError(msg)
    return given


def _annotation(declared: ParameterDeclaration) -> Any:
    single = _single(declared)
    if declared.is_list:
        length = Field(min_length=declared.at_least, max_length=declared.at_most)
        including = [AfterValidator(partial(_including, declared.includes))] if declared.includes else []
        return Annotated[list[single], length, FromText, *including]
    return Annotated[single, NumberFromText] if declared.choices and declared.kind == "int" else single
