"""Parameters of the chapter on objects, as typed on a command line."""

import pytest

from brainalign.runs.chapters.objects import ObjectsParameters
from brainalign.runs.errors import UsageError


def test_what_a_run_reads_are_both_recordings_and_the_chosen_models():
    found = ObjectsParameters.from_values("objects", {"models": "mae-s,clip-s"})
    assert found.data() == ("haxby-25mm", "objects-92", "zoo:mae-s", "zoo:clip-s")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"models": "bert-s"}, r"objects: models = 'bert-s' is not allowed; .*each clip-s \| clip-hard-s"),
        ({"mask": "vt"}, r"objects: mask = 'vt' is not allowed; allowed is str brain \| gray\."),
        ({"n_folds": "2"}, r"objects: n_folds = '2' is not allowed; allowed is int >= 3, <= 12\."),
    ],
)
def test_what_the_chapter_cannot_do_is_refused_with_what_it_can(given, text):
    with pytest.raises(UsageError, match=text):
        ObjectsParameters.from_values("objects", given)
