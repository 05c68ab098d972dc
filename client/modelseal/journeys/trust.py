"""Trust a registry: the one decision that everything else rests on.

1 the root with the fingerprint, and all that follows from it      3 the log's origin and first leaf go into memory
2 it is kept, whole                                               4 if they contradict what is remembered: undone
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from urllib.parse import urlsplit

from modelseal import platform, remote, root
from modelseal.decide import AHEAD
from modelseal.errors import Error, Usage
from modelseal.formats.trust import Head, Revoked
from modelseal.journeys.ask import BUDGET_S
from modelseal.memory import Memory
from modelseal.root import Entry
from modelseal.times import by_our_clock, span, utc
from modelseal.values import dataclass

MAX_SAVED = 16 << 20  # bytes
DAY = 86_400  # seconds
# Days before its end at which a role is warned of. The first two are the operators' to sign again, once a year. The
# registry renews the others at half life (15 and 3.5 days), and whoever uses it sees that within a day of use.
SOON = {"root": 30, "targets": 30, "snapshot": 10, "timestamp": 2}

_SIGNED = "its operators must sign a new one"
_AGAIN = "the next command that asks it brings a newer one, if its registry or a mirror has one"
_RENEWED = {"root": _SIGNED, "targets": _SIGNED, "snapshot": _AGAIN, "timestamp": _AGAIN}

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


def add(invitation: Invitation, only: tuple[str, ...] = ()) -> Entry:
    """Trust what *invitation* names, about the namespaces of *only* (none: about all). All is kept, or nothing."""
    home, now = platform.config_folder(), int(time.time())
    known = {entry.trust.origin for entry in root.entries(home)}
    if invitation.saved is not None:
        entry = root.add_file(invitation.saved, invitation.fingerprint, home, now, only=only)
    else:
        reader = remote.open_reader(invitation.location, remote.Budget(BUDGET_S))
        entry = root.add(reader, invitation.fingerprint, home, now, only=only)  # 1, 2
    try:
        Memory(platform.state_folder(), entry.trust.origin).pin(entry.trust.leaf0)  # 3
    except Error:
        if entry.trust.origin not in known:
            root.remove(home, entry.url)  # 4
        raise
    return entry


def status() -> list[tuple[Entry, Remembered]]:
    """Return every trusted registry and what is remembered about its log; nobody is asked."""
    home = platform.config_folder()
    found = root.entries(home) or [root.find(home)]  # which says that there is none
    root.check_one_decides(found)
    return [(entry, remembered(entry)) for entry in found]


def remembered(entry: Entry) -> Remembered:
    memory = Memory(platform.state_folder(), entry.trust.origin)
    return Remembered(memory.head(), memory.revoked())


def warnings(entry: Entry, memory: Remembered, now: int) -> list[str]:
    """Return what will end soon, or has ended, and who can do something about it; and whether our clock is wrong."""
    found = []
    if memory.head and memory.head.time > now + AHEAD:
        found.append(f"the newest checkpoint seen is of {utc(memory.head.time)}, ahead {by_our_clock(now)}")
    for role, soon in SOON.items():
        left = entry.expires[role] - now
        if left < soon * DAY:
            when = f"expires in {span(left)}" if left > 0 else f"expired {span(-left)} ago"
            found.append(f"its {role} {when} ({utc(entry.expires[role])}): {_RENEWED[role]}")
    return found


def save(path: Path, namespace: str | None = None) -> Entry:
    """Write the trust root to the new file *path*: that of the registry which decides about *namespace*."""
    entry = root.find(platform.config_folder(), name=namespace)
    platform.write_new(path, root.save(entry))
    return entry


def remove(address: str) -> tuple[Entry, Remembered | None]:
    """Trust the registry at *address* no more, and forget its log; return what was forgotten (None: unreadable).

    The memory goes first: what is left after a crash is a trust root that remembers nothing, never a memory that
    stands in the way of adding it again.
    """
    home = platform.config_folder()
    entry = root.named(home, address)
    if entry.place == entry.folder:  # else it is refused below, and nothing is forgotten
        try:
            forgotten: Remembered | None = remembered(entry)
        except Error:
            forgotten = None
        Memory(platform.state_folder(), entry.trust.origin).forget()
    return root.remove(home, address), forgotten


def mirror(location: str, namespace: str | None = None, *, remove: bool = False) -> Entry:
    """Ask *location*, a URL or folder, too, or with *remove* no more, about what the registry for *namespace* says."""
    home = platform.config_folder()
    address = remote.open_reader(location, remote.Budget(BUDGET_S)).url
    if remove and namespace is None:  # whose it is, is known
        entry = next((one for one in root.entries(home) if address in one.mirrors), None) or root.find(home)
    else:
        entry = root.find(home, name=namespace)
    return root.remove_address(entry, address) if remove else root.add_address(entry, address)
