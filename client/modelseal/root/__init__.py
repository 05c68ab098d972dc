"""The trust root: what a client must know beforehand, and how it may change (FORMAT.md 11).

`chain` is TUF itself: following it at an address, and verifying what was `saved`. `entry` is one on disk, `places`
where they lie and which one decides. Readers are arguments: this package knows neither HTTP nor folders of files.
"""

from __future__ import annotations

from modelseal.root.chain import ROLES, Reader, Verified, earlier, verify
from modelseal.root.entry import Entry
from modelseal.root.places import (
    NoTrust,
    add,
    add_address,
    add_file,
    entries,
    find,
    named,
    refresh,
    refreshed,
    remove,
    remove_address,
    save,
    usable,
)
from modelseal.root.saved import Saved

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
