"""All chapters, in the order of the book."""

from __future__ import annotations

from brainalign.runs.chapter import Chapter
from brainalign.runs.chapters.agreement import AgreementParameters
from brainalign.runs.chapters.alice import AliceParameters
from brainalign.runs.chapters.architecture import ArchitectureParameters
from brainalign.runs.chapters.cka import CkaParameters
from brainalign.runs.chapters.controlled import ControlledParameters
from brainalign.runs.chapters.controls import ControlsParameters
from brainalign.runs.chapters.encoding_model import EncodingModelParameters
from brainalign.runs.chapters.head import HeadParameters
from brainalign.runs.chapters.input_attention import InputParameters
from brainalign.runs.chapters.measures import MeasuresParameters
from brainalign.runs.chapters.models import ModelsParameters
from brainalign.runs.chapters.neurons import NeuronsParameters
from brainalign.runs.chapters.objects import ObjectsParameters
from brainalign.runs.chapters.opened import OpenedParameters
from brainalign.runs.chapters.optimization import OptimizationParameters
from brainalign.runs.chapters.people import PeopleParameters
from brainalign.runs.chapters.polarity import PolarityParameters
from brainalign.runs.chapters.pruning import PruningParameters
from brainalign.runs.chapters.ranges import RangesParameters
from brainalign.runs.chapters.redundancy import RedundancyParameters
from brainalign.runs.chapters.scale import ScaleParameters
from brainalign.runs.chapters.survey import SurveyParameters
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
        name="controlled",
        stem="10_controlled",
        title="Does the training objective move alignment?",
        part="I. Topological alignment",
        parameters=ControlledParameters,
    ),
    Chapter(
        name="controls",
        stem="11_controls",
        title="Would any heads, and any parcels, show the same?",
        part="I. Topological alignment",
        parameters=ControlsParameters,
    ),
    Chapter(
        name="survey",
        stem="12_survey",
        title="Do families of models differ in their alignment?",
        part="I. Topological alignment",
        parameters=SurveyParameters,
    ),
    Chapter(
        name="input",
        stem="13_input",
        title="Do heads do on real input what their positions say?",
        part="I. Topological alignment",
        parameters=InputParameters,
    ),
    Chapter(
        name="scale",
        stem="14_scale",
        title="Does brain-likeness follow accuracy, or size?",
        part="I. Topological alignment",
        parameters=ScaleParameters,
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
    Chapter(
        name="pruning",
        stem="09_pruning",
        title="Which layers of a network can go?",
        part="II. Similarity measures",
        parameters=PruningParameters,
    ),
    Chapter(
        name="opened",
        stem="24_opened",
        title="What goes on inside a CLIP and a METER?",
        part="III. Encoding of the brain",
        parameters=OpenedParameters,
    ),
    Chapter(
        name="encoding",
        stem="20_encoding",
        title="What is an encoding model?",
        part="III. Encoding of the brain",
        parameters=EncodingModelParameters,
    ),
    Chapter(
        name="alice",
        stem="21_alice",
        title="What does a language model know of a brain that listens to Alice?",
        part="III. Encoding of the brain",
        parameters=AliceParameters,
    ),
    Chapter(
        name="neurons",
        stem="22_neurons",
        title="Do artificial neurons predict brain networks?",
        part="III. Encoding of the brain",
        parameters=NeuronsParameters,
    ),
    Chapter(
        name="redundancy",
        stem="25_redundancy",
        title="Are artificial neurons redundant, as regions are?",
        part="III. Encoding of the brain",
        parameters=RedundancyParameters,
    ),
    Chapter(
        name="polarity",
        stem="26_polarity",
        title="Do layers drive brain networks up and down?",
        part="III. Encoding of the brain",
        parameters=PolarityParameters,
    ),
    Chapter(
        name="architecture",
        stem="27_architecture",
        title="Do separate streams go with separate networks?",
        part="III. Encoding of the brain",
        parameters=ArchitectureParameters,
    ),
    Chapter(
        name="people",
        stem="28_people",
        title="All four findings, and what people would add",
        part="III. Encoding of the brain",
        parameters=PeopleParameters,
    ),
    Chapter(
        name="objects",
        stem="23_objects",
        title="What do models say of a brain that sees objects?",
        part="III. Encoding of the brain",
        parameters=ObjectsParameters,
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
