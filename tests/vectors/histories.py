"""Vectors of the rules: short logs, and what their last leaf does (FORMAT.md 6).

Each rule has at least one case that is admitted and one that is not. `why` is what our program says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from modelseal.formats import envelope
from modelseal.formats.envelope import Bundle
from modelseal.formats.leaves import encode_leaf
from modelseal.formats.manifest import fileset
from modelseal.formats.records import Entry
from tests.support import make
from tests.support.make import NOW, Private
from tests.support.vectors import Vector, vector
from tests.vectors.records import NOT_IN_FORCE

OPS, OP2, OP3 = make.key("ops"), make.key("op2"), make.key("op3", "ed25519")
ANA, BOB, CAT = make.key("ana"), make.key("bob", "ed25519"), make.key("cat")
DAN, EVE, CI, CI2 = make.key("dan"), make.key("eve"), make.key("ci", "ed25519"), make.key("ci2")
NS, REPO = "hf://acme-lab", "hf://acme-lab/atlas-7b"
ALL = NS + "/*"
GOOD = (make.file("model.safetensors"),)
DIGEST = "ab" * 32


@dataclass
class History:
    """A log without its roots leaves: no rule depends on them."""

    leaves: list[bytes] = field(default_factory=list)
    seq: int = 0
    prev: str | None = None
    first: str = ""  # the first claim

    def add(self, record: str, by: Iterable[Private] = (), *, entries: Iterable[Entry] | None = None) -> History:
        signatures = tuple(entries) if entries is not None else make.entries(envelope.RECORD, record, by)
        self.leaves.append(encode_leaf(record, signatures, NOW + len(self.leaves)))
        return self

    def claim(
        self, controllers: list[Private], threshold: int = 1, signers: list[Private] | None = None, **more: Any
    ) -> History:
        """The namespace and its first identity."""
        scopes = [(one, ALL) for one in signers or [CI]]
        self.first = make.claim(NS, controllers, scopes, threshold=threshold)
        self.seq, self.prev = 1, make.digest(self.first)
        return self.add(make.identity(self.first, more.pop("claimed_by", controllers), **more), [OPS])

    def keys(self, controllers: list[Private], by: list[Private], threshold: int = 1, **more: Any) -> History:
        """The next change of keys."""
        new = make.key_set(controllers, more.pop("signers", [(CI, ALL)]), threshold)
        fields = {"seq": self.seq + 1, "prev": self.prev, **more}
        record = make.keys(fields.pop("namespace", NS), new, **fields)
        self.seq, self.prev = self.seq + 1, make.digest(record)
        return self.add(record, by)

    def later_claim(self, claimed_by: list[Private], by: list[Private] = [OPS], **more: Any) -> History:  # noqa: B006
        fields = {"seq": self.seq + 1, "prev": self.prev, "turn": 2, "namespace": NS, "title": "Acme & Sons", **more}
        turn = fields.pop("turn")
        text = make.claim(fields.pop("namespace"), **fields)
        self.seq, self.prev = self.seq + 1, make.digest(text)
        return self.add(make.identity(text, claimed_by, turn=turn), by)

    def release(self, number: int = 1, signer: Private = CI, repo: str = REPO, **more: Any) -> History:
        by = more.pop("by", [signer])
        bundle = make.seal(signer, repo, make.revision(number), more.pop("files", GOOD))
        return self.add(make.release(bundle, signer, **more), by)

    def revoke(self, by: list[Private], number: int = 1, reason: str = "malicious", **more: Any) -> History:
        """Revoke the release with this number by its seal."""
        target = {"repo": REPO, "seal": seal_of(number), **more}
        return self.add(make.revocation(target.pop("namespace", NS), reason, **target), by)


def seal_of(number: int, signer: Private = CI, repo: str = REPO, files: Any = GOOD) -> str:
    return hashlib.sha256(Bundle.parse(make.seal(signer, repo, make.revision(number), files)).payload).hexdigest()


def fileset_of(files: Any = GOOD) -> str:
    return fileset(files).hex()


def begun(threshold: int = 1, *operators: Private) -> History:
    return History().add(make.operators(operators or (OPS,), threshold))


def owned(*controllers: Private, threshold: int = 1, signers: list[Private] | None = None) -> History:
    return begun().claim(list(controllers or (ANA,)), threshold, signers)


Row = tuple[str, str, History]  # expect, why, history


def _general() -> Iterator[tuple[str, Row]]:
    yield "the operators, first", ("ok", "", begun())
    yield (
        "the operators, signed",
        ("refused", "version 1 of the operators is signed by 1 keys", History().add(make.operators([OPS]), [OPS])),
    )
    first = make.identity(make.claim(NS, [ANA], [(CI, ALL)]), [ANA])
    yield "another record first", ("refused", "the first leaf, and no other", History().add(first, [OPS]))
    again = begun().add(make.operators([EVE]))
    yield "operators of version 1 once more", ("refused", "the first leaf, and no other", again)
    for phrase, text in NOT_IN_FORCE.items():
        yield f"not in force: {phrase}", ("unsupported", "upgrade needed", owned().add(text, [ANA]))
    elsewhere = owned().release(origin="other.example")
    yield "a record of another log", ("refused", "the record is for other.example", elsewhere)
    twice = owned().revoke([ANA])
    twice.leaves.append(twice.leaves[-1])
    yield "the same record twice", ("refused", "logged already", twice)
    other = owned(ANA, BOB).revoke([ANA]).revoke([BOB])
    yield "the same record with another signature", ("refused", "logged already", other)
    tampered = owned().release()
    good = tampered.leaves.pop().decode()
    bad = owned()
    bad.leaves.append(good.replace(make.revision(1), make.revision(2)).encode())
    yield "a record changed after it was signed", ("refused", "does not verify", bad)
    roots = make.text("roots", covers=2, records=DIGEST, files=DIGEST, names=None)
    yield "a roots leaf", ("ok", "", owned().add(roots))
    yield "a roots leaf with a signature", ("refused", "a roots record is signed by 1 keys", owned().add(roots, [OPS]))
    wrong = make.text("roots", covers=3, records=DIGEST, files=DIGEST, names=None)
    yield "a roots leaf that covers another number", ("refused", "covers 3 leaves", owned().add(wrong))


def _identity() -> Iterator[tuple[str, Row]]:
    claim = make.claim(NS, [ANA], [(CI, ALL)])
    record = make.identity(claim, [ANA])
    three = (OPS, OP2, OP3)
    yield "1 of 1 operators", ("ok", "", begun().add(record, [OPS]))
    yield "no operator", ("refused", "signed by 0 of 1 operators", begun().add(record))
    yield "2 of 3 operators", ("ok", "", begun(2, *three).add(record, [OPS, OP3]))
    yield "3 of 3 operators where 2 are enough", ("ok", "", begun(2, *three).add(record, three))
    yield (
        "1 of 3 operators where 2 are needed",
        ("refused", "signed by 1 of 2 operators", begun(2, *three).add(record, [OP2])),
    )
    extra = begun(2, *three).add(record, [OPS, OP3, EVE])
    yield "2 of 3 operators and a stranger", ("refused", "does not count here", extra)
    yield "the owner signs the operators' part", ("refused", "does not count here", begun().add(record, [ANA]))
    yield "the owner signs beside the operators", ("refused", "does not count here", begun().add(record, [OPS, ANA]))
    both = make.claim(NS, [OPS], [(CI, ALL)])
    yield "one key is operator and owner", ("ok", "", begun().add(make.identity(both, [OPS]), [OPS]))
    nobody = begun().add(make.identity(claim, []), [OPS])
    yield "a claim nobody signed", ("refused", "signed by 0 of 1 controllers", nobody)
    stranger = begun().add(make.identity(claim, [EVE]), [OPS])
    yield "a claim signed by a stranger", ("refused", "does not count here", stranger)
    more = begun().add(make.identity(claim, [ANA, EVE]), [OPS])
    yield "a claim signed by the owner and a stranger", ("refused", "does not count here", more)
    yield "a claim by 2 of 3 controllers", ("ok", "", begun().claim([ANA, BOB, CAT], 2, claimed_by=[ANA, CAT]))
    one = begun().claim([ANA, BOB, CAT], 2, claimed_by=[ANA])
    yield "a claim by 1 of 3 controllers where 2 are needed", ("refused", "signed by 1 of 2 controllers", one)
    signer = begun().claim([ANA], claimed_by=[ANA, CI])
    yield "a claim signed by a mere signer too", ("refused", "does not count here", signer)
    outside = make.claim(NS, [ANA], [(CI, "hf://openai/*")])
    yield "a scope outside the namespace", ("refused", "is outside", begun().add(make.identity(outside, [ANA]), [OPS]))
    longer = make.claim(NS, [ANA], [(CI, "hf://acme-lab2/*")])
    yield "a scope in a longer name", ("refused", "is outside", begun().add(make.identity(longer, [ANA]), [OPS]))
    dataset = make.claim(NS, [ANA], [(CI, "hf://datasets/acme-lab/*")])
    yield "a scope of datasets", ("ok", "", begun().add(make.identity(dataset, [ANA]), [OPS]))
    capital = make.claim("hf://Acme-Lab", [ANA], [(CI, ALL)])
    yield (
        "a namespace with capitals and its scope without",
        ("ok", "", begun().add(make.identity(capital, [ANA]), [OPS])),
    )
    yield "the web's word with evidence", ("ok", "", begun().claim([ANA], basis="web", evidence=[DIGEST]))
    yield "the web's word without evidence", ("refused", "needs evidence", begun().claim([ANA], basis="web"))
    yield (
        "a first turn that is not 1",
        ("refused", "turn 2 of the operators' acts, the next is 1", begun().claim([ANA], turn=2)),
    )
    late = begun().add(make.identity(make.claim(NS, seq=2, prev=DIGEST), [ANA]), [OPS])
    yield "a first claim that is not the first", ("refused", "claim 2 has no predecessor", late)

    def again(history: History, by: list[Private] | None = None, **more: Any) -> History:
        return history.add(make.identity(history.first, by or [], **{"turn": 2, **more}), [OPS])

    yield "issued again", ("ok", "", again(owned()))
    yield (
        "issued again with the claim's signatures",
        ("refused", "issued again is signed by 1 keys", again(owned(), [ANA])),
    )
    yield (
        "issued again in the same turn",
        ("refused", "turn 1 of the operators' acts, the next is 2", again(owned(), turn=1, resembles=["hf://x"])),
    )
    yield (
        "issued again, a turn left out",
        ("refused", "turn 3 of the operators' acts, the next is 2", again(owned(), turn=3)),
    )
    yield "issued again on the web's word without evidence", ("refused", "needs evidence", again(owned(), basis="web"))
    kept = again(owned().keys([ANA], [ANA], signers=[(CI2, ALL)])).release(signer=CI2)
    yield "issued again, the first keys do not return", ("ok", "", kept)
    old = again(owned().keys([ANA], [ANA], signers=[(CI2, ALL)])).release(signer=CI)
    yield "issued again, a signer removed before stays removed", ("refused", "may not seal", old)

    yield "a later claim", ("ok", "", owned().later_claim([ANA]))
    yield "a later claim by a stranger", ("refused", "does not count here", owned().later_claim([EVE]))
    yield "a later claim nobody signed", ("refused", "signed by 0 of 1 controllers", owned().later_claim([]))
    yield (
        "a later claim without the operators",
        ("refused", "signed by 0 of 1 operators", owned().later_claim([ANA], [])),
    )
    yield (
        "a later claim that skips a number",
        ("refused", "record 3 of the owner's chain; the next is 2", owned().later_claim([ANA], seq=3)),
    )
    yield (
        "a later claim upon another predecessor",
        ("refused", "the next is 2 after", owned().later_claim([ANA], prev=DIGEST)),
    )
    yield (
        "a later claim in another spelling",
        ("refused", "spelled hf://acme-lab, not hf://Acme-Lab", owned().later_claim([ANA], namespace="hf://Acme-Lab")),
    )
    yield (
        "a later claim in an old turn",
        ("refused", "turn 1 of the operators' acts", owned().later_claim([ANA], turn=1)),
    )
    upon = owned().keys([ANA, BOB], [ANA]).later_claim([BOB])
    yield "a later claim upon a change of keys, by a new controller", ("ok", "", upon)
    between = owned()
    at, prev = between.seq, between.prev
    between.keys([ANA], [ANA]).later_claim([ANA], seq=at + 1, prev=prev)
    yield "a later claim signed before a change of keys", ("refused", "the next is 3", between)
    second = owned().add(make.identity(make.claim(NS, [EVE], [(EVE, ALL)]), [EVE], turn=2), [OPS])
    yield "a second first claim", ("refused", "does not count here|record 1 of the owner's chain", second)
    spelled = owned().add(make.identity(make.claim("hf://ACME-LAB", [EVE], [(EVE, ALL)]), [EVE], turn=2), [OPS])
    yield "a second first claim in another spelling", ("refused", "spelled hf://acme-lab", spelled)


def _keys() -> Iterator[tuple[str, Row]]:
    two = [(CI, ALL), (CI2, "hf://datasets/acme-lab/corpus")]
    yield "a signer is added", ("ok", "", owned().keys([ANA], [ANA], signers=two))
    yield "all signers are removed", ("ok", "", owned().keys([ANA], [ANA], signers=[]))
    yield "a change nobody signed", ("refused", "signed by 0 of 1 controllers", owned().keys([ANA], []))
    yield "a change by a stranger", ("refused", "does not count here", owned().keys([ANA], [EVE]))
    yield "a change by a signer", ("refused", "does not count here", owned().keys([ANA], [CI]))
    yield "a change by the owner and a stranger", ("refused", "does not count here", owned().keys([ANA], [ANA, EVE]))
    yield (
        "a change without an identity",
        ("refused", "not an approved namespace", begun().keys([ANA], [ANA], seq=2, prev=DIGEST)),
    )
    yield (
        "a change in another spelling",
        ("refused", "spelled hf://acme-lab", owned().keys([ANA], [ANA], namespace="hf://Acme-lab")),
    )
    yield "a change that skips a number", ("refused", "the next is 2", owned().keys([ANA], [ANA], seq=3))
    yield (
        "a change upon another predecessor",
        ("refused", "the next is 2 after", owned().keys([ANA], [ANA], prev=DIGEST)),
    )
    yield (
        "a change with a scope outside",
        ("refused", "is outside", owned().keys([ANA], [ANA], signers=[(CI, "hf://x/y")])),
    )
    yield "a controller is added by the only one", ("ok", "", owned().keys([ANA, BOB], [ANA]))
    yield "a controller is added who signs too", ("ok", "", owned().keys([ANA, BOB], [ANA, BOB]))
    yield "a controller adds itself", ("refused", "signed by 0 of 1 controllers", owned().keys([ANA, BOB], [BOB]))
    yield (
        "2 of 2 from now on, signed by one",
        ("refused", "signed by 1 of 2 new controllers", owned().keys([ANA, BOB], [ANA], 2)),
    )
    yield "2 of 2 from now on, one entry counts before and after", ("ok", "", owned().keys([ANA, BOB], [ANA, BOB], 2))

    def three() -> History:
        return owned(ANA, BOB, CAT, threshold=2)

    yield (
        "2 of 3 controllers change the signers",
        ("ok", "", three().keys([ANA, BOB, CAT], [ANA, CAT], 2, signers=[(CI2, ALL)])),
    )
    yield (
        "1 of 3 controllers where 2 are needed",
        ("refused", "signed by 1 of 2 controllers", three().keys([ANA, BOB, CAT], [CAT], 2)),
    )
    yield (
        "2 of 3 controllers and a stranger",
        ("refused", "does not count here", three().keys([ANA, BOB, CAT], [ANA, BOB, EVE], 2)),
    )
    yield "2 of 3 add one, fewer than the threshold", ("ok", "", three().keys([ANA, BOB, CAT, DAN], [ANA, BOB], 2))
    yield (
        "2 of 3 add two, as many as the threshold",
        ("unsupported", "outvotes a controller", three().keys([ANA, BOB, CAT, DAN, EVE], [ANA, BOB], 2)),
    )
    yield "all 3 add two", ("ok", "", three().keys([ANA, BOB, CAT, DAN, EVE], [ANA, BOB, CAT], 2))
    yield (
        "2 of 3 lower the threshold",
        ("unsupported", "outvotes a controller", three().keys([ANA, BOB, CAT], [ANA, BOB], 1)),
    )
    yield (
        "2 of 3 raise the threshold",
        ("unsupported", "outvotes|signed by 2 of 3", three().keys([ANA, BOB, CAT, DAN], [ANA, BOB, DAN], 3)),
    )
    yield "all 3 lower the threshold", ("ok", "", three().keys([ANA, BOB, CAT], [ANA, BOB, CAT], 1))
    yield "a controller is dropped", ("unsupported", "drops a controller", three().keys([ANA, BOB], [ANA, BOB], 2))
    yield (
        "a controller is dropped, by all",
        ("unsupported", "drops a controller", three().keys([ANA, BOB], [ANA, BOB, CAT], 2)),
    )
    yield (
        "a controller is dropped, by too few",
        ("refused", "signed by 1 of 2 controllers", three().keys([ANA, BOB], [ANA], 2)),
    )
    yield "two changes", ("ok", "", owned().keys([ANA, BOB], [ANA]).keys([ANA, BOB], [BOB, ANA], signers=two))
    upon = owned().later_claim([ANA]).keys([ANA], [ANA])
    yield "a change upon a later claim", ("ok", "", upon)


def _release() -> Iterator[tuple[str, Row]]:
    yield "a release", ("ok", "", owned().release())
    yield "a release of another repo", ("ok", "", owned().release().release(repo="hf://acme-lab/other"))
    yield "two revisions", ("ok", "", owned().release(1).release(2))
    yield "a release without an identity", ("refused", "not an approved namespace", begun().release())
    yield "a release nobody signed", ("refused", "signed by 0 keys", owned().release(by=[]))
    yield "a release signed by another", ("refused", "by its signer alone", owned().release(by=[ANA]))
    yield (
        "a release signed by its signer and another",
        ("refused", "by its signer alone", owned().release(by=[CI, ANA])),
    )
    yield "a release by a stranger", ("refused", "no scope covers it", owned().release(signer=EVE))
    yield "a release by a controller who is no signer", ("refused", "no scope covers it", owned().release(signer=ANA))
    yield "a release by a controller who is a signer too", ("ok", "", owned(signers=[ANA]).release(signer=ANA))
    yield (
        "a release outside the scope",
        ("refused", "no scope covers it", owned().release(repo="hf://datasets/acme-lab/corpus")),
    )
    narrow = owned().keys([ANA], [ANA], signers=[(CI, REPO)])
    yield "a scope of one repo", ("ok", "", narrow.release())
    narrow = owned().keys([ANA], [ANA], signers=[(CI, REPO)])
    yield "a scope of one repo, another repo", ("refused", "no scope covers it", narrow.release(repo=REPO + "x"))
    many = owned().keys([ANA], [ANA], signers=[(CI, REPO), (CI, "hf://datasets/acme-lab/*")])
    yield "the second of two scopes", ("ok", "", many.release(repo="hf://datasets/acme-lab/corpus"))
    yield "capitals in the repo's name", ("ok", "", owned().release(repo="hf://acme-lab/Atlas-7B"))
    yield (
        "the owner in another spelling",
        ("refused", "spelled hf://acme-lab", owned().release(repo="hf://Acme-Lab/atlas-7b")),
    )
    yield (
        "a revision twice",
        ("refused", "is sealed already: leaf 2", owned().release().release(files=(make.file("b"),))),
    )
    case = owned().release().release(repo="hf://acme-lab/Atlas-7B")
    yield "a revision twice, the repo in other case", ("refused", "is sealed already", case)
    yield (
        "a revision of which the seal is revoked",
        ("refused", "is sealed already", owned().release().revoke([ANA]).release(files=(make.file("b"),))),
    )
    removed = owned().keys([ANA], [ANA], signers=[(CI2, ALL)]).release()
    yield "a release by a signer who was removed", ("refused", "no scope covers it", removed)
    before = owned().release().keys([ANA], [ANA], signers=[(CI2, ALL)]).release(2, CI2)
    yield "a release stays when its signer is removed", ("ok", "", before)


def _revocation() -> Iterator[tuple[str, Row]]:
    def sealed(*controllers: Private, threshold: int = 1) -> History:
        return owned(*controllers, threshold=threshold).release()

    yield "the owner revokes a seal", ("ok", "", sealed().revoke([ANA]))
    yield "the signer revokes its own seal", ("ok", "", sealed().revoke([CI]))
    yield "owner and signer revoke together", ("ok", "", sealed().revoke([ANA, CI]))
    yield "nobody revokes", ("refused", "signed by 0 of 1 controllers", sealed().revoke([]))
    yield "a stranger revokes", ("refused", "does not count here", sealed().revoke([EVE]))
    yield "owner and stranger revoke", ("refused", "does not count here", sealed().revoke([ANA, EVE]))
    yield "a revocation without an identity", ("refused", "not an approved namespace", begun().revoke([ANA]))
    three = [ANA, BOB, CAT]
    yield "2 of 3 controllers revoke", ("ok", "", sealed(*three, threshold=2).revoke([ANA, CAT]))
    yield (
        "1 of 3 controllers revokes where 2 are needed",
        ("refused", "signed by 1 of 2 controllers", sealed(*three, threshold=2).revoke([ANA])),
    )
    yield "1 of 3 controllers and the signer", ("ok", "", sealed(*three, threshold=2).revoke([ANA, CI]))
    another = owned(signers=[CI, CI2]).release()
    yield "another signer revokes", ("refused", "does not count here", another.revoke([CI2]))
    gone = sealed().keys([ANA], [ANA], signers=[])
    yield "a signer who was removed revokes its own seal", ("refused", "does not count here", gone.revoke([CI]))
    yield "before the seal was logged", ("ok", "", owned().revoke([ANA]).release())
    yield "before the seal was logged, by the signer", ("refused", "does not count here", owned().revoke([CI]))
    yield "superseded", ("ok", "", sealed().revoke([ANA], reason="superseded"))
    first = sealed().revoke([ANA], reason="withdrawn").revoke([ANA], reason="malicious")
    yield "revoked twice, the first reason stays", ("ok", "", first)
    yield "superseded first, revoked then", ("ok", "", sealed().revoke([ANA], reason="superseded").revoke([ANA]))
    replaced = sealed().revoke([ANA], replacement=make.revision(2))
    yield "with a replacement", ("ok", "", replaced)
    capital = sealed().revoke([ANA], repo="hf://acme-lab/ATLAS-7B")
    yield "the repo in other case", ("ok", "", capital)

    def everywhere(history: History, by: list[Private], namespace: str = NS, reason: str = "malicious") -> History:
        return history.add(make.revocation(namespace, reason, fileset=fileset_of()), by)

    yield "contents, by the owner", ("ok", "", everywhere(sealed(), [ANA]))
    yield "contents, by the signer", ("refused", "does not count here", everywhere(sealed(), [CI]))
    yield "contents, by owner and signer", ("refused", "does not count here", everywhere(sealed(), [ANA, CI]))
    yield (
        "contents, 1 of 3 where 2 are needed",
        ("refused", "signed by 1 of 2", everywhere(sealed(*three, threshold=2), [ANA])),
    )
    yield "contents, 2 of 3", ("ok", "", everywhere(sealed(*three, threshold=2), [ANA, BOB]))
    yield (
        "contents, the namespace in another spelling",
        ("refused", "spelled", everywhere(sealed(), [ANA], "hf://Acme-Lab")),
    )
    yield (
        "contents, sealed again later and elsewhere",
        ("ok", "", everywhere(sealed(), [ANA]).release(2).release(repo=REPO + "x")),
    )
    yield "contents that are superseded", ("ok", "", everywhere(sealed(), [ANA], reason="superseded"))


# What becomes of the releases in the cases that end in an effect: repo, number of the revision, word.
STANDING: dict[str, tuple[tuple[str, int, str], ...]] = {
    "a release": ((REPO, 1, "valid"),),
    "two revisions": ((REPO, 1, "valid"), (REPO, 2, "valid")),
    "a release stays when its signer is removed": ((REPO, 1, "valid"), (REPO, 2, "valid")),
    "the owner revokes a seal": ((REPO, 1, "malicious"),),
    "the signer revokes its own seal": ((REPO, 1, "malicious"),),
    "before the seal was logged": ((REPO, 1, "malicious"),),
    "superseded": ((REPO, 1, "valid"),),
    "revoked twice, the first reason stays": ((REPO, 1, "withdrawn"),),
    "superseded first, revoked then": ((REPO, 1, "malicious"),),
    "the repo in other case": ((REPO, 1, "malicious"),),
    "contents, by the owner": ((REPO, 1, "malicious"),),
    "contents that are superseded": ((REPO, 1, "valid"),),
    "contents, sealed again later and elsewhere": (
        (REPO, 1, "malicious"), (REPO, 2, "malicious"), (REPO + "x", 1, "malicious"),
    ),
    "a revision of which the seal is revoked": ((REPO, 1, "malicious"),),
    "a stranger revokes": ((REPO, 1, "valid"),),
    "a signer who was removed revokes its own seal": ((REPO, 1, "valid"),),
}  # fmt: skip

PARTS = {
    "general": _general, "identity": _identity, "keys": _keys, "release": _release, "revocation": _revocation,
}  # fmt: skip


def make_vectors() -> Iterator[Vector]:
    """Body: the leaves, one a line. All but the last have an effect."""
    for part, rows in PARTS.items():
        for phrase, (expect, why, history) in rows():
            headers = [("why", why)] if why else []
            for repo, number, word in STANDING.get(phrase, ()):
                headers.append(("release", f"{repo} {make.revision(number)} {word}"))
            body = b"".join(leaf + b"\n" for leaf in history.leaves)
            yield vector(f"rules/{part}", phrase, expect, body, headers)
