"""Claims: what owners say about their namespaces, and the operators' word that makes an identity of one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from modelseal.authorship import signed_by
from modelseal.errors import Conflict, Malformed, Refused, Usage
from modelseal.formats import names, records, strict
from modelseal.formats.leaves import Submission
from modelseal.formats.records import Claim, Identity
from modelseal.journeys import submit
from modelseal.keys import SigningKey
from modelseal.state import Namespace
from modelseal_registry.store import Store, StoredClaim, Tx
from modelseal_registry.trial import Trials

SHORT = 12  # hex digits of a digest that name a claim

_NAMED = re.compile(rf"(?:hf://)?([^@]{{1,96}})@(?:sha256:)?([0-9a-f]{{{SHORT},64}})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A claim, and how far it is."""

    stored: StoredClaim
    claim: Claim
    signed: int  # controllers who signed
    threshold: int
    known: bool  # the namespace has an identity already: a change, not a first claim

    @property
    def state(self) -> str:
        if self.stored.state != "waiting":
            return self.stored.state
        return "ready" if self.signed >= self.threshold else "waiting"

    @property
    def name(self) -> str:
        """What to paste."""
        return f"{names.short(self.claim.namespace)}@{self.stored.digest.hex()[:SHORT]}"


def look(store: Store, origin: str, state: str | None = None) -> list[Waiting]:
    """Return the claims that nobody has decided about, by arrival; or those that are *state*, ready or waiting."""
    with store.read() as tx:
        found = [_judged(tx, origin, stored) for stored in tx.claims("waiting")]
    return [one for one in found if state in (None, one.state)]


def find(store: Store, origin: str, name: str) -> Waiting:
    """Return the claim that `NS@DIGEST` names, decided or not."""
    match = _NAMED.fullmatch(name)
    try:
        namespace = names.namespace("hf://" + (match[1] if match else ""), "claim")
    except Malformed as e:
        raise Usage(
            f"{names.printable(name)!r} does not name a claim",
            hint=f"NS@DIGEST, at least {SHORT} hex digits; `claims list` prints them",
        ) from e
    assert match is not None
    with store.read() as tx:
        found = [_judged(tx, origin, stored) for stored in tx.find_claims(namespace, match[2])]
    if not found:
        raise Refused(f"there is no claim {names.short(namespace)}@{match[2]}", hint="modelseal-registry claims list")
    if len(found) > 1:
        raise Usage(f"{len(found)} claims begin with {match[2]}", hint="give more digits")
    return found[0]


def _judged(tx: Tx, origin: str, stored: StoredClaim) -> Waiting:
    submission = Submission.parse(stored.submission)
    claim = submission.record
    assert isinstance(claim, Claim)  # nothing else is stored there
    owner = _owner(tx, origin, claim.namespace)
    key_set = owner.key_set if owner else claim.key_set
    if key_set is None:  # a later claim of a namespace that is not there: nobody's
        return Waiting(stored, claim, 0, 1, known=False)
    signers = signed_by(claim, submission.text, submission.signatures).record
    return Waiting(stored, claim, len(signers & set(key_set.controllers)), key_set.threshold, known=owner is not None)


def _owner(tx: Tx, origin: str, namespace: str) -> Namespace | None:
    return Trials(origin).state(tx, namespace, None).namespace(namespace)


def make_identity(
    store: Store, origin: str, waiting: Waiting, resembles: tuple[str, ...], keys: list[SigningKey]
) -> Submission:
    """Return the operators' record that admits a claim on their word, signed with *keys*.

    It stands at the operators' next turn: if they act on this namespace meanwhile it is refused, and made again.
    """
    if waiting.state in ("approved", "refused"):
        raise Conflict(f"{waiting.name}: {waiting.state} already")
    if waiting.state == "waiting":
        raise Refused(f"{waiting.name}: signed by {waiting.signed} of {waiting.threshold} controllers")
    claim = Submission.parse(waiting.stored.submission)
    assert isinstance(claim.record, Claim)
    with store.read() as tx:
        owner = _owner(tx, origin, claim.record.namespace)
    identity = Identity(
        origin=origin,
        turn=owner.turn + 1 if owner else 1,
        claim=claim.record,
        claim_text=claim.text,
        claim_signatures=claim.signatures,
        resembles=read_names(resembles),
        evidence=(),
        basis="operators-word",
    )
    return submit.sign(submit.draft(identity), keys)


def read_names(typed: tuple[str, ...]) -> tuple[str, ...]:
    """Read namespaces as typed, `hf://` optional; sorted as a record lists them."""
    try:
        found = [names.namespace(name if name.startswith("hf://") else "hf://" + name, "resembles") for name in typed]
        return names.unique_in_lower_case(tuple(strict.ordered(found)), "resembles")
    except Malformed as e:
        raise Usage(str(e)) from e


def refuse(store: Store, waiting: Waiting, reason: str) -> None:
    """Close a claim that is open; the log never hears of it."""
    if waiting.stored.state != "waiting":
        raise Conflict(f"{waiting.name}: {waiting.stored.state} already")
    with store.write() as tx:
        tx.settle_claim(waiting.stored.digest, "refused", reason)


def digest_of(submission: Submission) -> bytes:
    return records.digest(submission.text)
