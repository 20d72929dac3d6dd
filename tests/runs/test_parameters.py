"""Parameters: what is accepted, what is refused, and in which words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from brainalign.catalogue.entries import catalogue, files_of
from brainalign.runs.errors import UsageError
from brainalign.runs.registry import all_chapters, get_chapter
from tests.chapters.values import values_of
from tests.runs.tiny import TinyParameters

DEFAULTS = {"n": 3, "scale": 1.0, "kind": "sum", "sizes": [100], "note": "plain", "loud": False, "device": "auto"}
every_chapter = pytest.mark.parametrize("chapter", all_chapters(), ids=lambda chapter: chapter.name)


@pytest.fixture(autouse=True)
def _real_project(monkeypatch):
    monkeypatch.delenv("BRAINALIGN_PROJECT", raising=False)
    catalogue.cache_clear()


def tiny_values(**given):
    return TinyParameters.from_values("tiny", given).model_dump()


def refusal(**given):
    with pytest.raises(UsageError) as refused:
        TinyParameters.from_values("tiny", given)
    return str(refused.value)


def test_without_values_all_are_at_their_defaults():
    assert tiny_values() == DEFAULTS
    assert TinyParameters.from_values("tiny", {}).changed() == {}


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("n", "7", 7),
        ("n", "1", 1),
        ("n", "100", 100),
        ("scale", "2", 2.0),
        ("scale", "1e-3", 0.001),
        ("kind", "mean", "mean"),
        ("loud", "true", True),
        ("loud", "True", True),
        ("loud", "0", False),
        ("note", "7", "7"),
        ("note", "", ""),
        ("sizes", "100,200", [100, 200]),
        ("sizes", "100, 200", [100, 200]),
        ("sizes", "[100, 200]", [100, 200]),
        ("sizes", " [200]", [200]),
        ("sizes", "200", [200]),
    ],
)
def test_text_is_converted(name, text, value):
    assert tiny_values(**{name: text}) == {**DEFAULTS, name: value}
    assert type(tiny_values(**{name: text})[name]) is type(value)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"n": "0"}, "tiny: n = '0' is not allowed; allowed is int >= 1, <= 100."),
        ({"n": 101}, "tiny: n = 101 is not allowed; allowed is int >= 1, <= 100."),
        ({"n": "many"}, "tiny: n = 'many' is not allowed; allowed is int >= 1, <= 100."),
        ({"n": "3.5"}, "tiny: n = '3.5' is not allowed; allowed is int >= 1, <= 100."),
        ({"n": ""}, "tiny: n = '' is not allowed; allowed is int >= 1, <= 100."),
        ({"scale": "0"}, "tiny: scale = '0' is not allowed; allowed is float > 0, < 10."),
        ({"scale": "10"}, "tiny: scale = '10' is not allowed; allowed is float > 0, < 10."),
        ({"scale": "nan"}, "tiny: scale = 'nan' is not allowed; allowed is float > 0, < 10."),
        ({"kind": "median"}, "tiny: kind = 'median' is not allowed; allowed is str mean | sum."),
        ({"loud": "rather"}, "tiny: loud = 'rather' is not allowed; allowed is bool."),
        (
            {"sizes": "100,250"},
            "tiny: sizes = 250 is not allowed; allowed is list of int each 100 | 200, at least 1.",
        ),
        ({"sizes": ""}, "tiny: sizes = [] is not allowed; allowed is list of int each 100 | 200, at least 1."),
        (
            {"sizes": "small"},
            "tiny: sizes = 'small' is not allowed; allowed is list of int each 100 | 200, at least 1.",
        ),
    ],
)
def test_a_value_out_of_bounds_is_refused_with_what_is_allowed(given, text):
    assert refusal(**given) == text


def test_every_wrong_value_has_a_line_of_its_own():
    assert refusal(n=0, kind="median").splitlines() == [
        "tiny: n = 0 is not allowed; allowed is int >= 1, <= 100.",
        "tiny: kind = 'median' is not allowed; allowed is str mean | sum.",
    ]


def test_an_unknown_name_is_refused_with_the_nearest():
    known = "Known are: n, scale, kind, sizes, note, loud, device."
    assert refusal(scal="1") == f"unknown parameter of tiny: 'scal'. Did you mean 'scale'? {known}"
    assert refusal(xyzzy="1") == f"unknown parameter of tiny: 'xyzzy'. {known}"


def test_an_unknown_profile_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match=r"'smok'.*'smoke'"):
        TinyParameters.from_values("tiny", {}, profile="smok")


def test_values_win_over_the_profile():
    found = TinyParameters.from_values("tiny", {"n": "5"}, profile="smoke")
    assert found.model_dump() == {**DEFAULTS, "n": 5, "sizes": [200]}


def test_changed_gives_what_differs_from_the_defaults():
    found = TinyParameters.from_values("tiny", {"n": "3", "scale": "1", "sizes": "200", "note": "new"})
    assert found.changed() == {"sizes": [200], "note": "new"}


def test_parameters_cannot_be_changed_afterwards():
    with pytest.raises(ValueError, match="frozen"):
        TinyParameters().n = 4


def test_describe_tells_name_type_default_bounds_and_help():
    assert [(i.name, i.type, i.default, i.bounds, i.help) for i in TinyParameters.describe()] == [
        ("n", "int", "3", ">= 1, <= 100", "how many rows are read"),
        ("scale", "float", "1.0", "> 0, < 10", "what the rows are multiplied with"),
        ("kind", "str", '"sum"', "mean | sum", "how the rows are put together"),
        ("sizes", "list of int", "[100]", "each 100 | 200, at least 1", "sizes"),
        ("note", "str", '"plain"', "", "kept as it is, <b> & all"),
        ("loud", "bool", "false", "", "whether more is said"),
        ("device", "str", '"auto"', "", "where torch computes, auto, cpu, cuda, cuda:N, or mps"),
    ]


def test_from_notebook_takes_the_names_of_the_cell_and_no_others():
    found = TinyParameters.from_notebook({**DEFAULTS, "n": 9, "np": object(), "__name__": "__main__"})
    assert found.model_dump() == {**DEFAULTS, "n": 9}


def test_from_notebook_names_what_the_cell_lacks():
    cell = {name: value for name, value in DEFAULTS.items() if name not in ("n", "note")}
    with pytest.raises(UsageError, match=r"^the parameter cell does not define n"):
        TinyParameters.from_notebook(cell)


def test_from_notebook_refuses_a_value_out_of_bounds():
    with pytest.raises(UsageError, match=r"^this chapter: n = 1000 is not allowed"):
        TinyParameters.from_notebook({**DEFAULTS, "n": 1000})


def test_table_shows_values_as_text_and_not_as_html():
    note = "</td><script>alert('&amp;')</script>"
    table = BeautifulSoup(TinyParameters(note=note)._repr_html_(), "html.parser")
    rows = {cells[0].get_text(): cells for cells in (row.find_all("td") for row in table.find_all("tr")) if cells}
    assert list(rows) == list(DEFAULTS)
    assert table.find_all(["script", "b"]) == []
    assert json.loads(rows["note"][1].get_text()) == note
    assert rows["note"][2].get_text() == "kept as it is, <b> & all"


@pytest.mark.parametrize(
    ("given", "nearest"),
    [
        ("bert-bse-uncased", "unknown model 'bert-bse-uncased'. Did you mean 'bert-base-uncased'"),
        ("dino-bse-16", "unknown model 'dino-bse-16'. Did you mean 'dino-base-16'"),
        ("tim:vit_base", "unknown prefix 'tim:' in 'tim:vit_base'. Did you mean 'timm:vit_base'?"),
        ("openai/clip-vit-base-patch16", "Did you mean 'hf:openai/clip-vit-base-patch16'?"),
        ("open_clip:ViT-B-32", "'ViT-B-32' is no name of the form open_clip:ARCH/PRETRAINED."),
        ("hf:a/b#x#y", "after the name may follow #TOWER, and @REVISION or @random."),
        ("digits", "unknown model 'digits'"),
    ],
)
def test_an_unknown_model_is_refused_with_the_nearest_and_the_forms(given, nearest):
    with pytest.raises(UsageError) as refused:
        values_of("topology", {"model": given})
    assert str(refused.value).startswith(f"topology: model = '{given}' is not allowed: ")
    assert nearest in str(refused.value)
    assert "timm:NAME; hf:ORG/NAME; open_clip:ARCH/PRETRAINED; meter:NAME; zoo:NAME" in str(refused.value)


@pytest.mark.parametrize(
    ("model", "files"),
    [
        ("minilm", "minilm"),
        ("minilm@random", "minilm"),
        ("zoo:mae-s/2", "zoo:mae-s/2"),
        ("zoo:mae-s/0", "zoo:mae-s"),
        ("zoo:clip-s#vision", "zoo:clip-s"),
        ("zoo:clip-s#vision@random", "zoo:clip-s"),
        ("file:my-clip#vision", "file:my-clip"),
        ("file:~/my-clip@random", "file:~/my-clip"),
        ("deit-tiny", "timm:deit_tiny_patch16_224.fb_in1k"),
        ("clip-base-16-vision", "hf:openai/clip-vit-base-patch16"),
        ("hf:org/name#text@v1", "hf:org/name@v1"),
        ("hf:org/name@random", "hf:org/name@random"),
        ("open_clip:ViT-B-32/laion2b_s34b_b79k#text", "open_clip:ViT-B-32/laion2b_s34b_b79k"),
        ("meter:vqa#vision", "meter:vqa"),
    ],
)
def test_what_a_run_reads_of_a_model_is_its_file_whichever_tower_is_meant(model, files):
    parameters = values_of("topology", {"model": model})
    assert parameters.model == model
    assert parameters.data()[0] == files


@pytest.mark.parametrize("model", ["zoo:", "zoo:a b", "zoo:mae-s/two", "zoo:mae-s#"])
def test_a_reference_to_the_mini_zoo_that_cannot_be_read_is_refused(model):
    with pytest.raises(UsageError, match=r"zoo:NAME or zoo:NAME/SEED"):
        values_of("topology", {"model": model})


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("file:{home}/models/mine", "file:~/models/mine"),
        ("file:{home}", "file:~"),
        ("file:{home}-not/mine", "file:{home}-not/mine"),
        ("file:~/models/mine", "file:~/models/mine"),
        ("file:my-model", "file:my-model"),
        ("file:/srv/models/mine", "file:/srv/models/mine"),
        ("minilm", "minilm"),
    ],
)
def test_a_folder_below_the_home_is_kept_without_the_name_of_the_user(given, kept, tmp_path, monkeypatch):
    home = tmp_path / "marie"
    monkeypatch.setenv("HOME", str(home))
    found = values_of("topology", {"model": given.format(home=home)})
    assert found.model == kept.format(home=home)
    assert (
        Path(found.model.removeprefix("file:")).expanduser()
        == Path(given.format(home=home).removeprefix("file:")).expanduser()
    )


@every_chapter
def test_every_profile_of_every_chapter_is_valid(chapter):
    assert {"default", "smoke"} <= set(chapter.parameters.profiles)
    assert chapter.parameters.profiles["default"] == {}
    for profile, values in chapter.parameters.profiles.items():
        found = chapter.parameters.from_values(chapter.name, {}, profile=profile).model_dump()
        assert {name: found[name] for name in values} == dict(values)


@every_chapter
def test_every_parameter_has_help_and_a_default_inside_its_bounds(chapter):
    defaults = chapter.parameters.from_values(chapter.name, {})
    again = {name: field.default for name, field in chapter.parameters.model_fields.items()}
    assert chapter.parameters.from_values(chapter.name, again) == defaults
    for info in chapter.parameters.describe():
        assert len(info.help.split()) > 2, info.name
        assert json.loads(info.default) == getattr(defaults, info.name)
        numeric = info.type in ("int", "float", "list of int")
        assert info.bounds or not numeric, f"{info.name} is a number without bounds"


@every_chapter
def test_every_chapter_is_found_by_its_name_and_declares_known_data(chapter):
    assert get_chapter(chapter.name) is chapter
    of_the_zoo = {name for name in chapter.parameters().data() if name.startswith("zoo:")}
    assert set(chapter.parameters().data()) - of_the_zoo <= set(catalogue())
    for name in of_the_zoo:
        assert [file.path.parent.name for file in files_of(name)] == ["zoo"], name


def test_an_unknown_chapter_is_refused_with_the_nearest():
    nearest = r"^unknown chapter: 'topologie'\. Did you mean 'topology'\? Known are: models, head"
    with pytest.raises(UsageError, match=nearest):
        get_chapter("topologie")


@pytest.mark.parametrize("chapter", all_chapters(), ids=lambda chapter: chapter.name)
def test_every_default_can_be_typed_on_a_command_line(chapter):
    defaults = chapter.parameters()
    typed = {
        name: ",".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in defaults.model_dump().items()
    }
    assert chapter.parameters.from_values(chapter.name, typed) == defaults
