"""Readers: where static files come from, over HTTP or out of a folder. Nothing read here is trusted.

A reader has `get(path, limit) -> bytes` (paths of `formats.paths`, relative, with `/`) and
`evidence(repo, revision, limit) -> bytes | None`. Both may block, but never past the budget, and never hold more
than *limit* bytes plus one chunk. `NotFound`: the address says that it has no such file, which proves nothing.
All other trouble is `Unavailable`: the caller tries the next address.

`http` says what may be answered, `connection` keeps every read and write within the budget and knows proxies and TLS.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from modelseal import errors
from modelseal.remote.budget import Budget
from modelseal.remote.folder import Folder
from modelseal.remote.http import Http

__all__ = ["Budget", "Folder", "Http", "in_turn", "open_reader"]


def open_reader(location: str, budget: Budget) -> Http | Folder:
    """Return the reader for an address or a path."""
    if location.startswith(("http://", "https://")):
        return Http(location, budget)
    if "://" in location:
        raise errors.Usage(f"{location!r} is neither http:// nor https:// nor a folder")
    return Folder(Path(location).expanduser())


def in_turn(locations: Sequence[str], budget: Budget) -> Iterator[tuple[str, Http | Folder]]:
    """Yield each location and its reader, made when its turn comes: a slow one leaves the others their time."""
    for done, location in enumerate(locations):
        yield location, open_reader(location, budget.share(len(locations) - done))
