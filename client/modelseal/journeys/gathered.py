"""Files that lie in several places, as one listing under the names that a seal has for them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from modelseal import folders
from modelseal.folders import Found, Listing
from modelseal.platform import Folder, Opener
from modelseal.values import dataclass


@dataclass(frozen=True, slots=True)
class Picked:
    """Files of one folder, each under another name: blobs."""

    folder: Path
    stored: tuple[tuple[str, str], ...]  # (name, what the folder calls it), sorted

    def walk(self) -> Listing:
        """Return those that are regular files."""
        found = []
        with folders.open_folder(self.folder) as folder:
            for name, stored in self.stored:
                try:
                    status = folder.status(stored)
                except OSError:
                    continue
                if folders.kind_of(status) == "file":
                    found.append(Found.of(name, status))
        return Listing(self.folder, tuple(found), source=self)

    def opener(self) -> Opener:
        return _PickedOpener(self)


class _PickedOpener(Opener):
    def __init__(self, picked: Picked) -> None:
        self._folder_of_all = Folder.open(picked.folder)
        self._stored = dict(picked.stored)

    def open(self, name: str) -> int:
        return self._folder_of_all.file(self._stored[name])

    def close(self) -> None:
        self._folder_of_all.close()


@dataclass(frozen=True, slots=True)
class Gathered:
    """The files *names* of each listing, taken together; nothing else of those places is looked at."""

    root: Path
    parts: tuple[tuple[Listing, frozenset[str]], ...]

    def walk(self) -> Listing:
        return _merged(self, [(listing.again(), names) for listing, names in self.parts])

    def opener(self) -> Opener:
        return _GatheredOpener(self)


class _GatheredOpener(Opener):
    def __init__(self, gathered: Gathered) -> None:
        self._openers: list[Opener] = []
        self._by_name: dict[str, Opener] = {}
        try:
            for listing, names in gathered.parts:
                self._openers.append(opener := listing.opener())
                self._by_name.update(dict.fromkeys(names, opener))
        except BaseException:
            self.close()
            raise

    def open(self, name: str) -> int:
        return self._by_name[name].open(name)

    def close(self) -> None:
        for opener in self._openers:
            opener.close()


def gather(root: Path, parts: Iterable[tuple[Listing, Iterable[str]]]) -> Listing:
    """Return one listing of the files that each of *parts* names, as they were found."""
    kept = tuple((listing, frozenset(names)) for listing, names in parts)
    return _merged(Gathered(root, tuple(part for part in kept if part[1])), kept)


def _merged(source: Gathered, parts: Iterable[tuple[Listing, frozenset[str]]]) -> Listing:
    files = [found for listing, names in parts for found in listing.files if found.name in names]
    return Listing(source.root, tuple(sorted(files, key=lambda found: found.name)), source=source)


def really(path: Path, found: Found, inside: Path) -> Path | None:
    """Return where the file at *path* really lies, if that is still the one *found*, below *inside*; else None."""
    real = Path(os.path.realpath(path))
    try:
        same = found.is_still(os.lstat(real))
    except OSError:
        return None
    return real if same and real.is_relative_to(inside) else None
