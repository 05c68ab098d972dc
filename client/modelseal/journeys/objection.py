"""Object to a change of a namespace's keys that waits: a controller of when it was logged doubles its delay, once.

1 what waits      2 which of it is meant      3 sign      4 send
"""

from __future__ import annotations

from dataclasses import replace

from modelseal.errors import Conflict, Pending, Refused, Unavailable, Usage
from modelseal.formats import names
from modelseal.formats.leaves import Submission
from modelseal.formats.owners import Objection
from modelseal.journeys import submit, words
from modelseal.journeys.ask import Answer, Where
from modelseal.journeys.record import look_up_namespace, missing_signatures
from modelseal.keys import SigningKey
from modelseal.state import Change, Namespace
from modelseal.state.owners import DELAY
from modelseal.values import dataclass

SHORT = 12  # hex digits that name a change


@dataclass(frozen=True, slots=True)
class Waiting:
    """A change that is not in force yet."""

    kind: str  # "keys", by the owner; "recover", by the operators
    change: Change
    objected: bool
    changes: tuple[str, ...]  # as they stand in the record: whoever prints them escapes them


@dataclass(frozen=True, slots=True)
class Look:
    namespace: str
    waiting: tuple[Waiting, ...]
    answer: Answer


@dataclass(frozen=True, slots=True)
class Objected:
    target: Waiting
    record: bytes  # digest
    logged: int | None
    waits_for: str | None


def look(namespace: str, where: Where = Where()) -> Look:
    """Return which changes of *namespace* wait, by the log; Refused if nobody owns it."""
    answer = look_up_namespace(namespace, where)  # 1
    decision = answer.decision
    owner = decision.state.namespace(namespace, decision.time) if decision.state else None
    if owner is None:
        proof = f"(proof of absence in a log of {decision.size} leaves)"
        raise Refused(f"{names.short(namespace)}: nobody's claim of it is approved {proof}")
    return Look(owner.claim.namespace, waiting(owner, answer), answer)


def waiting(owner: Namespace, answer: Answer) -> tuple[Waiting, ...]:
    """Return what is to change in *owner*, as the log says in *answer*."""
    state = answer.decision.state
    assert state is not None
    found = []
    for kind, change in (("keys", owner.pending), ("recover", owner.recovery)):
        if change is not None:
            objected = _draft(owner.claim.namespace, change, answer).digest in state.seen
            found.append(Waiting(kind, change, objected, words.key_changes(owner.key_set, change.key_set)))
    return tuple(found)


def object_to(seen: Look, digest: str | None, keys: list[SigningKey], where: Where = Where()) -> Objected:
    """Double the delay of the change that *digest* begins to name, or of the only one that waits."""
    target = _which(seen, digest)  # 2
    if target.objected:
        raise Conflict(f"the change {target.change.digest.hex()} has been objected to; that counts once")
    submission = submit.sign(_draft(seen.namespace, target.change, seen.answer), keys)  # 3
    if missing := missing_signatures(submission, seen.answer):
        raise Refused(missing)
    try:
        logged = submit.send(submission, where.registry or seen.answer.trust.url)  # 4
    except Pending as e:
        return Objected(target, submission.digest, None, str(e))
    later = replace(target.change, due=target.change.due + DELAY)
    return Objected(replace(target, change=later, objected=True), submission.digest, logged.index, None)


def _which(seen: Look, digest: str | None) -> Waiting:
    name = names.short(seen.namespace)
    if not seen.waiting:
        raise Refused(f"{name}: no change waits, so there is nothing to object to")
    wanted = (digest or "").removeprefix("sha256:").lower()
    if digest is not None and (len(wanted) < SHORT or not set(wanted) <= set("0123456789abcdef")):
        raise Usage(f"{names.printable(digest)} is no digest of a change", hint=f"{SHORT} hex digits or more")
    found = [one for one in seen.waiting if one.change.digest.hex().startswith(wanted)]
    if not found:
        raise Refused(f"{name}: no change with the digest {wanted} waits", hint=f"modelseal object hf://{name}")
    if len(found) > 1:
        raise Usage(
            f"{name}: {len(found)} changes wait; which one?",
            hint=" or ".join(f"{one.change.digest.hex()[:SHORT]} ({one.kind})" for one in found),
        )
    return found[0]


def _draft(namespace: str, change: Change, answer: Answer) -> Submission:
    if answer.decision.state is None:
        raise Unavailable("the log was not heard")
    return submit.draft(Objection(answer.trust.origin, namespace, change.digest))
