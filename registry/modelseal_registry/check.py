"""Is everything what the leaves say? They are replayed into an empty database, rules and signatures included; then
tables and static files are compared with what that gives. The first difference is named.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from modelseal import platform
from modelseal.authorship import authors_of, signed_by
from modelseal.errors import Error, Malformed, Refused, Unsupported
from modelseal.formats import index as indexes
from modelseal.formats import merkle, paths, tiles
from modelseal.formats.leaves import Leaf, Submission
from modelseal.formats.note import Note, Verifier
from modelseal.formats.records import Identity, Release
from modelseal.state import State
from modelseal_registry.append import replay_into
from modelseal_registry.emitter import MAX_FILE, Published, emission_lock, read_published, static_files
from modelseal_registry.store import Head, Store, Tx, open_store

_PARTIAL = re.compile(r"tile/(entries|[0-9]+)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([0-9]+))?")


REPAIR = "move the file `checkpoint` away and start again: then every file is compared and what is missing written"


class Difference(Error):
    """Something is not what the leaves give."""


def check(
    store: Store,
    public: Path,
    origin: str,
    *,
    log: Verifier,
    own: Verifier,
    trust: Mapping[str, bytes] | None = None,
    skip: AbstractSet[int] = frozenset(),
) -> Head:
    """Compare database and static files with the leaves; return the head, or raise Difference naming the first.

    *log* and *own*: whose lines the published checkpoint must bear. *trust*: the trust root's files by path. *skip*:
    leaves that may be inadmissible (a mirror whose operator passed over them). The server may run meanwhile.
    """
    try:
        with contextlib.ExitStack() as stack:
            with emission_lock(public):  # so that no file is from after the snapshot of the database
                published = read_published(public, own)
                listing = _listing(public)
                tx = stack.enter_context(store.read())
                head = tx.head()
            if published is None:
                raise Difference(f"{public / paths.CHECKPOINT}: missing")
            _check_note(published, log, own)
            fresh = open_store(None)
            stack.callback(fresh.close)
            if published.size > head.size:
                raise Difference(f"checkpoint: {published.size} leaves are published, the database has {head.size}")
            _check_numbers(tx, head.size)
            state = State(origin)
            _replay(tx, fresh, state, 0, published.size, skip)
            with fresh.read() as ours:
                if ours.head() != published.head:
                    _first_tile(tx, ours)
                    raise Difference(f"checkpoint: its root of {published.size} leaves is not the one of the leaves")
                expected = _check_files(public, itertools.chain(static_files(ours), (trust or {}).items()))
            _replay(tx, fresh, state, published.size, head.size, skip)
            with fresh.read() as ours:
                _check_tables(tx, ours)
                _check_others(public, ours, sorted(listing - expected - {paths.CHECKPOINT}))
            return head
    except Unsupported:
        raise  # not for this program to judge
    except (Malformed, Refused) as e:
        raise Difference(str(e)) from e


def _check_note(published: Published, log: Verifier, own: Verifier) -> None:
    note = Note.parse(published.note, "checkpoint")
    for key in (log, own):
        lines = note.by(key)
        if not lines:
            raise Difference(f"checkpoint: not signed by {key.name}")
        for line in lines:
            key.check(note.text, line)


def _check_numbers(tx: Tx, size: int) -> None:
    count = 0
    for index, _ in tx.digests():
        if index != count:
            raise Difference(f"leaf {count} is missing")
        count += 1
    if count != size:
        raise Difference(f"leaf {min(count, size)} is {'missing' if count < size else 'beyond the head'}")


def _replay(tx: Tx, fresh: Store, state: State, start: int, end: int, skip: AbstractSet[int]) -> None:
    if start == end:
        return
    with fresh.write() as ours:
        try:
            replay_into(ours, state, tx.leaves(start, end), authors=authors_of, skip=skip)
        except ValueError as e:
            raise Difference(f"leaf {end - 1} is the last of a checkpoint, but no roots leaf") from e
        for index, data in enumerate(ours.leaves(start, end), start):
            record = Leaf.parse(data).record
            if isinstance(record, Release):
                seal = tx.seal(record.bundle)
                if seal is not None:
                    _check_seal(record.bundle, seal)
                    ours.put_seal(record.bundle, index, seal)
                elif index not in skip:
                    raise Difference(f"seal {record.bundle.hex()} of leaf {index} is missing in the database")
            for digest in record.evidence if isinstance(record, Identity) else ():
                blob = tx.findings.blob(digest)
                if blob is None and index not in skip:
                    raise Difference(f"evidence {digest.hex()} of leaf {index} is missing in the database")
                if blob is not None:
                    if hashlib.sha256(blob).digest() != digest:
                        raise Difference(f"evidence {digest.hex()}: the bytes in the database have another digest")
                    ours.findings.put_blob(digest, blob, index)


def _check_seal(bundle: bytes, text: str) -> None:
    if hashlib.sha256(text.encode()).digest() != bundle:
        raise Difference(f"seal {bundle.hex()}: the text in the database has another digest")


def _check_tables(tx: Tx, ours: Tx) -> None:
    _first_tile(tx, ours)
    _compare("leaves: the record digest", tx.digests(), ours.digests(), 1)
    _compare("tiles: level, tile", tx.tiles(), ours.tiles(), 2)
    _compare("buckets: tree, bucket", tx.buckets(), ours.buckets(), 2)
    _compare("index tiles: tree, tile", tx.index_tiles(), ours.index_tiles(), 2)
    _compare("seals: leaf, digest", _by_leaf(tx), _by_leaf(ours), 2)
    _compare("evidence: leaf, digest", tx.findings.blobs(), ours.findings.blobs(), 2)
    if tx.head() != ours.head():
        raise Difference(f"head: {tx.head()}, the leaves give {ours.head()}")
    known = dict(ours.retired())
    for digest, time in tx.retired():
        if known.get(digest) != time:
            raise Difference(f"retired: index object {digest.hex()} was not replaced at {time}")
    for claim in tx.claims():
        _check_submission(f"claim {claim.digest.hex()}", claim.digest, claim.submission)
    for waiting in tx.waiting(1 << 30, 1 << 60):
        _check_submission(f"pending {waiting.digest.hex()}", waiting.digest, waiting.submission)


def _first_tile(tx: Tx, ours: Tx) -> None:
    """Name the first leaf whose hash is not the stored one: more telling than a tile, or a root."""
    for level, number, data in ours.tiles():
        theirs = tx.tile(level, number)
        for at in range(0, len(data) if level == 0 else 0, tiles.HASH):
            if theirs[at : at + tiles.HASH] != data[at : at + tiles.HASH]:
                raise Difference(f"leaf {number * tiles.WIDTH + at // tiles.HASH}: not the one of the stored hash")


def _check_submission(what: str, digest: bytes, data: bytes) -> None:
    try:
        found = Submission.parse(data)
        signed_by(found.record, found.text, found.signatures)
    except Error as e:
        raise Difference(f"{what}: {e}") from e
    if found.digest != digest:
        raise Difference(f"{what}: the text has another digest")


def _by_leaf(tx: Tx) -> Iterator[tuple[int, str, str]]:
    return ((index, bundle.hex(), text) for bundle, index, text in tx.seals())


def _compare(what: str, found: Iterable[tuple[Any, ...]], expected: Iterable[tuple[Any, ...]], key: int) -> None:
    """Compare two tables row by row; the first *key* columns name a row and order it."""
    for one, other in itertools.zip_longest(map(tuple, found), map(tuple, expected)):
        if one == other:
            continue
        if one is None or (other is not None and other[:key] < one[:key]):
            name, words = other[:key], "missing"
        elif other is None or one[:key] < other[:key]:
            name, words = one[:key], "too much"
        else:
            name, words = one[:key], "not what the leaves give"
        raise Difference(f"{what} {' '.join(map(str, name))}: {words}")


def _check_files(public: Path, files: Iterable[tuple[str, bytes]]) -> set[str]:
    """Compare what a checkpoint needs; return the paths."""
    seen = set()
    for path, data in files:
        found = _read(public, path)
        if found is None and ".p/" in path:  # full since, and the partial one gone
            found = _read(public, path.partition(".p/")[0])
            found = found and found[: len(data)]
        if found is None:
            raise Difference(f"{public / path}: missing", hint=REPAIR)
        if found != data:
            raise Difference(f"{public / path}: not the bytes that the leaves give")
        seen.add(path)
    return seen


def _check_others(public: Path, ours: Tx, others: Iterable[str]) -> None:
    """What the checkpoint does not need may be from before it, or from after it if an emission was interrupted."""
    objects = {digest for digest, _ in ours.retired()}
    objects.update(indexes.bucket_hash(text) for _, _, text, _ in ours.buckets())
    objects.update(indexes.tile_root(data) for _, _, data, _ in ours.index_tiles())
    for path in others:
        data = _read(public, path)
        if data is None:  # gone since
            continue
        kind, _, name = path.rpartition("/")
        if kind == "index" and paths.is_static(path):
            digest = bytes.fromhex(name)
            tile = len(data) == indexes.TILE_SIZE and indexes.tile_root(data) == digest
            good = digest in objects and (tile or merkle.leaf_hash(data) == digest)
        elif kind == "seal/sha256" and paths.is_static(path):
            good = hashlib.sha256(data).hexdigest() == name and ours.seal(bytes.fromhex(name)) is not None
        elif kind == "blob" and paths.is_static(path):
            good = hashlib.sha256(data).hexdigest() == name and ours.findings.blob(bytes.fromhex(name)) is not None
        else:
            good = data == _tile_bytes(ours, path)
        if not good:
            raise Difference(f"{public / path}: not the bytes that the leaves give, or nothing that belongs here")


def _listing(public: Path) -> set[str]:
    """Return the path of every file, but for those that an emission is writing and the trust root's own."""
    found: set[str] = set()
    for folder, _, names in os.walk(public):
        found.update((Path(folder) / name).relative_to(public).as_posix() for name in names)
    return {
        path
        for path in found
        if not path.rpartition("/")[2].startswith(".modelseal-")
        and not (path.startswith(paths.TRUST) and paths.is_static(path))
    }


def _tile_bytes(ours: Tx, path: str) -> bytes | None:
    """Return what the tile or bundle *path* holds, None if there is no such tile."""
    match = _PARTIAL.fullmatch(path)
    if not match:
        return None
    number = int(match[2].replace("x", "").replace("/", ""))
    width = int(match[3] or tiles.WIDTH)
    if match[1] == "entries":
        start = number * tiles.WIDTH
        leaves = list(ours.leaves(start, start + width))
        return tiles.encode_entries(leaves) if len(leaves) == width else None
    data = ours.hashes(tiles.Tile(int(match[1]), number, width))
    return data if len(data) == width * tiles.HASH else None


def _read(public: Path, path: str) -> bytes | None:
    try:
        return platform.read_file(public / path, MAX_FILE, "static file")
    except platform.Missing:
        return None
