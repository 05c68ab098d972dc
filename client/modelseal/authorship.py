"""Who signed what: cryptography and agreement, no rules.

`signed_by` tells whose signatures over a record verify; `check_seal` whether a seal is the one that a release names.
What a signature entitles to is for `state` to say.
"""

from __future__ import annotations

import hashlib

from modelseal.errors import Refused
from modelseal.formats import envelope, manifest
from modelseal.formats.entries import Entry
from modelseal.formats.envelope import Bundle
from modelseal.formats.identity import Key
from modelseal.formats.leaves import Leaf
from modelseal.formats.manifest import Statement
from modelseal.formats.records import Claim, Identity, Record, Release
from modelseal.keytext import PublicKey
from modelseal.values import dataclass


@dataclass(frozen=True, slots=True)
class Authors:
    """The keys whose signatures verify: over the record, and over the claim inside an identity."""

    record: frozenset[Key]
    claim: frozenset[Key] = frozenset()


def signed_by(record: Record | Claim, text: str, signatures: tuple[Entry, ...]) -> Authors:
    """Return who signed the record *text*. One entry that does not verify refuses them all."""
    kind = envelope.CLAIM if isinstance(record, Claim) else envelope.RECORD
    over_claim: frozenset[Key] = frozenset()
    if isinstance(record, Identity):
        over_claim = _verified(record.claim_signatures, envelope.CLAIM, record.claim_text)
    return Authors(_verified(signatures, kind, text), over_claim)


def authors_of(leaf: Leaf) -> Authors:
    return signed_by(leaf.record, leaf.text, leaf.signatures)


def named_by(leaf: Leaf) -> Authors:
    """Return whom the signatures of a leaf name, unverified: for a log that verified them before it appended."""
    record = leaf.record
    over_claim = record.claim_signatures if isinstance(record, Identity) else ()
    return Authors(
        frozenset(PublicKey.parse(entry.key).key for entry in leaf.signatures),
        frozenset(PublicKey.parse(entry.key).key for entry in over_claim),
    )


def _verified(entries: tuple[Entry, ...], kind: str, text: str) -> frozenset[Key]:
    message = envelope.pae(kind, text.encode())
    found = set()
    for entry in entries:
        public = PublicKey.parse(entry.key, "signature")
        public.check(entry.sig, message, "record")
        found.add(public.key)
    return frozenset(found)


def check_seal(release: Release, seal: str, signer: PublicKey) -> Statement:
    """Return the statement of *seal*, if it is byte for byte what *release* names and *signer* signed it."""
    bundle = Bundle.parse(seal)
    data = seal.encode()
    statement = Statement.parse(bundle.payload)
    for what, found, expected in (
        ("signer", signer.key, release.signer),
        ("hint", bundle.hint, signer.hint),
        ("bundle digest", hashlib.sha256(data).digest(), release.bundle),
        ("bundle size", len(data), release.bundle_size),
        ("payload digest", hashlib.sha256(bundle.payload).digest(), release.seal),
        ("repo", statement.repo, release.repo),
        ("revision", statement.revision, release.revision),
        ("number of files", len(statement.files), release.files),
        ("total size", statement.total_bytes, release.total_bytes),
        ("fileset", manifest.fileset(statement.files), release.fileset),
        ("weights", manifest.weights(statement.files), release.weights),
    ):
        if found != expected:
            raise Refused(f"seal: its {what} is not the one that the release names")
    signer.check(bundle.signature, envelope.pae(envelope.STATEMENT, bundle.payload), "seal")
    return statement
