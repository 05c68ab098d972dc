"""A snapshot in the Hub cache, as the Hub's own client and others lay it down, read without trusting its links.

    HUB/models--acme-lab--atlas-7b/snapshots/<commit>/sub/config.json -> ../../../../blobs/<etag>
    HUB/models--acme-lab--atlas-7b/blobs/<etag>                       -> ../../blobs/<2 hex>/<64 hex>    (not always)
    HUB/blobs/<2 hex>/<64 hex>                                           shared by all repos

A link is followed only if it says exactly this: into the `blobs` of the same repo, and from there at most once more
into those that all repos share. Every hop is opened from the handle of the folder above and must be no link itself;
`refs`, `.no_exist` and `trees` are never read. A cache without links (Windows, HF_HUB_DISABLE_SYMLINKS) has the files
themselves in the snapshot.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from dataclasses import replace
from pathlib import Path

from modelseal import folders
from modelseal.errors import Usage
from modelseal.folders import Listing
from modelseal.platform import Folder, Opener, is_link
from modelseal.values import dataclass

_BLOB = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}"  # an etag: 40 or 64 hex on the Hub, others on servers like it
_INTO_BLOBS = re.compile(rf"((?:\.\./){{2,}})blobs/({_BLOB})")
_INTO_SHARED = re.compile(r"\.\./\.\./blobs/([0-9a-f]{2})/(\1[0-9a-f]{62})")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot in the Hub cache, or what is below *inside* it."""

    repo: Path  # the repo's folder, without links
    name: str  # that folder's name as typed
    commit: str
    inside: str = ""  # a '/'-separated name; '' for all

    @property
    def path(self) -> Path:
        return self.repo / "snapshots" / self.commit

    def walk(self) -> Listing:
        with _Cache(self) as cache:
            listing = folders.walk_open(self.path, cache.top, follow=cache.follow, source=self)
        if not self.inside:
            return listing

        def within(name: str) -> bool:
            return name == self.inside or name.startswith(self.inside + "/")

        found = replace(
            listing,
            files=tuple(found for found in listing.files if within(found.name)),
            skipped=tuple(name for name in listing.skipped if within(name)),
            problems=tuple(problem for problem in listing.problems if within(problem.name)),
        )
        if not (found.files or found.skipped or found.problems):
            raise Usage(f"{self.path / self.inside}: no such file in the snapshot")
        return found

    def opener(self) -> Opener:
        return _CacheOpener(_Cache(self))


class _Cache:
    """The open folders of one snapshot: the cache, the repo in it, its `blobs`, and the snapshot itself."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._open: list[Folder] = []
        try:
            self._hub = self._keep(Folder.open(snapshot.repo.parent))
            repo = self._keep(self._hub.folder(snapshot.repo.name))
            try:
                self._blobs: Folder | None = self._keep(repo.folder("blobs"))
            except FileNotFoundError:
                self._blobs = None  # a cache without links
            self.top = self._keep(self._keep(repo.folder("snapshots")).folder(snapshot.commit))
        except (FileNotFoundError, NotADirectoryError) as e:
            self.close()
            raise Usage(f"{snapshot.path}: no such snapshot, or a link in its place") from e
        except OSError as e:
            self.close()
            raise Usage(f"{snapshot.path}: {folders.reason(e)}") from e

    def _keep(self, folder: Folder) -> Folder:
        self._open.append(folder)
        return folder

    def follow(self, folder: Folder, name: str, depth: int) -> os.stat_result | str:
        """Return the status of the regular file that a link stands for, or why it is not followed."""
        try:
            blob, text = self._blob(folder, name, depth)
            if blob is None or self._blobs is None:
                return f"a link to {text}, which is not in the blobs of this repo"
            status = self._blobs.status(blob)
            if is_link(status):
                shared, text = self._shared(blob)
                if shared is None:
                    return f"a link to blobs/{blob}, itself a link to {text}, which is not in the Hub's shared blobs"
                prefix, last = shared
                with self._hub.folder("blobs") as blobs, blobs.folder(prefix) as inner:
                    status = inner.status(last)
        except OSError as e:
            return f"a link that leads nowhere: {folders.reason(e)}"
        kind = folders.kind_of(status)
        return status if stat.S_ISREG(status.st_mode) else f"a link to {folders.WORDS[kind]}"

    def open(self, folder: Folder, name: str, depth: int) -> int:
        """Open the file *name*, or the one that it is a link to, which must be as `follow` wants it; OSError if not."""
        if not is_link(folder.status(name)):
            return folder.file(name)
        blob, _ = self._blob(folder, name, depth)
        if blob is None or self._blobs is None:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name)
        if not is_link(self._blobs.status(blob)):
            return self._blobs.file(blob)
        shared, _ = self._shared(blob)
        if shared is None:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name)
        with self._hub.folder("blobs") as blobs, blobs.folder(shared[0]) as inner:
            return inner.file(shared[1])

    @staticmethod
    def _blob(folder: Folder, name: str, depth: int) -> tuple[str | None, str]:
        text = folder.link(name)
        match = _INTO_BLOBS.fullmatch(text or "")
        up = "../" * (depth + 2)  # out of the snapshot's inner folders, the snapshot, and `snapshots`
        return (match[2] if match and match[1] == up else None), _shown(text)

    def _shared(self, blob: str) -> tuple[tuple[str, str] | None, str]:
        assert self._blobs is not None
        text = self._blobs.link(blob)
        match = _INTO_SHARED.fullmatch(text or "")
        return ((match[1], match[2]) if match else None), _shown(text)

    def close(self) -> None:
        for folder in reversed(self._open):
            folder.close()

    def __enter__(self) -> _Cache:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class _CacheOpener(Opener):
    """Opens the files of a snapshot through the links that `_Cache` allows."""

    def __init__(self, cache: _Cache) -> None:
        super().__init__(cache.top)
        self._cache = cache

    def _last(self, folder: Folder, name: str) -> int:
        return self._cache.open(folder, name, self._at.count("/") + 1 if self._at else 0)

    def close(self) -> None:
        self._leave()
        self._cache.close()


def _shown(text: str | None) -> str:
    return "something that is not UTF-8" if text is None else text
