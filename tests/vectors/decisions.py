"""Vectors of the decision: evidence, what a client knows, what it asked -> a word."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from modelseal.decide import tiles_wanted
from modelseal.errors import Unsupported
from modelseal.formats import strict
from modelseal.formats.evidence import Evidence, Listed, Lookup
from modelseal.formats.leaves import Leaf, encode_leaf
from modelseal.formats.note import Note, cosign, sign
from modelseal.formats.records import Release
from modelseal.formats.trust import Head
from modelseal.gather import Files, get_tile
from tests.support import make
from tests.support.make import NOW
from tests.support.vectors import Vector
from tests.support.world import MAX_AGE, OPS, World
from tests.vectors import seen
from tests.vectors.cases import REPO, Case
from tests.vectors.policies import WITNESSES

ANA, CI, EVE = make.key("ana"), make.key("ci", "ed25519"), make.key("eve")
NS = "hf://acme-lab"
GOOD = (make.file("config.json", b"{}"), make.file("model.safetensors"))
NEWER = (make.file("config.json", b"{}"), make.file("model.safetensors", b"newer weights"))
NEWEST = (make.file("model.safetensors", b"the newest weights"),)
ONE, TWO, NINE = make.revision(1), make.revision(2), make.revision(9)


def world() -> World:
    """One namespace with one release."""
    found = World()
    found.claim(NS, [ANA], [(CI, NS + "/*")])
    found.publish(REPO, 1, CI, GOOD)
    return found


def _head(found: World) -> Head:
    head = found.ask(REPO).head
    assert head is not None
    found.head = None
    return head


def _tiles(found: World, evidence: bytes, head: Head) -> tuple[tuple[str, bytes], ...]:
    return tuple((tile.path, get_tile(found.reader(), tile)) for tile in tiles_wanted(evidence, head))


def _honest() -> Iterator[Case]:
    w = world()
    yield Case("the newest release", "release", w.evidence(REPO), w, release=ONE)
    yield Case("asked in capital letters", "release", w.evidence(REPO), w, asked="hf://ACME-Lab/Atlas-7B", release=ONE)
    yield Case("a commit that is sealed", "release", w.evidence(REPO, ONE), w, revision=ONE, release=ONE)
    yield Case("a commit that is not sealed", "release", w.evidence(REPO, NINE), w, revision=NINE, release=ONE)
    other = "hf://acme-lab/other"
    yield Case("nothing sealed, the owner is known", "unknown", w.evidence(other), w, other)
    nobody = "hf://someuser/tiny-lm"
    yield Case("nothing sealed, the owner is not known", "unknown", w.evidence(nobody), w, nobody)
    dataset = "hf://datasets/acme-lab/atlas-7b"
    yield Case("a dataset of the same name", "unknown", w.evidence(dataset), w, dataset)
    old = w.evidence(REPO)
    w.publish(REPO, 2, CI, NEWER)
    new = w.evidence(REPO)
    yield Case("the newer of two", "release", new, w, release=TWO)
    yield Case("the older of two by its commit", "release", w.evidence(REPO, ONE), w, revision=ONE, release=ONE)
    yield Case("evidence older than a release is about its own checkpoint", "release", old, w, release=ONE)
    without = replace(Evidence.parse(new), seal=None).encode()
    yield Case("without a seal", "release", without, w, release=TWO)
    swapped = replace(Evidence.parse(new), seal=Evidence.parse(old).seal).encode()
    yield Case("with another release's seal", "release", swapped, w, release=TWO)
    torn = replace(Evidence.parse(new), seal="{}").encode()
    yield Case("with a seal that is none", "release", torn, w, release=TWO)


DAY = 86_400


def _standing() -> Iterator[Case]:
    def acted(*types: str) -> World:
        w = world()
        for turn, type_ in enumerate(types, 2):
            more: dict[str, Any] = {} if type_ == "lift" else {"reason": "compromised"}
            if type_ == "recover":
                more = {"key_set": make.key_set([EVE], [])}
            w.log(make.text(type_, turn=turn, namespace=NS, **more), [OPS])
        return w

    def asked(phrase: str, w: World, days: int = 0, **more: Any) -> Case:
        w.now += days * DAY
        return Case(phrase, evidence=w.evidence(REPO), world=w, release=ONE, now=w.now, **{"expect": "release", **more})

    why: dict[str, Any] = {"expect": "failed", "why": "SUSPENDED (compromised)"}
    yield asked("a suspended namespace", acted("suspend"), **why)
    yield asked("a suspended namespace, 13 days later", acted("suspend"), 13, **why)
    yield asked("a suspended namespace, 14 days later", acted("suspend"), 14)
    yield asked("a suspension that was lifted", acted("suspend", "lift"))
    yield asked("a retired namespace", acted("retire"))
    yield asked("a namespace that is to be recovered", acted("recover"))
    yield asked("a namespace that was recovered", acted("recover"), 14)
    w = world()
    w.log(make.revocation(NS, "key-compromise", signer=CI.key.value()), [ANA])
    yield asked("a revoked signer", w, expect="failed", why="REVOKED (key-compromise)").without_release()
    w = world()
    seal = w.ask(REPO).chosen
    assert seal is not None
    bundle = make.seal(CI, REPO, ONE, NEWER)
    w.log(make.release(bundle, CI, replaces=seal.release.seal.hex()), [CI, ANA])
    w.head = None
    yield asked("a seal that was replaced, its place taken", w)


def _revoked() -> Iterator[Case]:
    def published() -> tuple[World, Release]:
        w = world()
        record = w.publish(REPO, 2, CI, NEWER).record
        assert isinstance(record, Release)
        return w, record

    why = "REVOKED (malicious)"
    w, two = published()
    before = w.evidence(REPO)
    w.revoke(REPO, two.seal, [ANA])
    after = w.evidence(REPO)
    yield Case("the newest is revoked, an earlier one stands", "release", after, w, release=ONE)
    yield Case("a revoked commit", "failed", w.evidence(REPO, TWO), w, revision=TWO, release=TWO, why=why)
    seen = (f"seal {REPO} {two.seal.hex()}",)
    phrase = "a revocation seen before wins over evidence that lacks it"
    yield Case(phrase, "failed", before, w, revision=TWO, release=TWO, why="REVOKED (seen before)", revoked=seen)
    everywhere = (f"fileset {NS} {two.fileset.hex()}",)
    phrase = "a revocation of contents seen before"
    yield Case(phrase, "failed", before, w, revision=TWO, release=TWO, why="REVOKED (seen before)", revoked=everywhere)
    signer = (f"signer {NS} {CI.key.sha256.hex()}",)
    yield Case(
        "a revocation of the signer seen before", "failed", before, w, why="REVOKED (seen before)", revoked=signer
    )
    elsewhere = (f"seal hf://acme-lab/other {two.seal.hex()}", f"fileset hf://openai {two.fileset.hex()}")
    yield Case("revocations of others seen before", "release", before, w, release=TWO, revoked=elsewhere)
    one = w.ask(REPO, ONE).chosen
    assert one is not None
    w.head = None
    w.revoke(REPO, one.release.seal, [CI], "withdrawn")
    yield Case("all are revoked", "failed", w.evidence(REPO), w, why=why)
    w, two = published()
    w.revoke(REPO, two.seal, [ANA], "superseded")
    yield Case("superseded voids nothing", "release", w.evidence(REPO), w, release=TWO)
    w, two = published()
    w.revoke_everywhere(NS, two.fileset, [ANA])
    w.publish(REPO, 3, CI, NEWER)
    yield Case("contents revoked everywhere and sealed again", "release", w.evidence(REPO), w, release=ONE)
    three = make.revision(3)
    evidence = w.evidence(REPO, three)
    yield Case("the commit sealed again", "failed", evidence, w, revision=three, release=three, why=why)
    w, two = published()
    w.revoke(REPO, two.seal, [EVE])
    yield Case("revoked by a stranger", "release", w.evidence(REPO), w, release=TWO)
    w, two = published()
    w.publish(REPO, 7, EVE, NEWEST)
    yield Case("a release by a stranger", "release", w.evidence(REPO), w, release=TWO)
    w = World()
    w.publish("hf://openai/gpt", 1, EVE, GOOD)
    yield Case("a namespace nobody admitted", "unknown", w.evidence("hf://openai/gpt"), w, "hf://openai/gpt")
    w.claim("hf://openai", [EVE], [(EVE, "hf://openai/*")], operators=[EVE])
    w.publish("hf://openai/gpt", 2, EVE, GOOD)
    yield Case("a namespace a stranger admitted", "unknown", w.evidence("hf://openai/gpt"), w, "hf://openai/gpt")


def _proves_nothing() -> Iterator[Case]:
    w = world()
    good = Evidence.parse(w.evidence(REPO))
    note = Note.parse(good.checkpoint)
    log, own = note.signatures
    text, changed = note.text, note.text.replace("\n6\n", "\n7\n")

    def case(phrase: str, evidence: Evidence | bytes, **more: object) -> Case:
        data = evidence if isinstance(evidence, bytes) else evidence.encode()
        return Case(phrase, "unavailable", data, w, **more)  # type: ignore[arg-type]

    def noted(*lines, text: str = text) -> Evidence:  # type: ignore[no-untyped-def]
        return replace(good, checkpoint=Note(text, lines).encode())

    yield case("nothing", b"")
    yield case("a web page", b"<!doctype html><title>404</title>")
    yield case("version 2", good.encode().replace(b',"v":1}', b',"v":2}'))
    yield case("an unknown field", good.encode().replace(b',"v":1}', b',"unknown":1,"v":1}'))
    yield case("evidence of another repo", w.evidence("hf://acme-lab/other"))
    yield case("not signed by the log", noted(own))
    stranger = sign(text, w.signer.origin, make.ed25519("stranger"))
    yield case("signed by another log key", noted(stranger, own))
    yield case("a cosignature that does not verify", noted(log, cosign(changed, own.name, make.ed25519("own"), NOW)))
    resigned = sign(changed, w.signer.origin, make.ed25519("log"))
    larger = noted(resigned, cosign(changed, own.name, make.ed25519("own"), NOW), text=changed)
    yield case("a size at which the last leaf is not the last", larger)
    other = World(name="other.example")
    yield case("a checkpoint of another log", other.evidence(REPO))
    yield case("no cosignature, so no time", noted(log))
    yield case("older than the maximal age", good, now=NOW + MAX_AGE + 1)
    yield case("ahead of the clock by more than a minute", good, now=NOW - 61)
    yield Case("as old as is allowed", "release", good.encode(), w, now=NOW + MAX_AGE, release=ONE)
    yield Case("a minute ahead of the clock", "release", good.encode(), w, now=NOW - 60, release=ONE)
    yield case("another first leaf than is trusted", good, trust=replace(w.trust, leaf0=b"\0" * 32))
    yield case("another origin than is trusted", good, trust=replace(w.trust, origin="other.example"))
    first, *others = good.leaves
    yield case("without the first leaf", replace(good, leaves=tuple(others)))
    yield case("a leaf left out", replace(good, leaves=good.leaves[:-1]))
    yield case("no leaves", replace(good, leaves=()))
    yield case("a leaf twice", replace(good, leaves=(*good.leaves, good.leaves[-1])))
    yield case("leaves in another order", replace(good, leaves=good.leaves[::-1]))
    forged = replace(first, leaf=good.leaves[1].leaf)
    yield case("a leaf in another's place", replace(good, leaves=(forged, *others)))
    moved = replace(good.leaves[-1], index=good.leaves[-1].index + 1)
    yield case("a leaf under another index", replace(good, leaves=(*good.leaves[:-1], moved)))
    unproven = replace(good.leaves[-1], proof=())
    yield case("a leaf without its proof", replace(good, leaves=(*good.leaves[:-1], unproven)))
    yield case("the last leaf is another", replace(good, last=Listed(-1, first.leaf, first.proof)))
    key = "repo:" + REPO
    empty = {**good.lookups, key: Lookup("", good.lookups[key].path)}
    hidden = replace(good, lookups=empty, leaves=good.leaves[:-1])
    yield case("an empty bucket for a full one", hidden)
    missing = {k: v for k, v in good.lookups.items() if k != "ns:" + NS}
    yield case("a look-up left out", replace(good, lookups=missing))
    borrowed = {**good.lookups, key: good.lookups["operators"]}
    yield case("the bucket of another key", replace(good, lookups=borrowed))
    absent = Evidence.parse(w.evidence("hf://acme-lab/other"))
    without = {k: v for k, v in absent.lookups.items() if not k.startswith("observed:")}
    evidence = replace(absent, lookups=without).encode()
    yield case("absence without the look-up of observations", evidence, asked="hf://acme-lab/other")
    extra = {**good.lookups, "observed:" + REPO: Lookup("", good.lookups["operators"].path)}
    yield case("a look-up that is not wanted", replace(good, lookups=extra))


class _Newer(Files):
    """A registry that knows the types of tomorrow gathers the evidence."""

    def __init__(self, found: World, known: str) -> None:
        super().__init__(found.reader())
        self._known = Leaf.parse(encode_leaf(known, (), NOW))

    def parsed(self, number: int) -> Leaf:
        try:
            return super().parsed(number)
        except Unsupported:
            return self._known


def _not_in_force() -> Iterator[Case]:
    listed = make.text("objection", namespace=NS, target="ab" * 32)
    newer = {
        "a record of a type nobody knows": make.text("promise", namespace=NS),
        "a record of version 2": strict.encode({**strict.loads(listed, ""), "v": 2}),
        "operators under other rules": make.operators([OPS], seq=2, prev="ab" * 32, rules=2),
    }
    for phrase, record in newer.items():
        w = world()
        w.log(record, [OPS], listed_as=listed)
        yield Case(f"{phrase}: upgrade needed", "unavailable", _Newer(w, listed).evidence(REPO, None), w)


def _memory() -> Iterator[Case]:
    w = world()
    head = _head(w)
    old = w.evidence(REPO)
    yield Case("the remembered head again", "release", old, w, head=head, release=ONE)
    w.publish(REPO, 2, CI, NEWER)
    new = w.evidence(REPO)
    tiles = _tiles(w, new, head)
    yield Case("a longer log that continues", "release", new, w, head=head, tiles=tiles, release=TWO)
    yield Case("a longer log without the tiles", "unavailable", new, w, head=head)
    torn = tuple((path, data[:-1] + b"\0") for path, data in tiles)
    yield Case("a longer log with tiles that are not its own", "unavailable", new, w, head=head, tiles=torn)
    later = _head(w)
    yield Case("a shorter log, of before", "unavailable", old, w, head=later)
    back = w.fork(3)
    back.now = NOW + 60
    evidence = back.evidence(REPO)
    phrase = "a shorter log, cosigned later than the remembered head"
    yield Case(phrase, "log-misbehaved", evidence, w, head=later, now=NOW + 60)

    fork = w.fork(2)
    fork.publish(REPO, 3, CI, NEWEST)
    same = fork.evidence(REPO)
    yield Case("another log of the same size", "log-misbehaved", same, w, head=head)
    fork.publish(REPO, 4, CI, GOOD)
    longer = fork.evidence(REPO)
    tiles = _tiles(fork, longer, head)
    yield Case("another log that is longer", "log-misbehaved", longer, w, head=head, tiles=tiles)


def _quorum() -> Iterator[Case]:
    w = world()
    good = Evidence.parse(w.evidence(REPO))
    note = Note.parse(good.checkpoint)
    log, own = w.trust.policy.log, w.trust.policy.own
    policy = "\n".join(
        [
            f"log {log.encode()}", f"witness own {own.encode()}",
            *(f"witness {name} {WITNESSES[n].encode()}" for n, name in enumerate("abc")),
            "group mirrors 2 a b c", "quorum mirrors",
        ]
    )  # fmt: skip

    def case(phrase: str, expect: str, times: Iterable[tuple[int, int]], **more: object) -> Case:
        lines = [
            cosign(note.text, WITNESSES[n].name, make.key(f"mirror {'abcd'[n]}", "ed25519").secret, time)
            for n, time in times
        ]
        evidence = replace(good, checkpoint=Note(note.text, (*note.signatures, *lines)).encode()).encode()
        release = ONE if expect == "release" else None
        return Case(phrase, expect, evidence, w, policy=policy, release=release, **more)  # type: ignore[arg-type]

    yield case("2 of 3 mirrors", "release", [(0, NOW), (2, NOW)])
    yield case("1 of 3 mirrors", "unavailable", [(0, NOW)])
    yield case("one mirror twice", "unavailable", [(0, NOW), (0, NOW - 1)])
    yield case("a mirror that is not in the policy", "unavailable", [(0, NOW), (3, NOW)])
    day = MAX_AGE
    yield case("the second newest time is too old", "unavailable", [(0, NOW), (1, NOW - day - 1), (2, NOW - day - 1)])
    yield case("the third newest time does not matter", "release", [(0, NOW), (1, NOW), (2, NOW - 2 * day)])


SOURCES: tuple[Callable[[], Iterator[Case]], ...] = (
    _honest, _standing, _revoked, _proves_nothing, _not_in_force, _memory, _quorum, seen.decisions,
)  # fmt: skip


def make_vectors() -> Iterator[Vector]:
    for source in SOURCES:
        yield from (case.vector() for case in source())
