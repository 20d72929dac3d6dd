"""The ledger of claims: what the studies published, and what would bear it out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from brainalign.book.criteria import Criterion
from brainalign.catalogue.files import own_file
from brainalign.catalogue.locations import project_root
from brainalign.runs.chapter import Chapter
from brainalign.runs.errors import unknown
from brainalign.runs.lined_yaml import read_lines
from brainalign.runs.registry import all_chapters

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
        Chapter that records the evidence, or ``none yet``; it is the chapter that lists the claim in its front matter.
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
    chapter: str = NO_CHAPTER
    profile: Literal["smoke", "default", "paper"] | None = None
    stand_in: str | None = None
    reason: str | None = None
    recomputed: bool = False
    null_model: str | None = None

    @property
    def audit(self) -> str:
        """What a verdict rests on: what is compared with, on which sides it can fail, and its null model."""
        against = "compared with " + ("our own recomputation" if self.recomputed else "the study")
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
            msg = f"claim '{self.id}' is listed by the chapter {self.chapter}, so it needs a profile and no reason"
            raise ValueError(msg)
        if not self.has_chapter and (self.reason is None or self.profile is not None):
            msg = (
                f"claim '{self.id}' is listed by no chapter. List it under claims in the front matter of the chapter "
                "that tests it, or give a reason and no profile"
            )
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
    UsageError
        An entry is incomplete or contradicts itself, no chapter tests a claim that has no reason, or a chapter lists a
        claim that is not there; the text names file and line.
    """
    path = path or own_file("claims", LEDGER)
    return _read(path, path.read_bytes(), all_chapters())


def check_claims() -> None:
    """Refuse a ledger and chapters that disagree, where there is a ledger or a chapter that lists claims.

    Raises
    ------
    UsageError
        See `read_ledger`.
    """
    if (project_root() / LEDGER).is_file() or any(chapter.declaration.claims for chapter in all_chapters()):
        read_ledger()


@lru_cache(maxsize=8)
def _read(path: Path, _content: bytes, chapters: tuple[Chapter, ...]) -> Ledger:
    found = read_lines(path)
    claims = found.values.get("claims", []) if isinstance(found.values, dict) else []
    owners = _owners(chapters, [claim.get("id") for claim in claims if isinstance(claim, dict)])
    _check_studies(chapters, found.values)
    for number, claim in enumerate(claims):
        if not isinstance(claim, dict):
            continue  # is refused below
        if "chapter" in claim:
            text = "a chapter lists its claims in its front matter; leave 'chapter' out of the ledger."
            raise found.error(("claims", number, "chapter"), text)
        if claim.get("id") in owners:
            claim["chapter"] = owners[claim["id"]]
    try:
        return Ledger.model_validate(found.values)
    except ValidationError as error:
        problem = error.errors()[0]
        raise found.error(problem["loc"], problem["msg"].removeprefix("Value error, ")) from None


def _check_studies(chapters: Iterable[Chapter], values: Any) -> None:
    known = values.get("studies", {}) if isinstance(values, dict) else {}
    for chapter in chapters:
        study = chapter.declaration.study
        if study is not None and study not in known:
            raise chapter.front_matter.error(("study",), str(unknown("study", study, known, owner=LEDGER)))


def _owners(chapters: Iterable[Chapter], known: Sequence[str]) -> dict[str, str]:
    owners: dict[str, str] = {}
    for chapter in chapters:
        for place, claim in enumerate(chapter.declaration.claims):
            if claim not in known:
                near = get_close_matches(claim, known, n=3, cutoff=0.4)
                hint = f" Did you mean {' or '.join(near)}?" if near else ""
                text = f"there is no claim '{claim}' in {LEDGER}.{hint} Mend its name, or add the claim there."
                raise chapter.front_matter.error(("claims", place), text)
            if claim in owners:
                text = (
                    f"the claim '{claim}' is listed by the chapter {owners[claim]} as well; one chapter tests a claim."
                )
                raise chapter.front_matter.error(("claims", place), text)
            owners[claim] = chapter.name
    return owners
