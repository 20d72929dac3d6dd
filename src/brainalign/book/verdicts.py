"""Verdicts on claims, computed from what runs recorded."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
from nbformat import NotebookNode

from brainalign.book.claims import PROFILES, Claim, Ledger
from brainalign.book.criteria import SINGLE, Evidence, readable
from brainalign.book.pages import page_record
from brainalign.runs.chapter import Chapter
from brainalign.runs.errors import unknown
from brainalign.runs.recording import CLAIM_PREFIX, GLUE_MIME
from brainalign.runs.store import Run


class Verdict(StrEnum):
    """What became of a claim."""

    REPRODUCED = "reproduced"
    RECOMPUTED = "recipe, recomputed"
    PARTLY = "partly"
    NOT_REPRODUCED = "not reproduced"
    NOT_TESTABLE = "not testable at this profile"
    NOT_TESTED = "not yet tested"


TESTED = (Verdict.REPRODUCED, Verdict.RECOMPUTED, Verdict.PARTLY, Verdict.NOT_REPRODUCED)


@dataclass(frozen=True)
class Record:
    """What one run of a chapter recorded about claims.

    Attributes
    ----------
    chapter, run_id, profile : str
        Which run.
    is_changed : bool
        Whether parameters were changed on top of the profile.
    evidence : mapping of str to Evidence
        By the id of the claim.
    """

    chapter: str
    run_id: str
    profile: str
    is_changed: bool
    evidence: Mapping[str, Evidence]

    @property
    def origin(self) -> str:
        """Profile and id of the run, in words."""
        return f"profile {self.profile}{', with changes' if self.is_changed else ''}, run {self.run_id}"


@dataclass(frozen=True)
class Judgement:
    """A claim with its verdict.

    Attributes
    ----------
    claim : Claim
        The claim.
    verdict : Verdict
        What became of it.
    origin : str
        Profile and id of the run that decided; empty where there is none.
    measured : str
        What was measured, in words; empty where nothing was.
    note : str
        Why the verdict is not a plain yes or no; empty where it is.
    """

    claim: Claim
    verdict: Verdict
    origin: str = ""
    measured: str = ""
    note: str = ""


def record_of_run(chapter: Chapter, run: Run) -> Record:
    """Evidence in the results of a run of a chapter."""
    found = {
        name.removeprefix(CLAIM_PREFIX): Evidence(**content)
        for name, content in run.results().items()
        if name.startswith(CLAIM_PREFIX)
    }
    return _record(chapter, run.manifest.model_dump(), found)


def record_of_page(chapter: Chapter, page: NotebookNode) -> Record:
    """Evidence in the outputs of a chapter's executed notebook.

    Raises
    ------
    ValueError
        When no run made the notebook.
    """
    made = page_record(page)
    if made is None:
        msg = f"no run made the notebook of {chapter.name}; make it with: brainalign book --save-pairs"
        raise ValueError(msg)
    found = {claim: Evidence(**content) for cell in page.cells for claim, content in claims_of_cell(cell).items()}
    return _record(chapter, made, found)


def claims_of_cell(cell: NotebookNode) -> dict[str, dict[str, Any]]:
    """Evidence that a cell of an executed notebook recorded, by the id of the claim."""
    found = {}
    for output in cell.get("outputs", []):
        name = output.get("metadata", {}).get("scrapbook", {}).get("name", "")
        if name.startswith(CLAIM_PREFIX):
            found[name.removeprefix(CLAIM_PREFIX)] = json.loads(output.data[GLUE_MIME])
    return found


def judge(claim: Claim, record: Record | None) -> Judgement:
    """The verdict on a claim.

    Parameters
    ----------
    claim : Claim
        What was published, and when it counts as borne out.
    record : Record or None
        What the claim's chapter recorded; None when the chapter has no run.

    Returns
    -------
    Judgement
        Reproduced when all parts of the criterion hold, partly when some do, or when all do on a stand-in for the
        study's data; recomputed when they hold against a number that this project computed itself. The note says
        whether untrained twins meet the criterion, where they were measured.
    """
    if not claim.has_chapter:
        return Judgement(claim, Verdict.NOT_TESTED, note=claim.reason or "")
    if record is None:
        return Judgement(claim, Verdict.NOT_TESTED, note=f"the chapter {claim.chapter} has no run")
    if claim.profile and PROFILES.index(record.profile) < PROFILES.index(claim.profile):
        return Judgement(claim, Verdict.NOT_TESTABLE, record.origin, note=f"needs the profile {claim.profile}")
    evidence = record.evidence.get(claim.id)
    if evidence is None:
        return Judgement(claim, Verdict.NOT_TESTED, record.origin, note="this run recorded nothing about it")
    parts = claim.criterion.parts(evidence)
    verdict = Verdict.REPRODUCED if all(parts) else Verdict.PARTLY if any(parts) else Verdict.NOT_REPRODUCED
    notes = [f"{sum(parts)} of {len(parts)} hold"] if verdict is Verdict.PARTLY else []
    if claim.stand_in:
        notes.append(f"on {claim.stand_in}")
        verdict = Verdict.PARTLY if verdict is Verdict.REPRODUCED else verdict
    if claim.recomputed and verdict is Verdict.REPRODUCED:
        verdict = Verdict.RECOMPUTED
    if evidence.twins is not None:
        notes.append(_of_twins(claim, evidence))
    return Judgement(claim, verdict, record.origin, _in_words(claim, evidence), ", ".join(notes))


def judge_all(ledger: Ledger, records: Iterable[Record]) -> list[Judgement]:
    """Verdicts on all claims, in the order of the ledger.

    Raises
    ------
    UsageError
        When a run recorded evidence on a claim that its chapter does not have; the text gives the nearest one.
    """
    by_chapter = {record.chapter: record for record in records}
    for record in by_chapter.values():
        known = [claim.id for claim in ledger.claims if claim.chapter == record.chapter]
        for name in record.evidence:
            if name not in known:
                owner = f"the chapter {record.chapter} (run {record.run_id})"
                raise unknown(kind="claim", given=name, known=known, owner=owner)
    return [judge(claim, by_chapter.get(claim.chapter)) for claim in ledger.claims]


def counts(judgements: Iterable[Judgement]) -> str:
    """How many claims have which verdict, in words.

    Examples
    --------
    >>> counts([])
    'no claims'
    """
    found = Counter(judgement.verdict for judgement in judgements)
    return ", ".join(f"{found[verdict]} {verdict}" for verdict in Verdict if found[verdict]) or "no claims"


def _record(chapter: Chapter, made: Mapping[str, Any], evidence: Mapping[str, Evidence]) -> Record:
    of_profile = chapter.parameters.from_values(chapter.name, {}, profile=made["profile"]).changed()
    is_changed = made["changed_parameters"] != of_profile
    return Record(chapter.name, made["run_id"], made["profile"], is_changed, evidence)


def _of_twins(claim: Claim, evidence: Evidence) -> str:
    parts = claim.criterion.parts(replace(evidence, value=evidence.twins))
    if all(parts):
        return "untrained twins meet it"
    return "untrained twins meet it in part" if any(parts) else "untrained twins do not meet it"


def _in_words(claim: Claim, evidence: Evidence) -> str:
    tolerance = getattr(claim.criterion, "tolerance", 0.0)
    names = [name for name in _names(claim) if name in evidence.quantities] or list(evidence.quantities)
    texts = [f"{readable(name)} {_number(evidence.quantities[name], tolerance)}".strip() for name in names]
    if evidence.null:
        low, high = np.quantile(np.asarray(evidence.null, dtype=float), [0.025, 0.975])
        texts.append(f"null model {_number(low, tolerance)} to {_number(high, tolerance)}")
    return "; ".join(texts) or "nothing of what was published"


def _names(claim: Claim) -> list[str]:
    criterion = claim.criterion
    return list(getattr(criterion, "published", None) or getattr(criterion, "names", [SINGLE]))


def _number(value: float | None, tolerance: float) -> str:
    """With as many decimals as the tolerance can see, one more to show by how much it is missed."""
    if value is None:
        return "none"
    if tolerance:
        return f"{value:.{max(0, int(np.ceil(-np.log10(tolerance))) + 1)}f}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
