"""The trust root: what a client must know beforehand, and how it may change (FORMAT.md 11).

`chain` is TUF itself: following it at an address, and verifying what was `saved`. `entry` is one on disk, `places`
where they lie, `globs` and `which` who decides about which names, `changes` what adds, refreshes and removes them.
Readers are arguments: this package knows neither HTTP nor folders of files.
"""

from __future__ import annotations

from modelseal.root.chain import ROLES, Reader, Verified, earlier, verify
from modelseal.root.changes import (
    add,
    add_address,
    add_file,
    copy,
    refresh,
    refreshed,
    remove,
    remove_address,
    save,
    usable,
)
from modelseal.root.entry import Entry
from modelseal.root.places import entries, named
from modelseal.root.saved import Saved
from modelseal.root.which import NoTrust, check_one_decides, find

__all__ = [
    "ROLES",
    "Entry",
    "NoTrust",
    "Reader",
    "Saved",
    "Verified",
    "add",
    "add_address",
    "add_file",
    "check_one_decides",
    "copy",
    "earlier",
    "entries",
    "find",
    "named",
    "refresh",
    "refreshed",
    "remove",
    "remove_address",
    "save",
    "usable",
    "verify",
]
