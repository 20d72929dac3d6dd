"""The ledger of claims: what the studies published, and what would bear it out."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from brainalign.book.criteria import Criterion
from brainalign.catalogue.locations import project_root
from brainalign.runs.errors import unknown

LEDGER = "data/claims.yml"
NO_CHAPTER = "none yet"
PROFILES = ("smoke", "default", "paper")
"""Profiles from the least to the most demanding."""


class Study(BaseModel):
    """A study whose claims are tested.

    Attributes
    ----------
    title : str
        What it is about.
    citation : str
        Authors, year and where it appeared.
    key : str, optional
        Key of its entry in the bibliography.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    citation: str
    key: str | None = None


class Claim(BaseModel):
    """A published claim.

    Attributes
    ----------
    id : str
        Stable name, under which chapters record evidence.
    study : str
        Key of the study.
    statement : str
        What is claimed.
    published : str
        The published number or ordering, as the study gives it.
    source : str
        Where it stands: abstract, released code, figure, a summary by others.
    criterion : Criterion
        When a measurement bears the claim out.
    chapter : str
        Chapter that records the evidence, or ``none yet``.
    profile : {"smoke", "default", "paper"}, optional
        Least demanding profile at which the chapter can test it; only with a chapter.
    stand_in : str, optional
        What is measured here in place of the study's own data. Then the claim can be reproduced partly at best.
    reason : str, optional
        Why no chapter tests it; only without a chapter.
    recomputed : bool
        Whether the number that is compared with was computed by this project from the study's recipe. Then a match says
        that two of our computations agree, and nothing of what the study printed.
    null_model : str, optional
        Why the null model and the measured value could change places if the claim were wrong; needed where the
        criterion compares with a null model.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    study: str
    statement: str = Field(min_length=1)
    published: str = Field(min_length=1)
    source: str = Field(min_length=1)
    criterion: Criterion
    chapter: str
    profile: Literal["smoke", "default", "paper"] | None = None
    stand_in: str | None = None
    reason: str | None = None
    recomputed: bool = False
    null_model: str | None = None

    @property
    def audit(self) -> str:
        """What a verdict rests on: what is compared with, on which sides it can fail, and its null model."""
        against = "with our own recomputation" if self.recomputed else "with the study"
        null = f"null model: {self.null_model}" if self.null_model else "no null model"
        return f"{against}; {self.criterion.sides}; {null}"

    @property
    def has_chapter(self) -> bool:
        """Whether a chapter is there to test it."""
        return self.chapter != NO_CHAPTER

    @model_validator(mode="after")
    def _explains_its_null_model(self) -> Self:
        if (self.criterion.kind == "greater_than_null") != (self.null_model is not None):
            msg = f"claim '{self.id}' needs null_model, a sentence, if its criterion compares with one, and only then"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _says_who_tests_it(self) -> Self:
        if self.has_chapter and (self.profile is None or self.reason is not None):
            msg = f"claim '{self.id}' has the chapter {self.chapter}, so it needs a profile and no reason"
            raise ValueError(msg)
        if not self.has_chapter and (self.reason is None or self.profile is not None):
            msg = f"claim '{self.id}' has no chapter yet, so it needs a reason and no profile"
            raise ValueError(msg)
        return self


class Ledger(BaseModel):
    """All studies and their claims.

    Attributes
    ----------
    studies : dict of str to Study
        Studies by key, in the order of the book.
    claims : list of Claim
        Their claims.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    studies: dict[str, Study]
    claims: list[Claim]

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        repeated = [name for name, count in Counter(claim.id for claim in self.claims).items() if count > 1]
        if repeated:
            msg = f"more than one claim has the id {', '.join(repeated)}"
            raise ValueError(msg)
        for claim in self.claims:
            if claim.study not in self.studies:
                raise unknown(kind="study", given=claim.study, known=self.studies, owner=f"claim '{claim.id}'")
        return self


def read_ledger(path: Path | None = None) -> Ledger:
    """The ledger of claims.

    Parameters
    ----------
    path : Path, optional
        File to read; by default ``data/claims.yml`` of the project.

    Returns
    -------
    Ledger

    Raises
    ------
    pydantic.ValidationError
        When an entry is incomplete or contradicts itself; the text names it.
    """
    return _read(path or project_root() / LEDGER)


@cache
def _read(path: Path) -> Ledger:
    return Ledger.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
