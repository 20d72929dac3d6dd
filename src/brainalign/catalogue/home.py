"""Where files from outside are kept on this machine."""

from __future__ import annotations

import os
from pathlib import Path

OFFLINE = "BRAINALIGN_OFFLINE"
"""Environment variable that forbids the network when it holds anything but nothing, 0, no, off or false."""

HUB_OFFLINE = "HF_HUB_OFFLINE"
"""The variable of the hub's own client, which forbids the hubs of models in the same way."""


def data_home() -> Path:
    """Folder for everything that is downloaded: data files, and the parts read of model checkpoints.

    The environment variable ``BRAINALIGN_HOME`` wins; otherwise ``brainalign`` below ``XDG_DATA_HOME``, or below
    ``~/.local/share``. The folder is not created.

    Returns
    -------
    Path
        An absolute folder.
    """
    named = os.environ.get("BRAINALIGN_HOME")
    if named:
        return Path(named).expanduser().absolute()
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser().absolute() / "brainalign"


def is_offline(*, hub: bool = False) -> bool:
    """Whether the user forbids the use of the network or, with `hub`, that of the hubs of models."""
    forbidding = (OFFLINE, HUB_OFFLINE) if hub else (OFFLINE,)
    return any(os.environ.get(name, "").strip().lower() not in ("", "0", "no", "off", "false") for name in forbidding)


def use_data_home() -> None:
    """Let the caches of other libraries lie in the data home, too, and keep them off the network when we are.

    Sets the environment variables that nilearn (``NILEARN_DATA``) and huggingface_hub (``HF_HUB_CACHE``,
    ``HF_XET_CACHE``) read, unless the user has set them or, for the hub, ``HF_HOME``. ``HF_HOME`` itself is left
    alone: the user's access token lies below it. The libraries read the variables when they are imported, so the
    command line calls this first.
    """
    if not os.environ.get("NILEARN_DATA") and not os.environ.get("NILEARN_SHARED_DATA"):
        os.environ["NILEARN_DATA"] = str(data_home() / "nilearn")
    if not os.environ.get("HF_HOME"):
        for variable, folder in (("HF_HUB_CACHE", "hub"), ("HF_XET_CACHE", "xet")):
            if not os.environ.get(variable):
                os.environ[variable] = str(data_home() / "huggingface" / folder)
    if is_offline():
        os.environ.setdefault(HUB_OFFLINE, "1")
