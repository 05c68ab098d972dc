"""How a registry is, and whether all that it keeps follows from its leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from modelseal import platform
from modelseal.errors import Unavailable
from modelseal.formats import index as indexes
from modelseal.formats import names
from modelseal.formats.acts import Operators
from modelseal.formats.note import Verifier
from modelseal_registry import check as checking
from modelseal_registry import config, drafts, trustfiles, trustroot
from modelseal_registry.config import Place
from modelseal_registry.emitter import Published, read_published
from modelseal_registry.policyview import RENEW_DAYS
from modelseal_registry.store import Head, open_store
from modelseal_registry.trial import Trials
from modelseal_registry.trustdraft import DAY


@dataclass(frozen=True, slots=True)
class Status:
    origin: str
    published: Published
    now: int
    max_age: int
    served: bool  # a process writes the log
    pending: int  # records that wait for it
    claims: int  # that wait for the operators
    drafts: tuple[drafts.Listed, ...]  # records that wait for signatures
    operators: Operators
    watched: int  # names on the watch-list
    observed: int  # repos
    invitation: str
    expires: int  # when root or targets end, at the latest, if the operators do not sign again
    draft: bool  # operators have something to sign

    @property
    def age(self) -> int:
        return max(0, self.now - self.published.time)

    @property
    def fresh(self) -> bool:
        """Whether clients accept the published checkpoint."""
        return self.age <= self.max_age

    @property
    def due(self) -> bool:
        """Whether the operators should sign the trust root again."""
        return self.expires - self.now <= RENEW_DAYS * DAY

    def value(self) -> dict[str, Any]:
        return {
            "origin": self.origin,
            "size": self.published.size,
            "root": self.published.root.hex(),
            "time": self.published.time,
            "served": self.served,
            "pending": self.pending,
            "claims": self.claims,
            "drafts": [
                {
                    "record": one.digest.hex(),
                    "about": names.printable(one.about),
                    "waits_for": one.waits_for,
                    "received": one.received,
                }
                for one in self.drafts
            ],
            "operators": {
                "version": self.operators.seq,
                "threshold": self.operators.threshold,
                "keys": len(self.operators.keys),
            },
            "watched": self.watched,
            "observers": len(self.operators.observers),
            "observed": self.observed,
            "trust": self.invitation,
            "trust_expires": self.expires,
            "trust_due": self.due,
            "trust_draft": self.draft,
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
            trials = Trials(settings.origin)
            state, waiting = trials.state(tx, None, None), drafts.look(tx, trials, now)
            observed = tx.count_keys("records", indexes.observed_key(""))
    finally:
        store.close()
    assert state.operators is not None  # leaf 0: something is published
    ends = trustroot.expires(place.trust)
    return Status(
        origin=settings.origin,
        published=published,
        now=now,
        max_age=settings.max_age_s,
        served=is_locked(place),
        pending=pending,
        claims=claims,
        drafts=tuple(waiting),
        operators=state.operators,
        watched=len(state.watched.names),
        observed=observed,
        invitation=f"{settings.url}#sha256:{fingerprint.hex()}",
        expires=min(ends[role] for role in ("root", "targets")),
        draft=place.draft.exists(),
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
