"""What models and brains do while they watch the same film."""

from brainalign.studies.viewing.brains import TRUTH, Brain, simulate_brain, simulate_mirror
from brainalign.studies.viewing.branches import STREAMS, WHOLE_STREAMS, Branch, Stream, learn_branches
from brainalign.studies.viewing.controls import polarity_controls
from brainalign.studies.viewing.findings import REGIONS, polarity_finding, prediction_finding, redundancy_finding
from brainalign.studies.viewing.gains import system_predictions, training_gains
from brainalign.studies.viewing.generators import named_generator
from brainalign.studies.viewing.people import watch_chosen, watch_with_person
from brainalign.studies.viewing.specificity import stream_specificity
from brainalign.studies.viewing.together import Viewing, watch_together
from brainalign.studies.viewing.viewers import Viewer, study_viewers, watch_film

__all__ = [
    "REGIONS",
    "STREAMS",
    "TRUTH",
    "WHOLE_STREAMS",
    "Brain",
    "Branch",
    "Stream",
    "Viewer",
    "Viewing",
    "learn_branches",
    "named_generator",
    "polarity_controls",
    "polarity_finding",
    "prediction_finding",
    "redundancy_finding",
    "simulate_brain",
    "simulate_mirror",
    "stream_specificity",
    "study_viewers",
    "system_predictions",
    "training_gains",
    "watch_chosen",
    "watch_film",
    "watch_together",
    "watch_with_person",
]
