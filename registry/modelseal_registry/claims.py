"""Claims: what owners say about their namespaces, and the operators' word that makes an identity of one."""

from __future__ import annotations

import re
from dataclasses import dataclass

from modelseal.errors import Conflict, Malformed, Refused, Usage
from modelseal.formats import names, records, strict
from modelseal.formats.findings import Finding
from modelseal.formats.leaves import Submission
from modelseal.formats.records import Claim, Identity
from modelseal.journeys import submit
from modelseal.keytext import PublicKey
from modelseal.lookalike import Alike
from modelseal.state import Namespace
from modelseal_registry import evidence
from modelseal_registry.evidence import Evidence
from modelseal_registry.known import Everybody, everybody
from modelseal_registry.store import Store, StoredClaim, Tx
from modelseal_registry.trial import Trials

SHORT = 12  # hex digits of a digest that name a claim
NOBODY = "-"  # as a name that a claim resembles

LOOK, READY, WAITING, APPROVED, REFUSED = "look", "ready", "waiting", "approved", "refused"
_ORDER = (LOOK, READY, WAITING, APPROVED, REFUSED)

_NAMED = re.compile(rf"(?:hf://)?([^@]{{1,96}})@(?:sha256:)?([0-9a-f]{{{SHORT},64}})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A claim, and how far it is."""

    stored: StoredClaim
    claim: Claim
    signed: int  # controllers who signed
    threshold: int
    owner: Namespace | None  # what the log has of this namespace: a change, not a first claim
    evidence: Evidence
    looks: bool  # whether this registry looks for evidence at all
    alike: tuple[Alike, ...]  # whom it reads as
    reasons: tuple[str, ...]  # why somebody must look

    @property
    def known(self) -> bool:
        return self.owner is not None

    @property
    def signed_enough(self) -> bool:
        return self.signed >= self.threshold

    @property
    def in_force(self) -> bool:
        """Whether it is what the log says about its namespace now."""
        return self.owner is not None and records.digest(self.owner.identity.claim_text) == self.stored.digest

    @property
    def state(self) -> str:
        if self.stored.state == REFUSED or (self.stored.state == APPROVED and not self.in_force):
            return self.stored.state
        if self.reasons:
            return LOOK
        if self.stored.state == APPROVED:
            return APPROVED
        return READY if self.signed_enough and (self.evidence.complete or not self.looks) else WAITING

    @property
    def name(self) -> str:
        """What to paste."""
        return f"{names.short(self.claim.namespace)}@{self.stored.digest.hex()[:SHORT]}"


class Desk:
    """Claims as the operators of *origin* see them. *looks*: this registry looks for evidence."""

    def __init__(self, store: Store, origin: str, *, looks: bool) -> None:
        self._store = store
        self._origin = origin
        self._looks = looks

    def look(self, state: str | None = None) -> list[Waiting]:
        """Return what is to be decided, what needs eyes first, then by arrival; or only what is *state*.

        A claim in force is among it only if something is to be looked at: its evidence is gone, or another's.
        """
        with self._store.read() as tx:
            known = everybody(tx, self._origin)
            found = [self._judged(tx, known, stored) for stored in tx.claims(WAITING)]
            approved = [one for one in tx.claims(APPROVED) if _rests_on_the_web(known.owner(one.namespace), one)]
            found += [one for one in (self._judged(tx, known, stored) for stored in approved) if one.state == LOOK]
        found.sort(key=lambda one: (_ORDER.index(one.state), one.stored.received, one.stored.digest))
        return [one for one in found if state in (None, one.state)]

    def find(self, name: str) -> Waiting:
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
        with self._store.read() as tx:
            stored = tx.find_claims(namespace, match[2])
            if not stored:
                raise Refused(
                    f"there is no claim {names.short(namespace)}@{match[2]}", hint="modelseal-registry claims list"
                )
            if len(stored) > 1:
                raise Usage(f"{len(stored)} claims begin with {match[2]}", hint="give more digits")
            return self._judged(tx, everybody(tx, self._origin), stored[0])

    def others(self, one: Waiting) -> list[str]:
        """Return the names of the other open claims for the same namespace."""
        with self._store.read() as tx:
            stored = tx.find_claims(one.claim.namespace, "")
        short = names.short(one.claim.namespace)
        return [
            f"{short}@{it.digest.hex()[:SHORT]}"
            for it in stored
            if it.state == WAITING and it.digest != one.stored.digest
        ]

    def known(self) -> Everybody:
        with self._store.read() as tx:
            return everybody(tx, self._origin)

    def _judged(self, tx: Tx, known: Everybody, stored: StoredClaim) -> Waiting:
        submission = Submission.parse(stored.submission)
        claim = submission.record
        assert isinstance(claim, Claim)  # nothing else is stored there
        owner = known.owner(claim.namespace)
        seen = evidence.of(tx, claim, stored.digest)
        key_set = owner.key_set if owner else claim.key_set
        signed, threshold = 0, 1
        if key_set is not None:  # else a later claim of a namespace that is not there: nobody's
            signers = {PublicKey.parse(entry.key).key for entry in submission.signatures}  # verified when they came
            signed, threshold = len(signers & set(key_set.controllers)), key_set.threshold
        alike = known.alike(claim)
        reasons = [*(str(one) for one in alike if stored.state == WAITING), *_doubts(tx, known, owner, claim, seen)]
        return Waiting(stored, claim, signed, threshold, owner, seen, self._looks, alike, tuple(reasons))

    def make_identity(self, waiting: Waiting, resembles: tuple[str, ...], digests: tuple[bytes, ...]) -> Submission:
        """Return the draft of the operators' record that admits a claim, or judges the one in force again.

        With evidence *digests* its basis is the web, else the operators' word. It stands at the operators' next turn:
        if they act on this namespace meanwhile it is refused, and made again.
        """
        check_open(waiting)
        claim = Submission.parse(waiting.stored.submission)
        assert isinstance(claim.record, Claim)
        identity = Identity(
            origin=self._origin,
            turn=waiting.owner.turn + 1 if waiting.owner else 1,
            claim=claim.record,
            claim_text=claim.text,
            claim_signatures=() if waiting.in_force else claim.signatures,
            resembles=resembles,
            evidence=tuple(sorted(digests)),
            basis="web" if digests else "operators-word",
        )
        if waiting.in_force and waiting.owner and not waiting.reasons:
            now = waiting.owner.identity
            if (now.resembles, now.basis) == (identity.resembles, identity.basis):
                raise Conflict(f"{waiting.name}: approved already, and nothing about it is new")
        return submit.draft(identity)

    def refuse(self, waiting: Waiting, reason: str) -> None:
        """Close a claim that is open; the log never hears of it."""
        if waiting.stored.state != WAITING:
            raise Conflict(f"{waiting.name}: {waiting.stored.state} already")
        with self._store.write() as tx:
            tx.settle_claim(waiting.stored.digest, REFUSED, reason)


def check_open(waiting: Waiting) -> None:
    """Refuse what cannot be approved whatever its evidence is."""
    if waiting.stored.state == REFUSED or (waiting.stored.state == APPROVED and not waiting.in_force):
        raise Conflict(f"{waiting.name}: {waiting.stored.state} already")
    if not waiting.in_force and not waiting.signed_enough:
        raise Refused(f"{waiting.name}: signed by {waiting.signed} of {waiting.threshold} controllers")


def in_force(tx: Tx, stored: StoredClaim, *, origin: str) -> bool:
    """Whether a claim is the one in force and rests on the web: then its evidence is looked at from time to time."""
    state = Trials(origin).state(tx, stored.namespace, None)
    return _rests_on_the_web(state.namespace(stored.namespace), stored)


def _rests_on_the_web(owner: Namespace | None, stored: StoredClaim) -> bool:
    """Whether *stored* is what the log says of its namespace, and the web the reason."""
    if owner is None or owner.identity.basis != "web":
        return False
    return records.digest(owner.identity.claim_text) == stored.digest


def _doubts(tx: Tx, known: Everybody, owner: Namespace | None, claim: Claim, seen: Evidence) -> list[str]:
    """Return what about the evidence somebody must look at. An identity on the operators' word rests on none."""
    if owner and owner.claim == claim and owner.identity.basis != "web":
        return []
    found = [f"the {what} file is {one.word}" for what, one in (("Hub", seen.hub), ("domain", seen.domain)) if one.lost]
    if (id := seen.owner_id) is None:
        return found
    if claim.hub_owner_id not in (None, id):
        found.append(f"the Hub's owner is {id}, the claim says {claim.hub_owner_id}")
    before = _owner_before(tx, owner) if owner else None
    if before not in (None, id):
        found.append(f"another Hub owner than before: {id}, not {before}")
    found += [f"the same Hub owner as {names.short(one)}" for one in known.same_hub_owner(claim.namespace, id)]
    return found


def _owner_before(tx: Tx, owner: Namespace) -> str | None:
    """Return the Hub's owner id that the identity in force rests on."""
    for digest in owner.identity.evidence:
        data = tx.findings.blob(digest)
        found = Finding.parse(data).owner_id if data else None
        if found:
            return found
    return owner.claim.hub_owner_id


def read_names(typed: tuple[str, ...]) -> tuple[str, ...]:
    """Read namespaces as typed, `hf://` optional, `-` for nobody; sorted as a record lists them."""
    if typed == (NOBODY,):
        return ()
    try:
        found = [names.namespace(name if name.startswith("hf://") else "hf://" + name, "resembles") for name in typed]
        return names.unique_in_lower_case(tuple(strict.ordered(found)), "resembles")
    except Malformed as e:
        raise Usage(str(e)) from e
