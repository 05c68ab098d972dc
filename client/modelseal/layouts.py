"""What a path that somebody typed is: a folder, a snapshot in the Hub cache (or a part of one), or a single file.

A path in the Hub cache says whose the files are and of which commit, because the user typed it; one that only leads
there through a link does not.
"""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

from modelseal import folders
from modelseal.errors import Malformed, Usage
from modelseal.folders import Found, Listing, Problem, Source
from modelseal.formats import names
from modelseal.formats.names import Asked
from modelseal.hubcache import Snapshot
from modelseal.platform import Folder, Opener
from modelseal.values import dataclass

_CACHED_REPO = re.compile(r"(?:models|datasets|spaces|kernels)--.+", re.DOTALL)
_PREFIX = {"models": "", "datasets": "datasets/", "spaces": "spaces/"}
_INNER = ("snapshots", "blobs", "refs")  # what a repo's folder in the cache has


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
        raise Usage(f"{str(path)!r}: no such file or folder") from e
    for one in dict.fromkeys((spelled or real, real)):
        cached = _cached(one)
        if cached is not None:
            # A link that leads into a cache does not say whose the files are: who made the link chose that.
            asked = _asked(cached) if one == spelled else None
            return Place(path, cached, part=True, asked=asked)
    try:
        status = os.stat(path)
    except FileNotFoundError as e:
        raise Usage(f"{path}: no such file or folder") from e
    except OSError as e:
        raise Usage(f"{path}: {folders.reason(e)}") from e
    kind = folders.kind_of(status)
    if kind == "folder":
        return Place(path, None)
    if kind != "file":
        raise Usage(f"{path}: {folders.WORDS[kind]}, neither a folder nor a file")
    stored = _as_listed(real)
    typed = (spelled or real).name
    name = stored if stored.casefold() == typed.casefold() else typed
    return Place(path, OneFile(real.parent, stored, name), part=True)


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


def sealed_name(path: Path, sealed: tuple[str, ...], name: str) -> str:
    """Return which of the names *sealed* the file at *path* stands for: the longest that its path ends in.

    `./atlas-7b/sub/tokenizer.json` is `sub/tokenizer.json` where a seal has that, else `tokenizer.json`. If the seal
    has neither, the file's own *name*, as its folder lists it.
    """
    parts = (*Path(os.path.abspath(path)).parts[1:-1], name)
    for i in range(len(parts)):
        if (ending := "/".join(parts[i:])) in sealed:
            return ending
    return name


@dataclass(frozen=True, slots=True)
class OneFile:
    """A single file: where it really lies, and what it is called."""

    folder: Path
    stored: str  # its name in that folder
    name: str  # as typed, where that is a link; it is listed and opened by this one

    def walk(self) -> Listing:
        with folders.open_folder(self.folder) as folder:
            try:
                status = folder.status(self.stored)
            except OSError as e:
                raise Usage(f"{self.folder / self.stored}: {folders.reason(e)}") from e
        kind = folders.kind_of(status)
        if kind != "file":  # it was one when it was looked for
            return Listing(self.folder, (), problems=(Problem(self.name, kind, folders.WORDS[kind]),), source=self)
        return Listing(self.folder, (Found.of(self.name, status),), source=self)

    def opener(self) -> Opener:
        return _OneFileOpener(self)


class _OneFileOpener(Opener):
    def __init__(self, file: OneFile) -> None:
        super().__init__(file.folder)
        self._file = file

    def _last(self, folder: Folder, name: str) -> int:
        if name != self._file.name:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        return folder.file(self._file.stored)


def _spellings(path: Path) -> tuple[Path | None, Path]:
    """Return the absolute path as it was spelled, None if links make that another one, and the one without links."""
    real, spelled = Path(os.path.realpath(path)), Path(os.path.abspath(path))
    if ".." in path.parts and os.path.realpath(spelled) != str(real):
        return None, real  # `link/..` is not where it seems to be
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
        if not names.is_commit(inner[1]):
            raise Usage(f"{path}: the snapshot {inner[1]} is not named by a commit of 40 hex digits")
        return Snapshot(Path(os.path.realpath(repo)), part, inner[1], "/".join(inner[2:]))
    named = _CACHED_REPO.fullmatch(path.name) and (path / "snapshots").is_dir()
    if named or all((path / name).is_dir() for name in _INNER):
        raise _which(path, path)
    return None


def _which(repo: Path, path: Path) -> Usage:
    """A repo in the cache, but which snapshot?"""
    try:
        found = sorted(name for name in os.listdir(repo / "snapshots") if names.is_commit(name))
    except OSError:
        found = []
    return Usage(
        f"{path} is in the Hub cache, but it is no snapshot",
        hint=" or ".join(f"modelseal verify {repo / 'snapshots' / name}" for name in found[:10])
        or "a snapshot is HUB/models--OWNER--NAME/snapshots/COMMIT",
    )


def _asked(snapshot: Snapshot) -> Asked | None:
    """Return the repo and commit that a Hub cache path names; None if the repo's folder has a name of its own."""
    try:
        name = cached_name(snapshot.name)
    except Malformed as e:
        raise Usage(
            f"{names.printable(snapshot.name)} in the Hub cache is no repo that can be sealed",
            hint="repos are written owner/name, datasets/owner/name or spaces/owner/name",
        ) from e
    return Asked(name, snapshot.commit) if name is not None else None


def cached_folder(repo: str) -> str:
    """Return how the folder of *repo* (hf://...) in a Hub cache is called."""
    kind, *rest = names.short(repo).split("/")
    return "--".join([kind, *rest] if len(rest) == 2 else ["models", kind, *rest])


def cached_name(folder: str) -> str | None:
    """Return the repo whose folder in a Hub cache is called *folder*: `models--acme-lab--atlas-7b` is
    hf://acme-lab/atlas-7b. None if it is called otherwise; Malformed if no repo has such a name."""
    if not _CACHED_REPO.fullmatch(folder):
        return None
    kind, *parts = folder.split("--")
    if kind not in _PREFIX:
        raise Malformed(f"seals are of {', '.join(_PREFIX)}")
    if len(parts) != 2:  # owners and names never have `--` in them
        raise Malformed("not one owner and one name")
    return names.repo(f"hf://{_PREFIX[kind]}{parts[0]}/{parts[1]}", "repo")
