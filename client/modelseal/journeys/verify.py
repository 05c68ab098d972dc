"""Verify files: are these the bytes that the owner of that name signed for a release?

1 what lies there                3 names, sizes, digests
2 what the log proves            4 compare
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from modelseal import layouts
from modelseal.compare import Local, compare, digests_wanted
from modelseal.errors import Error, Usage
from modelseal.folders import Listing
from modelseal.formats.names import Asked
from modelseal.journeys import cached
from modelseal.journeys.ask import Answer, Where, ask
from modelseal.journeys.digests import BOTH, SHA256, Hashing, hashed
from modelseal.journeys.look import Look, look, whose
from modelseal.judged import judge
from modelseal.layouts import Place
from modelseal.verdict import Verdict, Word


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

    *hash*: "auto" computes the digest that decides soonest, "blake3", "sha256" or "both" that one; *jobs*: threads.
    Digests of files that have not changed since they were hashed come from a cache, and the verdict says how many;
    *recheck* hashes all again. *copy_to*: a new folder, made of the bytes that were hashed if the verdict is true.

        verdict = modelseal.verify("./atlas-7b", "acme-lab/atlas-7b")
        if not verdict:
            raise SystemExit(verdict.exit_code)

    Raises Usage (folder, names, options), Conflict (*copy_to* exists) and Unavailable (no trust root). That nobody
    answered is a verdict too.
    """
    if repo is None and isinstance(path, str) and cached.is_repo(path):
        found = cached.find(cached.no_path(path), cache_dir)
        path, repo = found.path, found.asked
    elif cache_dir is not None:
        raise Usage(f"{path} is a path, so no Hub cache is looked into", hint="leave out the cache, or name a repo")
    place = layouts.find(Path(path))
    asked = whose(place, repo)
    hashing, target = Hashing(hash, jobs, recheck), Path(copy_to) if copy_to is not None else None
    listing = place.walk()  # 1
    if target is not None:
        _check_target(target, place.path)
    answer = ask(asked, Where(registry, Path(evidence) if evidence else None, offline, max_age, as_of))  # 2
    return compared(answer, place, listing, complete, hashing, quiet=quiet, target=target)


def compared(
    answer: Answer,
    place: Place,
    listing: Listing,
    complete: bool | None,
    hashing: Hashing,
    *,
    quiet: bool,
    target: Path | None = None,
) -> Verdict:
    """Return the verdict on *listing*, which *place* gave, by *answer*; hand it over at *target* if it is true."""
    seen = look(place, listing, answer.decision, complete)
    wanted = digests_wanted(answer.decision, seen.sizes, partial=seen.partial, problems=bool(listing.problems))
    if not wanted:  # the decision alone, or names and sizes, say it all
        local = seen.local({})
        return _listed(compare(answer.decision, local, seen.problems, partial=seen.partial), seen, local)
    if target is not None:
        return _copied(answer, seen, hashing, quiet, target)
    return _judged(answer, seen, hashing.chosen(wanted, answer.decision), hashing, quiet)  # 3, 4


def _check_target(target: Path, folder: Path) -> None:
    from modelseal.platform.staging import check_new

    check_new(target)
    if target.absolute().parent.resolve().is_relative_to(folder.resolve()):
        raise Usage(f"{target} is inside {folder}", hint="a copy there would be files that the seal does not list")


def _copied(answer: Answer, seen: Look, hashing: Hashing, quiet: bool, target: Path) -> Verdict:
    """Hand over at *target* what was hashed, or nothing: the copy is made while hashing, and named at the end."""
    from modelseal.platform.staging import Staging

    with Staging(target) as staging:
        verdict = _judge(answer, seen, BOTH, hashing, quiet, into=staging.folder)
        if verdict:
            staging.move()
    return verdict


def _judged(answer: Answer, seen: Look, digests: frozenset[str], hashing: Hashing, quiet: bool) -> Verdict:
    verdict = _judge(answer, seen, digests, hashing, quiet)
    if verdict.wants_sha256:  # not the chosen release; the files may be those of an older one
        verdict = _judge(answer, seen, SHA256, hashing, quiet)
    if verdict.word == Word.FAILED and verdict.cached:  # nobody is accused on what was true some time ago
        return _judged(answer, seen, digests, replace(hashing, recheck=True), quiet)
    return verdict


def _judge(
    answer: Answer,
    seen: Look,
    digests: frozenset[str],
    hashing: Hashing,
    quiet: bool,
    into: Path | None = None,
) -> Verdict:
    statement, listing = answer.decision.statement, seen.listing
    wanted = {found.name for found in listing.files}
    if statement is not None and "sha256" not in digests:
        wanted = seen.worth_hashing(statement)
    have = hashed(listing, wanted, digests, hashing, quiet=quiet, into=into)
    if listing.again() != listing:  # a download still running, or somebody at work
        raise Error(f"{listing.root} changed while it was read")
    local = seen.local(have.digests)
    verdict = compare(answer.decision, local, seen.problems, partial=seen.partial)
    return _listed(replace(verdict, cached=have.cached, cached_since=have.since), seen, local)


def _listed(verdict: Verdict, seen: Look, local: tuple[Local, ...]) -> Verdict:
    return replace(verdict, files=judge(verdict, local, ignored=seen.listing.skipped, skipped=seen.listing.hub))
