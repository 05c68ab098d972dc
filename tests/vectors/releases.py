"""Rows of histories.py about releases and revocations, and what becomes of the releases."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.support import make
from tests.support.make import Private
from tests.vectors.history import (
    ALL,
    ANA,
    BOB,
    CAT,
    CI,
    CI2,
    DIGEST,
    EVE,
    GOOD,
    NS,
    REPO,
    History,
    Row,
    begun,
    fileset_of,
    owned,
    seal_of,
)  # fmt: skip


def release() -> Iterator[tuple[str, Row]]:
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


def revocation() -> Iterator[tuple[str, Row]]:
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


def replaces() -> Iterator[tuple[str, Row]]:
    other = (make.file("b"),)
    third = (make.file("c"),)

    def again(history: History, by: list[Private], **more: Any) -> History:
        return history.release(**{"files": other, "replaces": seal_of(1), "by": by, **more})

    yield "by signer and owner", ("ok", "", again(owned().release(), [CI, ANA]))
    yield "by its signer alone", ("refused", "signed by 0 of 1 controllers", again(owned().release(), [CI]))
    yield "by the owner alone", ("refused", "signed by 0 of 1 signer", again(owned().release(), [ANA]))
    yield "by a stranger too", ("refused", "does not count here", again(owned().release(), [CI, ANA, EVE]))
    three = owned(ANA, BOB, CAT, threshold=2).release()
    yield "1 of 3 where 2 are needed", ("refused", "signed by 1 of 2 controllers", again(three, [CI, ANA]))
    three = owned(ANA, BOB, CAT, threshold=2).release()
    yield "2 of 3", ("ok", "", again(three, [CI, BOB, CAT]))
    one = owned(signers=[ANA]).release(signer=ANA)
    both = again(one, [ANA], signer=ANA, replaces=seal_of(1, ANA))
    yield "one key is signer and owner", ("ok", "", both)
    never = again(owned().release(2), [CI, ANA])
    yield "a revision that was never sealed", ("refused", "never sealed", never)
    nothing = again(owned(), [CI, ANA])
    yield "a repo that was never sealed", ("refused", "never sealed", nothing)
    wrong = again(owned().release(), [CI, ANA], replaces=DIGEST)
    yield "another seal than the one there", ("refused", "is sealed already", wrong)
    twice = again(again(owned().release(), [CI, ANA]), [CI, ANA], files=third)
    yield "the seal that was replaced before", ("refused", "is sealed already", twice)
    newest = again(again(owned().release(), [CI, ANA]), [CI, ANA], files=third, replaces=seal_of(1, files=other))
    yield "the newest seal, a second time", ("ok", "", newest)
    revoked = again(owned().release().revoke([ANA]), [CI, ANA])
    yield "a seal that is revoked", ("ok", "", revoked)
    gone = owned().release().keys([ANA], [ANA], signers=[]).release(files=other, replaces=seal_of(1), by=[CI, ANA])
    yield "by a signer who was removed", ("refused", "no scope covers it", gone)
    back = again(again(owned().release(), [CI, ANA]), [CI, ANA], files=GOOD, replaces=seal_of(1, files=other))
    yield "the first seal returns and stays void", ("ok", "", back)


def signer() -> Iterator[tuple[str, Row]]:
    def gone(history: History, by: list[Private], reason: str = "key-compromise", who: Private = CI) -> History:
        return history.add(make.revocation(NS, reason, signer=who.key.value()), by)

    yield "by the owner", ("ok", "", gone(owned().release().release(2), [ANA]))
    yield "by the signer itself", ("refused", "does not count here", gone(owned().release(), [CI]))
    yield "by a stranger", ("refused", "does not count here", gone(owned().release(), [EVE]))
    three = owned(ANA, BOB, CAT, threshold=2).release()
    yield "1 of 3 where 2 are needed", ("refused", "signed by 1 of 2 controllers", gone(three, [ANA]))
    yield "2 of 3", ("ok", "", gone(owned(ANA, BOB, CAT, threshold=2).release(), [ANA, BOB]))
    yield "superseded voids nothing", ("ok", "", gone(owned().release(), [ANA], "superseded"))
    yield "it seals nothing more", ("refused", "it is revoked", gone(owned(), [ANA]).release())
    two = [(CI, ALL), (CI2, ALL)]
    named = gone(owned(), [ANA]).keys([ANA], [ANA], signers=two)
    yield "named again it seals nothing either", ("refused", "it is revoked", named.release())
    named = gone(owned(), [ANA]).keys([ANA], [ANA], signers=two)
    yield "another signer seals", ("ok", "", named.release(signer=CI2))
    own = gone(owned().release(), [ANA]).revoke([CI])
    yield "it revokes nothing more", ("refused", "does not count here", own)
    kept = gone(owned(signers=[CI, CI2]).release(2).revoke([CI], number=2).release(3, CI2), [ANA])
    yield "its revocations stay", ("ok", "", kept)
    yield "before it was a signer", ("ok", "", gone(owned(), [ANA], who=CI2))
    spelled = owned().add(make.revocation("hf://Acme-Lab", signer=CI.key.value()), [ANA])
    yield "in another spelling", ("refused", "spelled", spelled)


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
    "by signer and owner": ((REPO, 1, "replaced"), (REPO, 1, "valid")),
    "the newest seal, a second time": ((REPO, 1, "replaced"), (REPO, 1, "replaced"), (REPO, 1, "valid")),
    "a seal that is revoked": ((REPO, 1, "malicious"), (REPO, 1, "valid")),
    "the first seal returns and stays void": (
        (REPO, 1, "replaced"), (REPO, 1, "replaced"), (REPO, 1, "replaced"),
    ),
    "by the owner": ((REPO, 1, "key-compromise"), (REPO, 2, "key-compromise")),
    "superseded voids nothing": ((REPO, 1, "valid"),),
    "its revocations stay": ((REPO, 2, "malicious"), (REPO, 3, "valid")),
    "old releases stay": ((REPO, 1, "valid"), (REPO, 2, "valid")),
    "releases before it stay": ((REPO, 1, "valid"),),
    "a stranger revokes": ((REPO, 1, "valid"),),
    "a signer who was removed revokes its own seal": ((REPO, 1, "valid"),),
}  # fmt: skip
