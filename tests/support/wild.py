"""Wild histories: records that are mostly right, by people who mostly may, with time that jumps to where it matters.

Signatures are in name only (who is named is who signed), as in a log that has verified them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any, TypeVar

from modelseal.formats import names, strict
from modelseal.formats.entries import Entry, ordered_entries
from modelseal.formats.identity import Key
from modelseal.state import Change, State
from tests.support import make
from tests.support.make import Private

T = TypeVar("T")

DAY = 86_400
OPS = [make.key(f"ops{n}", "ed25519") for n in range(3)]
PEOPLE = [make.key(name, "ed25519") for name in ("ana", "ben", "ci", "eve")]
WATCHERS = [*PEOPLE[2:], OPS[0]]
NAMESPACES = ["hf://acme-lab", "hf://Rival"]
REPOS = ["hf://acme-lab/a", "hf://datasets/acme-lab/a", "hf://Rival/a", "hf://rival/A", "hf://Rival/b"]
REVISIONS = [make.revision(n) for n in range(3)]
SEALS = ["aa" * 32, "bb" * 32, "ba" * 32]
FILESETS = ["cc" * 32, "dd" * 32]
REASONS = ["malicious", "withdrawn", "superseded"]
WAITS = [0, 0, 0, 0, 0, 1, 5 * DAY, 7 * DAY - 1, 7 * DAY, 14 * DAY - 1, 14 * DAY, 14 * DAY + 1, 60 * DAY]


def entries(by: Sequence[Private]) -> list[Entry]:
    return ordered_entries([Entry(one.public.spki, b"signature") for one in by])


def mostly(r: Random, right: T, *wrong: T) -> T:
    return right if r.random() < 0.88 else r.choice(wrong)


def people(r: Random) -> list[Private]:
    return r.sample([*PEOPLE, *OPS], r.randint(1, 2))


def holders(keys: Iterable[Key]) -> list[Private]:
    return [one for one in [*PEOPLE, *OPS] if one.key in set(keys)]


def some(r: Random, keys: Iterable[Key]) -> list[Private]:
    """Some of the holders, mostly all; now and then people who have no say."""
    found = holders(keys)
    return mostly(r, found, r.sample(found, r.randint(0, len(found))), people(r))


def operators(r: Random, state: State) -> list[Private]:
    return some(r, state.operators.keys if state.operators else ())


def key_set(r: Random, namespace: str, controllers: list[Private]) -> dict[str, Any]:
    owner = names.short(namespace).lower()
    scopes = [f"hf://{owner}/*"] * 5 + [f"hf://{owner}/a", f"hf://datasets/{owner}/*", "hf://rival/b"]
    signers = {(r.choice(PEOPLE), r.choice(scopes)) for _ in range(r.randint(1, 3))}
    return make.key_set(controllers, signers, r.randint(1, len(controllers)))


def first(namespace: str, threshold: int) -> tuple[str, list[Private]]:
    """A namespace that begins well: two controllers, two signers."""
    scopes = [(PEOPLE[1], f"{namespace.lower()}/*"), (PEOPLE[2], f"{namespace.lower()}/*")]
    claim = make.claim(namespace, PEOPLE[:2], scopes, threshold=threshold)
    by = [entry.value() for entry in entries(PEOPLE[:2])]
    return make.identity(claim, [], claim_signatures=by), OPS[:2]


def identities(r: Random, state: State, namespace: str, time: int) -> tuple[str, list[Private]]:
    known = state.namespace(namespace, time)
    by: list[Private] = []
    if known is None:
        by = r.sample(PEOPLE, r.randint(1, 3))
        claim = make.claim(namespace, key_set=key_set(r, namespace, by))
    elif r.random() < 0.5:
        claim = known.identity.claim_text
    else:
        claim = make.claim(namespace, seq=known.seq + 1, prev=known.prev.hex(), title=r.choice("AB"))
        by = some(r, known.key_set.controllers)
    record = make.text(
        "identity", turn=mostly(r, known.turn + 1 if known else 1, 1, 2, 3), claim=claim,
        evidence=[], resembles=[], basis=mostly(r, "operators-word", "web"),
        claim_signatures=[entry.value() for entry in entries(mostly(r, by, people(r)))],
    )  # fmt: skip
    return record, operators(r, state)


def changes(r: Random, state: State, namespace: str, time: int) -> tuple[str, list[Private]]:
    known = state.namespace(namespace, time)
    seq, prev = (known.seq + 1, known.prev.hex()) if known else (2, "ee" * 32)
    now = holders(known.key_set.controllers) if known else []
    kept = [one for one in now if r.random() < 0.75]
    added = r.sample(PEOPLE, r.randint(0, 2))
    new = [*kept, *(one for one in added if one not in kept)] or [PEOPLE[0]]
    both = {one.key for one in [*now, *new]}
    record = make.keys(namespace, key_set(r, namespace, new), seq=mostly(r, seq, 2, 3, 4), prev=prev)
    return record, some(r, both)


def objections(r: Random, state: State, namespace: str, time: int) -> tuple[str, list[Private]]:
    known = state.namespace(namespace, time)
    waits: list[Change] = [one for one in (known and known.pending, known and known.recovery) if one]
    if not waits and r.random() < 0.9:
        return changes(r, state, namespace, time)
    if not waits:
        return make.text("objection", namespace=namespace, target="ab" * 32), people(r)
    change = r.choice(waits)
    by = mostly(r, r.choice(holders(change.controllers)), *PEOPLE)
    return make.text("objection", namespace=namespace, target=change.digest.hex()), [by]


def releases(r: Random, state: State, namespace: str, time: int) -> tuple[str, list[Private]]:
    repo, revision = (
        r.choice([one for one in REPOS if names.namespace_of(one).lower() == namespace.lower()]),
        r.choice(REVISIONS),
    )
    known = state.namespace(names.namespace_of(repo), time)
    entitled = [one for one in PEOPLE if known and known.entitles(one.key, repo)]
    signer = mostly(r, r.choice(entitled or PEOPLE), *PEOPLE)
    sealed = state.repos.get(repo.lower())
    there = sealed.latest.get(revision) if sealed else None
    replaces = there.release.seal.hex() if there and r.random() < 0.5 else mostly(r, None, *SEALS)
    record = make.text(
        "release", signer=signer.key.value(), repo=repo, revision=revision,
        seal=r.choice([one for one in SEALS if one != replaces]), bundle="ff" * 32,
        bundle_size=r.randint(1, 9), files=1, total_bytes=1, fileset=r.choice(FILESETS),
        weights=[], card=None, replaces=replaces,
    )  # fmt: skip
    by = {signer.key, *(known.key_set.controllers if known and replaces else ())}
    return record, some(r, by)


def revocations(r: Random, state: State, namespace: str, time: int) -> tuple[str, list[Private]]:
    reason, repo = r.choice(REASONS), r.choice(REPOS)
    owner = names.namespace_of(repo)
    known = state.namespace(owner, time)
    controllers = some(r, known.key_set.controllers) if known else OPS[:1]
    by = mostly(r, controllers, people(r))
    match r.randint(0, 3):
        case 0:
            return make.revocation(owner, reason, fileset=r.choice(FILESETS)), by
        case 1:
            return make.revocation(owner, reason, signer=r.choice(PEOPLE).key.value()), by
    return make.revocation(owner, reason, repo=repo, seal=r.choice(SEALS)), by


def acts(r: Random, state: State, namespace: str, time: int) -> tuple[str, list[Private]]:
    known = state.namespace(namespace, time)
    turn = mostly(r, known.turn + 1 if known else 1, 1, 2, 3)
    down = known and (known.suspended(time) or known.recovery)
    type_ = r.choice(["lift"] if down and r.random() < 0.5 else ["suspend", "suspend", "lift", "recover", "recover"])
    if r.random() < 0.05:  # it is the end of everything: seldom
        type_ = "retire"
    more: dict[str, Any] = {}
    if type_ in ("suspend", "retire"):
        more["reason"] = r.choice(REASONS)
    if type_ == "recover":
        new = r.sample(PEOPLE, r.randint(1, 2))
        more["key_set"] = key_set(r, namespace, new)
    return make.text(type_, turn=turn, namespace=namespace, **more), operators(r, state)


def rulers(r: Random, state: State, namespace: str, time: int) -> tuple[str, list[Private]]:
    """Another version of the operators, or of the watch-list."""
    assert state.operators is not None
    if r.random() < 0.5:
        known = state.watched
        seq = mostly(r, known.seq + 1, 1, 2, 3)
        prev = None if seq == 1 else (known.prev or b"\xee" * 32).hex()
        add = [r.choice(NAMESPACES)]
        return make.text("watchlist", seq=seq, prev=prev, add=add, remove=[]), operators(r, state)
    new = r.sample(OPS, r.randint(1, 3))
    observers = strict.ordered([one.key.value() for one in r.sample(WATCHERS, r.randint(0, len(WATCHERS)))])
    seq = mostly(r, state.operators.seq + 1, 2, 3)
    record = make.operators(
        new, r.randint(1, len(new)), seq=seq, prev=mostly(r, state.operators_digest.hex(), "ee" * 32),
        observers=observers,
    )  # fmt: skip
    return record, some(r, {*state.operators.keys, *(one.key for one in new)})


def sightings(r: Random, state: State, namespace: str, time: int) -> tuple[str, list[Private]]:
    """Of repos that are owned here or not; observers are also people who own something."""
    repo, commit = r.choice(REPOS), r.choice(REVISIONS)
    if r.random() < 0.25:
        return make.withdrawal(repo, commit, r.choice(REASONS)), operators(r, state)
    listed = state.operators.observers if state.operators else ()
    by = mostly(r, r.choice(holders(listed) or WATCHERS), *WATCHERS, *OPS)
    known = state.observed.get(repo.lower())
    last = known.last(by.key, commit) if known else None
    record = make.observation(
        repo, commit, by, fileset=r.choice(FILESETS), files=r.choice([1, 2]),
        prev=mostly(r, last.digest.hex() if last else None, None, "ee" * 32),
        basis=r.choice(["hub-metadata", "downloaded"]),
    )  # fmt: skip
    return record, mostly(r, [by], people(r))


def records(r: Random, state: State, time: int) -> tuple[str, list[Private]]:
    """Any record, and who signs it."""
    namespaces = [one for one in NAMESPACES if state.namespace(one)]
    return r.choice(KINDS)(r, state, mostly(r, r.choice(namespaces), *NAMESPACES), time)


Kind = Callable[[Random, State, str, int], tuple[str, list[Private]]]
KINDS: list[Kind] = [
    identities, changes, changes, objections, releases, releases, releases, revocations, acts, acts, rulers,
    sightings, sightings,
]  # fmt: skip
