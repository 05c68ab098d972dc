"""What operators sign: who they are, identities, and their acts upon a namespace (FORMAT.md 5.2)."""

from __future__ import annotations

from modelseal.errors import Malformed
from modelseal.formats import fields, names, strict
from modelseal.formats.entries import Entry, read_entries
from modelseal.formats.identity import Key, KeySet, check_threshold, keys, no_or_more_keys
from modelseal.formats.owners import Claim
from modelseal.values import dataclass

MAX_WATCHED = 256

_basis = strict.text("web|operators-word")
_watched = strict.listing(names.namespace, most=MAX_WATCHED)


@dataclass(frozen=True, slots=True)
class Operators:
    """Who runs the registry; version 1 is leaf 0 and pinned by the trust root."""

    origin: str
    seq: int
    prev: bytes | None
    keys: tuple[Key, ...]
    threshold: int
    observers: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Identity:
    """The operators admit a claim, or judge it again."""

    origin: str
    turn: int
    claim: Claim
    claim_text: str
    claim_signatures: tuple[Entry, ...]
    resembles: tuple[str, ...]
    evidence: tuple[bytes, ...]
    basis: str  # "web" or "operators-word"


@dataclass(frozen=True, slots=True, repr=False)
class Suspend:
    """No releases for 14 days, and none is VERIFIED."""

    origin: str
    turn: int
    namespace: str
    reason: str


@dataclass(frozen=True, slots=True, repr=False)
class Lift:
    """Ends a suspension, and withdraws a recovery that waits."""

    origin: str
    turn: int
    namespace: str


@dataclass(frozen=True, slots=True, repr=False)
class Recover:
    """Gives a lost namespace new keys, after a delay."""

    origin: str
    turn: int
    namespace: str
    key_set: KeySet


@dataclass(frozen=True, slots=True, repr=False)
class Retire:
    """Nothing new in this namespace, ever."""

    origin: str
    turn: int
    namespace: str
    reason: str


@dataclass(frozen=True, slots=True, repr=False)
class Watchlist:
    """Names that are imitated although nobody has claimed them here."""

    origin: str
    seq: int
    prev: bytes | None
    add: tuple[str, ...]
    remove: tuple[str, ...]


def operators(f: strict.Object, origin: str) -> Operators:
    seq, prev = fields.chained(f)
    found = Operators(
        origin, seq, prev, f.take("keys", keys), f.take("threshold", fields.positive),
        f.take("observers", no_or_more_keys),
    )  # fmt: skip
    f.take("rules", fields.only(1))
    f.take("sigstore", fields.only(None))
    check_threshold(found.threshold, found.keys, f.what)
    return found


def identity(text: str, claim: Claim, f: strict.Object, origin: str) -> Identity:
    found = Identity(
        origin=origin,
        turn=f.take("turn", fields.positive),
        claim=claim,
        claim_text=text,
        claim_signatures=f.take("claim_signatures", read_entries),
        resembles=f.take("resembles", fields.unique_names),
        evidence=f.take("evidence", fields.digests),
        basis=f.take("basis", _basis),
    )
    if claim.origin != origin:
        raise Malformed(f"{f.what}: the claim is for {claim.origin}, not for {origin}")
    return found


def _turn(f: strict.Object, origin: str) -> tuple[str, int, str]:
    return origin, f.take("turn", fields.positive), f.take("namespace", names.namespace)


def suspend(f: strict.Object, origin: str) -> Suspend:
    return Suspend(*_turn(f, origin), f.take("reason", fields.reason))


def lift(f: strict.Object, origin: str) -> Lift:
    return Lift(*_turn(f, origin))


def recover(f: strict.Object, origin: str) -> Recover:
    return Recover(*_turn(f, origin), f.take("key_set", KeySet.read))


def retire(f: strict.Object, origin: str) -> Retire:
    return Retire(*_turn(f, origin), f.take("reason", fields.reason))


def watchlist(f: strict.Object, origin: str) -> Watchlist:
    seq, prev = fields.chained(f)
    found = Watchlist(origin, seq, prev, f.take("add", _watched), f.take("remove", _watched))
    # a name is added or removed once: in one record, in one spelling
    names.unique_in_lower_case(found.add + found.remove, f.what)
    if not found.add and not found.remove:
        raise Malformed(f"{f.what}: it changes nothing")
    return found
