"""Digests of the files at hand: those that the cache knows, the others hashed now, while people see how far it is."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from pathlib import Path

from modelseal import platform, progress
from modelseal.cache import DigestCache
from modelseal.errors import Usage
from modelseal.folders import Listing
from modelseal.hashing import Digests, hash_files
from modelseal.values import dataclass
from modelseal.verdict import Decision

CHOICES = ("auto", "blake3", "sha256", "both")
MAX_JOBS = 256

_WORTH = 16 << 20  # bytes: to hash fewer takes no longer than to open the cache
_OPENING = 32 << 10  # bytes: to open a file takes as long as to hash so many

Step = Callable[[int], None]

SHA256, BLAKE3 = frozenset({"sha256"}), frozenset({"blake3"})
BOTH = SHA256 | BLAKE3


@dataclass(frozen=True, slots=True)
class Hashing:
    """How files are hashed. Raises Usage for what cannot be meant."""

    hash: str = "auto"  # of CHOICES; auto: what decides soonest
    jobs: int | None = None  # threads; None: one per processor
    recheck: bool = False  # hash all of it now, and renew the cache
    step: Step | None = None  # takes the bytes that are hashed, where these files are a part of more; else a bar shows
    known: Hashed | None = None  # what this run has hashed already, of the files as they are

    def __post_init__(self) -> None:
        if self.hash not in CHOICES:
            raise Usage(f"{self.hash!r} is no choice of digests", hint="choose one of " + ", ".join(CHOICES))
        if self.jobs is not None and not 1 <= self.jobs <= MAX_JOBS:
            raise Usage(f"{self.jobs} jobs: from 1 to {MAX_JOBS} make sense")

    def chosen(self, wanted: frozenset[str], decision: Decision) -> frozenset[str]:
        """Return which digests to compute, where *wanted* decide soonest. What decides is never left out."""
        if self.hash == "auto" or decision.word is not None:
            return wanted
        statement = decision.statement
        sealed = statement is not None and all(file.blake3 is not None for file in statement.files)
        if self.hash == "blake3" and not sealed:
            raise Usage("this seal has no blake3 digests at hand, only sha256", hint="leave out --hash")
        if self.hash == "blake3":
            return BLAKE3
        return BOTH if self.hash == "both" and sealed else SHA256


AUTO = Hashing()


@dataclass(frozen=True, slots=True)
class Hashed:
    digests: dict[str, Digests]
    cached: int = 0  # how many of them were not computed now
    since: int | None = None  # POSIX seconds: when the oldest of those was


def both(one: Hashed, other: Hashed) -> Hashed:
    """Return what was hashed of two places, as one."""
    since = [at for at in (one.since, other.since) if at is not None]
    return Hashed({**one.digests, **other.digests}, one.cached + other.cached, min(since, default=None))


def hashed(
    listing: Listing,
    names: Collection[str],
    wanted: frozenset[str],
    hashing: Hashing,
    *,
    quiet: bool,
    into: Path | None = None,
) -> Hashed:
    """Return the *wanted* digests of the files *names* of *listing*. What is copied *into* a folder is hashed now."""
    sha256, blake3 = "sha256" in wanted, "blake3" in wanted
    given = hashing.known if hashing.known is not None else Hashed({})
    files = {found.name: found for found in listing.files if found.name in names and found.name not in given.digests}
    worth = sum(found.size + _OPENING for found in files.values()) >= _WORTH
    cache = DigestCache(platform.cache_folder()) if worth and into is None else None
    known = cache.find(files.values(), sha256=sha256, blake3=blake3) if cache and not hashing.recheck else {}
    digests = {name: one for name, one in given.digests.items() if name in names}
    digests |= {name: kept.digests for name, kept in known.items()}
    rest = [name for name in files if name not in known]
    if rest:
        began_ns = time.time_ns()
        what = "hashing" if into is None else "copying"
        with _bar(what, sum(files[name].size for name in rest), hashing.step, quiet) as step:
            now = hash_files(listing, rest, sha256=sha256, blake3=blake3, jobs=hashing.jobs, progress=step, into=into)
        if cache is not None:
            cache.keep([(files[name], one) for name, one in now.items()], began_ns, renew=hashing.recheck)
        digests |= now
    since = [kept.hashed for kept in known.values()] + ([given.since] if given.since is not None else [])
    return Hashed(digests, len(known) + given.cached, min(since, default=None))


def _bar(what: str, total: int, step: Step | None, quiet: bool) -> AbstractContextManager[Step]:
    return progress.shown(what, total, quiet=quiet) if step is None else contextlib.nullcontext(step)
