"""Where a mirror reads: an address or a folder, file by file, each with its own time. Nothing read here is believed."""

from __future__ import annotations

import time
from pathlib import Path

from modelseal import remote
from modelseal.errors import Malformed, NotFound, Unavailable
from modelseal.formats import merkle, paths, tiles
from modelseal.formats.tiles import MAX_BUNDLE, WIDTH, Tile, Tree
from modelseal.gather import get_tile

FILE_S = 30.0  # a first sync takes as long as the log is long, but no single file may drip for ever


class _EachFile(remote.Budget):
    """A budget that begins again with each file."""

    def renew(self) -> None:
        super().__init__(FILE_S)


class Source:
    """A reader that counts what it was given."""

    def __init__(self, location: str) -> None:
        self._budget = _EachFile(FILE_S)
        self._reader = remote.open_reader(location, self._budget)
        self.requests = 0
        self.bytes = 0

    @property
    def url(self) -> str:
        return self._reader.url

    def get(self, path: str, limit: int) -> bytes:
        self._budget.renew()
        self.requests += 1
        data = self._reader.get(path, limit)
        self.bytes += len(data)
        return data


def resolved(location: str) -> str:
    """Return *location* so that it means the same from every working folder."""
    if location.startswith(("http://", "https://")):
        return location
    return str(Path(location).expanduser().absolute())


class Leaves:
    """The leaves of the signed tree of *size* and *root*: none that is not in it gets out of here."""

    def __init__(self, source: Source, size: int, root: bytes) -> None:
        self._source = source
        self._size = size
        self._root = root
        self._tree = Tree(size, self._tile)

    def _tile(self, tile: Tile) -> bytes:
        return get_tile(self._source.get, tile)

    def bundle(self, number: int, start: int) -> list[bytes]:
        """Return the leaves from *start* on of bundle *number*; Unavailable if they are not those of the log.

        One inclusion proof, made of a tile's hashes, proves the whole tile; the leaves are compared with that.
        """
        width = min(WIDTH, self._size - number * WIDTH)
        at = start - number * WIDTH
        try:
            leaves = self._entries(number, width)
            hashes = [merkle.leaf_hash(leaf) for leaf in leaves]
            merkle.check_inclusion(hashes[at], start, self._size, self._tree.inclusion_proof(start), self._root)
            if self._tree.hashes(0, number) != b"".join(hashes):
                raise Malformed("a leaf is not the one of the signed tree")
        except Malformed as e:
            raise Unavailable(
                f"{self._source.url}: {paths.entries(number, width)} is not of the signed log: {e}"
            ) from e
        return leaves[at:]

    def _entries(self, number: int, width: int) -> list[bytes]:
        path, held = paths.entries(number, width), width
        try:
            data = self._source.get(path, MAX_BUNDLE)
        except NotFound:
            if width == WIDTH:
                raise
            # the log has grown since the checkpoint, and the partial bundle has given way to the full one
            path, held = paths.entries(number, WIDTH), WIDTH
            data = self._source.get(path, MAX_BUNDLE)
        return tiles.parse_entries(data, held, path)[:width]


class Watch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began
