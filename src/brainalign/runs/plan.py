"""What runs will take, before anything is spent: how many, what has to be fetched, room on the disk, time."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from brainalign.catalogue.entries import ChecksumError, MissingDataError, catalogue, kept_folder, state_of
from brainalign.catalogue.home import data_home
from brainalign.catalogue.kept_models import bytes_kept, bytes_to_fetch
from brainalign.runs.chapter import Chapter
from brainalign.runs.declared import optional_references
from brainalign.runs.errors import UsageError
from brainalign.runs.grids import Grid
from brainalign.runs.keys import read_code
from brainalign.runs.parameters import DEFAULT_PROFILE, ChapterParameters
from brainalign.runs.store import Run, RunStore

MOST_LOOKED_UP = 1000
"""Of more runs, data and keys are looked up for this many; the others are assumed to be missing."""

_MOST_EARLIER = 20  # enough for a median


@dataclass(frozen=True)
class Plan:
    """What some runs of a chapter will take.

    Attributes
    ----------
    chapter, profile : str
        What is planned.
    n_runs, n_existing : int
        All runs, and those that are in the store already.
    downloads : mapping of str to int
        Bytes to fetch, by the name of the data.
    models : mapping of str to int or None
        Bytes to fetch of models of a hub, by reference; None where the list of models does not know.
    optional : mapping of str to int or None
        The same of data and models that the runs do without when they are not there.
    kept : mapping of str to int
        Bytes that models of a hub, needed or optional, take on the disk already.
    by_hand : list of str
        Data that has to be obtained by hand first.
    seconds, run_bytes : float or None
        Median time and size of earlier runs, of those with the same values (seed and device apart) if there are any.
        Without any, of the defaults the time of the committed page, or else what the chapter declares, or None.
    n_earlier : int
        Number of earlier runs that these medians are of.
    earlier_profile : str or None
        Their profile, another one where there is no run of this; None without a run.
    is_of_page : bool
        Whether the time is that of the committed page.
    other_values : list of str
        Parameters whose values are planned otherwise than in what the time is of, so that it may be far off.
    """

    chapter: str
    profile: str
    n_runs: int
    n_existing: int
    downloads: Mapping[str, int]
    models: Mapping[str, int | None]
    optional: Mapping[str, int | None]
    kept: Mapping[str, int]
    by_hand: list[str]
    seconds: float | None
    run_bytes: float | None
    n_earlier: int
    earlier_profile: str | None
    is_of_page: bool = False
    other_values: list[str] = field(default_factory=list)

    @property
    def n_missing(self) -> int:
        """Number of runs that have to be executed."""
        return self.n_runs - self.n_existing

    @property
    def download_bytes(self) -> int:
        """Bytes to fetch in all, as far as they are known; what is optional is not counted."""
        return sum(self.downloads.values()) + sum(size or 0 for size in self.models.values())

    @property
    def store_bytes(self) -> int:
        """Bytes that the runs will take in the store; 0 when nothing is known of earlier ones."""
        return round(self.n_missing * (self.run_bytes or 0))

    def total_seconds(self, n_workers: int = 1) -> float | None:
        """Estimated time of all missing runs, with so many at a time; None without an earlier run."""
        if self.seconds is None:
            return None
        return self.seconds * -(-self.n_missing // n_workers)  # rounded up: the last round is as long as any


def plan_run(
    chapter: Chapter,
    values: Mapping[str, Any] | None = None,
    *,
    profile: str = DEFAULT_PROFILE,
    store: RunStore | None = None,
) -> Plan:
    """What one run will take.

    Parameters
    ----------
    chapter : Chapter
        What to run.
    values : mapping, optional
        Parameters on top of the profile.
    profile : str
        Named set of parameters.
    store : RunStore, optional
        Where runs are kept.

    Raises
    ------
    UsageError
        For a parameter or a profile that does not exist, or a value that is not allowed.
    """
    parameters = chapter.parameters.from_values(chapter.name, values or {}, profile=profile)
    store = store or RunStore()
    return _plan(chapter, profile, [parameters], 1, _count_existing(chapter, [parameters], store), store)


def plan_sweep(chapter: Chapter, grid: Grid, *, n_existing: int | None = None, store: RunStore | None = None) -> Plan:
    """What a sweep will take; its runs are counted without being written out.

    Parameters
    ----------
    chapter : Chapter
        What to run.
    grid : Grid
        With which parameters.
    n_existing : int, optional
        Number of runs that are in the store already; by default it is looked up.
    store : RunStore, optional
        Where runs are kept.

    Raises
    ------
    UsageError
        See `plan_run`; values beyond the first `MOST_LOOKED_UP` runs are checked when the sweep starts.
    """
    grid.check(chapter)
    looked_up, store = [grid.validated(chapter, values) for values in islice(grid, MOST_LOOKED_UP)], store or RunStore()
    if n_existing is None:
        n_existing = _count_existing(chapter, looked_up, store)
    return _plan(chapter, grid.profile, looked_up, grid.n_runs, n_existing, store)


def check_room(plans: Iterable[Plan], store: RunStore | None = None) -> None:
    """Refuse to start what the disks have no room for.

    Parameters
    ----------
    plans : iterable of Plan
        What is about to be started.
    store : RunStore, optional
        Where runs are kept.

    Raises
    ------
    UsageError
        With the folder, what is needed and what is free.
    """
    plans, store = list(plans), store or RunStore()
    downloads = {name: size or 0 for plan in plans for name, size in {**plan.downloads, **plan.models}.items()}
    needs: dict[int, tuple[Path, int]] = {}
    for folder, size in (
        (data_home(), sum(downloads.values())),
        (store.folder, sum(plan.store_bytes for plan in plans)),
    ):
        place = next(path for path in (folder, *folder.parents) if path.exists())
        disk = place.stat().st_dev
        needs[disk] = (place, needs.get(disk, (place, 0))[1] + size)
    for place, needed in needs.values():
        free = shutil.disk_usage(place).free
        if needed > free:
            msg = (
                f"{needed / 1e6:,.1f} MB are needed, and the disk of {place} has room for {free / 1e6:,.1f} MB. "
                "Make room, or let BRAINALIGN_HOME (data) and BRAINALIGN_RUNS (runs) name folders on another disk."
            )
            raise UsageError(msg)


def _plan(
    chapter: Chapter,
    profile: str,
    parameters: Sequence[ChapterParameters],
    n_runs: int,
    n_existing: int,
    store: RunStore,
) -> Plan:
    references = dict.fromkeys(reference for one in parameters for reference in one.data())
    optional = dict.fromkeys(reference for one in parameters for reference in optional_references(one))
    catalogued = [reference for reference in references if reference in catalogue()]
    planned = Plan(
        chapter=chapter.name,
        profile=profile,
        n_runs=n_runs,
        n_existing=n_existing,
        downloads=_to_fetch(catalogued),
        models=_to_fetch(name for name in references if name not in catalogued),
        optional=_to_fetch(name for name in optional if name not in references),
        kept={name: size for name in references | optional if (size := bytes_kept(name))},
        by_hand=[name for name in catalogued if state_of(name) == "by hand"],
        seconds=None,
        run_bytes=None,
        n_earlier=0,
        earlier_profile=None,
    )
    return _with_times(planned, chapter, [_deciding(one.model_dump(mode="json")) for one in parameters], store)


def _with_times(planned: Plan, chapter: Chapter, points: Sequence[Mapping[str, Any]], store: RunStore) -> Plan:
    """The plan with what is known of time and size, and how far what it is known of had other values."""
    good = store.good_runs(chapter.name)
    same = [run for run in good if _deciding(run.manifest.parameters) in points]
    if same and all(point in [_deciding(run.manifest.parameters) for run in same] for point in points):
        good = same
    # A smoke run says less of what a large one takes than a default run does.
    preferred = [[run for run in good if run.manifest.profile == one] for one in (planned.profile, DEFAULT_PROFILE)]
    earlier = next(filter(None, preferred), good)[:_MOST_EARLIER]
    if earlier:
        return replace(
            planned,
            seconds=median(run.manifest.seconds for run in earlier),
            run_bytes=median(_size(run) for run in earlier),
            n_earlier=len(earlier),
            earlier_profile=earlier[0].manifest.profile,
            other_values=_unlike(points, [run.manifest.parameters for run in earlier]),
        )
    if planned.profile != DEFAULT_PROFILE:
        return planned
    page = chapter.read_record() or {}
    is_of_page = isinstance(page.get("seconds"), int | float) and isinstance(page.get("parameters"), dict)
    defaults = chapter.parameters.from_values(chapter.name, {}).model_dump(mode="json")
    return replace(
        planned,
        seconds=page["seconds"] if is_of_page else 60 * chapter.declaration.minutes,
        is_of_page=is_of_page,
        other_values=_unlike(points, [page["parameters"] if is_of_page else defaults]),
    )


def _deciding(values: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters that decide how long a run takes: not which numbers are drawn, nor what "auto" turns out to be."""
    return {name: value for name, value in values.items() if name != "device" and not name.endswith("seed")}


def _unlike(points: Iterable[Mapping[str, Any]], known: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names of parameters that have a value in a planned run that they have in none of those that are known."""
    known = list(known)
    found = [name for point in points for name in point if all(point[name] != one.get(name) for one in known)]
    return list(dict.fromkeys(found))


def _count_existing(chapter: Chapter, parameters: Iterable[ChapterParameters], store: RunStore) -> int:
    n_existing, code = 0, read_code(chapter)
    for one in parameters:
        try:
            n_existing += store.find(chapter.name, code.key(one)) is not None
        except (MissingDataError, ChecksumError):
            continue  # its data is not here, so nothing is known of its key
    return n_existing


def _to_fetch(references: Iterable[str]) -> dict[str, int | None]:
    """Bytes by reference, without those of which nothing is to be fetched; None where nothing is known of them."""
    sizes = {one: _bytes_of_data(one) if one in catalogue() else bytes_to_fetch(one) for one in references}
    return {reference: size for reference, size in sizes.items() if size != 0}


def _bytes_of_data(name: str) -> int:
    record = catalogue()[name]
    if record.url is None:
        return 0
    missing = (file for file in record.files if not (kept_folder(record.url, [file.path]) / file.path).is_file())
    return sum(file.bytes for file in missing)


def _size(run: Run) -> int:
    return sum(path.stat().st_size for path in run.folder.rglob("*") if path.is_file())
