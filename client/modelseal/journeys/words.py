"""Records in words, for people who are to sign them: what one says, and what it changes.

Texts are as they stand in the record: whoever prints them escapes them.
"""

from __future__ import annotations

from modelseal.formats import names, records
from modelseal.formats.identity import KeySet
from modelseal.formats.records import Claim, Identity, Keys, Record, Release, Revocation
from modelseal.state import Namespace

TEXT_FIELDS = ("title", "domain", "hub_owner_id", "accounts", "former", "families", "republishers")


def about(record: Record | Claim) -> str:
    match record:
        case Claim():
            return f"claim of {names.short(record.namespace)}, number {record.seq} of the owner's chain"
        case Keys():
            return f"key change of {names.short(record.namespace)}, number {record.seq} of the owner's chain"
        case Identity():
            return f"identity of {names.short(record.claim.namespace)}, turn {record.turn} of the operators' acts"
        case Release():
            return f"release {names.short(record.repo)}@{record.revision}"
        case Revocation():
            return f"revocation in {names.short(record.namespace)}, reason {record.reason}"
    return f"record of type {records.type_of(record)}"


def says(record: Record | Claim) -> tuple[str, ...]:
    lines = [f"for the log {record.origin}"]
    match record:
        case Claim():
            lines += [f"{name}: {shown(getattr(record, name))}" for name in TEXT_FIELDS if getattr(record, name)]
            lines += key_lines(record.key_set) if record.key_set else []
        case Keys():
            lines += key_lines(record.key_set)
        case Identity():
            lines += [f"{name}: {shown(getattr(record.claim, name))}" for name in TEXT_FIELDS]
            lines += key_lines(record.claim.key_set) if record.claim.key_set else []
            lines += [f"resembles: {shown(record.resembles)}", f"basis: {record.basis}"]
            lines += [f"evidence: {digest.hex()}" for digest in record.evidence]
        case Release():
            lines += [
                f"{record.files} files, {record.total_bytes} bytes, fileset {record.fileset.hex()}",
                f"seal: {record.seal.hex()}",
                f"signer: SHA256:{record.signer.sha256.hex()}",
            ]
        case Revocation():
            if record.repo is not None and record.seal is not None:
                lines.append(f"voids the seal {record.seal.hex()} of {names.short(record.repo)}")
            if record.fileset is not None:
                lines.append(f"voids everywhere in the namespace the contents {record.fileset.hex()}")
            if record.reason == "superseded":
                lines.append("superseded voids nothing: it only says that there is a newer one")
            lines += [f"replacement: {record.replacement}"] if record.replacement else []
    return tuple(lines)


def key_lines(key_set: KeySet) -> list[str]:
    return [
        f"controllers: {key_set.threshold} of {len(key_set.controllers)}",
        *(f"controller: SHA256:{key.sha256.hex()}" for key in key_set.controllers),
        *(f"signer: SHA256:{one.key.sha256.hex()} for {one.scope}" for one in key_set.signers),
    ]


def shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(names.short(one) for one in value) or "none"
    return str(value) if value else "none"


def changes(record: Record | Claim, owner: Namespace | None) -> tuple[str, ...]:
    match record:
        case Claim() if owner is not None:
            return text_changes(owner.claim, record)
        case Identity() if owner is not None:
            return text_changes(owner.claim, record.claim)
        case Keys() if owner is not None:
            return key_changes(owner.key_set, record.key_set)
        case Claim() | Identity():
            return ("first claim of this namespace",)
    return ()


def text_changes(old: Claim, new: Claim) -> tuple[str, ...]:
    """Return what *new* says otherwise than *old*."""
    return tuple(
        f"{name}: {shown(getattr(old, name))} -> {shown(getattr(new, name))}"
        for name in TEXT_FIELDS
        if _bag(getattr(old, name)) != _bag(getattr(new, name))
    )


def _bag(value: object) -> object:
    return frozenset(value) if isinstance(value, tuple) else value


def key_changes(old: KeySet, new: KeySet) -> tuple[str, ...]:
    changes = []
    for word, there, here in (("added", new, old), ("dropped", old, new)):
        changes += [
            f"controller {word}: SHA256:{key.sha256.hex()}" for key in there.controllers if key not in here.controllers
        ]
        changes += [
            f"signer {word}: SHA256:{one.key.sha256.hex()} for {one.scope}"
            for one in there.signers
            if one not in here.signers
        ]
    if old.threshold != new.threshold:
        changes.append(f"threshold: {old.threshold} -> {new.threshold}")
    return tuple(changes)
