"""Parameters of the chapter on listeners, as typed on a command line."""

import pytest

from brainalign.runs.errors import UsageError
from tests.chapters.values import values_of


def test_choices_that_are_numbers_are_read_from_text():
    found = values_of("alice", {"radius": "10", "delays": "3,4"})
    assert (found.radius, found.delays) == (10, [3, 4])


@pytest.mark.parametrize("typed", ["8", "ten", "-6"])
def test_other_radii_are_refused_with_the_choices(typed):
    with pytest.raises(UsageError, match=r"alice: radius = .* is not allowed"):
        values_of("alice", {"radius": typed})


def test_another_model_is_optional_and_may_be_left_out():
    assert values_of("alice", {}).optional_data() == ("smollm2",)
    assert values_of("alice", {"beside": ""}).optional_data() == ()
