"""Rows of histories.py about observations and withdrawals, and what is known of a commit then."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelseal.formats.leaves import Leaf
from tests.support import make
from tests.support.make import Private
from tests.vectors.history import ANA, CI, DIGEST, EVE, OP2, OP3, OPS, REPO, History, Row, owned

WATCHER, OTHER = make.key("watcher"), make.key("watcher 2", "ed25519")
ONE, TWO = make.revision(1), make.revision(2)


def watched(*observers: Private, threshold: int = 1, operators: tuple[Private, ...] = (OPS,)) -> History:
    """A log with observers and nothing else."""
    by = observers or (WATCHER,)
    return History().add(make.operators(operators, threshold, observers=make.fingerprints(by)))


def observe(history: History, by: Private = WATCHER, commit: str = ONE, repo: str = REPO, **more: Any) -> History:
    texts = [Leaf.parse(leaf).text for leaf in history.leaves]
    more = {"prev": make.last_observation(texts, by, repo, commit), **more}
    signed, files = more.pop("signed", [by]), more.pop("files", ())
    return history.add(make.observation(repo, commit, by, files, **more), signed)


def withdraw(history: History, by: list[Private], commit: str = ONE, reason: str = "malicious", **more: Any) -> History:
    return history.add(make.withdrawal(more.pop("repo", REPO), commit, reason, **more), by)


def observers(history: History, *new: Private) -> History:
    """The next version of the operators has other observers."""
    last = [leaf for leaf in map(Leaf.parse, history.leaves) if '"type":"operators"' in leaf.text]
    listed = make.fingerprints(new)
    prev = last[-1].digest.hex()
    return history.add(make.operators([OPS], seq=len(last) + 1, prev=prev, observers=listed), [OPS])


def observation() -> Iterator[tuple[str, Row]]:
    no_observer = ("refused", "is no observer of this log")
    yield "an observation by an observer", ("ok", "", observe(watched()))
    yield "an observation by an operator who is no observer", (*no_observer, observe(watched(), OPS))
    yield "an operator is an observer too", ("ok", "", observe(watched(OPS), OPS))
    yield "an observation by a stranger", (*no_observer, observe(watched(), EVE))
    owner = observe(owned(), ANA)
    yield "an observation by the owner", (*no_observer, owner)
    unsigned = observe(watched(), signed=[])
    yield "an observation nobody signed", ("refused", "signed by 0 of 1 observers", unsigned)
    other = observe(watched(WATCHER, OTHER), signed=[OTHER])
    yield "an observation signed by another observer", ("refused", "does not count here", other)
    both = observe(watched(WATCHER, OTHER), signed=[WATCHER, OTHER])
    yield "an observation signed by two observers", ("refused", "does not count here", both)
    yield (
        "an observation signed by an operator as well",
        ("refused", "does not count here", observe(watched(), signed=[WATCHER, OPS])),
    )
    yield "two observers see one commit", ("ok", "", observe(observe(watched(WATCHER, OTHER)), OTHER))
    again = observe(observe(watched()))
    yield "a commit that was observed before", ("ok", "", again)
    twice = observe(watched())
    twice.leaves.append(twice.leaves[-1])
    yield "the same observation twice", ("refused", "logged already", twice)
    first = ("refused", "the last observation of it by this observer is none")
    yield "an observation after one that is not there", (*first, observe(watched(), prev=DIGEST))
    skipped = observe(observe(watched()), prev=None, basis="downloaded")
    yield "an observation that passes over the last", ("refused", "by this observer is leaf 1", skipped)
    others = observe(watched(WATCHER, OTHER))
    prev = Leaf.parse(others.leaves[-1]).digest.hex()
    yield "an observation after that of another observer", (*first, observe(others, OTHER, prev=prev))
    before = observe(watched())
    prev = Leaf.parse(before.leaves[-1]).digest.hex()
    yield "an observation after that of another commit", (*first, observe(before, commit=TWO, prev=prev))
    old = observe(observe(watched()))
    prev = Leaf.parse(old.leaves[1]).digest.hex()
    older = observe(old, prev=prev, basis="downloaded")
    yield "an observation after one that is not the last", ("refused", "by this observer is leaf 2", older)
    moved = observe(observe(observe(watched()), commit=TWO))
    yield "a branch that went back to a commit", ("ok", "", moved)
    differs = observe(observe(watched(WATCHER, OTHER)), OTHER, files=[make.file("other")])
    yield "an observation that contradicts another", ("ok", "", differs)
    spelled = observe(observe(watched()), repo="hf://ACME-lab/Atlas-7B")
    yield "an observation in another spelling", ("ok", "", spelled)
    nobody = observe(watched(), repo="hf://datasets/somebody/corpus")
    yield "an observation of a dataset that nobody owns here", ("ok", "", nobody)
    yield "an observer who was dropped", (*no_observer, observe(observers(watched(), OTHER)))
    yield "an observer who was added", ("ok", "", observe(observers(watched(OTHER), WATCHER, OTHER)))
    stays = observe(observers(observe(watched()), OTHER), OTHER, TWO)
    yield "what a dropped observer saw stays in the log", ("ok", "", stays)
    elsewhere = observe(watched(), origin="other.example")
    yield "an observation for another log", ("refused", "the record is for other.example", elsewhere)
    sealed = _released()
    yield "an observation of a repo that is sealed", ("ok", "", observe(sealed))
    retired = _retired()
    yield "an observation in a namespace that is retired", ("ok", "", observe(retired))
    yield "an observation of a withdrawn commit", ("ok", "", observe(withdraw(observe(watched()), [OPS])))


def _released() -> History:
    return _owned().release(1)


def _retired() -> History:
    return _owned().act("retire", reason="withdrawn")


def _owned() -> History:
    return watched().claim([ANA], signers=[CI])


def withdrawal() -> Iterator[tuple[str, Row]]:
    def three() -> History:
        return watched(threshold=2, operators=(OPS, OP2, OP3))

    yield "an observed commit is withdrawn", ("ok", "", withdraw(observe(watched()), [OPS]))
    yield "a commit is withdrawn that nobody has observed", ("ok", "", withdraw(watched(), [OPS]))
    yield "withdrawn, and observed afterwards", ("ok", "", observe(withdraw(watched(), [OPS])))
    yield "another commit is withdrawn", ("ok", "", withdraw(observe(watched()), [OPS], TWO))
    superseded = withdraw(observe(watched()), [OPS], reason="superseded")
    yield "withdrawn as superseded, which withdraws too", ("ok", "", superseded)
    yield "withdrawn by 2 of 3 operators", ("ok", "", withdraw(three(), [OPS, OP3]))
    yield "withdrawn by 1 of 3 where 2 are needed", ("refused", "signed by 1 of 2 operators", withdraw(three(), [OP2]))
    yield "withdrawn by nobody", ("refused", "signed by 0 of 1 operators", withdraw(watched(), []))
    yield "withdrawn by an observer", ("refused", "does not count here", withdraw(watched(), [WATCHER]))
    stranger = withdraw(watched(), [OPS, WATCHER])
    yield "withdrawn by an operator and an observer", ("refused", "does not count here", stranger)
    yield "withdrawn by the owner", ("refused", "does not count here", withdraw(_owned(), [ANA]))
    twice = withdraw(withdraw(observe(watched()), [OPS]), [OPS], reason="compromised")
    yield "withdrawn twice, the first reason stays", ("ok", "", twice)
    same = withdraw(withdraw(watched(), [OPS]), [OPS])
    yield "the same withdrawal twice", ("refused", "logged already", same)
    yield (
        "withdrawn in another spelling",
        ("ok", "", withdraw(observe(watched()), [OPS], repo="hf://Acme-Lab/ATLAS-7b")),
    )
    yield "a sealed commit is withdrawn, which voids nothing", ("ok", "", withdraw(_released(), [OPS]))
    yield "withdrawn in a namespace that is retired", ("ok", "", withdraw(_retired(), [OPS]))
    elsewhere = withdraw(watched(), [OPS], origin="other.example")
    yield "a withdrawal for another log", ("refused", "the record is for other.example", elsewhere)


# repo, number of the revision, how often it was observed, and whether it is withdrawn
KNOWN: dict[str, list[tuple[str, int, int, str]]] = {
    "an observation by an observer": [(REPO, 1, 1, "valid")],
    "two observers see one commit": [(REPO, 1, 2, "valid")],
    "a commit that was observed before": [(REPO, 1, 2, "valid")],
    "a branch that went back to a commit": [(REPO, 1, 2, "valid"), (REPO, 2, 1, "valid")],
    "an observation that contradicts another": [(REPO, 1, 2, "valid")],
    "an observation in another spelling": [(REPO, 1, 2, "valid")],
    "what a dropped observer saw stays in the log": [(REPO, 1, 1, "valid"), (REPO, 2, 1, "valid")],
    "an observation of a withdrawn commit": [(REPO, 1, 2, "malicious")],
    "an observed commit is withdrawn": [(REPO, 1, 1, "malicious")],
    "a commit is withdrawn that nobody has observed": [(REPO, 1, 0, "malicious")],
    "withdrawn, and observed afterwards": [(REPO, 1, 1, "malicious")],
    "another commit is withdrawn": [(REPO, 1, 1, "valid"), (REPO, 2, 0, "malicious")],
    "withdrawn as superseded, which withdraws too": [(REPO, 1, 1, "superseded")],
    "withdrawn twice, the first reason stays": [(REPO, 1, 1, "malicious")],
    "withdrawn in another spelling": [(REPO, 1, 1, "malicious")],
}
