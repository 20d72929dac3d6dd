"""Parameters of the chapter on objects, as typed on a command line."""

import pytest

from brainalign.runs.errors import UsageError
from tests.chapters.values import values_of


def test_what_a_run_reads_are_both_recordings_and_the_chosen_models():
    found = values_of("objects", {"models": "mae-s,clip-s"})
    assert found.data() == ("haxby-25mm", "objects-92", "zoo:mae-s", "zoo:clip-s")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"models": "bert-s"}, r"objects: models = 'bert-s' is not allowed; .*each clip-s \| clip-hard-s"),
        ({"mask": "white"}, r"objects: mask = 'white' is not allowed; allowed is str brain \| gray \| vt\."),
        ({"mask": "vt"}, r"objects: mask = 'vt' is not allowed with haxby = 'sample'; allowed is brain or gray\."),
        ({"haxby": "subject 2", "mask": "gray"}, r"not allowed with haxby = 'subject 2'; allowed is brain or vt\."),
        ({"haxby": "subject 7"}, r"objects: haxby = 'subject 7' is not allowed; allowed is str sample \| subject 1"),
        ({"n_folds": "2"}, r"objects: n_folds = '2' is not allowed; allowed is int >= 3, <= 12\."),
    ],
)
def test_what_the_chapter_cannot_do_is_refused_with_what_it_can(given, text):
    with pytest.raises(UsageError, match=text):
        values_of("objects", given)


def test_a_full_subject_is_read_instead_of_the_sample():
    found = values_of("objects", {"haxby": "subject 5", "mask": "vt", "models": "mae-s"})
    assert found.data() == ("haxby-subjects", "objects-92", "zoo:mae-s")


def test_a_model_of_photographs_is_optional():
    found = values_of("objects", {"models": "mae-s"})
    assert found.optional_data() == ("dinov2-s-saliency",)
