"""Rows of histories.py about changes of keys that wait, and objections to them."""

from __future__ import annotations

from collections.abc import Iterator

from modelseal.formats.leaves import Leaf
from tests.support import make
from tests.vectors.history import ALL, ANA, BOB, CAT, CI, CI2, DIGEST, EVE, OPS, History, Row, owned


def _three() -> History:
    return owned(ANA, BOB, CAT, threshold=2)


def _dropped() -> History:
    """ANA and BOB drop CAT, who has not signed: a change that waits."""
    return _three().keys([ANA, BOB], [ANA, BOB], 2)


def changes() -> Iterator[tuple[str, Row]]:
    same = ([ANA, BOB, CAT], [ANA, CAT], 2)
    yield "while a change waits the old keys count", ("ok", "", _dropped().wait(13).keys(*same))
    late = _dropped().wait(14, -1).keys(*same)
    yield "one second before it is due", ("ok", "", late)
    due = _dropped().wait(14).keys([ANA, BOB], [ANA, CAT], 2)
    yield "when it is due the dropped one does not count", ("refused", "does not count here", due)
    yield "when it is due the kept ones count", ("ok", "", _dropped().wait(14).keys([ANA, BOB], [ANA, BOB], 2))
    signer = _three().keys([ANA, BOB], [ANA, BOB], 2, signers=[(CI2, ALL)])
    yield "its signers wait too", ("refused", "no scope covers it", signer.wait(13).release(signer=CI2))
    signer = _three().keys([ANA, BOB], [ANA, BOB], 2, signers=[(CI2, ALL)])
    yield "its signers come with it", ("ok", "", signer.wait(14).release(signer=CI2))
    signer = _three().keys([ANA, BOB], [ANA, BOB], 2, signers=[(CI2, ALL)])
    yield "the signers before it stay until then", ("ok", "", signer.wait(14, -1).release(signer=CI))
    signer = _three().keys([ANA, BOB], [ANA, BOB], 2, signers=[(CI2, ALL)])
    yield "the signers before it go with it", ("refused", "no scope covers it", signer.wait(14).release(signer=CI))
    again = _dropped()
    at, prev = again.seq, again.prev
    yield "a change that waits advances the chain", ("ok", "", again.keys(*same, seq=at + 1, prev=prev))
    skipped = _three()
    at, prev = skipped.seq, skipped.prev
    skipped.keys([ANA, BOB], [ANA, BOB], 2)
    yield (
        "a change upon the one before a change that waits",
        ("refused", "the next is 3", skipped.keys(*same, seq=at + 1, prev=prev)),
    )
    replaced = _dropped().keys(*same).wait(15)
    yield "a later change at once replaces one that waits", ("ok", "", replaced.keys([ANA, BOB, CAT], [BOB, CAT], 2))
    twice = _dropped().wait(5).keys([BOB, CAT], [BOB, CAT], 2).wait(14, -1)
    yield "a later change that waits replaces one that waits", ("ok", "", twice.keys([ANA, BOB, CAT], [ANA, CAT], 2))
    twice = _dropped().wait(5).keys([BOB, CAT], [BOB, CAT], 2).wait(14)
    yield (
        "the later change that waits has a delay of its own",
        ("refused", "does not count here", twice.keys([BOB, CAT], [ANA, BOB], 2)),
    )
    everybody = _three().keys([BOB, CAT], [ANA, BOB, CAT], 2)
    yield "dropped with its own signature: at once", ("refused", "signed by 1 of 2 controllers", everybody.keys(*same))
    thief = owned(ANA, BOB).keys([EVE], [BOB, EVE])
    yield "one of two is stolen: the owner goes on", ("ok", "", thief.keys([ANA], [ANA]))
    thief = owned(ANA, BOB).keys([EVE], [BOB, EVE])
    yield (
        "one of two is stolen: the thief's key waits",
        ("refused", "signed by 0 of 1 controllers", thief.keys([EVE], [EVE])),
    )
    claimed = _dropped().wait(14).later_claim([ANA, CAT])
    yield "a claim by one whose drop is due", ("refused", "does not count here", claimed)
    after = _dropped().wait(14).keys([ANA, BOB], [ANA, BOB], 2, signers=[(CI2, ALL)])
    yield "a change after one that came due", ("ok", "", after.release(signer=CI2))
    after = _dropped().wait(14).later_claim([ANA, BOB])
    yield "a claim after one that came due", ("ok", "", after.keys([ANA, BOB], [ANA, BOB], 2))
    revoked = _dropped().wait(14).release().revoke([ANA, CAT])
    yield "a revocation by one whose drop is due", ("refused", "does not count here", revoked)


def objection() -> Iterator[tuple[str, Row]]:
    same = ([ANA, BOB, CAT], [ANA, CAT], 2)
    yield "by the one who is dropped", ("ok", "", _dropped().object([CAT]))
    yield "by one who signed the change", ("ok", "", _dropped().object([ANA]))
    yield "by two", ("ok", "", _dropped().object([ANA, CAT]))
    yield "by nobody", ("refused", "signed by 0 of 1", _dropped().object([]))
    yield "by a signer", ("refused", "does not count here", _dropped().object([CI]))
    yield "by an operator", ("refused", "does not count here", _dropped().object([OPS]))
    yield "by a controller and a stranger", ("refused", "does not count here", _dropped().object([CAT, EVE]))
    new = _three().keys([ANA, BOB, EVE], [ANA, BOB], 2)
    yield "by one who comes with the change", ("refused", "does not count here", new.object([EVE]))
    yield "after it the old keys count for longer", ("ok", "", _dropped().object([CAT]).wait(28, -2).keys(*same))
    doubled = _dropped().object([CAT]).wait(28, -1).keys(*same)
    yield "after twice the delay it is in force", ("refused", "signed by 1 of 2 controllers", doubled)
    other = _dropped().object([CAT])
    target = make.digest(_last_but_one(other))
    yield "a second time, by another", ("refused", "logged already", other.object([BOB], target=target))
    yield "when it is due", ("refused", "waits", _dropped().wait(14).object([CAT]))
    yield "one second before it is due", ("ok", "", _dropped().wait(14, -1).object([CAT]))
    yield "to nothing", ("refused", "no change with the digest", _three().object([CAT], target=DIGEST))
    at_once = _three().keys(*same)
    yield "to a change that is in force at once", ("refused", "no change with the digest", at_once.object([CAT]))
    gone = _dropped()
    target = make.digest(_last(gone))
    gone.keys(*same)
    yield "to a change that was replaced", ("refused", "no change with the digest", gone.object([CAT], target=target))
    late = _dropped().object([CAT]).keys([BOB, CAT], [BOB, CAT], 2)
    yield "to a later change, a second one", ("ok", "", late.object([ANA]))
    yield (
        "in another spelling",
        ("refused", "spelled hf://acme-lab", _dropped().object([CAT], namespace="hf://Acme-Lab")),
    )
    recovery = owned(ANA).act("recover", key_set=make.key_set([EVE], []))
    yield "to a recovery", ("ok", "", recovery.object([ANA]))
    recovery = owned(ANA).act("recover", key_set=make.key_set([EVE], [])).object([ANA]).wait(28, -2)
    yield "to a recovery: the old keys count for longer", ("ok", "", recovery.keys([ANA], [ANA]))
    both = owned(ANA, BOB).keys([ANA], [ANA])
    both.wait(5).act("recover", key_set=make.key_set([EVE], [])).wait(9)  # the change of keys is due now
    yield "to a recovery, after a change came due", ("ok", "", both.object([ANA]).wait(18).keys([ANA], [ANA]))
    since = owned(ANA).act("recover", key_set=make.key_set([EVE], [])).keys([ANA, BOB], [ANA, BOB])
    target = make.digest(_last_but_one(since))
    yield (
        "to a recovery, by one who came after it",
        ("refused", "does not count here", since.object([BOB], target=target)),
    )


def _last(history: History) -> str:
    return _text(history, -1)


def _last_but_one(history: History) -> str:
    return _text(history, -2)


def _text(history: History, at: int) -> str:
    return Leaf.parse(history.leaves[at]).text
