"""Vectors of the decision, and of files, where the owner has not sealed: what observers saw, and operators withdrew."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from modelseal.formats.evidence import Evidence, Lookup
from modelseal.formats.manifest import File, fileset
from tests.support import make
from tests.support.make import Private
from tests.support.vectors import Vector, vector
from tests.support.world import OPS, WATCHER, WEEK, World
from tests.vectors.cases import Case

ANA, CI, EVE = make.key("ana"), make.key("ci", "ed25519"), make.key("eve")
OTHER = make.key("watcher 2", "ed25519")
NS, REPO = "hf://openai", "hf://openai/gpt-oss-20b"
GOOD = (make.file("config.json", b"{}"), make.file("model.safetensors"))
NEWER = (make.file("config.json", b"{}"), make.file("model.safetensors", b"newer weights"))
BAD = (make.file("config.json", b"{}"), make.file("model.safetensors", b"evil wt"))
ONE, TWO, NINE = make.revision(1), make.revision(2), make.revision(9)
WITHDRAWN = "WITHDRAWN (malicious)"


def world(*more: Private) -> World:
    """Nobody owns anything here; WATCHER, the operator's own and *more* observe."""
    return World(observers=[WATCHER, OPS, *more])


def seen(number: int = 1, *by: Private, files: Sequence[File] = GOOD, wait: int = WEEK) -> World:
    """A world in which one commit was seen, *wait* seconds ago."""
    w = world(OTHER)
    for one in by or (WATCHER,):
        w.observe(REPO, number, one, files)
    w.now += wait
    return w


def _of(w: World, number: int, files: Sequence[File] = GOOD) -> str:
    """What is said of contents at a commit: commit, fileset, observers, `own` or `others`, basis."""
    found = w.ask(REPO, make.revision(number)).observed
    w.head = None
    assert found is not None and found.fileset == fileset(tuple(files))
    own = "own" if found.own else "others"
    return f"{found.revision} {found.fileset.hex()} {found.observers} {own} {found.basis} {found.first} {found.last}"


def _case(phrase: str, expect: str, w: World, revision: str | None = None, **more: Any) -> Case:
    evidence = more.pop("evidence", None) or w.evidence(more.get("asked", REPO), revision)
    return Case(phrase, expect, evidence, w, **{"asked": REPO, "now": w.now, "revision": revision, **more})


def decisions() -> Iterator[Case]:
    w = seen()
    yield _case("seen 7 days ago", "observed", w, observed=_of(w, 1))
    yield _case("seen 7 days ago, its commit asked for", "observed", w, ONE, observed=_of(w, 1))
    yield _case("seen 7 days ago, another commit asked for", "unknown", w, NINE)
    lower = REPO.upper().replace("HF", "hf")
    yield _case("seen 7 days ago, asked in capital letters", "observed", w, asked=lower, observed=_of(w, 1))
    dataset = "hf://datasets/openai/gpt-oss-20b"
    yield _case("seen 7 days ago, a dataset of the same name", "unknown", w, asked=dataset)
    yield _case("seen a second less than 7 days ago", "unknown", seen(wait=WEEK - 1))
    yield _case("seen a second less than 7 days ago, its commit asked for", "unknown", seen(wait=WEEK - 1), ONE)
    w = seen(1, WATCHER, OPS, OTHER)
    w.observe(REPO, 1, WATCHER, basis="downloaded")
    yield _case("seen by three, the registry among them", "observed", w, observed=_of(w, 1))
    w.now += WEEK
    yield _case("seen again, downloaded", "observed", w, observed=_of(w, 1))
    w = seen(1, OPS)
    yield _case("seen by the registry itself", "observed", w, observed=_of(w, 1))
    w = seen()
    w.observe(REPO, 1, OTHER, GOOD)
    yield _case("a second observer does not count yet", "observed", w, observed=_of(w, 1))
    w.observe(REPO, 1, EVE, BAD)
    yield _case("a stranger's observation has no effect", "observed", w, ONE, observed=_of(w, 1))

    w = seen()
    w.observe(REPO, 2, WATCHER, NEWER)
    yield _case("a newer commit that does not count yet", "observed", w, observed=_of(w, 1))
    yield _case("a newer commit that does not count yet, asked for", "unknown", w, TWO)
    w.now += WEEK
    yield _case("the newer of two commits", "observed", w, observed=_of(w, 2, NEWER))
    yield _case("the older of two commits", "observed", w, ONE, observed=_of(w, 1))
    w.observe(REPO, 1, WATCHER, GOOD)
    yield _case("a branch that went back, not long enough ago", "observed", w, observed=_of(w, 2, NEWER))
    w.now += WEEK
    yield _case("a branch that went back", "observed", w, observed=_of(w, 1))

    w = seen(1, WATCHER)
    w.observe(REPO, 1, OTHER, BAD)
    yield _case("a younger observation that contradicts", "observed", w, ONE, observed=_of(w, 1))
    w.now += WEEK
    yield _case("observers who contradict each other", "unknown", w, ONE)
    yield _case("observers who contradict each other about the newest commit", "unknown", w)
    w.observers(WATCHER, OPS)
    yield _case("one who contradicted is no observer any more", "observed", w, ONE, observed=_of(w, 1))
    w.observers(OTHER)
    evidence = w.evidence(REPO, ONE)
    yield _case(
        "now the other one alone is an observer", "observed", w, ONE, observed=_of(w, 1, BAD), evidence=evidence
    )
    w.observers()
    yield _case("nobody observes any more", "unknown", w, ONE)
    w = seen()
    w.observe(REPO, 1, WATCHER, GOOD, total_bytes=10)
    w.now += WEEK
    yield _case("the same files, counted otherwise", "unknown", w, ONE)

    w = seen()
    w.withdraw(REPO, 1)
    yield _case("a withdrawn commit", "failed", w, ONE, why=WITHDRAWN)
    yield _case("the only commit that was seen is withdrawn", "failed", w, why=WITHDRAWN)
    yield _case("a withdrawn commit, another asked for", "unknown", w, NINE)
    w.observe(REPO, 2, WATCHER, NEWER)
    yield _case("a withdrawn commit, and one that does not count yet", "failed", w, why=WITHDRAWN)
    w.now += WEEK
    yield _case("a commit after a withdrawn one", "observed", w, observed=_of(w, 2, NEWER))
    w.withdraw(REPO, 2, "superseded")
    yield _case("the last withdrawal gives the reason", "failed", w, why="WITHDRAWN (superseded)")
    w = world()
    w.withdraw(REPO, 1)
    yield _case("a withdrawn commit that nobody saw", "failed", w, ONE, why=WITHDRAWN)
    w.observe(REPO, 1)
    w.now += WEEK
    yield _case("a withdrawn commit that was seen afterwards", "failed", w, ONE, why=WITHDRAWN)
    w = seen()
    w.log(make.withdrawal(REPO, ONE), [WATCHER])
    yield _case("withdrawn by an observer, which has no effect", "observed", w, ONE, observed=_of(w, 1))

    def owned(**more: Any) -> World:
        w = seen(**more)
        w.claim(NS, [ANA], [(CI, NS + "/*")])
        return w

    w = owned()
    yield _case("seen, and the owner is known", "observed", w, observed=_of(w, 1))
    w.log(make.text("suspend", turn=2, namespace=NS, reason="compromised"), [OPS])
    yield _case("seen in a namespace that is suspended", "failed", w, why="SUSPENDED (compromised)")
    w.withdraw(REPO, 1)
    yield _case("withdrawn in a namespace that is suspended", "failed", w, ONE, why=WITHDRAWN)
    w = owned()
    w.log(make.text("retire", turn=2, namespace=NS, reason="withdrawn"), [OPS])
    yield _case("seen in a namespace that is retired", "observed", w, observed=_of(w, 1))
    w = owned()
    w.publish(REPO, 2, CI, NEWER)
    yield _case("seen, and sealed since", "release", w, release=TWO)
    yield _case("seen, and sealed since, the seen commit asked for", "release", w, ONE, release=TWO)
    w.withdraw(REPO, 2)
    yield _case("sealed and withdrawn, which voids nothing", "release", w, TWO, release=TWO)
    w = seen()
    w.publish(REPO, 1, EVE, BAD)
    yield _case("a release by a stranger hides what was seen", "unknown", w)

    w = seen()
    good = Evidence.parse(w.evidence(REPO))
    key = "observed:" + REPO
    without = {name: one for name, one in good.lookups.items() if name != key}
    hidden = replace(good, lookups=without, leaves=good.leaves[:-1]).encode()
    yield _case("without the look-up of what was seen", "unavailable", w, evidence=hidden)
    empty = replace(good, lookups={**good.lookups, key: Lookup("", good.lookups[key].path)}, leaves=good.leaves[:-1])
    yield _case("an empty bucket for what was seen", "unavailable", w, evidence=empty.encode())
    left_out = replace(good, leaves=good.leaves[:-1]).encode()
    yield _case("an observation left out", "unavailable", w, evidence=left_out)
    w.withdraw(REPO, 1)
    good = Evidence.parse(w.evidence(REPO))
    yield _case("a withdrawal left out", "unavailable", w, evidence=replace(good, leaves=good.leaves[:-1]).encode())


def compares() -> Iterator[Vector]:
    """Body as in compares.py."""

    def case(
        phrase: str, expect: str, files: Iterable[File], w: World, revision: str | None = None,
        *, partial: bool = False, **more: Any,
    ) -> Vector:  # fmt: skip
        base = _case(phrase, expect, w, revision, **more)
        evidence = ("evidence", base64.b64encode(base.evidence).decode())
        headers = [evidence, *base.headers(), *([("partial", "yes")] if partial else [])]
        if expect == "failed" and not base.why:
            headers.append(("finding", "differs the folder as a whole"))
        body = "".join(f"{one.sha256.hex()} - {one.size} {one.name}\n" for one in files)
        return vector("compare", phrase, expect, body, headers)

    w = seen()
    w.observe(REPO, 2, WATCHER, NEWER)
    w.now += WEEK
    one, two = _of(w, 1), _of(w, 2, NEWER)
    yield case("what was seen at the newest commit", "observed", NEWER, w, observed=two)
    yield case("what was seen at an older commit, none asked", "observed", GOOD, w, observed=one)
    yield case("what was seen at the commit that was asked for", "observed", GOOD, w, ONE, observed=one)
    yield case("what was seen at another commit than asked for", "failed", GOOD, w, TWO)
    yield case("what was seen, at a commit that nobody saw", "unknown", GOOD, w, NINE)
    yield case("one byte is another than was seen", "failed", BAD, w)
    yield case("one byte is another than was seen at the commit", "failed", BAD, w, ONE)
    yield case("a program added to what was seen", "failed", (*NEWER, make.file("loader.py", b"")), w)
    yield case("less than was seen", "failed", NEWER[:1], w)
    yield case("another name than was seen", "failed", (NEWER[0], replace(NEWER[1], name="other.bin")), w)
    yield case("nothing of what was seen", "failed", (), w)
    yield case("a part of what was seen", "unavailable", NEWER[:1], w, partial=True)
    yield case("all of what was seen, as a part", "observed", NEWER, w, partial=True, observed=two)
    yield case("as many files as were seen, and others", "failed", BAD, w, ONE, partial=True)
    larger = (make.file("model.safetensors", b"more than was there"),)
    yield case("fewer files and more bytes than were seen", "failed", larger, w, partial=True)
    yield case("nothing of what was seen, as a part", "failed", (), w, partial=True)
    w.observe(REPO, 3, WATCHER, BAD)
    yield case("what was seen since, and does not count yet", "unknown", BAD, w)
    w.withdraw(REPO, 3)
    yield case("what was seen at a withdrawn commit, none asked", "failed", BAD, w, why=WITHDRAWN)
    yield case("what was seen at a withdrawn commit, at a commit nobody saw", "failed", BAD, w, NINE, why=WITHDRAWN)
    yield case("what was seen at a withdrawn commit, at another commit", "failed", BAD, w, ONE, why=WITHDRAWN)
    w.observe(REPO, 4, WATCHER, BAD)
    yield case("the same files at a commit that is not withdrawn", "unknown", BAD, w)
    w.claim(NS, [ANA], [(CI, NS + "/*")])
    w.revoke_everywhere(NS, fileset(GOOD), [ANA])
    yield case("seen, and revoked by the owner", "failed", GOOD, w, ONE, why="REVOKED (malicious)")
    w = seen(1, WATCHER, OTHER)
    w.observe(REPO, 2, WATCHER, NEWER)
    w.observe(REPO, 2, OTHER, BAD)
    w.now += WEEK
    yield case("observers disagree, whose ever the files are", "unknown", NEWER, w, TWO)
    w.observe(REPO, 1, WATCHER, GOOD)
    w.now += WEEK
    yield case("what one of two who disagree saw, none asked", "failed", NEWER, w)
