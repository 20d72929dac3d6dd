"""Parameters of the chapter on attention on real input."""

from brainalign.catalogue.model_sets import controlled_models
from tests.chapters.values import values_of


def test_data_are_the_models_the_scenes_and_the_story_where_it_is_read():
    given = {"models": "minilm,zoo:bert-s/1", "shown": "minilm", "seeds": "0,1"}
    plain = values_of("input", given).data()
    models = ("minilm", "zoo:bert-s/1", "zoo:gpt-s", *controlled_models(["s"], [0, 1]))
    assert plain == (*models, "digits", "icn-published")
    assert values_of("input", {**given, "text": "story"}).data() == (*plain, "alice-story")


def test_a_tower_is_read_from_the_file_of_its_model():
    found = values_of("input", {"models": "zoo:clip-s#vision"})
    assert found.models == ["zoo:clip-s#vision"]
    assert found.data()[0] == "zoo:clip-s"
