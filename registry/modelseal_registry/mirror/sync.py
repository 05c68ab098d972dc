"""One sync, step by step.

    1 trust root: TUF from the pinned root          4 leaves of the signed tree, every rule, seals, findings, our store
    2 checkpoint: steps 2 to 4 of `decide`          5 our root is the signed one
    3 never back, never another history             6 our own files, the registry's checkpoint last

A batch of leaves with its seals is one transaction. Whenever this is killed, the next sync goes on where the database
stands, and ends with the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from modelseal.authorship import check_seal, named_by
from modelseal.decide import AHEAD, Freshness, accept
from modelseal.errors import Error, Malformed, Refused, Unavailable
from modelseal.formats import findings, merkle, paths
from modelseal.formats.checkpoint import Checkpoint
from modelseal.formats.leaves import MAX_SEAL, Leaf
from modelseal.formats.note import MAX_NOTE, Note
from modelseal.formats.records import Identity, Release, Roots
from modelseal.formats.tiles import WIDTH, tiles_for_old_root
from modelseal.formats.trust import Head, Revoked
from modelseal.gather import get_tile
from modelseal.keytext import PublicKey
from modelseal.memory import Memory
from modelseal.replay import fold
from modelseal.state import State
from modelseal.times import utc
from modelseal_registry import store as stores
from modelseal_registry.append import replay_into
from modelseal_registry.config import MirrorConfig
from modelseal_registry.emitter import Emitter
from modelseal_registry.mirror import trust as trusts
from modelseal_registry.mirror.source import Leaves, Source, Watch
from modelseal_registry.mirror.trust import Kept
from modelseal_registry.store import Store, Tx

BATCH = 4096  # leaves at most without a roots leaf among them; a registry appends one after at most 256


@dataclass(frozen=True, slots=True)
class Synced:
    origin: str
    old: int  # leaves before
    head: Head
    requests: int
    bytes: int
    seconds: float


class Mirror:
    """A mirror's store and memory. For one process, which holds the folder's lock."""

    def __init__(self, settings: MirrorConfig, store: Store) -> None:
        self._settings = settings
        self._place = settings.place
        self._store = store
        self._fingerprint = bytes.fromhex(settings.fingerprint)
        self._state: State | None = None  # what the stored leaves make, once folded

    def sync(self, now: int) -> Synced:
        """Bring the mirror to what its source has at *now*. Whatever goes wrong, what is served stays as it was.

        Unavailable: no answer, or one that proves nothing. Refused: the log itself holds what it must not; the leaf
        is named. Misbehaviour: the log went back or has two histories. Unsupported: upgrade needed.
        """
        watch, source = Watch(), Source(self._settings.source)
        kept = trusts.refresh(self._place, source, self._fingerprint)  # 1
        trusts.check_age(kept, now)
        memory = Memory(self._place.dir, kept.trust.origin)
        before = memory.head()
        head = self._checkpoint(source, kept, before, now)  # 2 3
        memory.advance(head, Revoked())
        with self._store.read() as tx:
            old = tx.head().size
        self._take(Leaves(source, head.size, head.root), source, kept, old, head, before, now)  # 4 5
        self._emit(source, kept, head, old, now)  # 6
        return Synced(kept.trust.origin, old, head, source.requests, source.bytes, watch.seconds)

    def _checkpoint(self, source: Source, kept: Kept, before: Head | None, now: int) -> Head:
        text = source.get(paths.CHECKPOINT, MAX_NOTE).decode("utf-8", "replace")
        try:
            size = Checkpoint.parse(Note.parse(text, "checkpoint").text).size
            wanted = tiles_for_old_root(before.size, size) if before and before.size < size else []
            old_tiles = {tile.path: get_tile(source.get, tile) for tile in wanted}
            return accept(text, old_tiles, kept.trust, before, Freshness(now, kept.trust.max_age))
        except Malformed as e:
            raise Unavailable(f"{source.url}: the answer proves nothing: {e}") from e

    def _take(
        self, leaves: Leaves, source: Source, kept: Kept, at: int, head: Head, before: Head | None, now: int
    ) -> None:
        if at > head.size:
            raise Error(f"the database has {at} leaves, more than the {head.size} that were ever signed for")
        held: list[bytes] = []  # fetched, not yet stored
        while at < head.size:
            fresh = leaves.bundle(at // WIDTH, at)
            if at == 0 and merkle.leaf_hash(fresh[0]) != kept.trust.leaf0:
                raise Refused(f"{kept.trust.origin}: leaf 0 is not the one that the trust root names")
            held += fresh
            at += len(fresh)
            cut = _after_last_roots(held)
            if cut:
                self._commit(source, kept, held[:cut], before, now)
                held = held[cut:]
            elif len(held) > BATCH:
                break
        if held:
            raise Refused(f"{kept.trust.origin}: no roots leaf among the {len(held)} leaves before {at}")
        with self._store.read() as tx:
            ours = tx.head()
        if (ours.size, ours.root) != (head.size, head.root):  # every leaf was proven to be in the signed tree
            raise Error(f"the database gives {ours.root.hex()} for {ours.size} leaves, signed is {head.root.hex()}")

    def _commit(self, source: Source, kept: Kept, leaves: list[bytes], before: Head | None, now: int) -> None:
        """Judge *leaves*, which end in a roots leaf, and store them with their seals, or nothing of them."""
        try:
            with self._store.write() as tx:
                first = tx.head().size
                state = self._folded(tx, kept.trust.origin)
                replay_into(tx, state, leaves)
                for index, data in enumerate(leaves, first):
                    leaf = Leaf.parse(data)
                    _check_time(index, leaf, kept.trust.max_age, before, now)
                    if isinstance(leaf.record, Release):
                        tx.put_seal(leaf.record.bundle, index, _seal(source, index, leaf, leaf.record))
                    if isinstance(leaf.record, Identity):
                        for digest in leaf.record.evidence:
                            tx.findings.put_blob(digest, _blob(source, index, digest), index)
        except BaseException:
            self._state = None  # it may have run ahead of what was committed
            raise

    def _folded(self, tx: Tx, origin: str) -> State:
        if self._state is None:
            self._state = State(origin)
            fold(self._state, _numbered(tx), named_by)  # verified when they were stored
        return self._state

    def _emit(self, source: Source, kept: Kept, head: Head, old: int, now: int) -> None:
        emitter = Emitter(self._store, self._place.public, kept.trust.policy.own, kept.trust.max_age)
        published = emitter.published()
        interrupted = published is None or published.size != old  # the last sync ended before this step did
        files = trusts.files(self._place, source, kept)

        def sign(ours: stores.Head) -> str:
            if (ours.size, ours.root) != (head.size, head.root):
                raise Error(f"the database has moved on to {ours.size} leaves meanwhile")
            return head.note

        emitter.emit(sign, now=now, trust=lambda: files, full=interrupted)


def _after_last_roots(leaves: list[bytes]) -> int:
    """Return the number of leaves up to and with the last roots leaf, 0 if there is none."""
    for number in range(len(leaves), 0, -1):
        try:
            if isinstance(Leaf.parse(leaves[number - 1]).record, Roots):
                return number
        except Malformed:
            continue  # the replay names it, if it comes that far
    return 0


def _numbered(tx: Tx) -> Iterator[tuple[int, Leaf]]:
    for index, data in enumerate(tx.leaves(0, tx.head().size)):
        yield index, Leaf.parse(data)


def _check_time(index: int, leaf: Leaf, max_age: int, before: Head | None, now: int) -> None:
    """Refuse a leaf from the future, or one that claims to be older than a checkpoint that did not have it yet."""
    if leaf.time > now + AHEAD:
        raise Refused(f"leaf {index}: its time is {utc(leaf.time)}, ahead of the clock here ({utc(now)})")
    if before and index >= before.size and leaf.time < before.time - max_age:
        raise Refused(
            f"leaf {index}: its time is {utc(leaf.time)}, but it came after a checkpoint of {utc(before.time)}"
        )


def _seal(source: Source, index: int, leaf: Leaf, release: Release) -> str:
    """Fetch the seal of a release and check that it is the one that its leaf names."""
    path = paths.seal(release.bundle)
    text = source.get(path, MAX_SEAL)
    spki = next(entry.key for entry in leaf.signatures if entry.fingerprint == release.signer.sha256)
    try:
        check_seal(release, text.decode("utf-8", "replace"), PublicKey.parse(spki))
    except (Malformed, Refused) as e:
        raise Unavailable(f"{source.url}: {path} is not the seal of leaf {index}: {e}") from e
    return text.decode()


def _blob(source: Source, index: int, digest: bytes) -> bytes:
    """Fetch what an identity names as its evidence: without it the mirror would not have all that the log rests on."""
    data = source.get(paths.blob(digest), findings.MAX_FINDING)
    if findings.digest(data) != digest:
        raise Unavailable(f"{source.url}: {paths.blob(digest)} is not the evidence of leaf {index}")
    return data
