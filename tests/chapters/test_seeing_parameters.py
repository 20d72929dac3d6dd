"""Parameters of the chapter on seeing, as typed on a command line."""

import pytest

from brainalign.runs.errors import UsageError
from tests.chapters.values import values_of


def test_people_and_pictures_are_needed_and_further_models_are_not():
    found = values_of("seeing", {})
    assert found.data() == ("objects-92", "cichy-92", "dinov2-s-saliency")
    assert found.optional_data() == ("objects-92-models",)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"size": "14"}, "seeing: size = '14' is not allowed; allowed is int >= 28"),
        ({"n_draws": "3"}, "seeing: n_draws = '3' is not allowed; allowed is int >= 19"),
    ],
)
def test_what_the_chapter_cannot_do_is_refused(given, text):
    with pytest.raises(UsageError, match=text):
        values_of("seeing", given)
