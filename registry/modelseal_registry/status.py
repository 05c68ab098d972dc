"""How a registry is, and whether all that it keeps follows from its leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from modelseal import platform
from modelseal.errors import Unavailable
from modelseal.formats.note import Verifier
from modelseal_registry import check as checking
from modelseal_registry import config, trustfiles, trustroot
from modelseal_registry.config import Place
from modelseal_registry.emitter import Published, read_published
from modelseal_registry.store import Head, open_store


@dataclass(frozen=True, slots=True)
class Status:
    origin: str
    published: Published
    now: int
    max_age: int
    served: bool  # a process writes the log
    pending: int  # records that wait for it
    claims: int  # that wait for the operators
    invitation: str
    expires: int  # of the trust root

    @property
    def age(self) -> int:
        return max(0, self.now - self.published.time)

    @property
    def fresh(self) -> bool:
        """Whether clients accept the published checkpoint."""
        return self.age <= self.max_age

    def value(self) -> dict[str, Any]:
        return {
            "origin": self.origin,
            "size": self.published.size,
            "root": self.published.root.hex(),
            "time": self.published.time,
            "served": self.served,
            "pending": self.pending,
            "claims": self.claims,
            "trust": self.invitation,
            "trust_expires": self.expires,
        }


def status(place: Place, now: int) -> Status:
    """Look at the registry in *place* at *now*; Unavailable if it has published nothing."""
    settings = config.read(place)
    trust, fingerprint = trustfiles.read(settings)
    published = read_published(place.public, trust.policy.own)
    if published is None:
        raise Unavailable(f"{place.public}: nothing is published", hint="modelseal-registry serve does it")
    store = open_store(place.database)
    try:
        with store.read() as tx:
            pending, claims = tx.count_waiting(), len(tx.claims("waiting"))
    finally:
        store.close()
    return Status(
        origin=settings.origin,
        published=published,
        now=now,
        max_age=settings.max_age_s,
        served=is_locked(place),
        pending=pending,
        claims=claims,
        invitation=f"{settings.url}#sha256:{fingerprint.hex()}",
        expires=trustroot.expires(place.trust)["root"],
    )


def is_locked(place: Place) -> bool:
    """Whether a process writes in *place* now."""
    try:
        with platform.lock(place.lock, timeout_s=0):
            return False
    except Unavailable:
        return True


def check(place: Place) -> Head:
    """Replay the log into an empty store and compare everything; an Error names the first difference."""
    settings = config.read(place)
    trust, _ = trustfiles.read(settings)
    return check_all(settings.place, settings.origin, trust.policy.log, trust.policy.own, trustroot.files(place.trust))


def check_all(place: Place, origin: str, log: Verifier, own: Verifier, files: dict[str, bytes]) -> Head:
    store = open_store(place.database)
    try:
        return checking.check(store, place.public, origin, log=log, own=own, trust=files)
    finally:
        store.close()
