"""What a chapter may declare in its front matter, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from brainalign.runs.data_entries import DataEntry, applies
from brainalign.runs.errors import UsageError, unknown
from brainalign.runs.front_matter import KEY, FrontMatter

NUMBERS = ("int", "float")
_STRICT = ConfigDict(extra="forbid", frozen=True)


class ParameterDeclaration(BaseModel):
    """One parameter. Bounds and choices of a list are those of each of its entries."""

    model_config = _STRICT

    type: Literal[
        "int", "float", "bool", "str", "model", "list of int", "list of float", "list of str", "list of model"
    ]
    default: Any = Field(description="the value where none is given")
    help: str = Field(min_length=1, description="what the parameter means, in a few words")
    min: int | float | None = None
    above: int | float | None = None
    max: int | float | None = None
    below: int | float | None = None
    choices: list[Any] | None = Field(None, min_length=1)
    pattern: str | None = None
    at_least: int | None = Field(None, ge=1)
    at_most: int | None = Field(None, ge=1)
    includes: list[Any] | None = Field(None, min_length=1)

    @property
    def is_list(self) -> bool:
        """Whether its value is a list."""
        return self.type.startswith("list of ")

    @property
    def kind(self) -> str:
        """Type of the value, or of each entry of the list."""
        return self.type.removeprefix("list of ")

    @model_validator(mode="after")
    def _limits_fit_the_type(self) -> Self:
        fitting = {
            "min": self.kind in NUMBERS, "above": self.kind in NUMBERS, "max": self.kind in NUMBERS,
            "below": self.kind in NUMBERS, "choices": self.kind in ("int", "str"), "pattern": self.kind == "str",
            "at_least": self.is_list, "at_most": self.is_list, "includes": self.is_list,
        }  # fmt: skip
        wrong = [name for name, fits in fitting.items() if not fits and getattr(self, name) is not None]
        if wrong:
            msg = f"a parameter of the type {self.type} takes no {', '.join(wrong)}; leave it out."
            raise ValueError(msg)
        if self.choices and {type(choice).__name__ for choice in self.choices} != {self.kind}:
            msg = f"choices of a parameter of the type {self.type} are of the type {self.kind}: got {self.choices}."
            raise ValueError(msg)
        return self


class Limit(BaseModel):
    """What a parameter is limited to by a rule."""

    model_config = _STRICT

    choices: list[Any] | None = None
    max: int | float | None = None


class Rule(BaseModel):
    """What must hold between parameters.

    With `allow`: where `when` applies, a parameter is limited further. With `disjoint`: two lists share nothing.
    """

    model_config = _STRICT

    when: dict[str, Any] = {}
    allow: dict[str, Limit] = {}
    disjoint: list[str] = Field([], max_length=2)
    why: str = ""


def breach_of(rule: Rule, values: Mapping[str, Any]) -> str:
    """What of some values breaks a rule, in words; empty where they keep it."""
    if rule.disjoint:
        one, two = rule.disjoint
        shared = sorted({*values[one]} & {*values[two]})
        return f"{one} and {two} share {shared}; {rule.why or 'nothing may be in both'}" if shared else ""
    if not applies(rule.when, values):
        return ""
    for name, limit in rule.allow.items():
        value = values[name]
        if limit.choices is not None and value not in limit.choices:
            allowed = " or ".join(map(str, limit.choices))
        elif limit.max is not None and value > limit.max:
            allowed = f"at most {limit.max:g}"
        else:
            continue
        condition = " and ".join(f"{key} = {values[key]!r}" for key in rule.when)
        why = f", {rule.why}" if rule.why else ""
        return f"{name} = {value!r} is not allowed with {condition}; allowed is {allowed}{why}."
    return ""


class Declaration(BaseModel):
    """Everything that a chapter says of itself.

    Attributes
    ----------
    name : str
        Short name, used on the command line.
    part : str
        Part of the book, a caption of ``_toc.yml``.
    minutes : float
        How long it takes on a laptop at its defaults.
    study : str, optional
        Key, in the ledger of claims, of the study that it is about.
    before : list of str
        Chapters to read before.
    formerly : list of str
        File names that it had, without ending; their addresses lead to it.
    parameters : dict of str to ParameterDeclaration
        Its parameters; ``device`` is added to those of every chapter.
    profiles : dict
        Named sets of values that differ from the defaults, ``smoke`` for a quick trial and ``paper`` for full size.
    rules : list of Rule
        What must hold between parameters.
    data, optional_data : list of DataEntry
        What a run reads, and what it reads where it is there.
    claims : list of str
        Claims of the ledger that it tests.
    """

    model_config = _STRICT

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="short name, used on the command line")
    part: str = Field(description="part of the book, a caption of _toc.yml")
    minutes: float = Field(gt=0, description="minutes that it takes on a laptop at its defaults")
    study: str | None = None
    before: list[str] = []
    formerly: list[str] = []
    parameters: dict[str, ParameterDeclaration] = {}
    profiles: dict[str, dict[str, Any]] = Field({}, description="named sets of values, smoke among them")
    rules: list[Rule] = []
    data: list[DataEntry] = []
    optional_data: list[DataEntry] = []
    claims: list[str] = []

    @field_validator("profiles")
    @classmethod
    def _default_is_the_defaults(cls, profiles: dict[str, Any]) -> dict[str, Any]:
        if "default" in profiles:
            msg = "the profile default has the defaults of the parameters; leave it out."
            raise ValueError(msg)
        return profiles


def declaration_of(found: FrontMatter) -> Declaration:
    """Check a front matter.

    Raises
    ------
    UsageError
        For the first thing that is missing, unknown or not allowed; the text names file and line and says what to do.
    """
    if not isinstance(found.values, dict):
        raise found.error((), f"the front matter has no '{KEY}:' with what the chapter declares; see: brainalign new")
    try:
        declared = Declaration.model_validate(found.values)
    except ValidationError as error:
        problem = error.errors()[0]
        raise found.error(problem["loc"], _explain(problem)) from None
    _check_names(found, declared)
    return declared


def _explain(problem: Any) -> str:
    *way, last = problem["loc"]
    owner = " of ".join(str(step) for step in reversed(way) if not isinstance(step, int))
    place = " of ".join(str(step) for step in reversed(problem["loc"]) if not isinstance(step, int))
    if problem["type"] == "extra_forbidden":
        return str(unknown("key", str(last), _keys_at(tuple(way)), owner=owner or KEY))
    if problem["type"] == "missing":
        meaning = _model_at(tuple(way)).model_fields[str(last)].description
        return f"{owner or KEY} has no '{last}'. Write {last}: {meaning or '...'}"
    text = problem["msg"].removeprefix("Value error, ")
    return f"{place} = {problem['input']!r} is not allowed: {text}" if problem["type"] != "value_error" else text


def _model_at(way: tuple[str | int, ...]) -> type[BaseModel]:
    if len(way) >= 4 and way[0] == "rules":
        return Limit
    of = {"parameters": ParameterDeclaration, "rules": Rule, "data": DataEntry, "optional_data": DataEntry}
    return of.get(str(way[0]), Declaration) if way else Declaration


def _keys_at(way: tuple[str | int, ...]) -> list[str]:
    return [field.alias or name for name, field in _model_at(way).model_fields.items()]


def _check_names(found: FrontMatter, declared: Declaration) -> None:
    named = [(("profiles", profile, name), name) for profile, values in declared.profiles.items() for name in values]
    for number, rule in enumerate(declared.rules):
        named += [(("rules", number, "when", name), name) for name in rule.when]
        named += [(("rules", number, "allow", name), name) for name in rule.allow]
        named += [(("rules", number, "disjoint", place), name) for place, name in enumerate(rule.disjoint)]
    for key, entries in (("data", declared.data), ("optional_data", declared.optional_data)):
        for number, entry in enumerate(entries):
            named += [((key, number, "when", name), name) for name in entry.when]
            named += [((key, number), name) for name in entry.placeholders()]
    for place, name in named:
        if name not in declared.parameters:
            raise _unknown_parameter(found, place, name, declared)


def _unknown_parameter(
    found: FrontMatter, place: tuple[str | int, ...], name: str, declared: Declaration
) -> UsageError:
    return found.error(place, str(unknown("parameter", name, declared.parameters, owner=declared.name)))
