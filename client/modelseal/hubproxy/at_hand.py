"""Files that lie in the user's own Hub cache already: a way to get bytes without downloading them, and no more.

What is there is hashed first, and read and hashed again on its way through the spool: so a wrong file is passed over
(the Hub is asked), and one that is changed in between does not pass. Programs never read that cache themselves.
"""

from __future__ import annotations

import contextlib
import io
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from modelseal import hashing, layouts
from modelseal.errors import Error
from modelseal.folders import Found
from modelseal.formats.manifest import File
from modelseal.hubcache import Snapshot
from modelseal.passing import Passing

MAX_KNOWN = 10_000


class Cache:
    """The Hub cache *hub*, which need not be there. From any thread."""

    def __init__(self, hub: Path) -> None:
        self._hub = hub
        self._lock = threading.Lock()
        self._known: dict[tuple[Found, File], bool] = {}  # which were hashed, and whether they are right

    @contextlib.contextmanager
    def open(self, passing: Passing, file: File) -> Iterator[io.FileIO | None]:
        """Give the open *file*, if it is there and has its sha256; else None. May take as long as hashing does."""
        with contextlib.ExitStack() as open_:
            found = None
            with contextlib.suppress(Error, OSError):  # whatever is wrong there, the Hub has it too
                found = self._find(passing, file, open_)
            yield found

    def _find(self, passing: Passing, file: File, open_: contextlib.ExitStack) -> io.FileIO | None:
        name = layouts.cached_folder(passing.repo)
        repo = self._hub / name
        if not (repo / "snapshots" / passing.commit).is_dir():
            return None
        listing = Snapshot(Path(os.path.realpath(repo)), name, passing.commit, file.name).walk()
        there = next((one for one in listing.files if one.name == file.name and one.size == file.size), None)
        if there is None:
            return None
        with self._lock:
            right = self._known.get((there, file))
        if right is None:
            digests = hashing.hash_files(listing, {file.name}, sha256=True, blake3=False, jobs=1)
            right = digests[file.name].sha256 == file.sha256
            with self._lock:
                if len(self._known) < MAX_KNOWN:
                    self._known[there, file] = right
        if not right:
            return None
        opener = open_.enter_context(listing.opener())
        return open_.enter_context(io.FileIO(opener.open(file.name)))
