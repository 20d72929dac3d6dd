"""The data that a chapter declares: which of it a run with some parameters reads."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from brainalign.catalogue import model_sets
from brainalign.runs.model_files import files_reference

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


class DataEntry(BaseModel):
    """Something that a run reads, under a condition or always.

    Attributes
    ----------
    use : str, optional
        An entry of the catalogue, or a model. ``{parameter}`` in it stands for the value of a parameter, and for each
        of its entries where that is a list.
    call : str, optional
        Instead of `use`, a function ``module:name`` that returns models, of `brainalign.catalogue.model_sets`.
    given : dict
        Its arguments by name, ``with`` in the front matter; ``{parameter}`` stands for the value of a parameter.
    when : dict
        Values of parameters, one or several, under which this is read; see `applies`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    use: str | None = None
    call: str | None = Field(None, pattern=rf"^{re.escape(model_sets.__name__)}:\w+$")
    given: dict[str, Any] = Field({}, alias="with")
    when: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return {"use": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _says_what(self) -> Self:
        if (self.use is None) == (self.call is None):
            msg = "an entry of data names either what to use or a function to call, not both and not neither."
            raise ValueError(msg)
        return self

    def placeholders(self) -> list[str]:
        """Names of the parameters that the entry is made of."""
        texts = [self.use or "", *(value for value in self.given.values() if isinstance(value, str))]
        return [name for text in texts for name in _PLACEHOLDER.findall(text)]


def applies(when: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Whether every parameter has one of the values named; of a parameter that is a list, one of its entries."""
    return all(not _as_set(wanted).isdisjoint(_as_set(values[name])) for name, wanted in when.items())


def references(entries: Iterable[DataEntry], values: Mapping[str, Any], models: set[str]) -> tuple[str, ...]:
    """What a run reads.

    Parameters
    ----------
    entries : iterable of DataEntry
        As declared.
    values : mapping
        Validated parameters.
    models : set of str
        Parameters whose values are models.

    Returns
    -------
    tuple of str
        Entries of the catalogue and, of models, what names their files (see `files_reference`), each once.
    """
    chosen = (entry for entry in entries if applies(entry.when, values))
    return tuple(dict.fromkeys(name for entry in chosen for name in _expand(entry, values, models)))


def _expand(entry: DataEntry, values: Mapping[str, Any], models: set[str]) -> Iterator[str]:
    if entry.call is not None:
        # Not imported by its name: what a module that imports any other depends on is everything.
        function = getattr(model_sets, entry.call.partition(":")[2])
        given = {name: _filled(value, values) for name, value in entry.given.items()}
        yield from map(files_reference, function(**given))
        return
    names = entry.placeholders()
    for one in product(*(_as_list(values[name]) for name in names)):
        text = entry.use.format(**dict(zip(names, one, strict=True)))
        yield files_reference(text) if ":" in text or models.intersection(names) else text


def _filled(value: Any, values: Mapping[str, Any]) -> Any:
    whole = _PLACEHOLDER.fullmatch(value) if isinstance(value, str) else None
    return values[whole[1]] if whole else value


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _as_set(value: Any) -> set[Any]:
    return set(_as_list(value))
