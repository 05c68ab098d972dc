"""Signature entries: who signed a record, and how it looks in a leaf (FORMAT.md 3).

    {"key":"MFkwEwYHKoZIzj0CAQYI...","sig":"MEUCIQDk..."}

`key` is a SubjectPublicKeyInfo, `sig` a signature over the DSSE PAE of the record's type and text; both base64.
"""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

from modelseal.errors import Malformed, Unsupported
from modelseal.formats import strict
from modelseal.values import dataclass

MAX_ENTRIES = 32  # every one of 16 operators and 16 controllers


@dataclass(frozen=True, slots=True)
class Entry:
    """One signature: the key's SubjectPublicKeyInfo and the signature, both as bytes, nothing checked."""

    key: bytes
    sig: bytes

    @property
    def fingerprint(self) -> bytes:
        return hashlib.sha256(self.key).digest()

    def value(self) -> dict[str, str]:
        return {"key": strict.to_base64(self.key), "sig": strict.to_base64(self.sig)}


def read_entries(value: Any, what: str) -> tuple[Entry, ...]:
    """Signature entries: sorted by fingerprint, one per key, at most one for each possible operator and controller."""

    def read(member: Any, what: str) -> Entry:
        fields = strict.Object(member, what)
        if fields.has("bundle"):
            raise Unsupported(f"{what}: keyless signatures are not in force yet; upgrade needed")
        entry = Entry(fields.take("key", strict.base64_text), fields.take("sig", strict.base64_text))
        fields.done()
        return entry

    entries = strict.sequence(read, most=MAX_ENTRIES)(value, what)
    prints = [entry.fingerprint for entry in entries]
    if any(a >= b for a, b in itertools.pairwise(prints)):
        raise Malformed(f"{what}: not sorted by fingerprint, or two by one key")
    return entries


def ordered_entries(entries: list[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: entry.fingerprint)
