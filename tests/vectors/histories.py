"""Vectors of the rules: short logs, and what their last leaf does (FORMAT.md 6).

Each rule has at least one case that is admitted and one that is not. `why` is what our program says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.support import make
from tests.support.make import Private
from tests.support.vectors import Vector, vector
from tests.vectors import acts, changes, observed, releases
from tests.vectors.history import (
    ALL,
    ANA,
    BOB,
    CAT,
    CI,
    CI2,
    DAN,
    DIGEST,
    EVE,
    NS,
    OP2,
    OP3,
    OPS,
    History,
    Row,
    begun,
    owned,
)  # fmt: skip
from tests.vectors.records import NOT_IN_FORCE


def _general() -> Iterator[tuple[str, Row]]:
    yield "the operators, first", ("ok", "", begun())
    yield (
        "the operators, signed",
        ("refused", "version 1 of the operators is signed by 1 keys", History().add(make.operators([OPS]), [OPS])),
    )
    first = make.identity(make.claim(NS, [ANA], [(CI, ALL)]), [ANA])
    yield (
        "another record first",
        ("refused", "the first leaf is not version 1", History().add(first, [OPS])),
    )
    again = begun().add(make.operators([EVE]))
    yield "operators of version 1 once more", ("refused", "version 1 of the operators; the next is 2", again)
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
    yield "issued again, twice", ("ok", "", again(again(owned(), resembles=["hf://x"]), turn=3))
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
    many = three().keys([ANA, BOB, CAT, DAN, EVE], [ANA, BOB], 2)
    yield "2 of 3 add two, as many as the threshold: it waits", ("ok", "", many)
    yield "all 3 add two", ("ok", "", three().keys([ANA, BOB, CAT, DAN, EVE], [ANA, BOB, CAT], 2))
    yield "2 of 3 lower the threshold: it waits", ("ok", "", three().keys([ANA, BOB, CAT], [ANA, BOB], 1))
    raised = three().keys([ANA, BOB, CAT, DAN], [ANA, BOB, DAN], 3)
    yield "2 of 3 raise the threshold, with a new one: it waits", ("ok", "", raised)
    yield "all 3 lower the threshold", ("ok", "", three().keys([ANA, BOB, CAT], [ANA, BOB, CAT], 1))
    yield "a controller is dropped: it waits", ("ok", "", three().keys([ANA, BOB], [ANA, BOB], 2))
    yield "a controller is dropped, by all: at once", ("ok", "", three().keys([ANA, BOB], [ANA, BOB, CAT], 2))
    yield (
        "a controller is dropped, by too few",
        ("refused", "signed by 1 of 2 controllers", three().keys([ANA, BOB], [ANA], 2)),
    )
    yield "two changes", ("ok", "", owned().keys([ANA, BOB], [ANA]).keys([ANA, BOB], [BOB, ANA], signers=two))
    upon = owned().later_claim([ANA]).keys([ANA], [ANA])
    yield "a change upon a later claim", ("ok", "", upon)


PARTS = {
    "general": _general,
    "operators": acts.operators,
    "changes": changes.changes,
    "objection": changes.objection,
    "suspend": acts.suspend,
    "lift": acts.lift,
    "recover": acts.recover,
    "retire": acts.retire,
    "watchlist": acts.watchlist,
    "identity": _identity,
    "keys": _keys,
    "release": releases.release,
    "replaces": releases.replaces,
    "revocation": releases.revocation,
    "signer": releases.signer,
    "observation": observed.observation,
    "withdrawal": observed.withdrawal,
}


def make_vectors() -> Iterator[Vector]:
    """Body: the leaves, one a line. All but the last have an effect."""
    for part, rows in PARTS.items():
        for phrase, (expect, why, history) in rows():
            headers = [("why", why)] if why else []
            for repo, number, word in releases.STANDING.get(phrase, ()):
                headers.append(("release", f"{repo} {make.revision(number)} {word}"))
            for repo, number, times, word in observed.KNOWN.get(phrase, ()):
                headers.append(("observed", f"{repo} {make.revision(number)} {times} {word}"))
            body = b"".join(leaf + b"\n" for leaf in history.leaves)
            yield vector(f"rules/{part}", phrase, expect, body, headers)
