"""What can be asked of the database and changed in it, within one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, bindparam, delete, func, insert, select, update

from modelseal.errors import Conflict
from modelseal.formats import index as indexes
from modelseal.formats import tiles as log_tiles
from modelseal_registry.store.drafts import Drafts
from modelseal_registry.store.findings import Findings
from modelseal_registry.store.schema import buckets, claims, head, index_tiles, leaves, pending, retired, seals, tiles
from modelseal_registry.store.usage import Usage

TOP = 256  # number of a tree's top tile

_CHUNK = 256  # rows fetched or named at once


@dataclass(frozen=True, slots=True)
class Head:
    """The tree as committed."""

    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Waiting:
    """A verified submission that waits for the sequencer."""

    digest: bytes
    submission: bytes  # without its seal
    seal: str | None


@dataclass(frozen=True, slots=True)
class StoredClaim:
    digest: bytes
    namespace: str  # lower case
    submission: bytes
    received: int
    state: str  # "waiting", "refused", "approved"
    reason: str | None
    due: int = 0  # when to look for its evidence next


class Tx:
    def __init__(self, connection: Connection) -> None:
        self._db = connection
        self.usage = Usage(connection)
        self.findings = Findings(connection)
        self.drafts = Drafts(connection)

    # The log

    def head(self) -> Head:
        row = self._db.execute(select(head.c.size, head.c.root)).one()
        return Head(row.size, row.root)

    def move_head(self, old: Head, new: Head) -> None:
        """Compare-and-swap: Conflict if the head is not *old*, whatever any lock says."""
        moved = self._db.execute(
            update(head).where(head.c.id == 1, head.c.size == old.size, head.c.root == old.root)
            .values(size=new.size, root=new.root)
        )  # fmt: skip
        if moved.rowcount != 1:
            raise Conflict(f"the log has moved on from {old.size} leaves: somebody else appends to it")

    def leaf(self, index: int) -> bytes | None:
        return self._db.scalar(select(leaves.c.leaf).where(leaves.c.index == index))

    def leaves(self, start: int, end: int) -> Iterator[bytes]:
        """Yield the leaves *start*..*end*-1, or as many of them as there are."""
        for at in range(start, end, _CHUNK):
            yield from self._db.scalars(
                select(leaves.c.leaf).where(leaves.c.index >= at, leaves.c.index < min(at + _CHUNK, end))
                .order_by(leaves.c.index)
            ).all()  # fmt: skip

    def find(self, digest: bytes) -> tuple[int, bytes] | None:
        """Return index and text of the leaf with the record *digest*."""
        found = self._db.execute(select(leaves.c.index, leaves.c.leaf).where(leaves.c.digest == digest))
        row: tuple[int, bytes] | None = found.one_or_none()
        return row and (row[0], row[1])

    def digests(self) -> Iterator[tuple[int, bytes]]:
        yield from self._db.execute(select(leaves.c.index, leaves.c.digest).order_by(leaves.c.index))

    def add_leaves(self, rows: Iterable[tuple[int, bytes, bytes]]) -> None:
        """*rows*: (index, record digest, leaf)."""
        self._insert(leaves, [{"index": i, "digest": digest, "leaf": leaf} for i, digest, leaf in rows])

    def tile(self, level: int, index: int) -> bytes:
        """Return the hashes of a tile, 32 bytes each, as many as there are."""
        return self._db.scalar(select(tiles.c.data).where(tiles.c.level == level, tiles.c.index == index)) or b""

    def hashes(self, tile: log_tiles.Tile) -> bytes:
        """Return *tile* as a smaller tree has it."""
        return self.tile(tile.level, tile.index)[: tile.width * log_tiles.HASH]

    def tiles(self) -> Iterator[tuple[int, int, bytes]]:
        yield from self._db.execute(select(tiles).order_by(tiles.c.level, tiles.c.index))

    def put_tiles(self, rows: dict[tuple[int, int], bytes]) -> None:
        """*rows*: (level, index) -> hashes."""
        self._replace(tiles, [{"level": at[0], "index": at[1], "data": data} for at, data in rows.items()])

    # The index

    def bucket(self, tree: str, number: int) -> str:
        return self._db.scalar(select(buckets.c.text).where(buckets.c.tree == tree, buckets.c.number == number)) or ""

    def index_tile(self, tree: str, number: int) -> bytes | None:
        """Return a tile of 256 hashes; None while all below it is empty."""
        return self._db.scalar(
            select(index_tiles.c.data).where(index_tiles.c.tree == tree, index_tiles.c.number == number)
        )

    def listed(self, tree: str, key: str) -> tuple[int, ...]:
        """Return the leaves listed under *key*."""
        return indexes.parse_bucket(self.bucket(tree, indexes.bucket_of(key))).get(key, ())

    def count_keys(self, tree: str, beginning: str) -> int:
        """Return how many keys *beginning* so have leaves: every bucket is read."""
        holds = buckets.c.text.contains(beginning, autoescape=True)
        rows = self._db.scalars(select(buckets.c.text).where(buckets.c.tree == tree, holds))
        return sum(line.startswith(beginning) for text in rows for line in text.split("\n"))

    def buckets(self, after: int = 0) -> Iterator[tuple[str, int, str, int]]:
        """Yield (tree, number, text, since) of every bucket that changed after the checkpoint of size *after*."""
        yield from self._db.execute(
            select(buckets).where(buckets.c.since > after).order_by(buckets.c.tree, buckets.c.number)
        )

    def index_tiles(self, after: int = 0) -> Iterator[tuple[str, int, bytes, int]]:
        yield from self._db.execute(
            select(index_tiles).where(index_tiles.c.since > after).order_by(index_tiles.c.tree, index_tiles.c.number)
        )

    def put_buckets(self, rows: dict[tuple[str, int], tuple[str, int]]) -> None:
        """*rows*: (tree, number) -> (text, since)."""
        self._replace(
            buckets, [{"tree": at[0], "number": at[1], "text": row[0], "since": row[1]} for at, row in rows.items()]
        )

    def put_index_tiles(self, rows: dict[tuple[str, int], tuple[bytes, int]]) -> None:
        """*rows*: (tree, number) -> (hashes, since)."""
        self._replace(
            index_tiles, [{"tree": at[0], "number": at[1], "data": row[0], "since": row[1]} for at, row in rows.items()]
        )

    def retire(self, rows: dict[bytes, int]) -> None:
        """*rows*: digest of an index object -> log time of the checkpoint that does without it."""
        self._insert(retired, [{"digest": digest, "time": time} for digest, time in rows.items()])

    def retired(self, before: int | None = None) -> Iterator[tuple[bytes, int]]:
        query = select(retired).order_by(retired.c.time, retired.c.digest)
        yield from self._db.execute(query if before is None else query.where(retired.c.time < before))

    def forget_retired(self, before: int) -> None:
        self._db.execute(delete(retired).where(retired.c.time < before))

    # Seals

    def seal(self, bundle: bytes) -> str | None:
        return self._db.scalar(select(seals.c.text).where(seals.c.bundle == bundle))

    def put_seal(self, bundle: bytes, index: int, text: str) -> None:
        """Keep the seal of the release that is leaf *index*; the first stays."""
        if self.seal(bundle) is None:
            self._db.execute(insert(seals).values(bundle=bundle, index=index, text=text))

    def seals(self, after: int = 0) -> Iterator[tuple[bytes, int, str]]:
        """Yield (bundle digest, leaf, text) of the seals of releases from leaf *after* on."""
        found = select(seals.c.bundle).where(seals.c.index >= after).order_by(seals.c.index)
        for bundle in self._db.scalars(found).all():  # a seal has up to 32 MiB: one at a time
            yield self._db.execute(select(seals).where(seals.c.bundle == bundle)).one()

    # What waits

    def add_pending(self, digest: bytes, submission: bytes, seal: str | None, received: int) -> bool:
        """Let a submission wait; one that was refused before gets another try. False if it waits already."""
        self._db.execute(delete(pending).where(pending.c.digest == digest, pending.c.status.is_not(None)))
        if self._db.scalar(select(pending.c.number).where(pending.c.digest == digest)) is not None:
            return False
        self._db.execute(insert(pending).values(digest=digest, submission=submission, seal=seal, received=received))
        return True

    def waiting(self, most: int, most_bytes: int) -> Iterator[Waiting]:
        """Yield what waits, in order of arrival: at most *most*, and no more after *most_bytes* of seals."""
        found = select(pending.c.number).where(pending.c.status.is_(None)).order_by(pending.c.number).limit(most)
        taken = 0
        for number in self._db.scalars(found).all():
            row = self._db.execute(select(pending).where(pending.c.number == number)).one()
            yield Waiting(row.digest, row.submission, row.seal)
            taken += len(row.seal or "")
            if taken >= most_bytes:
                return

    def count_waiting(self) -> int:
        return self._db.scalar(select(func.count()).select_from(pending).where(pending.c.status.is_(None))) or 0

    def waits_since(self) -> int | None:
        """Return when the record arrived that has waited longest, None if none waits."""
        found: int | None = self._db.scalar(select(func.min(pending.c.received)).where(pending.c.status.is_(None)))
        return found

    def drop_pending(self, digest: bytes) -> None:
        self._db.execute(delete(pending).where(pending.c.digest == digest))

    def refuse_pending(self, digest: bytes, status: int, reason: str) -> None:
        """Record why it was not appended. Its seal goes: nothing of a refused release is kept."""
        self._db.execute(
            update(pending).where(pending.c.digest == digest).values(status=status, reason=reason, seal=None)
        )

    def refusal(self, digest: bytes) -> tuple[int, str] | None:
        row = self._db.execute(
            select(pending.c.status, pending.c.reason).where(pending.c.digest == digest, pending.c.status.is_not(None))
        ).one_or_none()
        return (row.status, row.reason) if row else None

    def forget_refused(self, before: int) -> None:
        """Drop refusals that were received before *before*: who asked has had the answer."""
        self._db.execute(delete(pending).where(pending.c.status.is_not(None), pending.c.received < before))

    # Claims

    def claim(self, digest: bytes) -> StoredClaim | None:
        row = self._db.execute(select(claims).where(claims.c.digest == digest)).one_or_none()
        return StoredClaim(*row) if row else None

    def claims(self, state: str | None = None) -> list[StoredClaim]:
        """Return all claims, or those in *state*, by arrival."""
        query = select(claims).order_by(claims.c.received, claims.c.digest)
        if state is not None:
            query = query.where(claims.c.state == state)
        return [StoredClaim(*row) for row in self._db.execute(query)]

    def find_claims(self, namespace: str, prefix: str) -> list[StoredClaim]:
        """Return the claims of *namespace* (any case) whose hex digest begins with *prefix*."""
        rows = self._db.execute(select(claims).where(claims.c.namespace == namespace.lower()))
        return [claim for claim in (StoredClaim(*row) for row in rows) if claim.digest.hex().startswith(prefix)]

    def count_claims(self, namespace: str) -> tuple[int, int]:
        """Return how many claims wait: for *namespace*, and in all."""
        query = select(func.count()).select_from(claims).where(claims.c.state == "waiting")
        return (
            self._db.scalar(query.where(claims.c.namespace == namespace.lower())) or 0,
            self._db.scalar(query) or 0,
        )

    def put_claim(self, claim: StoredClaim) -> None:
        self._replace(
            claims,
            [
                {
                    "digest": claim.digest, "namespace": claim.namespace, "submission": claim.submission,
                    "received": claim.received, "state": claim.state, "reason": claim.reason, "due": claim.due,
                }
            ],
        )  # fmt: skip

    def settle_claim(self, digest: bytes, state: str, reason: str | None = None) -> bool:
        """Set a claim's state; False if there is no such claim."""
        done = self._db.execute(update(claims).where(claims.c.digest == digest).values(state=state, reason=reason))
        return done.rowcount == 1

    def due_claim(self, now: int) -> StoredClaim | None:
        """Return the claim whose evidence is to be looked for first, if any is due."""
        query = select(claims).where(claims.c.due <= now, claims.c.state.in_(("waiting", "approved")))
        row = self._db.execute(query.order_by(claims.c.due, claims.c.digest).limit(1)).one_or_none()
        return StoredClaim(*row) if row else None

    def set_due(self, claim: bytes, due: int) -> None:
        self._db.execute(update(claims).where(claims.c.digest == claim).values(due=due))

    def forget_claims(self, before: int) -> None:
        """Drop claims that have been waiting since before *before*."""
        self._db.execute(delete(claims).where(claims.c.state == "waiting", claims.c.received < before))

    def _insert(self, table: Table, rows: list[dict[str, Any]]) -> None:
        if rows:
            self._db.execute(insert(table), rows)

    def _replace(self, table: Table, rows: list[dict[str, Any]]) -> None:
        """Insert *rows*, each instead of the row with its primary key, if there is one."""
        keys = list(table.primary_key.columns)
        if rows:
            old = delete(table).where(*(key == bindparam(f"old_{key.name}") for key in keys))
            self._db.execute(old, [{f"old_{key.name}": row[key.name] for key in keys} for row in rows])
            self._insert(table, rows)
