"""Verify a folder: are these the bytes that the owner of that name signed for a release?

1 the folder can be read         3 names, sizes, digests
2 what the log proves            4 compare
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from modelseal import folders, progress
from modelseal.compare import Local, compare, digests_wanted
from modelseal.errors import Error, Usage
from modelseal.folders import Listing
from modelseal.formats.names import Asked
from modelseal.hashing import hash_files
from modelseal.journeys import typed
from modelseal.journeys.ask import Answer, Where, ask
from modelseal.judged import judge
from modelseal.verdict import Finding, Verdict


def verify(
    path: Path | str,
    repo: str | Asked,
    *,
    registry: str | None = None,
    evidence: Path | str | None = None,
    offline: bool = False,
    max_age: int | None = None,
    as_of: int | str | None = None,
    quiet: bool = True,
) -> Verdict:
    """Return the verdict on the files in the folder *path* as those of *repo*; it is true only if they may be used.

    *repo* is `acme-lab/atlas-7b`, with `@COMMIT` for one release, and always comes from you, never from the folder.
    Asked are the addresses of the trust root, or *registry* (a URL, or a folder with a mirror's files), or the file
    *evidence*. *max_age* (seconds) can only shorten what the registry allows; *as_of* (POSIX seconds, or "evidence")
    judges freshness by another time, and the verdict says so.

        verdict = modelseal.verify("./atlas-7b", "acme-lab/atlas-7b")
        if not verdict:
            raise SystemExit(verdict.exit_code)

    Raises Usage (folder, names, options) and Unavailable (no trust root). That nobody answered is a verdict too.
    """
    folder, asked = Path(path), typed.asked(repo)
    listing = look(folder)  # 1
    answer = ask(asked, Where(registry, Path(evidence) if evidence else None, offline, max_age, as_of))  # 2
    wanted = digests_wanted(answer.decision, {found.name: found.size for found in listing.files})
    if not wanted:
        return _listed(compare(answer.decision, ()), listing, [Local(one.name, one.size) for one in listing.files])
    verdict = _judge(answer, listing, wanted, quiet)  # 3, 4
    if verdict.wants_sha256:  # not the chosen release; the files may be those of an older one
        verdict = _judge(answer, listing, frozenset({"sha256"}), quiet)
    return verdict


def look(folder: Path) -> Listing:
    """Walk *folder*; Usage if it is not a plain folder of files."""
    if folders.is_hub_cache(folder):
        raise Usage("Hub cache: not read yet", hint="download with --local-dir, and verify that folder")
    return folders.walk(folder)


def _judge(answer: Answer, listing: Listing, digests: frozenset[str], quiet: bool) -> Verdict:
    statement = answer.decision.statement
    wanted = listing.files
    if statement is not None and "sha256" not in digests:
        # What the seal does not list, or lists with another size, is refused whatever it holds.
        sealed = {file.name: file.size for file in statement.files}
        wanted = tuple(found for found in listing.files if sealed.get(found.name) == found.size)
    with progress.shown("hashing", sum(found.size for found in wanted), quiet=quiet) as step:
        hashed = hash_files(
            listing,
            [found.name for found in wanted],
            sha256="sha256" in digests,
            blake3="blake3" in digests,
            progress=step,
        )
    if folders.walk(listing.root) != listing:  # a download still running, or somebody at work
        raise Error(f"{listing.root} changed while it was read")
    local = []
    for found in listing.files:
        done = hashed.get(found.name)
        local.append(Local(found.name, found.size, done.sha256 if done else None, done.blake3 if done else None))
    problems = tuple(Finding(problem.kind, problem.name, found=problem.detail) for problem in listing.problems)
    return _listed(compare(answer.decision, tuple(local), problems), listing, local)


def _listed(verdict: Verdict, listing: Listing, local: list[Local]) -> Verdict:
    return replace(verdict, files=judge(verdict, local, ignored=listing.skipped, skipped=listing.hub))
