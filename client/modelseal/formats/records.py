"""Records: what is signed and logged (FORMAT.md 5). A record's identity is the SHA-256 of its text.

    {"bundle":"5d0c...","bundle_size":2931,...,"type":"release","v":1,...}

The text that was signed is kept and compared, never rebuilt. The types stand in `owners`, `acts` and `observed`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from modelseal.errors import Malformed, Unsupported
from modelseal.formats import acts, fields, names, observed, owners, strict
from modelseal.formats.acts import Identity, Lift, Operators, Recover, Retire, Suspend, Watchlist
from modelseal.formats.entries import Entry, ordered_entries
from modelseal.formats.fields import MAX_NAMES, REASONS
from modelseal.formats.identity import Key, KeySet
from modelseal.formats.observed import Observation, Withdrawal
from modelseal.formats.owners import MAX_WEIGHTS, Claim, Keys, Objection, Release, Revocation
from modelseal.values import dataclass

__all__ = [
    "MAX_NAMES", "MAX_WEIGHTS", "REASONS", "Claim", "Identity", "Keys", "Lift", "Objection", "Observation", "Operators",
    "Record", "Recover", "Release", "Retire", "Revocation", "Roots", "Suspend", "Watchlist", "Withdrawal", "digest",
    "encode_record", "namespace_about", "parse_any", "parse_claim", "parse_record", "type_of",
]  # fmt: skip

MAX_CLAIM = 32 << 10
MAX_RECORD = 40 << 10


@dataclass(frozen=True, slots=True)
class Roots:
    """The last leaf of every checkpoint: the index over all leaves before it."""

    origin: str
    covers: int  # its own index
    records: bytes
    files: bytes
    names: bytes | None


Act = Suspend | Lift | Recover | Retire
Record = (
    Operators | Identity | Keys | Objection | Release | Revocation | Act | Watchlist | Observation | Withdrawal | Roots
)


def digest(text: str) -> bytes:
    """Return the identity of a record."""
    return hashlib.sha256(text.encode()).digest()


def _identity(f: strict.Object, origin: str) -> Identity:
    text = f.take("claim", strict.any_text)
    return acts.identity(text, parse_claim(text), f, origin)


def _roots(f: strict.Object, origin: str) -> Roots:
    return Roots(
        origin, f.take("covers", fields.positive), f.take("records", strict.hexadecimal),
        f.take("files", strict.hexadecimal), f.take("names", fields.digest_or_null),
    )  # fmt: skip


_TYPES: dict[str, tuple[type, Callable[[strict.Object, str], Any]]] = {
    "operators": (Operators, acts.operators),
    "identity": (Identity, _identity),
    "keys": (Keys, owners.keys),
    "objection": (Objection, owners.objection),
    "release": (Release, owners.release),
    "revocation": (Revocation, owners.revocation),
    "suspend": (Suspend, acts.suspend),
    "lift": (Lift, acts.lift),
    "recover": (Recover, acts.recover),
    "retire": (Retire, acts.retire),
    "watchlist": (Watchlist, acts.watchlist),
    "observation": (Observation, observed.observation),
    "withdrawal": (Withdrawal, observed.withdrawal),
    "roots": (Roots, _roots),
    "claim": (Claim, owners.claim),
}


def type_of(record: Record | Claim) -> str:
    return next(name for name, (kind, _) in _TYPES.items() if isinstance(record, kind))


def namespace_about(record: Record | Claim) -> str | None:
    """Return the namespace that *record* is about; None for what is about the whole registry."""
    match record:
        case Release() | Observation() | Withdrawal():
            return names.namespace_of(record.repo)
        case Identity():
            return record.claim.namespace
        case Operators() | Watchlist() | Roots():
            return None
    return record.namespace


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
    found = strict.Object(strict.parse(text, "record", limit=MAX_RECORD), "record")
    found.take("v", strict.version)
    name = found.take("type", strict.any_text)
    if name not in _TYPES:
        raise Unsupported(f"record: unknown type {name[:40]!r}; upgrade needed")
    if name == "claim" and len(text.encode()) > MAX_CLAIM:
        raise Malformed(f"claim: larger than {MAX_CLAIM} bytes")
    found.what = f"{name} record"
    record: Record | Claim = _TYPES[name][1](found, found.take("origin", names.origin))
    found.done()
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
