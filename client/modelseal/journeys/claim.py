"""Claim a namespace, and change the claim later: edit `ns.toml`, claim again.

1 what the file says      2 what the log says      3 the next record of the owner's chain
4 sign                    5 send, or write a draft for the next controller
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

from modelseal import platform
from modelseal.authorship import signed_by
from modelseal.errors import Conflict, Pending, TooFew, Unavailable, Unsupported
from modelseal.formats import names, records, strict
from modelseal.formats.identity import KeySet
from modelseal.formats.leaves import Leaf, Submission
from modelseal.formats.names import Asked
from modelseal.formats.records import Claim, Keys
from modelseal.journeys import nstoml, submit
from modelseal.journeys.ask import Answer, Where, ask
from modelseal.journeys.nstoml import Wanted
from modelseal.keys import SigningKey
from modelseal.state import Namespace, State, apply
from modelseal.verdict import Word


@dataclass(frozen=True, slots=True)
class Claimed:
    wanted: Wanted
    submission: Submission | None  # None: the log says what the file says
    logged: int | None  # index of the leaf, where one signature step was enough
    waits_for: str | None
    draft: Path | None  # a .record file for the next holder
    claim_file: Path | None  # to be published by the owner as modelseal.json
    changes: tuple[str, ...]


def claim(path: Path | str, keys: list[SigningKey], where: Where = Where(), *, dry_run: bool = False) -> Claimed:
    """Bring what the log says about a namespace to what the file at *path* says, as far as *keys* can."""
    file = Path(path)
    wanted = nstoml.read(file)  # 1
    answer, owner = look_up(wanted.namespace, where)  # 2
    record, changes = next_record(wanted, owner, answer.trust.origin)  # 3
    if record is None or not keys or dry_run:
        unsent = submit.draft(record) if record else None
        return Claimed(wanted, unsent, None, None, None, None, changes)
    submission = submit.sign(submit.draft(record), keys)  # 4
    stem = file.parent / names.short(wanted.namespace)
    claim_file = _claim_file(stem, submission) if isinstance(record, Claim) else None
    missing = missing_signatures(submission, answer, owner)
    if missing:  # 5
        draft = stem.with_name(stem.name + submit.SUFFIX)
        submit.write(draft, submission)
        return Claimed(wanted, submission, None, missing, draft, claim_file, changes)
    try:
        logged = submit.send(submission, where.registry or answer.trust.url)
    except Pending as e:
        return Claimed(wanted, submission, None, str(e), None, claim_file, changes)
    return Claimed(wanted, submission, logged.index, None, None, claim_file, changes)


def look_up(namespace: str, where: Where) -> tuple[Answer, Namespace | None]:
    """Return what the log proves about *namespace*. Any repo of it will do: its evidence has all of the owner's."""
    answer = ask(Asked(f"{namespace}/README", None), where)
    if answer.decision.word == Word.UNAVAILABLE:
        raise Unavailable(answer.decision.says.removeprefix(": "))
    if answer.decision.word == Word.LOG_MISBEHAVED:
        error = Conflict(f"log misbehaved{answer.decision.says}")
        error.exit_code = Word.LOG_MISBEHAVED.exit_code
        raise error
    state = answer.decision.state
    return answer, state.namespace(namespace) if state else None


def next_record(wanted: Wanted, owner: Namespace | None, origin: str) -> tuple[Claim | Keys | None, tuple[str, ...]]:
    """Return the owner's next record and what it changes, in words; None if nothing is to be said."""
    if owner is None:
        return wanted.claim(origin, 1, None), ("first claim",)
    if owner.claim.namespace != wanted.namespace:
        raise Conflict(f"the namespace is spelled {owner.claim.namespace} in the log, not {wanted.namespace}")
    if owner.key_set != wanted.key_set:  # at once; a changed text waits for the operators, so it goes second
        record = Keys(origin, owner.seq + 1, owner.prev, owner.claim.namespace, wanted.key_set)
        return record, _key_changes(owner.key_set, wanted.key_set)
    text = wanted.claim(origin, owner.claim.seq, owner.claim.prev)
    fields = ("title", "domain", "hub_owner_id", "accounts", "former", "families", "republishers")
    changed = tuple(
        f"{name}: {getattr(owner.claim, name) or 'none'} -> {getattr(text, name) or 'none'}"
        for name in fields
        if _bag(getattr(owner.claim, name)) != _bag(getattr(text, name))
    )
    return (wanted.claim(origin, owner.seq + 1, owner.prev), changed) if changed else (None, ())


def _bag(value: object) -> object:
    return frozenset(value) if isinstance(value, tuple) else value


def _key_changes(old: KeySet, new: KeySet) -> tuple[str, ...]:
    changes = [f"controller added: SHA256:{key.sha256.hex()}" for key in new.controllers if key not in old.controllers]
    changes += [
        f"controller dropped: SHA256:{key.sha256.hex()}" for key in old.controllers if key not in new.controllers
    ]
    changes += [
        f"signer added: SHA256:{one.key.sha256.hex()} for {one.scope}" for one in new.signers if one not in old.signers
    ]
    changes += [
        f"signer dropped: SHA256:{one.key.sha256.hex()} for {one.scope}"
        for one in old.signers
        if one not in new.signers
    ]
    if old.threshold != new.threshold:
        changes.append(f"threshold: {old.threshold} -> {new.threshold}")
    return tuple(changes)


def missing_signatures(submission: Submission, answer: Answer, owner: Namespace | None) -> str | None:
    """Return how many signatures are there and wanted, or None if there are enough. Refused if a rule says no."""
    authors = signed_by(submission.record, submission.text, submission.signatures).record
    record = submission.record
    if isinstance(record, Claim):
        key_set = owner.key_set if owner else record.key_set
        assert key_set is not None
        count = len(authors & set(key_set.controllers))
        return None if count >= key_set.threshold else f"signed by {count} of {key_set.threshold} controllers"
    state = copy.deepcopy(answer.decision.state)
    assert isinstance(state, State)
    leaf = Leaf(answer.decision.time or 0, submission.text, record, submission.signatures)
    try:
        apply(state, answer.decision.size, leaf, authors, frozenset())
    except TooFew as e:
        return str(e)
    except Unsupported:
        assert owner is not None
        count, all_of_them = len(authors & set(owner.key_set.controllers)), len(owner.key_set.controllers)
        if (
            isinstance(record, Keys)
            and count < all_of_them
            and {*record.key_set.controllers} >= {*owner.key_set.controllers}
        ):
            return f"signed by {count} of {all_of_them} controllers; this change needs all of them"
        raise
    return None


def _claim_file(stem: Path, submission: Submission) -> Path:
    """Write what the owner publishes in the Space NS/README and under its domain (FORMAT.md 12)."""
    target = stem.with_name(stem.name + ".claim.json")
    digest = records.digest(submission.text).hex()
    platform.replace(target, strict.encode({"v": 1, "claims": [digest]}).encode())
    return target
