"""Rows of histories.py about what operators do: themselves, their acts upon a namespace, the watch-list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from modelseal.formats.leaves import Leaf
from tests.support import make
from tests.support.make import Private
from tests.vectors.history import (
    ALL,
    ANA,
    BOB,
    CI,
    CI2,
    DIGEST,
    EVE,
    NS,
    OP2,
    OP3,
    OPS,
    History,
    Row,
    begun,
)  # fmt: skip


def _next(history: History, keys: Iterable[Private], by: Iterable[Private], threshold: int = 1, **more: Any) -> History:
    """The next version of the operators."""
    versions = [leaf for leaf in map(Leaf.parse, history.leaves) if leaf.text.find('"type":"operators"') >= 0]
    fields = {"seq": len(versions) + 1, "prev": versions[-1].digest.hex(), **more}
    return history.add(make.operators(tuple(keys), threshold, **fields), by)


def _admit(history: History, by: list[Private]) -> History:
    history.first = make.claim(NS, [ANA], [(CI, ALL)])
    history.seq, history.prev = 1, make.digest(history.first)
    return history.add(make.identity(history.first, [ANA]), by)


def _three() -> History:
    """An owner under three operators, of whom two must sign."""
    return _admit(begun(2, OPS, OP2, OP3), [OPS, OP2])


def operators() -> Iterator[tuple[str, Row]]:
    yield "another key, signed by old and new", ("ok", "", _next(begun(), [OP2], [OPS, OP2]))
    yield "one more, signed by the old one", ("ok", "", _next(begun(), [OPS, OP2], [OPS]))
    yield "signed by the new ones alone", ("refused", "signed by 0 of 1 operators", _next(begun(), [OP2], [OP2]))
    yield "signed by the old ones alone", ("refused", "signed by 0 of 1 new operators", _next(begun(), [OP2], [OPS]))
    yield "signed by nobody", ("refused", "signed by 0 of 1 operators", _next(begun(), [OP2], []))
    stranger = _next(begun(), [OP2], [OPS, OP2, EVE])
    yield "signed by a stranger too", ("refused", "does not count here", stranger)
    three = begun(2, OPS, OP2, OP3)
    yield (
        "2 of 3 raise the threshold",
        ("refused", "signed by 2 of 3 new", _next(three, [OPS, OP2, OP3], [OPS, OP2], 3)),
    )
    three = begun(2, OPS, OP2, OP3)
    yield "1 of 3 where 2 are needed", ("refused", "signed by 1 of 2 operators", _next(three, [OPS, OP2], [OPS]))
    three = begun(2, OPS, OP2, OP3)
    yield "one is dropped, by the others", ("ok", "", _next(three, [OPS, OP2], [OPS, OP2], 2))
    yield "a number is left out", ("refused", "version 3 of the operators", _next(begun(), [OP2], [OPS, OP2], seq=3))
    yield "upon another one", ("refused", "the next is 2 after", _next(begun(), [OP2], [OPS, OP2], prev=DIGEST))
    yield "a third version", ("ok", "", _next(_next(begun(), [OP2], [OPS, OP2]), [OP3], [OP2, OP3]))
    again = _next(begun(), [OP2], [OPS, OP2])
    old = Leaf.parse(again.leaves[-1])
    again = _next(again, [OPS], [OPS, OP2]).add(old.text, entries=old.signatures)
    yield "an old version again", ("refused", "logged already", again)
    back = _next(_next(begun(), [OP2], [OPS, OP2]), [OPS], [OPS, OP2])
    draft = make.operators([OP3], seq=2, prev=Leaf.parse(back.leaves[0]).digest.hex())
    yield "an old draft, signed later", ("refused", "the next is 4", back.add(draft, [OPS, OP3]))
    yield "the new ones admit", ("ok", "", _admit(_next(begun(), [OP2], [OPS, OP2]), [OP2]))
    gone = _admit(_next(begun(), [OP2], [OPS, OP2]), [OPS])
    yield "who was dropped admits nothing", ("refused", "does not count here", gone)
    both = _next(_admit(begun(), [OPS]), [OP2], [OPS, OP2]).release()
    yield "who they admitted stays admitted", ("ok", "", both)

    later = History().add(make.operators([OPS], seq=2, prev=DIGEST))
    yield "a later version, first", ("refused", "the first leaf is version 1 of the operators, not 2", later)


def suspend() -> Iterator[tuple[str, Row]]:
    def down(history: History, by: list[Private], **more: Any) -> History:
        return history.act("suspend", by, **{"reason": "compromised", **more})

    yield "1 of 3 operators", ("ok", "", down(_three(), [OP3]))
    yield "2 of 3 operators", ("ok", "", down(_three(), [OPS, OP3]))
    yield "an operator and a stranger", ("refused", "does not count here", down(_three(), [OPS, EVE]))
    yield "the owner", ("refused", "does not count here", down(_three(), [ANA]))
    nobody = _three().add(make.text("suspend", turn=2, namespace=NS, reason="compromised"))
    yield "nobody", ("refused", "signed by 0 of 1 operators", nobody)
    yield "a namespace without an identity", ("refused", "not an approved", down(begun(), [OPS], turn=1))
    yield "in another spelling", ("refused", "spelled", down(_three(), [OPS], namespace="hf://Acme-Lab"))
    yield "an old turn", ("refused", "turn 1 of the operators' acts, the next is 2", down(_three(), [OPS], turn=1))
    yield "a release meanwhile", ("refused", "is suspended until", down(_three(), [OPS]).release())
    almost = down(_three(), [OPS]).wait(14, -1).release()
    yield "a release one second before its end", ("refused", "is suspended until", almost)
    yield "a release at its end", ("ok", "", down(_three(), [OPS]).wait(14).release())
    yield "a change of keys meanwhile", ("ok", "", down(_three(), [OPS]).keys([ANA], [ANA]))
    yield "a revocation meanwhile", ("ok", "", down(_three().release(), [OPS]).revoke([CI]))
    yield "a later claim meanwhile", ("ok", "", down(_three(), [OPS]).later_claim([ANA], [OPS, OP2], turn=3))
    again = down(down(_three(), [OPS]).wait(20), [OP2])
    yield "a second time by another one", ("refused", "signed by 1 of 2 operators: .* suspended on", again)
    yield "a second time by two", ("ok", "", down(down(_three(), [OPS]).wait(20), [OPS, OP2]))
    meanwhile = down(down(_three(), [OPS]).wait(13), [OPS, OP2]).wait(13)
    yield "a second time meanwhile: it lasts from then", ("refused", "is suspended until", meanwhile.release())
    almost = down(down(_three(), [OPS]).wait(90, -1), [OPS])
    yield "one alone, a second before 90 days", ("refused", "signed by 1 of 2 operators", almost)
    yield "one alone after 90 days", ("ok", "", down(down(_three(), [OPS]).wait(90), [OPS]))
    lifted = down(down(_three(), [OPS]).act("lift", [OPS, OP2]), [OP3])
    due = _admit(begun(2, OPS, OP2, OP3), [OPS, OP2]).keys([ANA, BOB], [ANA]).keys([BOB], [BOB]).wait(14)
    yield "after a change of keys came due", ("refused", "is suspended until", down(due, [OPS]).release())
    yield "one alone after a lift", ("refused", "signed by 1 of 2 operators", lifted)


def lift() -> Iterator[tuple[str, Row]]:
    def down() -> History:
        return _three().act("suspend", [OP3], reason="compromised")

    yield "2 of 3 operators", ("ok", "", down().act("lift", [OPS, OP2]))
    yield "1 of 3 operators", ("refused", "signed by 1 of 2 operators", down().act("lift", [OP3]))
    yield "two and a stranger", ("refused", "does not count here", down().act("lift", [OPS, OP2, EVE]))
    yield "a release after it", ("ok", "", down().act("lift", [OPS, OP2]).release())
    yield "where nothing is to be lifted", ("refused", "neither suspended", _three().act("lift", [OPS, OP2]))
    yield "when it is over", ("refused", "neither suspended", down().wait(14).act("lift", [OPS, OP2]))
    old = down().act("lift", [OPS, OP2])
    leaf = Leaf.parse(old.leaves[-1])
    old.act("suspend", [OPS, OP2], reason="malicious").add(leaf.text, entries=leaf.signatures)
    yield "an old one again", ("refused", "logged already", old)
    draft = make.text("retire", turn=3, namespace=NS, reason="withdrawn")
    late = down().act("lift", [OPS, OP2]).act("suspend", [OPS, OP2], reason="malicious")
    yield "an old draft, signed later", ("refused", "turn 3 of the operators' acts, the next is 5", _old(late, draft))
    recovery = _three().act("recover", [OPS, OP2], key_set=make.key_set([EVE], [])).act("lift", [OPS, OP2])
    yield "a recovery is withdrawn", ("ok", "", recovery.wait(15).keys([ANA], [ANA]))
    both = down().act("recover", [OPS, OP2], key_set=make.key_set([EVE], [])).act("lift", [OPS, OP2])
    yield (
        "a suspension and a recovery at once",
        ("refused", "signed by 0 of 1 controllers", both.wait(14).keys([EVE], [EVE])),
    )
    yield "an old turn", ("refused", "turn 2 of the operators' acts", down().act("lift", [OPS, OP2], turn=2))
    yield "in another spelling", ("refused", "spelled", down().act("lift", [OPS, OP2], namespace="hf://ACME-lab"))
    nowhere = begun(2, OPS, OP2, OP3).act("lift", [OPS, OP2], turn=1)
    yield "a namespace without an identity", ("refused", "not an approved", nowhere)


def _old(history: History, draft: str) -> History:
    return history.add(draft, [OPS, OP3])


def recover() -> Iterator[tuple[str, Row]]:
    new = make.key_set([EVE], [(CI2, ALL)])

    def given(history: History, by: list[Private] | None = None, **more: Any) -> History:
        return history.act("recover", by or [OPS, OP2], **{"key_set": new, **more})

    yield "2 of 3 operators", ("ok", "", given(_three()))
    yield "1 of 3 operators", ("refused", "signed by 1 of 2 operators", given(_three(), [OPS]))
    yield "an operator and the new owner", ("refused", "does not count here", given(_three(), [OPS, OP2, EVE]))
    outside = given(_three(), key_set=make.key_set([EVE], [(CI2, "hf://openai/*")]))
    yield "a scope outside", ("refused", "is outside", outside)
    yield "an old turn", ("refused", "turn 1 of the operators' acts", given(_three(), turn=1))
    yield "in another spelling", ("refused", "spelled", given(_three(), namespace="hf://ACME-lab"))
    nowhere = given(begun(2, OPS, OP2, OP3), turn=1)
    yield "a namespace without an identity", ("refused", "not an approved", nowhere)
    before = given(_three()).wait(14, -1)
    yield "the old keys count until it is due", ("ok", "", before.keys([ANA], [ANA]))
    before = given(_three()).wait(14, -1)
    yield "the new keys wait until it is due", ("refused", "signed by 0 of 1 controllers", before.keys([EVE], [EVE]))
    yield "the new keys count when it is due", ("ok", "", given(_three()).wait(14).keys([EVE], [EVE]))
    after = given(_three()).wait(14)
    yield "the old keys are gone when it is due", ("refused", "signed by 0 of 1 controllers", after.keys([ANA], [ANA]))
    yield "the new signers seal when it is due", ("ok", "", given(_three()).wait(14).release(signer=CI2))
    yield "the old signers do not", ("refused", "no scope covers it", given(_three()).wait(14).release(signer=CI))
    yield "old releases stay", ("ok", "", given(_three().release()).wait(14).release(2, CI2))
    between = given(_three()).wait(5).keys([ANA, BOB], [ANA]).wait(9)
    yield (
        "the owner's change meanwhile does not outlive it",
        ("refused", "signed by 0 of 1 controllers", between.keys([ANA], [ANA])),
    )
    chain = given(_three()).keys([ANA, BOB], [ANA]).wait(14)
    yield "the chain goes on from the owner's last record", ("ok", "", chain.keys([EVE], [EVE]))
    thief = given(_three().keys([ANA, BOB], [ANA])).wait(5).keys([BOB], [BOB]).wait(14)
    yield (
        "a change that waits is void when it takes effect",
        ("refused", "signed by 0 of 1 controllers", thief.keys([BOB], [BOB])),
    )
    first = _three().keys([ANA, BOB], [ANA]).keys([BOB], [BOB]).wait(10)
    late = given(first).wait(14).keys([EVE], [EVE])
    yield "after a change that was due before", ("ok", "", late)
    other = given(given(_three()).wait(10), key_set=make.key_set([BOB], [])).wait(10)
    yield "a second one replaces it, with a delay of its own", ("ok", "", other.keys([ANA], [ANA]))
    other = given(given(_three()).wait(10), key_set=make.key_set([BOB], [])).wait(14)
    yield "a second one takes effect instead", ("ok", "", other.keys([BOB], [BOB]))


def retire() -> Iterator[tuple[str, Row]]:
    def retired(history: History | None = None, by: list[Private] | None = None, **more: Any) -> History:
        return (history or _three()).act("retire", by or [OPS, OP2], **{"reason": "withdrawn", **more})

    yield "2 of 3 operators", ("ok", "", retired())
    yield "1 of 3 operators", ("refused", "signed by 1 of 2 operators", retired(by=[OPS]))
    yield "the owner beside them", ("refused", "does not count here", retired(by=[OPS, OP2, ANA]))
    yield "an old turn", ("refused", "turn 1 of the operators' acts", retired(turn=1))
    yield "in another spelling", ("refused", "spelled", retired(namespace="hf://ACME-lab"))
    nowhere = retired(begun(2, OPS, OP2, OP3), turn=1)
    yield "a namespace without an identity", ("refused", "not an approved", nowhere)
    yield "a release after it", ("refused", "is retired", retired().release())
    yield "a change of keys after it", ("refused", "is retired", retired().keys([ANA], [ANA]))
    yield "a later claim after it", ("refused", "is retired", retired().later_claim([ANA], [OPS, OP2], turn=3))
    first = retired()
    yield (
        "issued again after it",
        ("refused", "is retired", first.add(make.identity(make.claim(NS, [ANA], [(CI, ALL)]), [], turn=3), [OPS, OP2])),
    )
    yield "a recovery after it", ("refused", "is retired", retired().act("recover", [OPS, OP2], key_set=_keys()))
    yield "a second time", ("refused", "is retired", retired(retired()))
    waits = _three().keys([ANA, BOB], [ANA]).keys([BOB], [BOB])
    target = Leaf.parse(waits.leaves[-1]).digest.hex()
    yield "an objection after it", ("refused", "is retired", retired(waits).object([ANA], target=target))
    yield "a revocation after it", ("ok", "", retired(_three().release()).revoke([ANA]))
    yield "a suspension after it", ("ok", "", retired().act("suspend", [OP3], reason="malicious"))
    down = retired().act("suspend", [OP3], reason="malicious").act("lift", [OPS, OP2])
    yield "a lift after it", ("ok", "", down)
    yield "releases before it stay", ("ok", "", retired(_three().release()))


def _keys() -> dict[str, Any]:
    return make.key_set([EVE], [])


def watchlist() -> Iterator[tuple[str, Row]]:
    def listed(history: History, by: Iterable[Private], add: list[str], remove: list[str], **more: Any) -> History:
        older = [leaf for leaf in map(Leaf.parse, history.leaves) if leaf.text.find('"type":"watchlist"') >= 0]
        fields = {"seq": len(older) + 1, "prev": older[-1].digest.hex() if older else None, **more}
        return history.add(make.text("watchlist", add=add, remove=remove, **fields), by)

    first = begun(2, OPS, OP2, OP3)
    yield "the first, by 2 of 3 operators", ("ok", "", listed(first, [OPS, OP2], ["hf://openai"], []))
    first = begun(2, OPS, OP2, OP3)
    yield "by 1 of 3", ("refused", "signed by 1 of 2 operators", listed(first, [OPS], ["hf://openai"], []))
    yield "by a stranger too", ("refused", "does not count", listed(begun(), [OPS, EVE], ["hf://openai"], []))
    two = listed(listed(begun(), [OPS], ["hf://openai"], []), [OPS], ["hf://meta"], ["hf://OpenAI"])
    yield "the second", ("ok", "", two)
    skipped = listed(begun(), [OPS], ["hf://openai"], [], seq=2, prev=DIGEST)
    yield "a first that is not the first", ("refused", "version 2 of the watch-list; the next is 1", skipped)
    upon = listed(listed(begun(), [OPS], ["hf://openai"], []), [OPS], ["hf://meta"], [], prev=DIGEST)
    yield "upon another one", ("refused", "the next is 2 after", upon)
