"""Records: what is signed and logged (FORMAT.md 5). A record's identity is the SHA-256 of its text.

    {"bundle":"5d0c...","bundle_size":2931,...,"type":"release","v":1,...}

The text that was signed is kept and compared, never rebuilt.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from modelseal.errors import Malformed, Unsupported
from modelseal.formats import names, strict
from modelseal.formats.entries import Entry, ordered_entries, read_entries
from modelseal.formats.identity import Key, KeySet, check_threshold, keys, no_or_more_keys

MAX_CLAIM = 32 << 10
MAX_RECORD = 40 << 10
MAX_NAMES = 16
MAX_WEIGHTS = 16

REASONS = ("malicious", "compromised", "key-compromise", "withdrawn", "superseded")

# Described in FORMAT.md, not in force: their rules do not exist yet, so nothing of them is admitted or believed.
NOT_IN_FORCE = (
    "objection", "suspend", "lift", "recover", "retire", "watchlist", "observation", "withdrawal",
)  # fmt: skip

_names = strict.listing(names.namespace, most=MAX_NAMES)
_digests = strict.listing(strict.hexadecimal, most=MAX_NAMES)
_reason = strict.text("|".join(REASONS))
_prev = strict.optional(strict.hexadecimal)


def _unique_names(value: Any, what: str) -> tuple[str, ...]:
    return names.unique_in_lower_case(_names(value, what), what)


def digest(text: str) -> bytes:
    """Return the identity of a record."""
    return hashlib.sha256(text.encode()).digest()


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
class Claim:
    """What an owner says about a namespace; logged inside an identity."""

    origin: str
    seq: int
    prev: bytes | None
    namespace: str
    title: str
    domain: str | None
    hub_owner_id: str | None
    accounts: tuple[str, ...]
    former: tuple[str, ...]
    families: tuple[str, ...]
    republishers: tuple[str, ...]
    key_set: KeySet | None  # only in the first claim


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


@dataclass(frozen=True, slots=True)
class Keys:
    """An owner changes who may act for the namespace."""

    origin: str
    seq: int
    prev: bytes
    namespace: str
    key_set: KeySet


@dataclass(frozen=True, slots=True)
class Release:
    """A seal enters the log, signed by the key that sealed."""

    origin: str
    signer: Key
    repo: str
    revision: str
    seal: bytes  # SHA-256 of the DSSE payload: the seal's identity
    bundle: bytes  # SHA-256 of the bundle: where it lies
    bundle_size: int
    files: int
    total_bytes: int
    fileset: bytes
    weights: tuple[bytes, ...]
    replaces: bytes | None


@dataclass(frozen=True, slots=True)
class Revocation:
    """Exactly one of *repo* with *seal*, *fileset*, *signer* is not None."""

    origin: str
    namespace: str
    repo: str | None
    seal: bytes | None
    fileset: bytes | None
    signer: Key | None
    reason: str
    replacement: str | None


@dataclass(frozen=True, slots=True)
class Roots:
    """The last leaf of every checkpoint: the index over all leaves before it."""

    origin: str
    covers: int  # its own index
    records: bytes
    files: bytes
    names: bytes | None


Record = Operators | Identity | Keys | Release | Revocation | Roots


def _only(value: Any) -> strict.Check[Any]:
    """A field with one value today: another one is of a newer writer, not nonsense."""

    def check(found: Any, what: str) -> Any:
        if type(found) is not type(value) or found != value:
            raise Unsupported(f"{what}: only {strict.encode(value)} is in force; upgrade needed")
        return found

    return check


def _chained(fields: strict.Object) -> tuple[int, bytes | None]:
    seq = fields.take("seq", strict.integer(1))
    prev = fields.take("prev", _prev)
    if (seq == 1) != (prev is None):
        raise Malformed(f"{fields.what}: prev is null exactly at seq 1")
    return seq, prev


def _operators(f: strict.Object, origin: str) -> Operators:
    seq, prev = _chained(f)
    found = Operators(
        origin, seq, prev, f.take("keys", keys), f.take("threshold", strict.integer(1)),
        f.take("observers", no_or_more_keys),
    )  # fmt: skip
    if found.seq != 1:
        raise Unsupported(f"{f.what}: version {found.seq} of the operators is not in force yet; upgrade needed")
    f.take("rules", _only(1))
    f.take("sigstore", _only(None))
    check_threshold(found.threshold, found.keys, f.what)
    return found


def _claim(f: strict.Object, origin: str) -> Claim:
    seq, prev = _chained(f)
    claim = Claim(
        origin=origin,
        seq=seq,
        prev=prev,
        namespace=f.take("namespace", names.namespace),
        title=f.take("title", names.title),
        domain=f.take("domain", strict.optional(names.domain)),
        hub_owner_id=f.take("hub_owner_id", strict.optional(names.owner_id)),
        accounts=f.take("accounts", _unique_names),
        former=f.take("former", _unique_names),
        families=f.take("families", strict.listing(names.title, most=MAX_NAMES)),
        republishers=f.take("republishers", _unique_names),
        key_set=f.take("key_set", strict.optional(KeySet.read)),
    )
    if (seq == 1) != (claim.key_set is not None):
        raise Malformed(f"{f.what}: the first claim has a key_set, later ones have null")
    return claim


def _identity(f: strict.Object, origin: str) -> Identity:
    text = f.take("claim", strict.text())
    claim = parse_claim(text)
    identity = Identity(
        origin=origin,
        turn=f.take("turn", strict.integer(1)),
        claim=claim,
        claim_text=text,
        claim_signatures=f.take("claim_signatures", read_entries),
        resembles=f.take("resembles", _unique_names),
        evidence=f.take("evidence", _digests),
        basis=f.take("basis", strict.text("web|operators-word")),
    )
    if claim.origin != origin:
        raise Malformed(f"{f.what}: the claim is for {claim.origin}, not for {origin}")
    return identity


def _keys(f: strict.Object, origin: str) -> Keys:
    seq, prev = _chained(f)
    if prev is None:
        raise Malformed(f"{f.what}: a chain begins with a claim, not with keys")
    return Keys(origin, seq, prev, f.take("namespace", names.namespace), f.take("key_set", KeySet.read))


def _release(f: strict.Object, origin: str) -> Release:
    f.take("card", _only(None))
    found = Release(
        origin=origin,
        signer=f.take("signer", Key.read),
        repo=f.take("repo", names.repo),
        revision=f.take("revision", names.revision),
        seal=f.take("seal", strict.hexadecimal),
        bundle=f.take("bundle", strict.hexadecimal),
        bundle_size=f.take("bundle_size", strict.integer(1)),
        files=f.take("files", strict.integer(1)),
        total_bytes=f.take("total_bytes", strict.integer(1)),
        fileset=f.take("fileset", strict.hexadecimal),
        weights=f.take("weights", strict.listing(strict.hexadecimal, most=MAX_WEIGHTS)),
        replaces=f.take("replaces", _prev),
    )
    if found.replaces is not None:
        raise Unsupported(f"{f.what}: a release that replaces a seal is not in force yet; upgrade needed")
    return found


def _revocation(f: strict.Object, origin: str) -> Revocation:
    found = Revocation(
        origin=origin,
        namespace=f.take("namespace", names.namespace),
        repo=f.take("repo", strict.optional(names.repo)),
        seal=f.take("seal", _prev),
        fileset=f.take("fileset", _prev),
        signer=f.take("signer", strict.optional(Key.read)),
        reason=f.take("reason", _reason),
        replacement=f.take("replacement", strict.optional(names.revision)),
    )
    targets = (found.repo is not None, found.fileset is not None, found.signer is not None)
    if sum(targets) != 1 or (found.repo is None) != (found.seal is None):
        raise Malformed(f"{f.what}: exactly one of repo with seal, fileset, signer is wanted")
    if found.signer is not None:
        raise Unsupported(f"{f.what}: the revocation of a signer is not in force yet; upgrade needed")
    if found.repo is not None and names.namespace_of(found.repo) != found.namespace:
        raise Malformed(f"{f.what}: {found.repo} is not in {found.namespace}")
    return found


def _roots(f: strict.Object, origin: str) -> Roots:
    return Roots(
        origin, f.take("covers", strict.integer(1)), f.take("records", strict.hexadecimal),
        f.take("files", strict.hexadecimal), f.take("names", _prev),
    )  # fmt: skip


_TYPES: dict[str, tuple[type, Callable[[strict.Object, str], Any]]] = {
    "operators": (Operators, _operators),
    "identity": (Identity, _identity),
    "keys": (Keys, _keys),
    "release": (Release, _release),
    "revocation": (Revocation, _revocation),
    "roots": (Roots, _roots),
    "claim": (Claim, _claim),
}


def type_of(record: Record | Claim) -> str:
    return next(name for name, (kind, _) in _TYPES.items() if isinstance(record, kind))


def encode_record(record: Record | Claim) -> str:
    """Return the canonical text of a record given as values."""
    value: dict[str, Any] = {"v": 1, "type": type_of(record)}
    value |= {name: _plain(getattr(record, name)) for name in record.__dataclass_fields__}
    match record:
        case Release():
            value["card"] = None
        case Identity():
            value["claim"] = value.pop("claim_text")
        case Operators():
            value |= {"rules": 1, "sigstore": None}
    return strict.encode(value)


def _plain(member: Any) -> Any:
    match member:
        case bytes():
            return member.hex()
        case Key() | KeySet() | Entry():
            return member.value()
        case tuple() if member and isinstance(member[0], Entry):
            return [entry.value() for entry in ordered_entries(list(member))]
        case tuple():
            return strict.ordered([_plain(one) for one in member])
        case Claim():
            return None
    return member


def parse_any(text: str) -> Record | Claim:
    """Read a record or a claim."""
    fields = strict.Object(strict.parse(text, "record", limit=MAX_RECORD), "record")
    fields.take("v", strict.version)
    name = fields.take("type", strict.text())
    if name in NOT_IN_FORCE:
        raise Unsupported(f"record: records of type {name} are not in force yet; upgrade needed")
    if name not in _TYPES:
        raise Unsupported(f"record: unknown type {name[:40]!r}; upgrade needed")
    if name == "claim" and len(text.encode()) > MAX_CLAIM:
        raise Malformed(f"claim: larger than {MAX_CLAIM} bytes")
    fields.what = f"{name} record"
    record: Record | Claim = _TYPES[name][1](fields, fields.take("origin", names.origin))
    fields.done()
    return record


def parse_record(text: str) -> Record:
    record = parse_any(text)
    if isinstance(record, Claim):
        raise Malformed("record: a claim is logged only inside an identity")
    return record


def parse_claim(text: str) -> Claim:
    claim = parse_any(text)
    if not isinstance(claim, Claim):
        raise Malformed(f"claim: a record of type {type_of(claim)}")
    return claim
