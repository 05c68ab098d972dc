"""What a path that somebody typed is: a folder, a snapshot in the Hub cache (or a part of one), or a single file.

    HUB/models--acme-lab--atlas-7b/snapshots/<commit>/sub/config.json -> ../../../../blobs/<etag>
    HUB/models--acme-lab--atlas-7b/blobs/<etag>                       -> ../../blobs/<2 hex>/<64 hex>    (not always)
    HUB/blobs/<2 hex>/<64 hex>                                           shared by all repos

A link of a snapshot is followed only if it says exactly this: into the `blobs` of the same repo, and from there at most
once more into those that all repos share. Every hop is opened from the handle of the folder above and must be no link
itself; `refs`, `.no_exist` and `trees` are never read. A cache without links (Windows, HF_HUB_DISABLE_SYMLINKS) has the
files themselves in the snapshot. Such a path says whose the files are and of which commit, because the user typed it.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from dataclasses import dataclass, replace
from pathlib import Path

from modelseal import folders
from modelseal.errors import Malformed, Usage
from modelseal.folders import Found, Listing, Problem, Source
from modelseal.formats import names
from modelseal.formats.names import Asked
from modelseal.platform import Folder, Opener, is_link

_CACHED_REPO = re.compile(r"(?:models|datasets|spaces|kernels)--.+", re.DOTALL)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_PREFIX = {"models": "", "datasets": "datasets/", "spaces": "spaces/"}
_INNER = ("snapshots", "blobs", "refs")  # what a repo's folder in the cache has
_BLOB = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}"  # an etag: 40 or 64 hex on the Hub, others on servers like it
_INTO_BLOBS = re.compile(rf"((?:\.\./){{2,}})blobs/({_BLOB})")
_INTO_SHARED = re.compile(r"\.\./\.\./blobs/([0-9a-f]{2})/(\1[0-9a-f]{62})")


@dataclass(frozen=True, slots=True)
class Place:
    """A path, and what lies there. `part`: it need not be all of a release."""

    path: Path  # as typed
    source: Source | None  # None: a plain folder
    part: bool = False
    asked: Asked | None = None  # whose it is by its own path, for a Hub cache path

    def walk(self) -> Listing:
        """Return what is there; Usage if nothing is."""
        return folders.walk(self.path) if self.source is None else self.source.walk()


def find(path: Path) -> Place:
    """Return what *path* is. Raises Usage if it is nothing, or in the Hub cache but no snapshot."""
    try:
        spelled, real = _spellings(path)
    except ValueError as e:
        raise Usage(f"{str(path)!r}: no such folder") from e
    for one in dict.fromkeys((spelled, real)):
        cached = _cached(one)
        if cached is not None:
            # A link that leads into a cache does not say whose the files are: who made the link chose that.
            asked = _asked(cached) if one == spelled else None
            return Place(path, cached, part=True, asked=asked)
    try:
        status = os.stat(path)
    except FileNotFoundError as e:
        raise Usage(f"{path}: no such folder") from e
    except OSError as e:
        raise Usage(f"{path}: {folders.reason(e)}") from e
    kind = folders.kind_of(status)
    if kind == "folder":
        return Place(path, None)
    if kind != "file":
        raise Usage(f"{path}: {folders.WORDS[kind]}, neither a folder nor a file")
    return Place(path, OneFile(real.parent, _as_listed(real)), part=True)


def _as_listed(file: Path) -> str:
    """Return the name of *file* as its folder lists it: some systems find it by others that differ in case."""
    with folders.open_folder(file.parent) as folder:
        try:
            alike = {
                entry.name for entry in folder.entries() if entry.name and entry.name.casefold() == file.name.casefold()
            }
        except OSError as e:
            raise Usage(f"{file.parent}: {folders.reason(e)}") from e
    return file.name if file.name in alike or len(alike) != 1 else alike.pop()


def plain_folder(path: Path) -> Path:
    """Return *path* if files may be sealed there; Usage if it is no plain folder."""
    place = find(path)
    if isinstance(place.source, Snapshot):
        raise Usage(
            f"{path} lies in the Hub cache, where files are links and may be missing",
            hint="seal the folder that they were uploaded from, or download with --local-dir",
        )
    if place.source is not None:
        raise Usage(f"{path}: not a folder")
    return path


def sealed_name(path: Path, sealed: tuple[str, ...], listed: str | None = None) -> str:
    """Return which of the names *sealed* the file at *path* stands for: the longest that its path ends in.

    *listed*: its name as the folder lists it, if that differs in case only from how it was typed.

    `./atlas-7b/sub/tokenizer.json` is `sub/tokenizer.json` where a seal has that, else `tokenizer.json`. If the seal
    has neither, the file's own name.
    """
    parts = Path(os.path.abspath(path)).parts[1:]
    if listed is not None and listed.casefold() == parts[-1].casefold():
        parts = (*parts[:-1], listed)
    for i in range(len(parts)):
        name = "/".join(parts[i:])
        if name in sealed:
            return name
    return parts[-1]


@dataclass(frozen=True, slots=True)
class OneFile:
    """A single file: where it really lies."""

    folder: Path
    name: str

    def walk(self) -> Listing:
        with folders.open_folder(self.folder) as folder:
            try:
                status = folder.status(self.name)
            except OSError as e:
                raise Usage(f"{self.folder / self.name}: {folders.reason(e)}") from e
        kind = folders.kind_of(status)
        if kind != "file":  # it was one when it was looked for
            return Listing(self.folder, (), problems=(Problem(self.name, kind, folders.WORDS[kind]),), source=self)
        return Listing(self.folder, (Found.of(self.name, status),), source=self)

    def opener(self) -> Opener:
        return Opener(self.folder)


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


def _spellings(path: Path) -> tuple[Path, Path]:
    """Return the absolute path as it was spelled, and the one without links."""
    real, spelled = Path(os.path.realpath(path)), Path(os.path.abspath(path))
    if ".." in path.parts and os.path.realpath(spelled) != str(real):
        return real, real  # `link/..` is not where it seems to be
    return spelled, real


def _cached(path: Path) -> Snapshot | None:
    """Return the snapshot that the absolute *path* names, None if it is not in a Hub cache; Usage if no snapshot."""
    for i, part in enumerate(path.parts[:-1]):
        inner = path.parts[i + 1 :]
        if inner[0] not in _INNER:
            continue
        repo = Path(*path.parts[: i + 1])
        if not _CACHED_REPO.fullmatch(part) and not all((repo / name).is_dir() for name in _INNER):
            continue
        if inner[0] != "snapshots" or len(inner) == 1:
            raise _which(repo, path)
        if not _COMMIT.fullmatch(inner[1]):
            raise Usage(f"{path}: the snapshot {inner[1]} is not named by a commit of 40 hex digits")
        return Snapshot(Path(os.path.realpath(repo)), part, inner[1], "/".join(inner[2:]))
    named = _CACHED_REPO.fullmatch(path.name) and (path / "snapshots").is_dir()
    if named or all((path / name).is_dir() for name in _INNER):
        raise _which(path, path)
    return None


def _which(repo: Path, path: Path) -> Usage:
    """A repo in the cache, but which snapshot?"""
    try:
        found = sorted(name for name in os.listdir(repo / "snapshots") if _COMMIT.fullmatch(name))
    except OSError:
        found = []
    return Usage(
        f"{path} is in the Hub cache, but it is no snapshot",
        hint=" or ".join(f"modelseal verify {repo / 'snapshots' / name}" for name in found[:10])
        or "a snapshot is HUB/models--OWNER--NAME/snapshots/COMMIT",
    )


def _asked(snapshot: Snapshot) -> Asked | None:
    """Return the repo and commit that a Hub cache path names; None if the repo's folder has a name of its own."""
    if not _CACHED_REPO.fullmatch(snapshot.name):
        return None
    kind, *parts = snapshot.name.split("--")
    try:
        if kind not in _PREFIX or len(parts) != 2:  # owners and names never have `--` in them
            raise Malformed("not one owner and one name")
        return Asked(names.repo(f"hf://{_PREFIX[kind]}{parts[0]}/{parts[1]}", "repo"), snapshot.commit)
    except Malformed as e:
        raise Usage(
            f"{names.printable(snapshot.name)} in the Hub cache is no repo that can be sealed",
            hint="repos are written owner/name, datasets/owner/name or spaces/owner/name",
        ) from e
