"""Evidence from static files: the same builder for registry, mirror and client.

Nothing is verified here: that is for `decide`, which does not believe us either. A file that is missing, short or
malformed is Unavailable, never absence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from modelseal.authorship import named_by
from modelseal.errors import Malformed, NotFound, Unavailable, Unsupported
from modelseal.formats import index, paths, tiles
from modelseal.formats.checkpoint import Checkpoint
from modelseal.formats.evidence import Evidence, Listed, Lookup, lookup_keys
from modelseal.formats.leaves import MAX_SEAL, Leaf
from modelseal.formats.note import MAX_NOTE, Note
from modelseal.formats.records import Release, Roots
from modelseal.formats.tiles import MAX_BUNDLE, MAX_TILE, WIDTH, Tile, Tree
from modelseal.replay import fold
from modelseal.state import State


class Reader(Protocol):
    """Whoever has the registry's files: a web server, a folder."""

    def get(self, path: str, limit: int) -> bytes:
        """Return the file at *path* of at most *limit* bytes; NotFound or Unavailable if there is none to be had."""

    def evidence(self, repo: str, revision: str | None, limit: int) -> bytes | None:
        """Return evidence built by the other side, or None where only files are served."""


Get = Callable[[str, int], bytes]


def gather(get: Get, repo: str, revision: str | None) -> bytes:
    """Return evidence about *repo* (any spelling) with the seal at *revision*, or that of its newest release."""
    try:
        return Files(get).evidence(repo, revision)
    except Unsupported as e:
        raise Unavailable(str(e)) from e
    except Malformed as e:
        raise Unavailable(f"the files of this address do not fit together: {e}") from e


def get_tile(get: Get, tile: Tile) -> bytes:
    """Return the hashes of *tile*; nothing is checked."""
    try:
        return get(tile.path, MAX_TILE)
    except NotFound:
        if tile.width == WIDTH:
            raise
    # A partial tile may go once the full one exists (tlog-tiles): the log has grown since the checkpoint.
    return get(paths.tile(tile.level, tile.index, WIDTH), MAX_TILE)[: tile.width * 32]


class Files:
    """The log and index of one checkpoint, over static files."""

    def __init__(self, get: Get) -> None:
        self._get = get
        self.note = get(paths.CHECKPOINT, MAX_NOTE).decode("utf-8", "replace")
        checkpoint = Checkpoint.parse(Note.parse(self.note, "checkpoint").text)
        self.origin, self.size = checkpoint.origin, checkpoint.size
        if self.size < 2:
            raise Malformed(f"checkpoint: {self.size} leaves; the first has 2")
        self._tree = Tree(self.size, self._tile)
        self._bundles: dict[int, list[bytes]] = {}
        self.bytes = 0  # of the bundles that are kept
        # Answers about several repos share the operators, namespaces and the last leaf.
        self._lookups: dict[str, Lookup] = {}
        self._numbers: dict[str, tuple[int, ...]] = {}  # of the leaves under a key
        self._proven: dict[int, Listed] = {}
        self._parsed: dict[int, Leaf] = {}
        self.roots = self.parsed(self.size - 1).record

    def _tile(self, tile: Tile) -> bytes:
        return get_tile(self._get, tile)

    def leaf(self, number: int) -> bytes:
        if number >= self.size:  # an index that nobody has signed may say anything
            raise Malformed(f"leaf {number} is not in a log of {self.size} leaves")
        bundle = number // WIDTH
        if bundle not in self._bundles:
            width = min(WIDTH, self.size - bundle * WIDTH)
            try:
                data, held = self._get(paths.entries(bundle, width), MAX_BUNDLE), width
            except NotFound:
                if width == WIDTH:
                    raise
                data, held = self._get(paths.entries(bundle, WIDTH), MAX_BUNDLE), WIDTH
            self._bundles[bundle] = tiles.parse_entries(data, held, paths.entries(bundle, held))
            self.bytes += len(data)
        return self._bundles[bundle][number % WIDTH]

    def parsed(self, number: int) -> Leaf:
        if number not in self._parsed:
            self._parsed[number] = Leaf.parse(self.leaf(number))
        return self._parsed[number]

    def lookup(self, key: str) -> Lookup:
        """Return the bucket of *key* in the tree `records` and its path."""
        if key not in self._lookups:
            self._lookups[key] = self._look_up(key)
        return self._lookups[key]

    def numbers(self, key: str) -> tuple[int, ...]:
        """Return the leaves listed under *key*."""
        if key not in self._numbers:
            self._numbers[key] = index.parse_bucket(self.lookup(key).bucket).get(key, ())
        return self._numbers[key]

    def _look_up(self, key: str) -> Lookup:
        if not isinstance(self.roots, Roots):
            raise Malformed("the last leaf is not a roots record")
        number = index.bucket_of(key)
        top = self._index(self.roots.records, is_tile=True)
        below = self._index(_hash(top, number >> 8), is_tile=True)
        bucket = self._index(_hash(below, number & 255), is_tile=False)
        path = (*index.path_in_tile(below, number & 255), *index.path_in_tile(top, number >> 8))
        return Lookup(index.bucket_text(bucket), path)

    def _index(self, digest: bytes, *, is_tile: bool) -> bytes:
        data = self._get(paths.index(digest), index.MAX_BUCKET)
        return index.check_object(data, digest, tile=is_tile)

    def listed(self, number: int) -> Listed:
        if number not in self._proven:
            leaf = self.leaf(number).decode("utf-8", "replace")
            self._proven[number] = Listed(number, leaf, tuple(self._tree.inclusion_proof(number)))
        return self._proven[number]

    def evidence(self, repo: str, revision: str | None) -> bytes:
        repo = repo.lower()
        keys = [*lookup_keys(repo)]
        numbers = {number for key in keys for number in self.numbers(key)}
        leaves = [(number, self.parsed(number)) for number in sorted(numbers)]
        if not any(isinstance(leaf.record, Release) for _, leaf in leaves):
            keys.append(index.observed_key(repo))
            numbers |= {*self.numbers(keys[-1])}
        return Evidence(
            repo,
            self.note,
            self.listed(self.size - 1),
            {key: self.lookup(key) for key in keys},
            tuple(self.listed(number) for number in sorted(numbers)),
            self._seal(repo, revision, leaves),
        ).encode()

    def _seal(self, repo: str, revision: str | None, leaves: Iterable[tuple[int, Leaf]]) -> str | None:
        """Return the seal that a client will want; a seal that cannot be read is no reason to withhold the rest."""
        state = State(self.origin)
        try:
            fold(state, leaves, named_by)
        except Unsupported:
            return None
        found = state.repos.get(repo)
        if found is None or not found.releases:
            return None
        there = found.latest.get(revision) if revision else None
        valid = (one for one in reversed(found.releases) if state.voided(repo, one.release) is None)
        chosen = there or next(valid, found.releases[-1])
        try:
            return self._get(paths.seal(chosen.release.bundle), MAX_SEAL).decode("utf-8", "replace")
        except Unavailable:
            return None


def _hash(tile: bytes, at: int) -> bytes:
    return tile[at * 32 : at * 32 + 32]


def evidence(reader: Reader, repo: str, revision: str | None, limit: int) -> bytes:
    """Return evidence from *reader*: its own, or gathered from its files."""
    return reader.evidence(repo, revision, limit) or gather(reader.get, repo, revision)
