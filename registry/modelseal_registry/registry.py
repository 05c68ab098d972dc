"""The service behind `POST /records`, without HTTP: what was posted -> status and answer (FORMAT.md 12).

    1 limits and form        413 400      4 could it be admitted now      403 409
    2 logged already         200          5 a release and its seal agree  400
    3 who signed             400          6 stored; the sequencer's word  200 202 403 409

Step 4 keeps what lacks signatures of others (202), see `drafts`.

Nothing of a stranger is stored before step 6. Nothing that is posted makes it raise.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from modelseal.authorship import Authors, check_seal, signed_by
from modelseal.errors import Error, Malformed, Refused, TooFew, Unavailable
from modelseal.formats import checkpoint, index
from modelseal.formats.entries import ordered_entries
from modelseal.formats.leaves import MAX_SUBMISSION, Leaf, Submission, encode_leaf
from modelseal.formats.records import Claim, Identity, Release, Roots
from modelseal.keytext import PublicKey
from modelseal_registry import append, drafts, evidence
from modelseal_registry.emitter import read_published
from modelseal_registry.limits import TooMany
from modelseal_registry.quota import Quota
from modelseal_registry.sequencer import status_of
from modelseal_registry.store import Store, StoredClaim, Tx
from modelseal_registry.trial import Trials, own_data

MAX_WAITING = 4096  # submissions
MAX_CLAIMS = 64  # that wait for one namespace
MAX_CLAIMS_ALL = 10_000
CLAIM_S = 30 * 24 * 3600  # claims not approved by then are dropped
AGAIN_S = 20  # after which a claim that is sent again is looked at again
POLL_S = 0.02
LATEST = 2**53 - 1  # the largest time a leaf can have: what fits with it fits always

Answer = tuple[int, dict[str, Any]]


class _Answered(Exception):
    """Carries an answer out of the steps."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(status)
        self.answer = (status, body)


@dataclass(frozen=True, slots=True)
class _Posted:
    submission: Submission
    authors: Authors


class Registry:
    """For all threads of a process; several processes share one database and *public*.

    *wait_s*: how long an answer waits for the sequencer. *wake* tells the sequencer, if it lives in this process.
    *looks*: somebody looks for the evidence of claims (`looker`), so it is said what of it is missing.
    """

    def __init__(
        self,
        store: Store,
        origin: str,
        public: Path,
        *,
        clock: Callable[[], float] = time.time,
        wait_s: float = 10.0,
        wake: Callable[[], None] = lambda: None,
        quota: Quota = Quota(),  # noqa: B008 (frozen)
        looks: bool = False,
    ) -> None:
        self._store = store
        self._origin = origin
        self._public = public
        self._clock = clock
        self._wait_s = wait_s
        self._wake = wake
        self._quota = quota
        self._looks = looks
        self._trials = Trials(origin)

    def submit(self, data: bytes) -> Answer:
        try:
            return self._submit(data)
        except _Answered as e:
            return e.answer
        except TooMany as e:
            return 429, {"error": str(e), "retry_s": e.retry_s}
        except Error as e:
            return status_of(e), {"error": str(e)}

    def _submit(self, data: bytes) -> Answer:
        # 1 limits and form
        if len(data) > MAX_SUBMISSION:
            raise _Answered(413, {"error": f"submission: larger than {MAX_SUBMISSION} bytes"})
        submission, sealed = Submission.front(data)
        if submission.record.origin != self._origin:
            raise Malformed(f"the record is for {submission.record.origin}, this log is {self._origin}")
        # 2 logged already: its signatures then do not matter
        if done := self._logged(submission):
            return done
        if isinstance(submission.record, Roots):
            raise Refused("roots records are made by the log itself")
        if sealed and not isinstance(submission.record, Release):
            raise Malformed("submission: only a release comes with a seal")
        # 3 who signed
        posted = _Posted(submission, _authors(submission))
        if isinstance(submission.record, Claim):
            return self._claim(posted, submission.record)
        record = submission.record
        # 4 could it be admitted; below its threshold it waits for more signatures
        leaf, enough = self._as_leaf(submission), True
        with self._store.read() as tx:
            try:
                self._trials.admit(tx, leaf, posted.authors)
                enough = tx.drafts.get(submission.digest) is None  # else those that are here already are added
            except TooFew:
                enough = False
            self._quota.check(tx, record, posted.authors.record, leaf.time)
            if isinstance(submission.record, Identity):
                evidence.check(tx, submission.record)
        if not enough:
            submission = self._collected(submission)
        # 5 the seal is read, and agrees with the release
        if isinstance(record, Release):
            submission = replace(submission, seal=Submission.parse(data).seal)
            _check_seal(submission, record)
        # 6 store, and wait for the sequencer
        now = int(self._clock())
        bare = Submission(submission.text, submission.record, submission.signatures, None).encode()
        with self._store.write() as tx:
            if tx.count_waiting() >= MAX_WAITING:
                raise Unavailable(f"{MAX_WAITING} submissions wait already; try again")
            tx.drafts.drop(submission.digest)
            if tx.add_pending(submission.digest, bare, submission.seal, now):
                self._quota.count(tx, record, posted.authors.record, now)
        self._wake()
        return self._wait(submission.digest)

    def _collected(self, submission: Submission) -> Submission:
        """Return the record with all signatures over it that are known, if they are enough."""
        with self._store.write() as tx:
            draft = drafts.collect(tx, self._trials, submission, int(self._clock()))
        if draft.lacks is not None:
            raise _Answered(202, {"waits_for": draft.lacks})
        self._as_leaf(draft.submission)
        return draft.submission

    def _wait(self, digest: bytes) -> Answer:
        deadline = time.monotonic() + self._wait_s
        while True:
            with self._store.read() as tx, own_data():
                if proven := self._proven(tx, digest):
                    return proven
                refusal = tx.refusal(digest)
            if refusal:
                return refusal[0], {"error": refusal[1]}
            if time.monotonic() > deadline:
                return 202, {"waits_for": "the next checkpoint"}
            time.sleep(POLL_S)

    def _logged(self, submission: Submission) -> Answer | None:
        with self._store.read() as tx, own_data():
            if isinstance(submission.record, Claim):
                digest = _identity_with(tx, submission.record, submission.text)
            else:
                digest = submission.digest if tx.find(submission.digest) else None
        return self._wait(digest) if digest else None

    def _proven(self, tx: Tx, digest: bytes) -> Answer | None:
        """The answer for a leaf that the published checkpoint covers."""
        found = tx.find(digest)
        published = read_published(self._public) if found else None
        if found is None or published is None or published.size <= found[0]:
            return None
        if published.size > tx.head().size:  # published since this transaction began: the next one sees it all
            return None
        at, leaf = found
        proof = append.inclusion(tx, at, published.size)
        return 200, {
            "index": at, "leaf": leaf.decode(), "proof": checkpoint.encode_proof(at, proof, published.note),
        }  # fmt: skip

    def _as_leaf(self, submission: Submission) -> Leaf:
        record = submission.record
        assert not isinstance(record, Claim)
        encode_leaf(submission.text, submission.signatures, LATEST)  # raises if it is too large for the log
        return Leaf(int(self._clock()), submission.text, record, submission.signatures)

    def _claim(self, posted: _Posted, claim: Claim) -> Answer:
        """Keep a claim for the operators. The same text posted again adds its signatures."""
        submission, now = posted.submission, int(self._clock())
        with self._store.write() as tx:
            tx.forget_claims(now - CLAIM_S)  # the looker drops what was seen for them
            stored = tx.claim(submission.digest)
            if stored and stored.state == "refused":
                raise Refused(f"{claim.namespace}: this claim was refused by the operators: {stored.reason}")
            merged = _merged(submission, stored)
            authors = frozenset(PublicKey.parse(entry.key).key for entry in merged.signatures)
            lacks = self._trials.claim(tx, claim, submission.text, authors, now)
            if not authors:
                raise Refused(lacks or "a claim that nobody signed")
            if stored is None:
                _check_room(tx, claim.namespace)
            received = stored.received if stored else now
            # Who sends it again wants to know where it stands: its evidence is looked for soon.
            due = min(stored.due, now + AGAIN_S) if stored else now
            tx.put_claim(
                StoredClaim(
                    submission.digest, claim.namespace.lower(), merged.encode(), received, "waiting", None, due
                )
            )  # fmt: skip
            missing = [f"controllers' signatures: {lacks}"] if lacks else []
            if self._looks:
                missing += evidence.of(tx, claim, submission.digest).missing(claim)
        return 202, {"waits_for": "; ".join([*missing, "approval by the operators"])}


def _authors(submission: Submission) -> Authors:
    try:
        return signed_by(submission.record, submission.text, submission.signatures)
    except Refused as e:  # a signature that does not verify is not a question of rights
        raise Malformed(str(e)) from e


def _check_seal(submission: Submission, release: Release) -> None:
    """A release comes with its seal, made by the key that signed the record."""
    if submission.seal is None:
        raise Malformed("submission: a release comes with its seal")
    signer = next(e for e in submission.signatures if e.fingerprint == release.signer.sha256)  # the rules said so
    try:
        check_seal(release, submission.seal, PublicKey.parse(signer.key))
    except Refused as e:
        raise Malformed(str(e)) from e


def _identity_with(tx: Tx, claim: Claim, text: str) -> bytes | None:
    """Return the digest of the first logged identity that holds the claim *text*."""
    for at in tx.listed("records", index.namespace_key(claim.namespace)):
        leaf = append.read_leaf(tx, at)
        if isinstance(leaf.record, Identity) and leaf.record.claim_text == text:
            return leaf.digest
    return None


def _merged(submission: Submission, stored: StoredClaim | None) -> Submission:
    """Both have only entries that verify; one per key."""
    entries = {entry.fingerprint: entry for entry in submission.signatures}
    if stored:
        entries = {entry.fingerprint: entry for entry in Submission.parse(stored.submission).signatures} | entries
    ordered = ordered_entries(list(entries.values()))
    return Submission(submission.text, submission.record, tuple(ordered), None)


def _check_room(tx: Tx, namespace: str) -> None:
    here, everywhere = tx.count_claims(namespace)
    if here >= MAX_CLAIMS or everywhere >= MAX_CLAIMS_ALL:
        raise _Answered(429, {"error": f"{namespace}: {here} claims wait for it, {everywhere} in all; try again later"})
