"""Verify files: are these the bytes that the owner of that name signed for a release?

1 what lies there                3 names, sizes, digests
2 what the log proves            4 compare
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from modelseal import layouts
from modelseal.compare import Local, compare, digests_wanted
from modelseal.errors import Error, Usage
from modelseal.folders import Listing
from modelseal.formats.names import Asked
from modelseal.journeys import cached, typed
from modelseal.journeys.allow import Allow, Allowing
from modelseal.journeys.ask import Where
from modelseal.journeys.digests import BOTH, SHA256, Hashing, hashed
from modelseal.journeys.look import Look, look, whose
from modelseal.judged import judge
from modelseal.layouts import Place
from modelseal.values import dataclass
from modelseal.verdict import Decision, Verdict, Word


def verify(
    path: Path | str,
    repo: str | Asked | None = None,
    *,
    cache_dir: Path | str | None = None,
    complete: bool | None = None,
    registry: str | None = None,
    evidence: Path | str | None = None,
    offline: bool = False,
    max_age: int | None = None,
    as_of: int | str | None = None,
    accept: Iterable[str] = (),
    strict: bool = False,
    locked: bool = False,
    lock: Path | str | None = None,
    rules: Path | str | None = None,
    hash: str = "auto",
    jobs: int | None = None,
    recheck: bool = False,
    copy_to: Path | str | None = None,
    quiet: bool = True,
) -> Verdict:
    """Return the verdict on the files at *path* as those of *repo*; it is true only if they may be used.

    *path* is a folder, a snapshot in the Hub cache (or a part of one), or one file. *repo* is `acme-lab/atlas-7b`, with
    `@COMMIT` for one release, and always comes from you, never from the folder; a path in the Hub cache names repo and
    commit itself. Without *repo*, `acme-lab/atlas-7b` or `acme-lab/atlas-7b@REV` as *path* is what lies of that repo in
    the Hub cache *cache_dir* (by default that of the Hub's own client). *complete*: whether every file must be there,
    by default only in a folder of its own.
    Asked are the addresses of the trust root, or *registry* (a URL, or a folder with a mirror's files), or the file
    *evidence*. *max_age* (seconds) can only shorten what the registry allows; *as_of* (POSIX seconds, or "evidence")
    judges freshness by another time, and the verdict says so.

    *accept*: verdicts ("observed", "unknown", "pinned") on *repo* for which the verdict is true all the same; it stays
    what it is and is `accepted`. *strict* accepts nothing, wants independent mirrors and complete folders. *lock*: a
    modelseal.lock instead of the nearest one; *locked* refuses what is not in it. *rules*: a rules.toml besides those
    of the system and the user.

    *hash*: "auto" computes the digest that decides soonest, "blake3", "sha256" or "both" that one; *jobs*: threads.
    Digests of files that have not changed since they were hashed come from a cache, and the verdict says how many;
    *recheck* hashes all again. *copy_to*: a new folder, made of the bytes that were hashed if the verdict is true.

        verdict = modelseal.verify("./atlas-7b", "acme-lab/atlas-7b")
        if not verdict:
            raise SystemExit(verdict.exit_code)

    Raises Usage (folder, names, options), Conflict (*copy_to* exists) and Unavailable (no trust root). That nobody
    answered is a verdict too.
    """
    named = typed.asked(repo) if repo is not None else None
    allow = Allow.typed(accept, strict, locked, lock, rules)
    if repo is None and isinstance(path, str) and cached.is_repo(path):
        found = cached.find(cached.no_path(path), cache_dir)
        path, repo, named = found.path, found.asked, found.asked
    elif cache_dir is not None:
        raise Usage(f"{path} is a path, so no Hub cache is looked into", hint="leave out the cache, or name a repo")
    place = layouts.find(Path(path))
    allowing = Allowing.of(allow, named=named, judged=place.path)
    asked = allowing.narrowed(whose(place, repo))
    where = allowing.where(Where(registry, Path(evidence) if evidence else None, offline, max_age, as_of))
    complete = allowing.complete(complete)
    hashing, target = Hashing(hash, jobs, recheck), Path(copy_to) if copy_to is not None else None
    listing = place.walk()  # 1
    if target is not None:
        _check_target(target, place.path)
    decision = allowing.decided(asked, where)  # 2
    return compared(decision, place, listing, complete, hashing, allowing, quiet=quiet, target=target)


def compared(
    decision: Decision,
    place: Place,
    listing: Listing,
    complete: bool | None,
    hashing: Hashing,
    allowing: Allowing,
    *,
    quiet: bool,
    target: Path | None = None,
) -> Verdict:
    """Return the verdict on *listing*, which *place* gave, by *decision*; hand it over at *target* if it is true."""
    seen = look(place, listing, decision, complete)
    judging = _Judging(decision, seen, hashing, allowing, quiet)
    wanted = digests_wanted(decision, seen.sizes, partial=seen.partial, problems=bool(listing.problems))
    more = allowing.hashes(decision)
    if not wanted | more:  # the decision alone, or names and sizes, say it all
        local = seen.local({})
        verdict = judging.listed(compare(decision, local, seen.problems, partial=seen.partial), local)
        if target is None or not verdict:
            return verdict
    if target is not None:
        return judging.copied(target)
    return judging.judged(hashing.chosen(wanted, decision) | more if wanted else more)  # 3, 4


def _check_target(target: Path, folder: Path) -> None:
    from modelseal.platform.staging import check_new

    check_new(target)
    if target.absolute().parent.resolve().is_relative_to(folder.resolve()):
        raise Usage(f"{target} is inside {folder}", hint="a copy there would be files that the seal does not list")


@dataclass(frozen=True, slots=True)
class _Judging:
    decision: Decision
    seen: Look
    hashing: Hashing
    allowing: Allowing
    quiet: bool

    def copied(self, target: Path) -> Verdict:
        """Hand over at *target* what was hashed, or nothing: the copy is made while hashing, and named at the end."""
        from modelseal.platform.staging import Staging

        with Staging(target) as staging:
            verdict = self._judge(BOTH, into=staging.folder)
            if verdict:
                staging.move()
        return verdict

    def judged(self, digests: frozenset[str]) -> Verdict:
        verdict = self._judge(digests)
        if verdict.wants_sha256:  # not the chosen release; the files may be those of an older one
            verdict = self._judge(SHA256)
        if verdict.word == Word.FAILED and verdict.cached:  # nobody is accused on what was true some time ago
            return replace(self, hashing=replace(self.hashing, recheck=True)).judged(digests)
        return verdict

    def _judge(self, digests: frozenset[str], into: Path | None = None) -> Verdict:
        statement, listing = self.decision.statement, self.seen.listing
        wanted = {found.name for found in listing.files}
        if statement is not None and "sha256" not in digests:
            wanted = self.seen.worth_hashing(statement)
        have = hashed(listing, wanted, digests, self.hashing, quiet=self.quiet, into=into)
        if listing.again() != listing:  # a download still running, or somebody at work
            raise Error(f"{listing.root} changed while it was read")
        local = self.seen.local(have.digests)
        verdict = compare(self.decision, local, self.seen.problems, partial=self.seen.partial)
        return self.listed(replace(verdict, cached=have.cached, cached_since=have.since), local)

    def listed(self, verdict: Verdict, local: tuple[Local, ...]) -> Verdict:
        """Say of every file what became of it; then the lock, the rules and --accept have the last word."""
        seen = self.seen
        verdict = replace(verdict, files=judge(verdict, local, ignored=seen.listing.skipped, skipped=seen.listing.hub))
        return self.allowing.settled(verdict, partial=seen.partial, problems=seen.problems)
