"""Get a release: nothing has its name before it was verified.

1 what the log proves            4 what is right already where it goes       7 all of it against the seal
2 what the Hub lists             5 hold the place in which it waits          8 each file gets its name
3 the listing against the seal   6 download what is missing

A verdict that is not true ends it, and nothing is handed over; 1 to 3 download nothing. A kill at any point leaves
files of the release where loaders look, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from modelseal import hubenv, progress
from modelseal.errors import Usage
from modelseal.formats import manifest, names
from modelseal.formats.manifest import File, Statement
from modelseal.formats.names import Asked
from modelseal.journeys import cached
from modelseal.journeys.allow import Allow, Allowing
from modelseal.journeys.ask import Where
from modelseal.journeys.at_hub import Token, compare_listing
from modelseal.journeys.check import NOTHING, read
from modelseal.journeys.digests import Hashing
from modelseal.journeys.placing import Placing
from modelseal.journeys.running import Run
from modelseal.journeys.wish import Got, Wish
from modelseal.listed import HubListing, ignored
from modelseal.verdict import Decision, Verdict, Word


def get(
    repo: str,
    *,
    include: Iterable[str] = (),
    exclude: Iterable[str] = (),
    local_dir: Path | str | None = None,
    cache_dir: Path | str | None = None,
    dry_run: bool = False,
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
    jobs: int | None = None,
    recheck: bool = False,
    token: Token = None,
    quiet: bool = True,
) -> Got:
    """Download *repo* (`acme-lab/atlas-7b`, `acme-lab/atlas-7b@REV`), and hand it over if it is what its owner sealed.

        got = modelseal.get("acme-lab/atlas-7b")
        if not got:
            raise SystemExit(got.exit_code)
        model = AutoModel.from_pretrained("acme-lab/atlas-7b", revision=got.revision)  # or from got.path

    It goes into the Hub cache *cache_dir* (by default that of the Hub's own client), or into the folder *local_dir*. No
    file has its name there before all were verified; what is right there already is not downloaded again, and in the
    Hub cache's snapshot what is wrong is replaced or removed. A download that ended early goes on the next time.
    *include*, *exclude*: patterns as `hf download` takes them; the verdict says how many files there are of how many.
    *dry_run*: only say what would be downloaded. *offline* (or HF_HUB_OFFLINE): the Hub is not asked, and what lies
    there is verified. *token*: as huggingface_hub takes it. The others are as for `verify`.

    Raises Usage (names, folders, options), Conflict (*local_dir* has other files), Unavailable (no trust root, or the
    Hub does not answer), Refused (gated, or it says what cannot be), Error (a full disk, no right to write).
    """
    allow = Allow.typed(accept, strict, locked, lock, rules)
    wish = Wish(
        tuple(include),
        tuple(exclude),
        Path(local_dir).expanduser() if local_dir is not None else None,
        Path(cache_dir).expanduser() if cache_dir is not None else None,
        dry_run,
        offline or hubenv.is_off(),
        token,
    )
    where = Where(registry, Path(evidence) if evidence else None, offline, max_age, as_of)
    return got(repo, wish, where, allow, Hashing("both", jobs, recheck), quiet=quiet)


def got(repo: str, wish: Wish, where: Where, allow: Allow | Allowing, hashing: Hashing, *, quiet: bool) -> Got:
    """Do what `get` says. *allow*: read already, where many repos are wanted."""
    if wish.local_dir is not None and wish.cache_dir is not None:
        raise Usage("a folder and a cache are two places; give one of --local-dir and --cache-dir")
    name, revision, ref = read(repo)
    ref = ref or ("main" if revision is None else None)
    if isinstance(allow, Allowing):
        allowing = allow
    else:
        allowing = Allowing.of(allow, named=Asked(name, revision), judged=wish.local_dir)
    listing: HubListing | None = None
    if ref not in (None, "main"):
        if wish.local_only:
            revision = cached.find(f"{names.short(name)}@{ref}", wish.cache_dir).asked.revision
        else:
            listing = _listing(name, ref, wish, quiet=quiet)
            revision = listing.commit
    asked = allowing.narrowed(Asked(name, revision))
    decision = allowing.decided(asked, allowing.where(where))  # 1
    early = Verdict(decision.word, decision.says, decision.qualifier, decision) if decision.word is not None else None
    if early is not None and not _goes_on(early := allowing.settled(early), decision, allowing):
        return Got(_nothing(early), revision=asked.revision)
    run = Run(asked, ref, decision, wish, allowing, hashing, quiet)
    return run.as_it_lies() if wish.local_only else _from_hub(run, listing)


def _nothing(verdict: Verdict) -> Verdict:
    if verdict.word == Word.LOG_MISBEHAVED:
        return verdict
    return replace(verdict, says=verdict.says + NOTHING)


def _goes_on(early: Verdict, decision: Decision, allowing: Allowing) -> bool:
    """Whether the Hub is asked although nothing is sealed: people accept that, or may once the bytes are known."""
    return bool(early) or (decision.word != Word.LOG_MISBEHAVED and bool(allowing.hashes(decision)))


def _listing(repo: str, revision: str | None, wish: Wish, *, quiet: bool) -> HubListing:
    from modelseal import hub

    with progress.waiting("the Hub", quiet=quiet):
        return hub.listing(repo, revision, endpoint=wish.endpoint, token=wish.token)


def _from_hub(run: Run, listing: HubListing | None) -> Got:
    from modelseal import hub

    commit = run.decision.commit
    if listing is None or listing.commit != commit:
        listing = _listing(run.asked.repo, commit or run.ref, run.wish, quiet=run.quiet)  # 2
    decision = run.decision
    files = decision.statement.files if decision.statement is not None else hub.files_of(listing)
    known = files if decision.statement is None else None
    verdict = compare_listing(decision, listing, files=known, token=run.wish.token)  # 3
    verdict = run.allowing.settled(verdict, files=files)
    base = Got(
        verdict,
        revision=listing.commit,
        ignored=tuple(file.name for file in listing.files if ignored(file.name)),
        called=listing.repo if listing.repo.lower() != run.asked.key else None,
    )
    if not verdict:
        return replace(base, verdict=_nothing(verdict))
    return Placing(run, base, _with_files(decision, files), listing, files).place()


def _with_files(decision: Decision, files: tuple[File, ...]) -> Decision:
    """Return *decision* with the files of its release, where only their fileset was known and *files* make it up."""
    if decision.statement is not None or decision.chosen is None:
        return decision
    if manifest.fileset(files) != decision.chosen.release.fileset:
        return decision
    release = decision.chosen.release
    note = "the seal could not be fetched; the Hub's list makes up the fileset in the log"
    statement = Statement(release.repo, release.revision, 0, tuple(replace(file, gitoid=None) for file in files))
    return replace(decision, statement=statement, notes=(*decision.notes, note))
