"""The database: SQLAlchemy Core, today on SQLite. Nothing outside this package speaks SQL.

Readers see one snapshot for as long as their transaction lasts; writers exclude each other from the beginning of
theirs, also between processes. A commit is on disk when it returns.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, exc, insert, select
from sqlalchemy.pool import StaticPool

from modelseal.errors import Error, Unavailable
from modelseal.formats import merkle
from modelseal_registry.store import schema
from modelseal_registry.store.findings import Look
from modelseal_registry.store.transaction import Head, StoredClaim, Tx, Waiting

__all__ = ["Head", "Look", "Store", "StoredClaim", "Tx", "Waiting", "open_store"]

_BUSY_MS = 30_000


class Store:
    """One registry's or mirror's database. Threads and processes may share it; a `Tx` belongs to one thread."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._readers = engine
        self._writers = engine.execution_options(modelseal_writes=True)
        self._name = name

    @contextlib.contextmanager
    def read(self) -> Iterator[Tx]:
        with self._translated(), self._readers.begin() as connection:
            yield Tx(connection)

    @contextlib.contextmanager
    def write(self) -> Iterator[Tx]:
        with self._translated(), self._writers.begin() as connection:
            yield Tx(connection)

    def close(self) -> None:
        self._readers.dispose()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except exc.OperationalError as e:  # locked for too long, disk full, I/O error
            raise Unavailable(f"database {self._name}: {e.orig}") from e
        except exc.SQLAlchemyError as e:
            raise Error(f"database {self._name}: {getattr(e, 'orig', None) or e}") from e


def open_store(path: Path | None) -> Store:
    """Open the database at *path*, made with empty tables if there is none; None: one in memory, for this process."""
    name = "in memory" if path is None else str(path)
    if path is None:
        engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    else:
        engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": _BUSY_MS / 1000})
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    store = Store(engine, name)
    with store._translated(), store._writers.begin() as connection:
        _prepare(connection, name)
    return store


def _prepare(connection: Connection, name: str) -> None:
    schema.metadata.create_all(connection)
    version = connection.scalar(select(schema.format.c.version))
    if version is None:
        connection.execute(insert(schema.format).values(version=schema.VERSION))
        connection.execute(insert(schema.head).values(id=1, size=0, root=merkle.EMPTY_ROOT))
    elif version != schema.VERSION:
        raise Error(f"database {name}: format {version}, this program knows {schema.VERSION}; upgrade needed")


def _on_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver's own BEGIN comes too late and is never IMMEDIATE
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "fullfsync=ON", f"busy_timeout={_BUSY_MS}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _on_begin(connection: Connection) -> None:
    # A transaction that reads first and writes later can fail with "busy" when another wrote in between; one that
    # takes the lock at once cannot.
    writes = connection.get_execution_options().get("modelseal_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
