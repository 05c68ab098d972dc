"""The Hub cache as the place of a release: what of it is there, and how what was verified gets its names there.

    HUB/models--acme-lab--atlas-7b/blobs/<sha256, or git's id>     moved in one step, from the same file system
    HUB/models--acme-lab--atlas-7b/snapshots/<commit>/...          links to them; a new snapshot appears as a whole
    HUB/models--acme-lab--atlas-7b/refs/main                       last, and only what was asked for
    HUB/.locks/modelseal/models--acme-lab--atlas-7b/               where it waits until then: nobody else looks there

A blob is called what its own bytes come to, as the Hub calls it, and never what the Hub said: a name that is taken from
an answer could be that of somebody else's blob. So what is replaced there had the wrong bytes for its name.

In a snapshot that is there already, what the release does not have is removed, as are the Hub client's own notes
about this commit (`trees`, `.no_exist`), which it wrote on somebody's word and which hide or add files. A kill between
two steps leaves files of the release only.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from modelseal import folders, hubenv, layouts
from modelseal.errors import Error, Usage
from modelseal.folders import Listing
from modelseal.formats import manifest, names
from modelseal.hubcache import Snapshot
from modelseal.journeys.at_hand import AtHand, Expected, among, look
from modelseal.journeys.digests import Hashing, both
from modelseal.journeys.gathered import Picked
from modelseal.platform import unwritable
from modelseal.platform.kept import sync
from modelseal.values import dataclass

_REF = re.compile(r"(?!\.{1,2}(?:/|$))[^\\/\0-\x1f]{1,255}(?:/(?!\.{1,2}(?:/|$))[^\\/\0-\x1f]{1,255})*")
_Put = Callable[[str, Path], None]


@dataclass(frozen=True, slots=True)
class Moving:
    """A file that was verified where it waits."""

    name: str
    path: Path  # no link
    sha256: str | None  # hex, where the Hub calls the blob by it; None: by git's id


@dataclass(frozen=True, slots=True)
class CacheTarget:
    """A snapshot of *commit* in the Hub cache *hub*."""

    hub: Path
    repo: str  # hf://..., as typed: loaders look for it under that name
    commit: str
    ref: str | None = None  # the branch or tag that was asked for

    @property
    def folder(self) -> Path:
        """The repo's folder."""
        return self.hub / layouts.cached_folder(self.repo)

    @property
    def path(self) -> Path:
        """What is handed over."""
        return self.folder / "snapshots" / self.commit

    @property
    def waiting(self) -> Path:
        """The folder in which it waits: on the file system of the repo's folder, which may be a link elsewhere."""
        return Path(os.path.realpath(self.folder)).parent / ".locks/modelseal" / self.folder.name

    def check(self) -> None:
        """Refuse early what can be no place for it."""
        if os.path.lexists(self.hub) and not self.hub.is_dir():
            raise Usage(f"{self.hub}: not a folder")
        if self.ref is not None and not _REF.fullmatch(self.ref):
            raise Usage(f"{names.printable(self.ref)} is no name of a branch or tag")

    @property
    def snapshot(self) -> Snapshot:
        return Snapshot(Path(os.path.realpath(self.folder)), self.folder.name, self.commit)

    def walk(self) -> Listing:
        """Return what the snapshot has; nothing if there is none."""
        if not os.path.lexists(self.path):
            return Listing(self.path, ())
        return self.snapshot.walk()

    def look(self, expected: Expected, lfs: Mapping[str, str | None], hashing: Hashing, *, quiet: bool) -> AtHand:
        """Return what is right there: files of the snapshot, and blobs from which a link is missing.

        *lfs*: the git id of each file that is not in LFS, None for those that are.
        """
        found = look(self.walk(), expected, hashing, quiet=quiet)
        picked = self._blobs({name for name in expected if name not in found.right.digests}, expected, lfs)
        if not picked:
            return found
        listing = Picked(Path(os.path.realpath(self.folder)) / "blobs", tuple(sorted(picked.items()))).walk()
        likely = [one.name for one in listing.files if one.size == expected[one.name].size]
        right = among(listing, likely, expected, hashing, quiet=quiet)
        return replace(
            found,
            right=both(found.right, right),
            blobs={name: picked[name] for name in right.digests},
            parts=(*found.parts, (listing, frozenset(right.digests))),
        )

    def _blobs(self, missing: set[str], expected: Expected, lfs: Mapping[str, str | None]) -> dict[str, str]:
        """Return the blob that each of *missing* would have, where there is one. Without links blobs are no files of
        anybody, so none is looked for."""
        if not self._links():
            return {}
        blobs, found = self.folder / "blobs", {}
        for name in missing & lfs.keys():
            called = lfs[name] or expected[name].sha256.hex()
            with contextlib.suppress(OSError):
                if folders.kind_of(os.lstat(blobs / called)) == "file":
                    found[name] = called
        return found

    def is_settled(self, at_hand: AtHand, wanted: Iterable[str]) -> bool:
        """Whether nothing is to be done: all is there, nothing else is, and the ref says so."""
        return self.is_whole(at_hand, wanted) and not self._doubtful(at_hand.right.digests) and self._ref_stands()

    def is_whole(self, at_hand: AtHand, wanted: Iterable[str]) -> bool:
        """Whether all is there and right, and nothing else; a ref, or the client's notes, may be missing or wrong."""
        whole = all(name in at_hand.right.digests and name not in at_hand.blobs for name in wanted)
        hidden = any(os.path.lexists(path) for path in self._absent(at_hand.right.digests))
        return whole and not (at_hand.wrong or at_hand.foreign or at_hand.problems or hidden)

    def others(self, have: Iterable[str]) -> tuple[str, ...]:
        """Return what the snapshot has besides *have*, and besides names that are never compared."""
        listing = self.walk()
        names_ = {*(found.name for found in listing.files), *(problem.name for problem in listing.problems)}
        return tuple(sorted(names_.difference(have)))

    def _ref_stands(self) -> bool:
        if self.ref is None:
            return True
        try:
            return (self.folder / "refs" / self.ref).read_text() == self.commit
        except (OSError, ValueError):
            return False

    def _doubtful(self, have: Iterable[str]) -> list[Path]:
        """Return what the Hub's client has noted about this commit: what it lists, and which files it lacks."""
        doubtful = [self.folder / "trees" / f"{self.commit}.json", *self._absent(have)]
        return [path for path in doubtful if os.path.lexists(path)]

    def _absent(self, have: Iterable[str]) -> list[Path]:
        """Return where the client would note that it was told there is no such file."""
        return [self.folder / ".no_exist" / self.commit / name for name in have]

    def refuse(self, at_hand: AtHand) -> None:
        """Raise Error for what is in the snapshot and cannot be removed by its name."""
        for problem in at_hand.problems:
            if problem.kind in ("name", "deep", "unreadable"):
                where = f"{self.path}: {names.printable(problem.name)}: {problem.detail}"
                raise Error(where, hint=f"remove it: rm -r {self.path}")

    def move(
        self,
        at_hand: AtHand,
        moving: Iterable[Moving],
        have: Iterable[str],
        stage: Path,
    ) -> tuple[str, ...]:
        """Give all of *moving* their names, after which the snapshot has exactly *have*; return what was removed.

        *stage*: a private folder on the same file system.
        """
        moving, have = list(moving), set(have)
        with refused(self.path):
            os.makedirs(self.path.parent, exist_ok=True)  # first: a repo's folder without it is none to the Hub's tools
            sync(one.path for one in moving)
            if self._links():
                blobs = {**at_hand.blobs, **self._move_blobs(moving)}
                place = {name: ("../" * (name.count("/") + 2)) + f"blobs/{blob}" for name, blob in blobs.items()}
                put: _Put = lambda name, path: os.symlink(place[name], path)  # noqa: E731
            else:
                place = {one.name: str(one.path) for one in moving}
                put = lambda name, path: os.replace(place[name], path)  # noqa: E731
            removed = self._names(at_hand, place, put, stage)
            for path in self._doubtful(have):
                os.unlink(path)
            self._keep_ref(stage)
        return removed

    def _move_blobs(self, moving: Iterable[Moving]) -> dict[str, str]:
        blobs = self.folder / "blobs"
        os.makedirs(blobs, exist_ok=True)
        found: dict[str, str] = {}
        moved: dict[Path, str] = {}  # two files with the same bytes are one blob
        for one in moving:
            if one.path not in moved:
                moved[one.path] = one.sha256 or _git_id(one.path)
                os.replace(one.path, blobs / moved[one.path])
            found[one.name] = moved[one.path]
        sync([blobs])
        return found

    def _names(self, at_hand: AtHand, place: Mapping[str, str], put: _Put, stage: Path) -> tuple[str, ...]:
        """Put each name of *place* into the snapshot, and remove what is wrong or foreign there."""
        new = stage / "new"
        shutil.rmtree(new, ignore_errors=True)
        for name in place:
            os.makedirs((new / name).parent, exist_ok=True)
            put(name, new / name)
        if not os.path.lexists(self.path):
            sync(Path(above) for above, _, _ in os.walk(new))
            os.rename(new, self.path)
            sync([self.path.parent])
            return ()
        extra = [*at_hand.foreign, *(name for name in at_hand.wrong if name not in place)]
        extra += [problem.name for problem in at_hand.problems]
        for name in extra:
            _remove(self.path, name)
        for name in place:
            target = self.path / name
            os.makedirs(target.parent, exist_ok=True)
            if target.is_dir() and not target.is_symlink():
                os.rmdir(target)  # empty by now
            os.replace(new / name, target)
        sync([self.path])
        return tuple(sorted(extra))

    def _keep_ref(self, stage: Path) -> None:
        if self.ref is None or self._ref_stands():
            return
        path = self.folder / "refs" / self.ref
        os.makedirs(path.parent, exist_ok=True)
        (stage / "ref").write_text(self.commit)
        os.replace(stage / "ref", path)

    def _links(self) -> bool:
        """Whether snapshots have links here, as the Hub's own client decides it."""
        if hubenv.is_on("HF_HUB_DISABLE_SYMLINKS"):
            return False
        return os.name != "nt" or _can_link(self.hub)


def _can_link(folder: Path) -> bool:
    import tempfile

    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".modelseal-") as inner:
            os.symlink("nowhere", Path(inner) / "link")
    except OSError:
        return False
    return True


def _git_id(path: Path) -> str:
    with open(path, "rb") as file:
        git = manifest.git_blob(os.fstat(file.fileno()).st_size)
        while part := file.read(1 << 20):
            git.update(part)
    return git.hexdigest()


def _remove(root: Path, name: str) -> None:
    """Remove what *name* is below *root*, and the folders above it that are empty then."""
    path = root / name
    status = os.lstat(path)
    if folders.kind_of(status) == "folder":
        shutil.rmtree(path)
    else:
        os.unlink(path)
    with contextlib.suppress(OSError):
        while (path := path.parent) != root:
            os.rmdir(path)


@contextlib.contextmanager
def refused(path: Path) -> Iterator[None]:
    """Turn what the system says while something is written at *path* into words."""
    try:
        yield
    except OSError as e:
        if e.errno == errno.EXDEV:
            raise Error(f"{path}: parts of this cache lie on different file systems") from e
        raise unwritable(path, e) from e
