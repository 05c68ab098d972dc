"""The static files: a pure function of the database, written afterwards and again as often as needed.

One snapshot is emitted in an order that a reader and a crash may interrupt anywhere: tiles, entry bundles, seals,
evidence, index objects, the trust root's files, and `checkpoint` last. A file that never changes is never replaced: if
other bytes stand there, that is an error. What nothing needs any more goes after the checkpoint has moved.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from modelseal import platform
from modelseal.errors import Conflict, Error
from modelseal.formats import index as indexes
from modelseal.formats import paths, tiles
from modelseal.formats.checkpoint import Checkpoint
from modelseal.formats.leaves import MAX_SEAL
from modelseal.formats.note import MAX_NOTE, Note, Verifier
from modelseal_registry import append
from modelseal_registry.index import EMPTY_TILE, EMPTY_TOP
from modelseal_registry.store import Head, Store, Tx

SKEW_S = 60  # what a client's clock may be off
MAX_FILE = max(MAX_SEAL, indexes.MAX_BUCKET, tiles.MAX_BUNDLE)


@dataclass(frozen=True, slots=True)
class Published:
    """The checkpoint that stands in the static folder."""

    size: int
    root: bytes
    time: int  # of our own cosignature, 0 without one
    note: str

    @property
    def head(self) -> Head:
        return Head(self.size, self.root)


def emission_lock(public: Path) -> AbstractContextManager[None]:
    """While it is held nobody writes the folder *public*; the lock file lies beside it, not in it."""
    return platform.lock(public.with_name(public.name + ".lock"))


def read_published(public: Path, cosigner: Verifier | None = None) -> Published | None:
    """Return the published checkpoint, None if there is none yet; its lines are not verified (the file is our own)."""
    try:
        data = platform.read_file(public / paths.CHECKPOINT, MAX_NOTE, "checkpoint")
    except platform.Missing:
        return None
    note = Note.parse(data, "the published checkpoint")
    checkpoint = Checkpoint.parse(note.text)
    lines = note.by(cosigner) if cosigner else []
    time = max((int.from_bytes(line.raw[4:12], "big") for line in lines), default=0)
    return Published(checkpoint.size, checkpoint.root, time, data.decode())


def static_files(tx: Tx, after: int = 0) -> Iterator[tuple[str, bytes]]:
    """Yield path and bytes of every file that a checkpoint of the head needs, in order of emission, without `trust/`
    and `checkpoint` itself. With *after*, only what a checkpoint of that size did not need already."""
    size = tx.head().size
    for tile in _new_tiles(after, size):
        yield tile.path, tx.hashes(tile)
    for bundle in range(after // tiles.WIDTH, (size + tiles.WIDTH - 1) // tiles.WIDTH):
        start = bundle * tiles.WIDTH
        width = min(tiles.WIDTH, size - start)
        if start + width > after:
            yield paths.entries(bundle, width), tiles.encode_entries(tx.leaves(start, start + width))
    for digest, _, text in tx.seals(after):
        yield paths.seal(digest), text.encode()
    for _, digest, data in tx.findings.blobs(after):
        yield paths.blob(digest), data
    if after == 0:
        for data in (EMPTY_TILE, EMPTY_TOP):
            yield paths.index(indexes.tile_root(data)), data
        yield paths.index(indexes.bucket_hash("")), b""
    for _, _, text, _ in tx.buckets(after):
        yield paths.index(indexes.bucket_hash(text)), text.encode()
    for _, _, data, _ in tx.index_tiles(after):  # by number: the top tile after the tiles below it
        yield paths.index(indexes.tile_root(data)), data


def _new_tiles(after: int, size: int) -> Iterator[tiles.Tile]:
    """Yield the hash tiles of a tree of *size* leaves that one of *after* leaves does not have."""
    level = 0
    while count := size >> 8 * level:
        before = after >> 8 * level
        for index in range(before // tiles.WIDTH, (count + tiles.WIDTH - 1) // tiles.WIDTH):
            tile = tiles.tile_of(level, index, size)
            if index * tiles.WIDTH + tile.width > before:
                yield tile
        level += 1


def _completed(after: int, size: int) -> Iterator[str]:
    """Yield the folders of partial tiles and bundles that are full at *size* and were not at *after*."""
    level = 0
    while count := size >> 8 * level + 8:
        for index in range(after >> 8 * level + 8, count):
            yield paths.tile(level, index, 1).rpartition("/")[0]
            if level == 0:
                yield paths.entries(index, 1).rpartition("/")[0]
        level += 1


class Emitter:
    """Writes *public*. Threads and processes may share the folder: each emission holds its lock.

    *cosigner*: whose cosignature times the published checkpoint. *max_age*, in seconds: how long an old checkpoint may
    be believed, and so how long its index objects stay.
    """

    def __init__(self, store: Store, public: Path, cosigner: Verifier, max_age: int) -> None:
        self._store = store
        self.public = public
        self._cosigner = cosigner
        self._max_age = max_age

    def published(self) -> Published | None:
        return read_published(self.public, self._cosigner)

    def emit(
        self,
        sign: Callable[[Head], str],
        *,
        now: int,
        trust: Callable[[], Mapping[str, bytes]] = dict,
        full: bool = False,
    ) -> str:
        """Bring the folder to the head of the database and publish the note that *sign* makes of it; return that note.

        The head is recomputed from the leaves before it is handed to *sign*. *trust* gives path -> bytes, written in
        that order; it is asked while nobody else writes here, so that what is newer is never replaced. *full*: every
        file is looked at again, not only what is new since the published checkpoint; that repairs a folder, and so does
        removing its `checkpoint`.
        """
        platform.make_folder(self.public)
        with emission_lock(self.public), self._store.read() as tx:
            published = self.published()
            after = published.size if published else 0
            if published:
                self._check_prefix(tx, published)
            head = append.recomputed(tx, after)
            note = sign(head)
            if full:
                self._sweep()
            base = 0 if full else after
            folders: set[Path] = set()
            for path, data in static_files(tx, base):
                self._place(path, data, folders)
            for path, data in trust().items():
                self._place(path, data, folders)
            self._publish(published, head, note)
            for path in _completed(base, head.size):
                shutil.rmtree(self.public / path, ignore_errors=True)
        self._drop_retired(now - self._max_age - SKEW_S)
        return note

    def place(self, trust: Callable[[], Mapping[str, bytes]]) -> None:
        """Write what *trust* gives, as `emit` does, beside the published checkpoint."""
        platform.make_folder(self.public)
        with emission_lock(self.public):
            folders: set[Path] = set()
            for path, data in trust().items():
                self._place(path, data, folders)

    def recover(self) -> None:
        """Refuse if the database is behind the published checkpoint, or another log: going on would fork the log.
        Then remove what an emission that was killed left half written; the next one goes on from the checkpoint."""
        platform.make_folder(self.public)
        with emission_lock(self.public):
            if published := self.published():
                with self._store.read() as tx:
                    self._check_prefix(tx, published)
            self._sweep()

    def _check_prefix(self, tx: Tx, published: Published) -> None:
        size = tx.head().size
        if published.size > size:
            raise Error(
                f"{self.public}: the published checkpoint has {published.size} leaves, the database only {size}",
                hint="was an old backup restored? appending to it would fork the log",
            )
        try:
            append.check_root(tx, published.head)
        except Error as e:
            raise Error(f"{self.public}: the published checkpoint is not of this database: {e}") from e

    def _place(self, path: str, data: bytes, folders: set[Path]) -> None:
        """Write *data* to *path*, unless it stands there already."""
        full = path.startswith("tile/") and "entries" not in path and ".p/" not in path
        if full and len(data) != tiles.MAX_TILE:  # under that path caches would keep it for ever
            raise Error(f"{path}: {len(data)} bytes for a full tile, expected {tiles.MAX_TILE}")
        target = self.public / path
        if target.parent not in folders:
            platform.make_folder(target.parent)
            folders.add(target.parent)
        if not paths.is_immutable(path):
            if _read(target) != data:
                platform.replace(target, data)
            return
        present = _read(target)
        if present is None:
            with contextlib.suppress(Conflict):  # written meanwhile: by whom, the comparison tells
                platform.write_new(target, data)
                return
            present = _read(target)
        if present != data:
            raise Error(f"{target}: other bytes stand there than the database gives")

    def _publish(self, published: Published | None, head: Head, text: str) -> None:
        """Replace `checkpoint` by a larger one, or by one of the same size that is cosigned later."""
        note = Note.parse(text)
        if Checkpoint.parse(note.text) != Checkpoint(note.text.split("\n")[0], head.size, head.root):
            raise Error(f"the note to publish is not one of the head, {head.size} leaves")
        time = max((int.from_bytes(line.raw[4:12], "big") for line in note.by(self._cosigner)), default=0)
        if published is None or head.size > published.size or time > published.time:
            platform.replace(self.public / paths.CHECKPOINT, text.encode())

    def _drop_retired(self, before: int) -> None:
        """Remove index objects that no checkpoint of after *before* needs."""
        with self._store.read() as tx:
            gone = [digest for digest, _ in tx.retired(before)]
        if gone:
            for digest in gone:
                (self.public / paths.index(digest)).unlink(missing_ok=True)
            with self._store.write() as tx:
                tx.forget_retired(before)

    def _sweep(self) -> None:
        """Remove what an emission that was killed left half written."""
        for folder, _, files in os.walk(self.public):
            for name in files:
                if name.startswith(".modelseal-"):
                    (Path(folder) / name).unlink(missing_ok=True)


def _read(path: Path) -> bytes | None:
    try:
        return platform.read_file(path, MAX_FILE, "static file")
    except platform.Missing:
        return None
