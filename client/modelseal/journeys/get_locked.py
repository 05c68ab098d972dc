"""Everything in the lock: each repo at its commit, downloaded, verified and handed over as `get` does."""

from __future__ import annotations

from pathlib import Path

from modelseal import hubenv
from modelseal.errors import Error, Usage
from modelseal.journeys import cached
from modelseal.journeys.allow import Allow, Allowing
from modelseal.journeys.ask import Where, check
from modelseal.journeys.at_hub import Token
from modelseal.journeys.digests import Hashing
from modelseal.journeys.download import got
from modelseal.journeys.scan import WORDS, failure_of
from modelseal.journeys.wish import Wish
from modelseal.lockfile import Entry
from modelseal.reports.subject import Failure, Scan, Scanned
from modelseal.verdict import Verdict


def get_locked(
    cache_dir: Path | str | None = None,
    *,
    registry: str | None = None,
    evidence: Path | str | None = None,
    offline: bool = False,
    max_age: int | None = None,
    as_of: int | str | None = None,
    strict: bool = False,
    locked: bool = False,
    lock: Path | str | None = None,
    rules: Path | str | None = None,
    jobs: int | None = None,
    recheck: bool = False,
    token: Token = None,
    quiet: bool = True,
) -> Scan:
    """Return what came of every repo in the lock: with a verdict that is true, it lies in the Hub cache *cache_dir*.

    One that is refused or gets no answer ends nothing: it is said, and the others are downloaded. *evidence* is a
    folder as `lock` saves it; the others are as for `get`. Raises Usage besides if there is no lock.
    """
    hub = cached.folder(cache_dir)
    allow = Allow.typed((), strict, locked, lock, rules)
    allowing = Allowing.of(allow, named=None)
    where = Where(registry, Path(evidence) if evidence else None, offline, max_age, as_of)
    check(allowing.where(where))
    wish = Wish(cache_dir=hub, local_only=offline or hubenv.is_off(), token=token)
    hashing = Hashing("both", jobs, recheck)
    found = [_one(entry, wish, where, allowing, hashing, hub, quiet=quiet) for entry in allowing.entries]
    ranked = sorted(found, key=lambda one: one.rank)
    typed = str(lock) if lock is not None else None
    named = cache_dir is not None
    return Scan(tuple(ranked), (str(hub),), (), WORDS, named, of_lock=True, lock=typed, command="get")


def _one(
    entry: Entry, wish: Wish, where: Where, allowing: Allowing, hashing: Hashing, hub: Path, *, quiet: bool
) -> Scanned:
    outcome: Verdict | Failure
    path: Path | None = None
    try:
        came = got(f"{entry.repo}@{entry.commit}", wish, where, allowing, hashing, quiet=quiet)
        outcome, path = came.verdict, came.path
    except Usage:
        raise
    except Error as e:
        outcome = failure_of(e, entry.repo)
    return Scanned(entry.repo, entry.commit, str(path or hub), outcome, str(hub))
