"""What differs between operating systems: durable files, locks, folder handles, where our own data lives.

The rest of the client asks here and does not look at `sys.platform`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from modelseal.platform.files import (
    Missing,
    check_replaceable,
    make_folder,
    read_below,
    read_file,
    read_trusted,
    replace,
    unwritable,
    write_new,
)
from modelseal.platform.handles import Entry, Folder, Opener, is_link
from modelseal.platform.locks import lock

__all__ = [
    "Entry",
    "Folder",
    "Missing",
    "Opener",
    "cache_folder",
    "check_replaceable",
    "config_folder",
    "cores",
    "is_link",
    "lock",
    "make_folder",
    "may_have_proxies",
    "read_below",
    "read_file",
    "read_trusted",
    "replace",
    "state_folder",
    "tells_changes",
    "unwritable",
    "write_new",
]


def config_folder() -> Path:
    """The folder of what people decided, trust roots: MODELSEAL_HOME, else the user's folder of settings.

    None of these folders is made here.
    """
    return _folder("user_config_path")


def state_folder() -> Path:
    """The folder of what must not be lost, the memory of logs: MODELSEAL_HOME, else the user's folder of state."""
    return _folder("user_state_path")


def cache_folder() -> Path:
    """The folder of what may be lost at any time: MODELSEAL_HOME/cache, else the user's cache folder."""
    return _folder("user_cache_path", "cache")


def _folder(kind: str, below: str = ".") -> Path:
    named = os.environ.get("MODELSEAL_HOME")
    if named:
        return (Path(named).expanduser() / below).absolute()
    import platformdirs

    found: Path = getattr(platformdirs, kind)("modelseal", appauthor=False)
    return found


def may_have_proxies() -> bool:
    """Whether a proxy may be set: in the environment, or in the settings of a system that has such."""
    return sys.platform in ("win32", "darwin") or any(name.lower().endswith("_proxy") for name in os.environ)


def tells_changes() -> bool:
    """Whether a file's ctime is when it last changed. On Windows it is when the file was made."""
    return sys.platform != "win32"


def cores() -> int:
    """How many processors this process may use (a container often has fewer than the machine)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
