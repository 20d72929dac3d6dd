"""All chapters, in the order of the book."""

from __future__ import annotations

from brainalign.runs.chapter import Chapter
from brainalign.runs.chapters.agreement import AgreementParameters
from brainalign.runs.chapters.cka import CkaParameters
from brainalign.runs.chapters.head import HeadParameters
from brainalign.runs.chapters.measures import MeasuresParameters
from brainalign.runs.chapters.models import ModelsParameters
from brainalign.runs.chapters.optimization import OptimizationParameters
from brainalign.runs.chapters.ranges import RangesParameters
from brainalign.runs.chapters.topology import TopologyParameters
from brainalign.runs.chapters.tuning import TuningParameters
from brainalign.runs.errors import unknown

CHAPTERS: tuple[Chapter, ...] = (
    Chapter(
        name="models",
        stem="00_models",
        title="Who are the models?",
        part="The models",
        parameters=ModelsParameters,
    ),
    Chapter(
        name="head",
        stem="01_head",
        title="One attention head as a brain network, step by step",
        part="I. Topological alignment",
        parameters=HeadParameters,
    ),
    Chapter(
        name="topology",
        stem="02_topology",
        title="Does a language model's attention lie where brain networks lie?",
        part="I. Topological alignment",
        parameters=TopologyParameters,
    ),
    Chapter(
        name="measures",
        stem="03_measures",
        title="What does a similarity measure ignore?",
        part="II. Similarity measures",
        parameters=MeasuresParameters,
    ),
    Chapter(
        name="cka",
        stem="04_cka",
        title="Does a high CKA mean that two representations agree?",
        part="II. Similarity measures",
        parameters=CkaParameters,
    ),
    Chapter(
        name="optimization",
        stem="05_optimization",
        title="What does a good similarity score need?",
        part="II. Similarity measures",
        parameters=OptimizationParameters,
    ),
    Chapter(
        name="ranges",
        stem="06_ranges",
        title="Which pairs of scores are possible?",
        part="II. Similarity measures",
        parameters=RangesParameters,
    ),
    Chapter(
        name="agreement",
        stem="07_agreement",
        title="Do the metrics of brain alignment agree with each other?",
        part="II. Similarity measures",
        parameters=AgreementParameters,
    ),
    Chapter(
        name="tuning",
        stem="08_tuning",
        title="Does tuning a model to a brain make it more brain-like?",
        part="II. Similarity measures",
        parameters=TuningParameters,
    ),
)


def get_chapter(name: str) -> Chapter:
    """A chapter by its short name.

    Raises
    ------
    UsageError
        For an unknown name; the text gives the nearest one.
    """
    for chapter in CHAPTERS:
        if chapter.name == name:
            return chapter
    raise unknown(kind="chapter", given=name, known=[chapter.name for chapter in CHAPTERS])
