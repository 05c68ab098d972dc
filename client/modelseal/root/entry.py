"""One trusted registry on disk: a folder with `root.trust`, the saved form that proves everything, and `local.json`,
what was proven and when, so that an ordinary command reads one small file and needs no TUF:

    {"expires":{"root":1827078901,...},"fingerprint":"<hex>","for":["acme-*"],"mirrors":["https://mirror.example"],
     "policy":"log ...","refreshed":1795542901,"registry":"{...}","root":1,"timestamp":12,
     "url":"https://registry.example","v":1}

Each is replaced in one step, `root.trust` first: after a crash between the two the older extract serves, and the next
refresh begins at the newer state. Writers hold the lock of the folder above.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from modelseal import platform
from modelseal.errors import Error, Malformed, Usage
from modelseal.formats import strict
from modelseal.formats.trust import Trust, parse_trust
from modelseal.root import globs
from modelseal.root.chain import ROLES, Verified
from modelseal.root.saved import MAX_SAVED, Saved
from modelseal.values import dataclass

DAY = 86_400  # seconds: a trust root is refreshed at most once a day of use
MAX_LOCAL = 512 << 10  # bytes
MAX_MIRRORS = 16
LOCAL, PROOF = "local.json", "root.trust"


@dataclass(frozen=True, slots=True)
class Entry:
    """One trusted registry, as last verified."""

    trust: Trust
    policy: str  # the text that was signed
    registry: str  # the text of registry.json
    url: str  # the address or folder by which it was added
    mirrors: tuple[str, ...]  # further addresses, added by `trust mirror`
    globs: tuple[str, ...]  # the namespaces about which it decides (`globs`); none: all that no other is for
    fingerprint: bytes  # SHA-256 of the root that people compared
    root: int  # version
    timestamp: int  # version
    expires: Mapping[str, int]  # role -> POSIX seconds
    refreshed: int  # POSIX seconds; 0: never since it came from a file
    folder: Path  # where it is kept
    place: Path  # what makes it trusted: that folder, or somebody else's file

    @classmethod
    def of(
        cls,
        verified: Verified,
        fingerprint: bytes,
        folder: Path,
        *,
        url: str,
        refreshed: int,
        globs: tuple[str, ...] = (),
    ) -> Entry:
        saved = verified.saved
        return cls(
            trust=verified.trust,
            policy=saved.policy,
            registry=saved.registry,
            url=url,
            mirrors=(),
            globs=globs,
            fingerprint=fingerprint,
            root=verified.root,
            timestamp=verified.timestamp,
            expires=verified.expires,
            refreshed=refreshed,
            folder=folder,
            place=folder,
        )

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where to ask, in order; none of them is trusted."""
        return tuple(dict.fromkeys((self.url, self.trust.url, *self.trust.addresses, *self.mirrors)))

    @property
    def host(self) -> str:
        """What people call it: the host of the address by which it was added, or what its log is called."""
        from urllib.parse import urlsplit

        return urlsplit(self.url).netloc or self.trust.origin

    @property
    def age(self) -> tuple[int, int]:
        """Later states compare larger."""
        return self.root, self.timestamp

    def is_due(self, now: int) -> bool:
        """Whether it should be refreshed before it is used."""
        return not 0 <= now - self.refreshed < DAY or min(self.expires.values()) <= now


def lock(folder: Path) -> AbstractContextManager[None]:
    """Lock the entries in *folder*, which is made if it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise Error(f"{folder}: cannot be made: {(e.strerror or type(e).__name__).lower()}") from e
    return platform.lock(folder / ".lock")


def saved(entry: Entry) -> Saved:
    return Saved.parse(platform.read_file(entry.folder / PROOF, MAX_SAVED, "trust root"))


def read(folder: Path, place: Path) -> Entry:
    """Return the entry kept in *folder*, which is trusted because of *place*."""
    path = folder / LOCAL
    data = platform.read_file(path, MAX_LOCAL, "trust root")
    value = strict.Object(strict.parse(data, str(path), limit=MAX_LOCAL), str(path))
    value.take("v", strict.version)
    policy, registry = value.take("policy", strict.text()), value.take("registry", strict.text())
    entry = Entry(
        trust=parse_trust(policy.encode(), registry.encode()),
        policy=policy,
        registry=registry,
        url=value.take("url", strict.text()),
        mirrors=value.take("mirrors", strict.sequence(strict.text(), most=MAX_MIRRORS)),
        globs=value.take("for", strict.sequence(_glob, most=globs.MAX_GLOBS)),
        fingerprint=value.take("fingerprint", strict.hexadecimal),
        root=value.take("root", strict.integer(1)),
        timestamp=value.take("timestamp", strict.integer(1)),
        expires=value.take("expires", _expires),
        refreshed=value.take("refreshed", strict.integer()),
        folder=folder,
        place=place,
    )
    value.done()
    return entry


def _glob(value: Any, what: str) -> str:
    text = strict.text()(value, what)
    try:
        return globs.parse(text)
    except Usage as e:
        raise Malformed(f"{what}: {e}") from e


def _expires(value: Any, what: str) -> dict[str, int]:
    roles = strict.Object(value, what)
    found = {role: roles.take(role, strict.integer()) for role in ROLES}
    roles.done()
    return found


def write(entry: Entry, proof: Saved | None = None) -> Entry:
    """Keep *entry*, and the *proof* of it if that is new; return it."""
    try:
        entry.folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise Error(f"{entry.folder}: cannot be made: {(e.strerror or type(e).__name__).lower()}") from e
    if proof:
        platform.replace(entry.folder / PROOF, proof.encode())
    local = {
        "v": 1,
        "policy": entry.policy,
        "registry": entry.registry,
        "url": entry.url,
        "mirrors": list(entry.mirrors),
        "for": list(entry.globs),
        "fingerprint": entry.fingerprint.hex(),
        "root": entry.root,
        "timestamp": entry.timestamp,
        "expires": dict(entry.expires),
        "refreshed": entry.refreshed,
    }
    platform.replace(entry.folder / LOCAL, strict.encode(local).encode())
    return entry


def renewed(entry: Entry, verified: Verified, now: int) -> Entry:
    """Return *entry* with what *verified* proves now."""
    return dataclasses.replace(
        entry,
        trust=verified.trust,
        policy=verified.saved.policy,
        registry=verified.saved.registry,
        root=verified.root,
        timestamp=verified.timestamp,
        expires=verified.expires,
        refreshed=now,
    )
