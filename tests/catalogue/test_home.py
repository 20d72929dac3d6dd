import os
from pathlib import Path

import pytest
from numpy.testing import assert_equal

from brainalign.catalogue.home import HUB_OFFLINE, OFFLINE, data_home, is_offline, use_data_home

VARIABLES = ("BRAINALIGN_HOME", "XDG_DATA_HOME", OFFLINE)
OF_LIBRARIES = ("NILEARN_DATA", "NILEARN_SHARED_DATA", "HF_HOME", "HF_HUB_CACHE", "HF_XET_CACHE", "HF_HUB_OFFLINE")


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch):
    # Set first, so that what the tested function sets is taken back.
    for name in (*VARIABLES, *OF_LIBRARIES):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def set_by_us():
    use_data_home()
    return {name: os.environ[name] for name in OF_LIBRARIES if name in os.environ}


def test_the_data_home_is_named_or_below_the_users_data(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert_equal(data_home(), tmp_path / ".local/share/brainalign")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    assert_equal(data_home(), tmp_path / "xdg/brainalign")
    monkeypatch.setenv("BRAINALIGN_HOME", "~/mine")
    assert_equal(data_home(), tmp_path / "mine")
    monkeypatch.setenv("BRAINALIGN_HOME", "here")
    assert_equal(data_home(), Path.cwd() / "here")


def test_caches_of_libraries_move_into_the_data_home(monkeypatch, tmp_path):
    monkeypatch.setenv("BRAINALIGN_HOME", str(tmp_path))
    expected = {
        "NILEARN_DATA": f"{tmp_path}/nilearn",
        "HF_HUB_CACHE": f"{tmp_path}/huggingface/hub",
        "HF_XET_CACHE": f"{tmp_path}/huggingface/xet",
    }
    assert_equal(set_by_us(), expected)
    assert_equal(set_by_us(), expected)


@pytest.mark.parametrize(
    ("name", "left_alone"),
    [
        ("NILEARN_DATA", {"NILEARN_DATA"}),
        ("NILEARN_SHARED_DATA", {"NILEARN_DATA", "NILEARN_SHARED_DATA"}),
        ("HF_HOME", {"HF_HOME", "HF_HUB_CACHE", "HF_XET_CACHE"}),
        ("HF_HUB_CACHE", {"HF_HUB_CACHE"}),
    ],
)
def test_what_the_user_has_set_is_left_alone(monkeypatch, tmp_path, name, left_alone):
    monkeypatch.setenv("BRAINALIGN_HOME", str(tmp_path))
    monkeypatch.setenv(name, "/mine")
    found = set_by_us()
    assert_equal({key: value for key, value in found.items() if key in left_alone}, {name: "/mine"})
    moved = {"NILEARN_DATA", "HF_HUB_CACHE", "HF_XET_CACHE"} - left_alone
    assert_equal({key for key, value in found.items() if value.startswith(str(tmp_path))}, moved)


@pytest.mark.parametrize(
    ("value", "offline"),
    [("1", True), ("yes", True), ("ON", True), ("0", False), ("false", False), ("off", False), ("", False)],
)
def test_offline_reaches_the_hub(monkeypatch, value, offline):
    monkeypatch.setenv(OFFLINE, value)
    assert is_offline() is offline
    assert_equal(set_by_us().get("HF_HUB_OFFLINE"), "1" if offline else None)


def test_what_forbids_the_hubs_leaves_other_servers_alone(monkeypatch):
    monkeypatch.delenv(OFFLINE, raising=False)
    monkeypatch.setenv(HUB_OFFLINE, "1")
    assert is_offline(hub=True) is True
    assert is_offline() is False
    monkeypatch.setenv(HUB_OFFLINE, "0")
    assert is_offline(hub=True) is False
    monkeypatch.setenv(OFFLINE, "1")
    assert is_offline(hub=True) is True
