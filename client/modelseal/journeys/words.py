"""Records in words, for people who are to sign them: what one says, and what it changes.

Texts are as they stand in the record: whoever prints them escapes them.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from modelseal.formats import names, records
from modelseal.formats.acts import Identity, Lift, Operators, Recover, Retire, Suspend, Watchlist
from modelseal.formats.identity import Key, KeySet
from modelseal.formats.observed import Observation, Withdrawal
from modelseal.formats.owners import Claim, Keys, Objection, Release, Revocation
from modelseal.formats.records import Record
from modelseal.state import Change, Namespace, State
from modelseal.state.owners import DELAY, at_once
from modelseal.state.values import COUNTS_AFTER, Observed
from modelseal.times import span, utc

_ACTS = {Suspend: "suspension", Lift: "lift", Recover: "recovery", Retire: "retirement"}
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
        case Objection():
            return f"objection in {names.short(record.namespace)}"
        case Suspend() | Lift() | Recover() | Retire():
            return (
                f"{_ACTS[type(record)]} of {names.short(record.namespace)}, turn {record.turn} of the operators' acts"
            )
        case Operators():
            return f"operators of {record.origin}, version {record.seq}"
        case Watchlist():
            return f"watch-list of {record.origin}, version {record.seq}"
        case Observation():
            return f"observation of {names.short(record.repo)}@{record.revision}"
        case Withdrawal():
            return f"withdrawal of {names.short(record.repo)}@{record.revision}, reason {record.reason}"
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
                f"signer: {_key(record.signer)}",
            ]
            if record.replaces is not None:
                lines.append(f"replaces the seal {record.replaces.hex()}, which then counts as revoked")
        case Revocation():
            if record.repo is not None and record.seal is not None:
                lines.append(f"voids the seal {record.seal.hex()} of {names.short(record.repo)}")
            if record.fileset is not None:
                lines.append(f"voids everywhere in the namespace the contents {record.fileset.hex()}")
            if record.signer is not None:
                lines.append(f"voids all that the key {_key(record.signer)} sealed, and it seals nothing more")
            if record.reason == "superseded":
                lines.append("superseded voids nothing: it only says that there is a newer one")
            lines += [f"replacement: {record.replacement}"] if record.replacement else []
        case Objection():
            lines.append(f"the change {record.target.hex()} waits 14 days longer")
        case Suspend():
            lines += [f"reason: {record.reason}", "for 14 days no new release is taken, and none is VERIFIED"]
        case Lift():
            lines.append("ends a suspension, and withdraws a recovery that waits")
        case Recover():
            lines += [*key_lines(record.key_set), "in force 14 days after it is logged, unless it is lifted before"]
        case Retire():
            lines += [f"reason: {record.reason}", "nothing new in this namespace, for ever; its releases stay"]
        case Operators():
            lines += operator_lines(record)
        case Observation():
            how = "downloaded and hashed" if record.basis == "downloaded" else "large ones on the Hub's word"
            lines += [
                f"{record.files} files, {record.total_bytes} bytes, fileset {record.fileset.hex()}",
                f"basis: {record.basis} ({how})",
                f"observer: {_key(record.signer)}",
                f"counts {span(COUNTS_AFTER)} after it is logged, where the owner has not sealed the repo",
            ]
        case Withdrawal():
            lines += ["this commit is FAILED for ever, where the owner has not sealed the repo", "nothing undoes it"]
        case Watchlist():
            lines += [f"added: {shown((name,))}" for name in record.add]
            lines += [f"removed: {shown((name,))}" for name in record.remove]
    return tuple(lines)


def key_lines(key_set: KeySet) -> list[str]:
    return [
        f"controllers: {key_set.threshold} of {len(key_set.controllers)}",
        *(f"controller: {_key(key)}" for key in key_set.controllers),
        *(f"signer: {_key(one.key)} for {one.scope}" for one in key_set.signers),
    ]


def operator_lines(record: Operators) -> list[str]:
    return [
        f"operators: {record.threshold} of {len(record.keys)}",
        *(f"operator: {_key(key)}" for key in record.keys),
        *(f"observer: {_key(key)}" for key in record.observers),
    ]


def _key(key: Key) -> str:
    return f"SHA256:{key.sha256.hex()}"


def shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(names.short(one) for one in value) or "none"
    return str(value) if value else "none"


def changes(
    record: Record | Claim,
    owner: Namespace | None,
    operators: Operators | None = None,
    authors: AbstractSet[Key] = frozenset(),
) -> tuple[str, ...]:
    """Return what *record*, signed by *authors*, makes otherwise: *owner* and *operators* are as the log has them."""
    match record:
        case Operators() if operators is not None:
            return operator_changes(operators, record)
        case Claim() | Identity() if owner is None:
            return ("first claim of this namespace",)
    if owner is None:
        return ()
    match record:
        case Claim():
            return text_changes(owner.claim, record)
        case Identity():
            old, new = owner.identity.resembles, record.resembles
            more = (f"resembles: {shown(old)} -> {shown(new)}",) if _bag(old) != _bag(new) else ()
            return (*text_changes(owner.claim, record.claim), *more)
        case Keys():
            now = "at once" if at_once(owner.key_set, record.key_set, authors) else "14 days after it is logged"
            return (*key_changes(owner.key_set, record.key_set), f"in force: {now}, as it is signed here")
        case Recover():
            return key_changes(owner.key_set, record.key_set)
        case Lift():
            return tuple(_lifted(owner))
        case Objection():
            waiting = (owner.pending, owner.recovery)
            return tuple(
                f"in force: {utc(one.due)} -> {utc(one.due + DELAY)}"
                for one in waiting
                if one and one.digest == record.target
            )
    return ()


def seen_before(record: Observation | Withdrawal, state: State) -> tuple[str, ...]:
    """Return what *record* makes otherwise of what the log has about its repo."""
    repo = record.repo.lower()
    lines = []
    if repo in state.repos and state.repos[repo].releases:
        lines.append("the owner has sealed this repo: neither observations nor withdrawals say anything about it")
    known = state.observed.get(repo) or Observed()
    if (withdrawn := known.withdrawn.get(record.revision)) is not None:
        lines.append(f"this commit: withdrawn on {utc(withdrawn.time)} ({withdrawn.reason}), and stays so")
    there = [one for one in known.sightings if one.observation.revision == record.revision]
    if not there:
        lines.append("this commit: not observed before")
    elif isinstance(record, Withdrawal):
        lines.append(f"this commit: observed since {utc(there[0].time)} -> withdrawn")
    else:
        others = {one.observation.fileset.hex() for one in there} - {record.fileset.hex()}
        lines += [f"contents of this commit: {other} -> {record.fileset.hex()}" for other in sorted(others)]
        if not others:
            lines.append(f"this commit: observed since {utc(there[0].time)}, with the same contents")
    return tuple(lines)


def _lifted(owner: Namespace) -> list[str]:
    lines = [f"suspended until {utc(owner.suspension.until)} -> not suspended"] if owner.suspension else []
    return lines + ([f"new keys on {utc(owner.recovery.due)} -> none"] if owner.recovery else [])


def change_lines(change: Change, now: KeySet) -> tuple[str, ...]:
    """Return what a change that waits makes of the keys that are in force."""
    logged = f"{change.digest.hex()}, leaf {change.index}, in force on {utc(change.due)}"
    return (logged, *key_changes(now, change.key_set))


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
    changes = list(_moved("controller", old.controllers, new.controllers))
    for word, there, here in (("added", new, old), ("dropped", old, new)):
        changes += [
            f"signer {word}: {_key(one.key)} for {one.scope}" for one in there.signers if one not in here.signers
        ]
    if old.threshold != new.threshold:
        changes.append(f"threshold: {old.threshold} -> {new.threshold}")
    return tuple(changes)


def operator_changes(old: Operators, new: Operators) -> tuple[str, ...]:
    changes = [*_moved("operator", old.keys, new.keys), *_moved("observer", old.observers, new.observers)]
    if old.threshold != new.threshold:
        changes.append(f"threshold: {old.threshold} -> {new.threshold}")
    return tuple(changes)


def _moved(what: str, old: tuple[Key, ...], new: tuple[Key, ...]) -> Iterable[str]:
    yield from (f"{what} added: {_key(key)}" for key in new if key not in old)
    yield from (f"{what} dropped: {_key(key)}" for key in old if key not in new)
