"""What a mirror believes beforehand: the registry's trust root, followed by TUF from the root it was given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from modelseal import platform, root
from modelseal.errors import Refused, Unavailable
from modelseal.formats.trust import Trust
from modelseal.root import Saved, Verified, chain
from modelseal.root.saved import MAX_SAVED
from modelseal.times import utc
from modelseal_registry import trustroot
from modelseal_registry.config import Place
from modelseal_registry.mirror.source import Source


@dataclass(frozen=True, slots=True)
class Kept:
    """The trust root as it was last verified."""

    trust: Trust
    saved: Saved
    expires: Mapping[str, int]

    @classmethod
    def of(cls, verified: Verified) -> Kept:
        return cls(verified.trust, verified.saved, verified.expires)


def begin(place: Place, source: Source, fingerprint: bytes) -> Kept:
    """Look for the root with *fingerprint* at *source*, follow it to the newest, and keep that in *place*."""
    first = chain.find_root(source, fingerprint)
    verified = root.verify(chain.follow(source, first, None), fingerprint)
    platform.write_new(place.trust_saved, verified.saved.encode())
    return Kept.of(verified)


def read(place: Place, fingerprint: bytes) -> Kept:
    """Return what is kept, verified again; whether it has expired is for the caller to ask."""
    data = platform.read_file(place.trust_saved, MAX_SAVED, "trust root")
    return Kept.of(root.verify(Saved.parse(data), fingerprint))


def refresh(place: Place, source: Source, fingerprint: bytes) -> Kept:
    """Return the newest that *source* has, and keep it; Refused if it is about another log."""
    known = read(place, fingerprint)
    newest = Kept.of(root.verify(chain.follow(source, known.saved.roots[0][1], known.saved), fingerprint))
    for what, old, new in (
        ("origin", known.trust.origin, newest.trust.origin),
        ("first leaf", known.trust.leaf0.hex(), newest.trust.leaf0.hex()),
    ):
        if old != new:
            raise Refused(f"{source.url}: the trust root now names the {what} {new}, this mirror is of {old}")
    if newest.saved != known.saved:
        platform.replace(place.trust_saved, newest.saved.encode())
    return newest


def files(place: Place, source: Source, kept: Kept) -> dict[str, bytes]:
    """Return path -> bytes of what the mirror serves below `trust/`: the registry's bytes, verified."""
    if kept.saved.roots[0][0] == 1 or (place.public / "trust/1.root.json").exists():
        return kept.saved.files()
    return trustroot.copy(source, kept.saved.encode())


def check_age(kept: Kept, now: int) -> None:
    for role, until in kept.expires.items():
        if until <= now:
            raise Unavailable(f"trust root of {kept.trust.origin}: its {role} expired on {utc(until)}")
