"""Everything that the README promises is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from brainalign.cli import app
from brainalign.models.layouts import LAYOUTS
from brainalign.models.registry import get_model
from brainalign.runs.registry import all_chapters, get_chapter

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)\)", README))))
def test_link_leads_somewhere(link):
    if link.startswith("http"):
        assert re.fullmatch(r"https://arxiv\.org/abs/\d{4}\.\d{5}", link)
    else:
        assert (ROOT / link).is_file()


def test_picture_is_a_picture_of_modest_size():
    picture = ROOT / "book" / "_static" / "page.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < 400_000


def test_models_that_are_fetched_are_in_the_registry():
    (named,) = re.findall(r"brainalign models fetch (\S+)", README)
    assert get_model(named).topology_bytes


def test_commands_exist_and_name_real_chapters_and_parameters():
    known = get_command(app).commands
    commands = re.findall(r"brainalign (list|[a-z]+ [a-z]+)((?: -p \w+ \S+)*)", README)
    assert {"run", "show", "list", "params"} <= {words.split()[0] for words, _ in commands}
    for words, options in commands:
        command, *names = words.split()
        assert command in known
        if command == "models":
            assert set(names) <= set(known[command].commands)
            continue
        for name in names:
            values = dict(re.findall(r"-p (\w+) (\S+)", options))
            get_chapter(name).parameters.from_values(name, values)


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_model_types_named_are_understood():
    (named,) = re.findall(r'save_pretrained\("my-model"\)`; (.*?) and\s+others', README, re.DOTALL)
    types = {"BERT": "bert", "RoBERTa": "roberta", "GPT-2": "gpt2", "OPT": "opt", "ViT": "vit", "DeiT": "deit"}
    types |= {"MAE": "vit_mae", "CLIP": "clip"}
    assert {types[name] for name in re.split(r",\s+", named)} <= set(types.values()) <= set(LAYOUTS)


def test_every_chapter_is_named():
    linked = set(re.findall(r"notebooks/(\w+)\.md", README))
    assert linked == {chapter.stem for chapter in all_chapters()}


def test_sources_of_the_numbers_are_in_the_catalogue():
    catalogue = yaml.safe_load((ROOT / "data" / "catalogue.yml").read_text(encoding="utf-8"))
    assert {"minilm", "hcp-connectomes", "icn-published"} <= set(catalogue)
