"""Records below their threshold: kept until enough have signed, no part of the log.

drafts   a record and the signatures over it that count so far; `holders`: whom it waits for
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Connection, LargeBinary, Table, Text, delete, func, insert, select

from modelseal_registry.store.schema import metadata

drafts = Table(
    "drafts", metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("holders", Text, nullable=False, index=True),  # who is to sign: a namespace in lower case, or "operators"
    Column("submission", LargeBinary, nullable=False),  # without its seal, with the signatures that count so far
    Column("received", BigInteger, nullable=False, index=True),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class StoredDraft:
    digest: bytes
    holders: str
    submission: bytes
    received: int


class Drafts:
    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def get(self, digest: bytes) -> StoredDraft | None:
        row = self._db.execute(select(drafts).where(drafts.c.digest == digest)).one_or_none()
        return StoredDraft(*row) if row else None

    def all(self, holders: str | None = None) -> list[StoredDraft]:
        """Return all drafts, or those that wait for *holders*, by arrival."""
        query = select(drafts).order_by(drafts.c.received, drafts.c.digest)
        if holders is not None:
            query = query.where(drafts.c.holders == holders)
        return [StoredDraft(*row) for row in self._db.execute(query)]

    def count(self) -> int:
        return self._db.scalar(select(func.count()).select_from(drafts)) or 0

    def put(self, draft: StoredDraft) -> None:
        """Keep *draft* instead of what was kept of the same record."""
        self.drop(draft.digest)
        self._db.execute(
            insert(drafts).values(
                digest=draft.digest, holders=draft.holders, submission=draft.submission, received=draft.received
            )
        )

    def drop(self, digest: bytes) -> None:
        self._db.execute(delete(drafts).where(drafts.c.digest == digest))

    def forget(self, before: int) -> None:
        """Drop what was received before *before*."""
        self._db.execute(delete(drafts).where(drafts.c.received < before))
