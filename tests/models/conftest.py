import pytest

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


@pytest.fixture(scope="package", autouse=True)
def _one_thread():
    with one_thread():
        yield
