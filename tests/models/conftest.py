from pathlib import Path

import pytest
import torch

from brainalign.models import spatial_attention
from tests.models.awkward import ASK, MODELS, TOWER
from tests.models.families import FAMILIES, build, save
from tests.threads import one_thread


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """The model of a family by name, and the reference to its tower in the folder it was saved in."""
    known = {}

    def make(name):
        family = FAMILIES[name]
        if family.make not in known:
            module, config = build(name)
            folder = tmp_path_factory.mktemp("model")
            save(module, config, folder)
            known[family.make] = module, f"file:{folder}"
        module, reference = known[family.make]
        return module, f"{reference}#{family.tower}" if family.tower else reference

    return make


@pytest.fixture(scope="session")
def sound(tmp_path_factory):
    """Folder of a sound model with weights that differ clearly, read once to see that it is sound."""
    known: dict[str, Path] = {}

    def make(base: str) -> Path:
        if base not in known:
            module, config = MODELS[base]()
            generator = torch.Generator().manual_seed(1)
            with torch.no_grad():
                for parameter in module.parameters():
                    parameter.normal_(0, 0.5, generator=generator)
            known[base] = tmp_path_factory.mktemp(base)
            save(module, config, known[base])
            spatial_attention(f"file:{known[base]}{TOWER.get(base, '')}", **ASK.get(base, {}))
        return known[base]

    return make


@pytest.fixture(scope="package", autouse=True)
def _one_thread():
    with one_thread():
        yield
