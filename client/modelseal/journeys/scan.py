"""Scan: what is said of everything that lies in Hub caches.

    1 which repos and snapshots are there        3 what the log proves, asked once for each repo
    2 how much that is to read                   4 compare every snapshot

Whatever is wrong with one of them ends nothing: it is said, and the others are judged.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from modelseal import inventory, layouts, platform, progress, root
from modelseal.errors import Error, Misbehaviour, Unavailable, Usage
from modelseal.formats.names import Asked, printable
from modelseal.inventory import Inventory, Repo
from modelseal.journeys import cached
from modelseal.journeys.allow import Allow, Allowing
from modelseal.journeys.ask import BUDGET_S, Answer, Where, again, ask, check
from modelseal.journeys.digests import Hashing
from modelseal.journeys.verify import compared
from modelseal.platform import Missing
from modelseal.reports.subject import FAIL_ON, Failure, Scan, Scanned
from modelseal.values import dataclass
from modelseal.verdict import Decision, Verdict, Word

WORDS = tuple(word.value for word in Word if word.exit_code)
SHORT_S = 5.0  # the budget of one repo after another's was spent without an answer


def scan(
    cache_dirs: Iterable[Path | str] = (),
    *,
    fail_on: Iterable[str] = FAIL_ON,
    registry: str | None = None,
    offline: bool = False,
    max_age: int | None = None,
    as_of: int | str | None = None,
    strict: bool = False,
    locked: bool = False,
    lock: Path | str | None = None,
    rules: Path | str | None = None,
    hash: str = "auto",
    jobs: int | None = None,
    recheck: bool = False,
    quiet: bool = True,
) -> Scan:
    """Return what is said of every snapshot in the Hub caches *cache_dirs* (by default that of the Hub's own client).

    The names of folders in the cache say whose the files must be, and `verify` says of each snapshot what is said here.
    *fail_on*: verdicts (`failed`, `unavailable`, ...) for which the scan is not true. The others are as for `verify`;
    what may be used although it is not VERIFIED is for rules.toml to say.

        scan = modelseal.scan()
        for one in scan.found:  # worst first
            print(one.word, one.repo, one.revision)
        raise SystemExit(scan.exit_code)

    Raises Usage (folders, options) and Unavailable (no trust root). That nobody answered is a verdict too.
    """
    chosen = tuple(fail_on)
    for word in chosen:
        if word not in WORDS:
            raise Usage(f"{printable(word)!r} is no verdict to fail on", hint="verdicts are " + ", ".join(WORDS))
    caches = tuple(cache_dirs)
    allow = Allow.typed((), strict, locked, lock, rules)
    allowing = Allowing.of(allow, named=None, judged=[cached.folder(one) for one in caches or (None,)])
    where = allowing.where(Where(registry, None, offline, max_age, as_of))
    check(where)
    hashing = Hashing(hash, jobs, recheck)
    there, notes = _inventories(caches)  # 1
    found, passed_over = _Judging(where, hashing, allowing, allowing.complete(None)).all(there, quiet=quiet)
    notes += [(str(one.path), one.why) for each in there for one in each.passed_over]
    return Scan(
        tuple(sorted(found, key=lambda one: one.rank)),
        tuple(str(each.hub) for each in there),
        tuple(notes + passed_over),
        chosen,
        named=bool(caches),
    )


def verify_locked(
    cache_dir: Path | str | None = None,
    *,
    complete: bool | None = None,
    registry: str | None = None,
    evidence: Path | str | None = None,
    offline: bool = False,
    max_age: int | None = None,
    as_of: int | str | None = None,
    strict: bool = False,
    locked: bool = False,
    lock: Path | str | None = None,
    rules: Path | str | None = None,
    hash: str = "auto",
    jobs: int | None = None,
    recheck: bool = False,
    quiet: bool = True,
) -> Scan:
    """Return what is said of every repo in the lock, each at its commit, where it lies in the Hub cache *cache_dir*.

    One that is not there is FAILED: it was not verified. *evidence* is a folder as `lock` saves it; the others are as
    for `verify`. Raises Usage besides if there is no lock.
    """
    hub = cached.folder(cache_dir)
    allow = Allow.typed((), strict, locked, lock, rules)
    allowing = Allowing.of(allow, named=None, judged=hub)
    where = allowing.where(Where(registry, Path(evidence) if evidence else None, offline, max_age, as_of))
    check(where)
    judging = _Judging(where, Hashing(hash, jobs, recheck), allowing, allowing.complete(complete))
    try:
        there = inventory.of(hub)
    except Missing:
        there = Inventory(hub, (), ())
    repos, found = [], []
    for entry in allowing.entries:
        repo = there.find(entry.repo)
        if repo is not None and entry.commit in repo.commits:
            repos.append(replace(repo, name=entry.repo, commits=(entry.commit,)))
        else:
            says = f": it is in {allowing.lock_name}, and not in the Hub cache {printable(str(hub), longest=1000)}"
            nothing = Decision(Asked(entry.repo, entry.commit), Word.FAILED, says)
            verdict = Verdict(Word.FAILED, says, "", nothing)
            found.append(Scanned(entry.repo, entry.commit, str(hub), verdict, str(hub), absent=True))
    judged, passed_over = judging.all([Inventory(hub, tuple(repos), ())], quiet=quiet)
    ranked = sorted([*found, *judged], key=lambda one: one.rank)
    typed = str(lock) if lock is not None else None
    return Scan(tuple(ranked), (str(hub),), tuple(passed_over), WORDS, cache_dir is not None, of_lock=True, lock=typed)


def _inventories(named: Iterable[Path | str]) -> tuple[list[Inventory], list[tuple[str, str]]]:
    """Return what is in each cache that was named, or in the user's own, which need not be there yet."""
    hubs = {os.path.realpath(hub): hub for hub in map(cached.folder, named)}  # a cache twice is one cache
    if hubs:
        return [inventory.of(hub) for hub in hubs.values()], []
    hub = cached.folder(None)
    try:
        return [inventory.of(hub)], []
    except Missing:
        return [Inventory(hub, (), ())], [(str(hub), "no such folder: nothing was ever downloaded there")]


@dataclass(slots=True)
class _Snapshot:
    repo: Repo
    commit: str
    size: int = 0  # bytes to read
    empty: bool = False
    failure: Failure | None = None  # it could not be walked

    @property
    def path(self) -> Path:
        return self.repo.snapshot(self.commit)


@dataclass(slots=True)
class _Share:
    """A snapshot's part of the one bar: never more than its bytes, and all of them once it is done."""

    step: Callable[[int], None]
    left: int

    def __call__(self, count: int) -> None:
        count = min(count, self.left)
        self.left -= count
        if count:
            self.step(count)


class _Judging:
    def __init__(self, where: Where, hashing: Hashing, allowing: Allowing, complete: bool | None) -> None:
        self._where, self._hashing, self._allowing, self._complete = where, hashing, allowing, complete
        self._budget_s = BUDGET_S

    def all(self, there: Iterable[Inventory], *, quiet: bool) -> tuple[list[Scanned], list[tuple[str, str]]]:
        """Return what is said of every snapshot, and which have nothing in them."""
        repos: dict[str, list[_Snapshot]] = {}
        found: list[Scanned] = []
        for repo in (repo for each in there for repo in each.repos):
            if repo.unreadable:
                failure = Failure("unavailable", 6, repo.unreadable, repo.name)
                found.append(Scanned(repo.name, None, str(repo.folder), failure, str(repo.folder.parent)))
            for commit in _main_first(repo):
                repos.setdefault(repo.name.lower(), []).append(_walked(_Snapshot(repo, commit)))  # 2
        every = [one for snapshots in repos.values() for one in snapshots]
        if any(not one.empty for one in every) and not self._allowing.has_pinned:
            _check_trust()
        with progress.shown("scanning", sum(one.size for one in every), quiet=quiet) as step:
            for snapshots in repos.values():
                found += self._repo([one for one in snapshots if not one.empty], step)
        return found, [(str(one.path), "nothing is in this snapshot yet") for one in every if one.empty]

    def _repo(self, snapshots: list[_Snapshot], step: Callable[[int], None]) -> Iterator[Scanned]:
        """Yield what is said of the snapshots of one repo, which may lie in several caches."""
        answer: Answer | Decision | Failure | None = None
        for one in snapshots:
            asked = Asked(one.repo.name, one.commit)
            if answer is None or isinstance(answer, Answer):
                answer = self._asked(asked, answer)  # 3
            elif isinstance(answer, Decision):
                answer = replace(answer, asked=asked)
            share = _Share(step, one.size)
            outcome: Verdict | Failure
            if one.failure is not None:
                outcome = one.failure
            else:
                outcome = answer if isinstance(answer, Failure) else self._compared(one, answer, share)
            share(share.left)
            yield Scanned(one.repo.name, one.commit, str(one.path), outcome, str(one.repo.folder.parent))

    def _asked(self, asked: Asked, earlier: Answer | None) -> Answer | Decision | Failure:
        began = time.monotonic()
        try:
            if earlier is not None:
                return again(asked, earlier, self._where, budget_s=self._budget_s)
            answer = ask(asked, self._where, budget_s=self._budget_s)
        except root.NoTrust as e:
            try:
                return self._allowing.unanswered(asked, e)
            except Error:
                return failure_of(e, asked.repo)
        except Usage:  # of the command or of what is trusted: it is the same for all
            raise
        except Error as e:
            return failure_of(e, asked.repo)
        unheard = answer.decision.word == Word.UNAVAILABLE and time.monotonic() - began > SHORT_S * 0.9
        self._budget_s = SHORT_S if unheard else BUDGET_S
        return answer

    def _compared(self, one: _Snapshot, answer: Answer | Decision, share: _Share) -> Verdict | Failure:
        try:
            place = layouts.find(one.path)
            listing = place.walk()
            decision = answer.decision if isinstance(answer, Answer) else answer
            hashing = replace(self._hashing, step=share)
            return compared(decision, place, listing, self._complete, hashing, self._allowing, quiet=True)  # 4
        except Error as e:
            return failure_of(e, one.repo.name)


def _check_trust() -> None:
    """With no trust root at all, or two for the same names, there is nothing to say about anything."""
    entries = root.entries(platform.config_folder())
    root.check_one_decides(entries)
    if not entries:
        root.find(platform.config_folder())


def _main_first(repo: Repo) -> list[str]:
    """Return its snapshots, first the one that is loaded by default: most likely it is a release."""
    try:
        main = repo.ref("main")
    except Usage:
        main = None
    return sorted(repo.commits, key=lambda commit: (commit != main, commit))


def _walked(one: _Snapshot) -> _Snapshot:
    """Learn how much there is to read; what is wrong with it is said in its turn."""
    try:
        listing = layouts.find(one.path).walk()
        one.size = listing.total
        one.empty = not (listing.files or listing.skipped or listing.problems)
    except Error as e:
        one.failure = failure_of(e, one.repo.name)
    return one


def failure_of(error: Error, repo: str) -> Failure:
    """Why nothing was judged: trouble with a snapshot says nothing against its owner, but nothing for it either."""
    message, hint = printable(str(error), longest=4000), printable(error.hint, longest=4000) if error.hint else None
    if isinstance(error, Misbehaviour):
        return Failure("log-misbehaved", 8, message, repo, hint, (error.older, error.newer))
    hint = hint if isinstance(error, Unavailable) else None
    return Failure("unavailable", 6, message, repo, hint)
