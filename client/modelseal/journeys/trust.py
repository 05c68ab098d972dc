"""Trust a registry: the one decision that everything else rests on.

1 the root with the fingerprint, and all that follows from it      3 the log's origin and first leaf go into memory
2 it is kept, whole                                               4 if they contradict what is remembered: undone
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from modelseal import platform, remote, root
from modelseal.errors import Error, Usage
from modelseal.formats.trust import Head, Revoked
from modelseal.journeys.ask import BUDGET_S
from modelseal.memory import Memory
from modelseal.root import Entry

MAX_SAVED = 16 << 20

_INVITATION = re.compile(r"(.+)#sha256:([0-9a-f]{64})", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Invitation:
    """What to trust: an address or a file, and the SHA-256 of a root that people compared."""

    location: str
    fingerprint: bytes
    saved: bytes | None  # what the file holds

    @property
    def host(self) -> str:
        """Who will decide: the address that the user named, or what the file proves to be the log."""
        if self.saved is not None:
            return root.verify(root.Saved.parse(self.saved), self.fingerprint).trust.origin
        return urlsplit(self.location).netloc or self.location


@dataclass(frozen=True, slots=True)
class Remembered:
    """What is remembered about the log of a trust root."""

    head: Head | None
    revoked: Revoked

    @property
    def revocations(self) -> int:
        return len(self.revoked.seals) + len(self.revoked.filesets) + len(self.revoked.signers)


def read_invitation(text: str, fingerprint: str | None) -> Invitation:
    """Read `URL#sha256:HEX`, or a URL or file with its fingerprint apart."""
    match = _INVITATION.fullmatch(text)
    if match and fingerprint is not None:
        raise Usage("two fingerprints: one in the address, one with --fingerprint")
    location, digest = (match[1], match[2]) if match else (text, (fingerprint or "").removeprefix("sha256:"))
    if not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise Usage(
            "a fingerprint is wanted: sha256 of a root, 64 hex digits",
            hint="URL#sha256:HEX, or URL|FILE --fingerprint HEX; whoever runs the registry hands it out",
        )
    is_url = location.startswith(("http://", "https://"))
    if not is_url and "://" in location:
        raise Usage("an address begins with http:// or https://")
    path, saved = Path(location).expanduser(), None
    if not is_url and not path.is_dir():
        saved = platform.read_file(path, MAX_SAVED, "trust root", follow=True)
    return Invitation(location, bytes.fromhex(digest), saved)


def add(invitation: Invitation) -> Entry:
    """Trust what *invitation* names. All of it is kept, or nothing."""
    home, now = platform.home(), int(time.time())
    known = {entry.trust.origin for entry in root.entries(home)}
    if invitation.saved is not None:
        entry = root.add_file(invitation.saved, invitation.fingerprint, home, now)
    else:
        reader = remote.open_reader(invitation.location, remote.Budget(BUDGET_S))
        entry = root.add(reader, invitation.fingerprint, home, now)  # 1, 2
    try:
        Memory(home, entry.trust.origin).pin(entry.trust.leaf0)  # 3
    except Error:
        if entry.trust.origin not in known:
            root.remove(home, entry.url)  # 4
        raise
    return entry


def status() -> list[tuple[Entry, Remembered]]:
    """Return every trusted registry and what is remembered about its log; nobody is asked."""
    home = platform.home()
    found = root.entries(home) or [root.find(home)]  # which says that there is none
    return [(entry, remembered(home, entry)) for entry in found]


def remembered(home: Path, entry: Entry) -> Remembered:
    memory = Memory(home, entry.trust.origin)
    return Remembered(memory.head(), memory.revoked())


def save(path: Path) -> Entry:
    """Write the trust root to the new file *path*."""
    entry = root.find(platform.home())
    platform.write_new(path, root.save(entry))
    return entry


def remove(address: str) -> tuple[Entry, Remembered | None]:
    """Trust the registry at *address* no more, and forget its log; return what was forgotten (None: unreadable).

    The memory goes first: what is left after a crash is a trust root that remembers nothing, never a memory that
    stands in the way of adding it again.
    """
    home = platform.home()
    entry = root.named(home, address)
    if entry.place == entry.folder:  # else it is refused below, and nothing is forgotten
        try:
            forgotten: Remembered | None = remembered(home, entry)
        except Error:
            forgotten = None
        Memory(home, entry.trust.origin).forget()
    return root.remove(home, address), forgotten


def mirror(location: str, *, remove: bool = False) -> Entry:
    """Ask *location*, a URL or folder, too, or with *remove* no more."""
    entry = root.find(platform.home())
    address = remote.open_reader(location, remote.Budget(BUDGET_S)).url
    return root.remove_address(entry, address) if remove else root.add_address(entry, address)
