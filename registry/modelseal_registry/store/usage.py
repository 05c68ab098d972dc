"""How much was taken in: counters of the limits, no part of the log (`check` has nothing to compare them with).

usage   `subject` says what is counted; `until` when that ends, POSIX seconds, 0 = never
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Connection, Integer, Table, Text, delete, insert, select, update

from modelseal_registry.store.schema import metadata

usage = Table(
    "usage", metadata,
    Column("subject", Text, primary_key=True),
    Column("until", BigInteger, primary_key=True, autoincrement=False),
    Column("count", Integer, nullable=False),
)  # fmt: skip


class Usage:
    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def count(self, subject: str, until: int) -> int:
        return self._db.scalar(select(usage.c.count).where(usage.c.subject == subject, usage.c.until == until)) or 0

    def add(self, subject: str, until: int) -> None:
        row = (usage.c.subject == subject, usage.c.until == until)
        if self._db.execute(update(usage).where(*row).values(count=usage.c.count + 1)).rowcount == 0:
            self._db.execute(insert(usage).values(subject=subject, until=until, count=1))

    def forget(self, now: int) -> None:
        """Drop what ended before *now*."""
        self._db.execute(delete(usage).where(usage.c.until > 0, usage.c.until <= now))
