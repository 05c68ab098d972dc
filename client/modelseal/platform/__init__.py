"""What differs between operating systems: durable files, locks, folder handles, where our own data lives.

The rest of the client asks here and does not look at `sys.platform`.
"""

from __future__ import annotations

import os
from pathlib import Path

from modelseal.platform.files import Missing, make_folder, read_below, read_file, replace, write_new
from modelseal.platform.handles import Entry, Folder, Opener, is_link
from modelseal.platform.locks import lock

__all__ = [
    "Entry",
    "Folder",
    "Missing",
    "Opener",
    "cores",
    "home",
    "is_link",
    "lock",
    "make_folder",
    "read_below",
    "read_file",
    "replace",
    "write_new",
]


def home() -> Path:
    """The folder of trust roots and lasting memory: MODELSEAL_HOME, else the user's data folder. Not created here."""
    named = os.environ.get("MODELSEAL_HOME")
    if named:
        return Path(named).expanduser().absolute()
    import platformdirs

    return platformdirs.user_data_path("modelseal", appauthor=False)


def cores() -> int:
    """How many processors this process may use (a container often has fewer than the machine)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
