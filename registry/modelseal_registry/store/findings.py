"""Evidence of claims: what was seen last at each place, and the findings that are kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, delete, insert, select, update

from modelseal_registry.store.schema import blobs, claims, looks


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen last where the owner publishes a claim."""

    claim: bytes
    kind: str  # "hub", "https", "dns"
    time: int
    state: str  # "found", "missing", "other" (something else stands there), "unavailable"
    says: str
    blob: bytes | None  # the newest finding that names the claim


class Findings:
    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def blob(self, digest: bytes) -> bytes | None:
        return self._db.scalar(select(blobs.c.data).where(blobs.c.digest == digest))

    def put_blob(self, digest: bytes, data: bytes, index: int | None = None) -> None:
        """Keep *data*; with *index*, of the identity that names it. The first index stays."""
        if self.blob(digest) is None:
            self._db.execute(insert(blobs).values(digest=digest, data=data, index=index))
        elif index is not None:
            self._db.execute(
                update(blobs).where(blobs.c.digest == digest, blobs.c.index.is_(None)).values(index=index)
            )  # fmt: skip

    def blobs(self, after: int = 0) -> Iterator[tuple[int, bytes, bytes]]:
        """Yield (leaf, digest, data) of what the identities from leaf *after* on name first."""
        yield from self._db.execute(
            select(blobs.c.index, blobs.c.digest, blobs.c.data).where(blobs.c.index >= after)
            .order_by(blobs.c.index, blobs.c.digest)
        )  # fmt: skip

    def looks(self, claim: bytes) -> dict[str, Look]:
        """Return the last look at each place of a claim, by kind."""
        return {row.kind: Look(*row) for row in self._db.execute(select(looks).where(looks.c.claim == claim))}

    def put_look(self, look: Look) -> None:
        self._db.execute(delete(looks).where(looks.c.claim == look.claim, looks.c.kind == look.kind))
        self._db.execute(insert(looks).values(**asdict(look)))

    def set_drafted(self, blob: bytes, now: int) -> None:
        self._db.execute(update(blobs).where(blobs.c.digest == blob).values(drafted=now))

    def drop_unused(self, drafted_before: int) -> None:
        """Drop the looks of claims that are gone, and what no identity, look or young draft names."""
        self._db.execute(delete(looks).where(looks.c.claim.not_in(select(claims.c.digest))))
        named = select(looks.c.blob).where(looks.c.blob.is_not(None))
        old = blobs.c.drafted.is_(None) | (blobs.c.drafted < drafted_before)
        self._db.execute(delete(blobs).where(blobs.c.index.is_(None), old, blobs.c.digest.not_in(named)))
