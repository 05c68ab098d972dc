"""A folder as the place of a release (--local-dir): new, or with files of it already, and nothing else.

D                         a new one appears as a whole; into an existing one each file goes without overwriting
.modelseal-get-D          beside it: where it waits until then; inside D where that lies on a file system of its own
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from modelseal import folders, layouts
from modelseal.compare import risk_of
from modelseal.errors import Conflict, Usage
from modelseal.folders import Listing
from modelseal.formats.names import printable
from modelseal.journeys.at_hand import AtHand, Expected, look
from modelseal.journeys.digests import Hashing
from modelseal.journeys.into_cache import Moving, refused
from modelseal.platform.kept import sync
from modelseal.values import dataclass

WAITING = ".modelseal-get"
MAX_NAMED = 5


@dataclass(frozen=True, slots=True)
class FolderTarget:
    """The folder *path*."""

    path: Path

    @property
    def real(self) -> Path:
        return Path(os.path.realpath(self.path))

    @property
    def waiting(self) -> Path:
        """The folder in which it waits, on the same file system."""
        real = self.real
        try:
            beside = os.stat(real.parent).st_dev == os.stat(real).st_dev
        except FileNotFoundError:
            beside = True
        if beside and os.access(real.parent, os.W_OK | os.X_OK):
            return real.parent / f"{WAITING}-{real.name}"
        return real / WAITING

    def check(self) -> None:
        """Refuse early what can be no place for it."""
        if os.path.lexists(self.path):
            if not self.path.is_dir():
                raise Usage(f"{self.path}: not a folder")
            layouts.plain_folder(self.path)
        elif not self.real.parent.is_dir():
            raise Usage(f"{self.path.parent}: no such folder")

    def walk(self) -> Listing:
        """Return what is in the folder; nothing if it is not there yet."""
        return folders.walk(self.path) if self.path.exists() else Listing(self.path, ())

    def look(self, expected: Expected, lfs: Mapping[str, str | None], hashing: Hashing, *, quiet: bool) -> AtHand:
        """Return what is right there."""
        listing = self.walk()
        ours = replace(
            listing,
            files=tuple(one for one in listing.files if one.name.split("/")[0] != WAITING),
            problems=tuple(one for one in listing.problems if one.name.split("/")[0] != WAITING),
        )
        found = look(ours, expected, hashing, quiet=quiet)
        return replace(found, parts=((listing, frozenset(found.right.digests)),) if found.right.digests else ())

    def is_settled(self, at_hand: AtHand, wanted: Iterable[str]) -> bool:
        """Whether nothing is to be done."""
        return all(name in at_hand.right.digests for name in wanted)

    is_whole = is_settled

    def others(self, have: Iterable[str]) -> tuple[str, ...]:
        """What others put there is theirs."""
        return ()

    def refuse(self, at_hand: AtHand) -> None:
        """Raise Conflict for files that are not of the release: people's own files are neither mixed in nor lost."""
        foreign = [*at_hand.foreign, *(problem.name for problem in at_hand.problems)]
        if not foreign and not at_hand.wrong:
            return
        said = []
        if at_hand.wrong:
            said.append(f"{_some(at_hand.wrong)} not as sealed")
        if foreign:
            said.append(f"{_some(foreign)} not of this release")
        raise Conflict(
            f"{self.path} has other files already: {'; '.join(said)}; nothing there is overwritten or removed",
            hint="name a new folder with --local-dir",
        )

    def move(self, at_hand: AtHand, moving: Iterable[Moving], have: Iterable[str], stage: Path) -> tuple[str, ...]:
        """Give all of *moving* their names; nothing is removed."""
        moving = list(moving)
        with refused(self.path):
            sync(one.path for one in moving)
            if not self.path.exists():
                self._as_a_whole(moving, stage)
                return ()
            for one in moving:
                target = self.real / one.name
                os.makedirs(target.parent, exist_ok=True)
                _new_name(one.path, target)
            sync([self.real])
        return ()

    def _as_a_whole(self, moving: list[Moving], stage: Path) -> None:
        new = stage / "new"
        shutil.rmtree(new, ignore_errors=True)
        for one in moving:
            target = new / one.name
            os.makedirs(target.parent, exist_ok=True)
            _take(one.path, target)
        sync(Path(above) for above, _, _ in os.walk(new))
        os.rename(new, self.real)  # what is empty and was made meanwhile gives way; anything else refuses
        sync([self.real.parent])


def _new_name(path: Path, target: Path) -> None:
    """Give the file *path* the name *target*, which nothing may have."""
    try:
        os.link(path, target)
    except FileExistsError:
        raise
    except OSError:  # no hard links there
        if os.path.lexists(target):
            raise
        os.rename(path, target)


def _take(path: Path, target: Path) -> None:
    """The same in a folder of our own: two files with the same bytes may be one in the stage."""
    with contextlib.suppress(OSError):
        os.link(path, target)
        return
    shutil.copyfile(path, target)


def _some(names: Iterable[str]) -> str:
    every = [printable(name) + (" (program)" if risk_of(name) == "program" else "") for name in names]
    more = len(every) - MAX_NAMED
    shown = ", ".join(every[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"{shown} {'is' if len(every) == 1 else 'are'}"
