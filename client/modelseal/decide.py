"""The decision: evidence, trust, memory and time -> Decision (FORMAT.md 10, steps 1 to 11). Pure.

    1 parse        2 signatures   3 remembered head   4 policy and age   5 last leaf   6 first leaf
    7 look-ups     8 fold         9 revocations seen  10 release, seal   11 standing

The first step that fails is the answer. 1 to 7 prove nothing about the repo: UNAVAILABLE, or LOG MISBEHAVED where two
signed notes contradict each other. After 8 the head and the revocations are to be remembered, whatever comes then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from modelseal import standing
from modelseal.errors import Malformed, Misbehaviour, Unavailable, Unsupported
from modelseal.formats import index, merkle, names
from modelseal.formats.checkpoint import Checkpoint
from modelseal.formats.evidence import Evidence, Listed, lookup_keys
from modelseal.formats.leaves import Leaf
from modelseal.formats.names import Asked
from modelseal.formats.note import Note, Verifier
from modelseal.formats.records import Release, Roots
from modelseal.formats.tiles import Tile, old_root, tiles_for_old_root
from modelseal.formats.trust import Head, Revoked, Trust
from modelseal.replay import fold
from modelseal.state import State
from modelseal.times import by_our_clock, span, utc
from modelseal.values import dataclass
from modelseal.verdict import Decision, Word

AHEAD = 60  # seconds that a proven time may be ahead of our clock, and a leaf's time ahead of the proven time


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old an answer may be, and by which clock."""

    now: int | None  # None: as of the evidence itself
    max_age: int
    as_of: bool = False  # *now* is not our clock but what the user named
    from_file: bool = False  # a file or folder in hand: never moves the head


def tiles_wanted(evidence: bytes, head: Head | None) -> list[Tile]:
    """Return the tiles that step 3 needs, if any; nothing in *evidence* has been checked yet (Malformed)."""
    size = Checkpoint.parse(Note.parse(Evidence.parse(evidence).checkpoint).text).size
    if head is None or not 0 < head.size < size:
        return []
    return tiles_for_old_root(head.size, size)


def decide(
    evidence: bytes,
    tiles: Mapping[str, bytes],
    trust: Trust,
    head: Head | None,
    revoked: Revoked,
    asked: Asked,
    fresh: Freshness,
) -> Decision:
    """Return what *evidence* proves about *asked*. It never raises on bad evidence."""
    unheard = Decision(asked, Word.UNAVAILABLE, "", origin=trust.origin, head=None, revoked=revoked, as_of=fresh.as_of)
    try:
        found = _parse(evidence, asked)  # 1
        opened = _open(found.checkpoint, trust)  # 2
        notes = _compare_head(opened, head, tiles, trust, fresh)  # 3
        time = _proven_time(opened, trust, fresh)  # 4
        roots = _last_leaf(found, opened.checkpoint, time)  # 5
        _first_leaf(found, trust)  # 6
        leaves = _leaves(found, roots, opened.checkpoint)  # 7
        state = State(trust.origin)
        refused = fold(state, leaves)  # 8
    except Unsupported as e:
        return replace(unheard, says=f": upgrade needed: {e}")
    except Malformed as e:
        return replace(unheard, says=f": the answer proves nothing: {e}")
    except _Stale as e:
        return replace(unheard, says=f": {e}")
    except Misbehaviour as e:
        return replace(unheard, word=Word.LOG_MISBEHAVED, says=f": {e}", older=e.older, newer=e.newer)

    notes += [f"leaf {one.index} ({one.type}) has no effect: {one.why}" for one in refused]
    seen = standing.seen(state, asked)
    heard = replace(
        unheard,
        state=state,
        size=opened.checkpoint.size,
        time=time,
        quorum=trust.policy.quorum,
        head=_head(opened, found, trust, time) if not fresh.from_file else None,
        revoked=revoked | seen,
        notes=tuple(notes),
    )
    return standing.judge(heard, state, revoked, found.seal, dict(leaves))  # 9 to 11


def accept(note: str, tiles: Mapping[str, bytes], trust: Trust, head: Head | None, fresh: Freshness) -> Head:
    """Steps 2 to 4 alone, for a mirror: return the head that *note* proves to be the newest, later than *head*.

    Raises Malformed (proves nothing), Misbehaviour, or Unavailable (stale, ahead of the clock, without a quorum).
    """
    opened = _open(note, trust)
    try:
        _compare_head(opened, head, tiles, trust, fresh)
        time = _proven_time(opened, trust, fresh)
    except _Stale as e:
        raise Unavailable(str(e)) from e
    return Head(opened.checkpoint.size, opened.checkpoint.root, note, trust.policy.log.encode(), time)


def seen_before(note: str, trust: Trust) -> Head:
    """Return the head of a log that somebody else has seen; Malformed if *note* does not verify under *trust*.

    How old it is, and who cosigned it, is not asked: that the log key signed it is what a later answer must not deny.
    """
    opened = _open(note, trust)
    times = [time for time in (opened.own, *opened.witnesses) if time is not None]
    return Head(opened.checkpoint.size, opened.checkpoint.root, note, trust.policy.log.encode(), max(times, default=0))


class _Stale(Exception):
    """Right but too old, too new or without a clock. Not a promise broken."""


@dataclass(frozen=True, slots=True)
class _Opened:
    """A checkpoint whose signatures are checked; times by cosigner."""

    note: str
    checkpoint: Checkpoint
    own: int | None
    witnesses: tuple[int, ...]


def _parse(evidence: bytes, asked: Asked) -> Evidence:
    found = Evidence.parse(evidence)
    if found.repo != asked.key:
        raise Malformed(f"it is about {names.short(found.repo)}, not about {names.short(asked.key)}")
    return found


def _open(text: str, trust: Trust) -> _Opened:
    """Check every line by a key that we know: one that does not verify refuses the whole note."""
    note = Note.parse(text, "checkpoint")
    checkpoint = Checkpoint.parse(note.text)
    if checkpoint.origin != trust.origin:
        raise Malformed(f"a checkpoint of {checkpoint.origin}, not of {trust.origin}")
    if not _times(note, trust.policy.log):
        raise Malformed(f"the checkpoint is not signed by the log key of {trust.origin}")
    if checkpoint.size < 2:
        raise Malformed(f"a checkpoint of {checkpoint.size} leaves; the first has 2")
    own = _times(note, trust.policy.own)
    by_witness = [_times(note, witness) for witness in trust.policy.witnesses]
    return _Opened(text, checkpoint, max(own, default=None), tuple(max(times) for times in by_witness if times))


def _times(note: Note, key: Verifier) -> list[int]:
    return [key.check(note.text, line) for line in note.by(key)]


def _compare_head(
    opened: _Opened, head: Head | None, tiles: Mapping[str, bytes], trust: Trust, fresh: Freshness
) -> list[str]:
    """Compare with the newest head ever verified; return notes for the report."""
    new = opened.checkpoint
    if head is None:
        return []
    if new.size == head.size:
        if new.root != head.root:
            raise Misbehaviour(
                f"{trust.origin} signed two different logs of {new.size} leaves", older=head.note, newer=opened.note
            )
        return []
    if fresh.from_file:
        return ["not compared with the remembered head"]
    if new.size < head.size:
        before = _times(Note.parse(head.note), trust.policy.own)
        if opened.own is not None and before and opened.own > max(before):
            raise Misbehaviour(
                f"{trust.origin} went back from {head.size} to {new.size} leaves", older=head.note, newer=opened.note
            )
        raise _Stale(f"the answer has {new.size} leaves, {head.size} were seen before")

    def get(tile: Tile) -> bytes:
        if tile.path not in tiles:
            raise Malformed(f"{tile.path} is missing")
        return tiles[tile.path]

    if old_root(head.size, new.size, new.root, get) != head.root:
        raise Misbehaviour(
            f"the log of {trust.origin} with {new.size} leaves does not continue the one with {head.size}",
            older=head.note,
            newer=opened.note,
        )
    return []


def _proven_time(opened: _Opened, trust: Trust, fresh: Freshness) -> int:
    """Return the time that the policy proves, if it is fresh enough."""
    k = trust.policy.quorum
    times = sorted(opened.witnesses, reverse=True) if k else [opened.own] if opened.own is not None else []
    if len(times) < max(k, 1):
        raise _Stale(f"checked by {len(times)} of {k} mirrors" if k else "the checkpoint has no time")
    proven = times[max(k, 1) - 1]
    if fresh.now is None:
        return proven
    if proven > fresh.now + AHEAD:
        raise _Stale(f"the checkpoint is of {utc(proven)}, ahead of the clock here ({utc(fresh.now)}; is it right?)")
    if proven < fresh.now - fresh.max_age:
        age = span(fresh.now - proven)
        clock = "" if fresh.as_of else f", {by_our_clock(fresh.now)}"
        raise _Stale(f"the newest checkpoint is {age} old ({utc(proven)}), allowed are {span(fresh.max_age)}{clock}")
    return proven


def _last_leaf(found: Evidence, checkpoint: Checkpoint, time: int) -> Roots:
    leaf = Leaf.parse(found.last.leaf)
    if not isinstance(leaf.record, Roots) or leaf.record.origin != checkpoint.origin or leaf.signatures:
        raise Malformed("the last leaf is not this log's roots record")
    if leaf.record.covers != checkpoint.size - 1:
        raise Malformed(f"the index covers {leaf.record.covers} leaves, not {checkpoint.size - 1}")
    if leaf.time > time + AHEAD:
        raise Malformed(f"the last leaf is of {utc(leaf.time)}, later than the checkpoint ({utc(time)})")
    _included(replace(found.last, index=checkpoint.size - 1), checkpoint)
    return leaf.record


def _included(listed: Listed, checkpoint: Checkpoint) -> None:
    hash_ = merkle.leaf_hash(listed.leaf.encode())
    merkle.check_inclusion(hash_, listed.index, checkpoint.size, listed.proof, checkpoint.root)


def _first_leaf(found: Evidence, trust: Trust) -> None:
    first = found.leaves[0] if found.leaves else None
    if first is None or first.index != 0 or merkle.leaf_hash(first.leaf.encode()) != trust.leaf0:
        raise Malformed("the log does not begin with the leaf that the trust root names")


def _leaves(found: Evidence, roots: Roots, checkpoint: Checkpoint) -> list[tuple[int, Leaf]]:
    """Return every leaf about the repo, its namespace and the operators: provably all of them."""
    operators, namespace, repo = lookup_keys(found.repo)
    wanted = {operators, namespace, repo}
    leaves: list[tuple[int, Leaf]] = []
    for listed in found.leaves:
        if leaves and leaves[-1][0] >= listed.index:
            raise Malformed("the leaves do not ascend")
        leaf = Leaf.parse(listed.leaf)
        if leaves and leaves[-1][1].time > leaf.time:
            raise Malformed(f"leaf {listed.index} is older than the one before it")
        _included(listed, checkpoint)
        leaves.append((listed.index, leaf))
    by_index = dict(leaves)
    if not any(
        repo in index.record_keys(leaf.record) and isinstance(leaf.record, Release) for leaf in by_index.values()
    ):
        wanted.add(index.observed_key(found.repo))
    if set(found.lookups) != wanted:
        raise Malformed("the look-ups are not those of this repo")
    listed_under: dict[str, set[int]] = {}
    for key, lookup in found.lookups.items():
        listed_under[key] = set(index.check_lookup(key, lookup.bucket, lookup.path, roots.records))
        for number in listed_under[key]:
            if number in by_index and key not in index.record_keys(by_index[number].record):
                raise Malformed(f"leaf {number} is listed under {key}, where it does not belong")
    if set().union(*listed_under.values()) != set(by_index):
        raise Malformed("the leaves are not the ones that the index lists")
    return leaves


def _head(opened: _Opened, found: Evidence, trust: Trust, time: int) -> Head:
    checkpoint = opened.checkpoint
    return Head(checkpoint.size, checkpoint.root, found.checkpoint, trust.policy.log.encode(), time)
