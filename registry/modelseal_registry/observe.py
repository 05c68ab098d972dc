"""`observe`: what the Hub serves under a name goes into the log, on an observer's word (FORMAT.md 5.2).

    1 who observes                    4 the digests: on the Hub's word, or of all bytes
    2 what the Hub lists, of all      5 compared with what was seen before
    3 what the log says of each       6 signed and logged

An observation says that this observer got these files from the Hub under this name; it never says who the owner is. So
it is made without a token, of what the public sees, of branches that only the owner writes to, and never of a list of
digests that somebody has made. What contradicts an earlier one is not logged: a commit never changes its files, so the
Hub lies, or it lied, and that wants people.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from modelseal import hub, progress
from modelseal.errors import Error, Refused, Usage
from modelseal.formats import manifest, names
from modelseal.formats.identity import Key
from modelseal.formats.manifest import File
from modelseal.formats.records import Observation
from modelseal.hub import HubFile, HubListing
from modelseal.hub import files as hubfiles
from modelseal.journeys import submit
from modelseal.keys import SigningKey
from modelseal.reports.words import shown_size
from modelseal.state import Sighting
from modelseal_registry import downloaded, keyfiles
from modelseal_registry.config import Place
from modelseal_registry.lists import Wanted
from modelseal_registry.observelog import ObserveLog, open_log

MAX_FILES = 100_000
MAX_SMALL = 1 << 30  # bytes of files whose digest the Hub does not tell
AGAIN_S = 7 * 86400  # after which the same files at the same commit are worth another leaf: "seen until"

_NAME_ONE = "observers are named with: modelseal-registry operators FILE"

Word = Literal["observed", "unchanged", "sealed", "failed", "refused", "unavailable", "pending"]
STATUS: dict[Word, int] = {
    "observed": 0, "unchanged": 0, "sealed": 0, "failed": 1, "refused": 1, "unavailable": 6, "pending": 10,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went with one repo. *says* and *hint* are ours, in words; names in them are escaped."""

    asked: Wanted
    word: Word
    listing: HubListing | None = None
    record: Observation | None = None  # what was logged, or stands there already
    leaf: int | None = None
    since: int | None = None  # log time of the first observation of these files at this commit
    says: str | None = None
    hint: str | None = None
    draft: Path | None = None
    before: Sighting | None = None  # what `record` contradicts

    @property
    def status(self) -> int:
        return STATUS[self.word]

    @property
    def renamed(self) -> str | None:
        """How the Hub calls the repo, if otherwise than it was typed."""
        if self.listing is None or self.listing.repo.lower() == self.asked.repo.lower():
            return None
        return self.listing.repo


class _Stop(Exception):
    """Ends the steps of one repo early: with its outcome."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.word)
        self.outcome = outcome


def observe(
    place: Place,
    wanted: Sequence[Wanted],
    *,
    download: bool = False,
    keys: Sequence[SigningKey] = (),
    save: Path | None = None,
    quiet: bool = True,
    tell: Callable[[str], None] = lambda text: None,
) -> Iterator[Outcome]:
    """Observe *wanted*, one after the other, and yield how it went with each.

    Nothing is logged before the key counts and the Hub has been asked for the listing of every one. *download*: all
    bytes are fetched and hashed, else those of files whose digest the Hub does not tell. *save*: nothing is signed;
    the record is written for an observer's key elsewhere. *tell* hears how far it is.
    Raises Usage or Refused if nobody here is an observer. What is wrong with one repo is its outcome, no other's.
    """
    with open_log(place) as log:
        desk = _Desk(log, download, save, quiet, tell)
        desk.sit_down(keys)  # 1
        listings = desk.ask(wanted)  # 2
        for number, (one, found) in enumerate(zip(wanted, listings, strict=True), 1):
            if len(wanted) > 1:
                tell(f"{number} of {len(wanted)}: {one.short}")
            yield desk.observe(one, found)


class _Desk:
    """Where one observer works."""

    def __init__(
        self,
        log: ObserveLog,
        download: bool,
        save: Path | None,
        quiet: bool,
        tell: Callable[[str], None],
    ) -> None:
        self._log, self._save = log, save
        self._download, self._quiet, self._tell = download, quiet, tell

    def sit_down(self, keys: Sequence[SigningKey]) -> None:
        """Find out who observes; refuse a key that does not count."""
        operators = self._log.state(None).operators
        assert operators is not None  # leaf 0
        observers = operators.observers
        if not observers:
            raise Usage("this log has no observers", hint=_NAME_ONE)
        self._signer: SigningKey | None = None
        if self._save is not None:
            if len(observers) > 1:
                raise Usage(f"--save: which of the {len(observers)} observers will sign?", hint="observe with --key")
            [self._key] = observers
            return
        if len(keys) > 1:
            raise Usage("one observer signs an observation: give one --key")
        self._signer = keys[0] if keys else _own_key(self._log.place, observers)
        self._key = self._signer.public.key
        if self._key not in observers:
            raise Refused(f"the key {self._signer.public.fingerprint} is no observer of this log", hint=_NAME_ONE)

    def ask(self, wanted: Sequence[Wanted]) -> list[HubListing | Error]:
        """Return what the Hub lists of each; nothing of it is believed yet."""
        found: list[HubListing | Error] = []
        for number, one in enumerate(wanted, 1):
            if number % 100 == 0:
                self._tell(f"asked the Hub about {number} of {len(wanted)}")
            try:
                found.append(self._listed(one))
            except Error as e:
                found.append(e)
        good = [one for one in found if isinstance(one, HubListing)]
        if self._download and good:
            total = sum(file.size for one in good for file in one.files)
            self._tell(f"{shown_size(total)} of {len(good)} repos will be fetched, one repo after the other")
        return found

    def _listed(self, one: Wanted) -> HubListing:
        endpoint = os.environ.get("HF_ENDPOINT") or self._log.hub or None
        listing = hub.listing(one.repo, one.revision, endpoint=endpoint, token=False)
        what = one.short
        if listing.private or listing.gated:
            how = "private" if listing.private else "gated"
            raise Refused(f"{what} is {how}: what not everybody can look at is not observed")
        files = _sealable(listing)
        total = sum(file.size for file in files)
        if not total:
            raise Refused(f"{what}: it holds nothing that a seal could list")
        if total >= 2**53:
            raise Refused(f"{what}: the Hub lists {total} bytes, which cannot be")
        if len(files) > MAX_FILES:
            raise Refused(f"{what}: {len(files)} files, observed are at most {MAX_FILES}")
        small = sum(file.size for file in files if file.sha256 is None)
        if small > MAX_SMALL and not self._download:
            raise Refused(
                f"{what}: the Hub tells no digests of {shown_size(small)}; fetched are at most {shown_size(MAX_SMALL)}",
                hint="all of it is fetched with --download",
            )
        if one.revision is not None and not hub.on_branch(listing.repo, listing.commit, endpoint=endpoint, token=False):
            raise Refused(f"{what}: {listing.commit} is on no branch; anybody can put a commit into a pull request")
        return listing

    def observe(self, one: Wanted, found: HubListing | Error) -> Outcome:
        """Return how it goes with one repo, whose listing is at hand."""
        listing = found if isinstance(found, HubListing) else None
        try:
            if isinstance(found, Error):
                raise found
            return self._observe(one, found)
        except _Stop as e:
            return e.outcome
        except Usage:
            raise
        except Error as e:
            word: Word = "unavailable" if e.exit_code in (6, 10) else "refused"
            hint = None if e.hint and "token" in e.hint.lower() else e.hint  # an observer sees what everybody sees
            return Outcome(one, word, listing, says=str(e), hint=hint)

    def _observe(self, one: Wanted, listing: HubListing) -> Outcome:
        # A name that differs only in case is spelled as the Hub spells it; after a rename the typed one stands.
        repo = listing.repo if listing.repo.lower() == one.repo.lower() else one.repo
        known = self._known(one, listing, repo)  # 3
        files = self._digests(one, listing)  # 4
        record = Observation(
            self._log.origin, self._key, repo, listing.commit, len(files), sum(file.size for file in files),
            manifest.fileset(files), "downloaded" if self._download else "hub-metadata", None,
        )  # fmt: skip
        for earlier in known:  # 5
            if earlier.observation.fileset != record.fileset:
                raise _Stop(_contradiction(one, listing, earlier, record))
        own = [earlier for earlier in known if earlier.observation.signer == self._key]
        if own and not self._is_due(own, record.basis):
            return Outcome(one, "unchanged", listing, own[-1].observation, own[-1].index, known[0].time)
        record = replace(record, prev=own[-1].digest if own else None)
        unsigned = submit.draft(record)
        if self._signer is None:
            assert self._save is not None
            submit.write(self._save, unsigned)
            return Outcome(one, "pending", listing, record, draft=self._save)
        index, logged = self._log.submit(submit.sign(unsigned, [self._signer]))  # 6
        return Outcome(one, "observed", listing, record, index, known[0].time if known else logged)

    def _known(self, one: Wanted, listing: HubListing, repo: str) -> list[Sighting]:
        """Return what was observed at this commit, by whoever observes; stop at a repo that is sealed, a commit that
        was withdrawn."""
        state = self._log.state(repo)
        sealed, known = state.repos.get(repo.lower()), state.observed.get(repo.lower())
        if sealed is not None and sealed.releases:
            raise _Stop(Outcome(one, "sealed", listing, says="its owner seals it, and that is what counts"))
        if known is None:
            return []
        if voided := known.withdrawn.get(listing.commit):
            says = f"{listing.commit} was withdrawn by the operators ({voided.reason}), and the Hub serves it still"
            raise _Stop(Outcome(one, "refused", listing, says=says))
        assert state.operators is not None
        observers = state.operators.observers  # what a key said that is none any more does not count
        here = (earlier for earlier in known.sightings if earlier.observation.revision == listing.commit)
        return [earlier for earlier in here if earlier.observation.signer in observers]

    def _digests(self, one: Wanted, listing: HubListing) -> tuple[File, ...]:
        if self._download:
            wanted = _sealable(listing)
            self._tell(f"{one.short}: {len(wanted)} files, {shown_size(sum(file.size for file in wanted))}")
            return downloaded.read(listing, wanted, quiet=self._quiet)
        size = hubfiles.small_bytes(listing)
        with progress.shown("reading", size, quiet=self._quiet) as advance:
            return hubfiles.files_of(listing, progress=advance, token=False)

    def _is_due(self, own: Sequence[Sighting], basis: str) -> bool:
        """Whether one more says more: later than before, or of all bytes for the first time."""
        better = basis == "downloaded" and all(earlier.observation.basis != basis for earlier in own)
        return better or time.time() >= own[-1].time + AGAIN_S


def _contradiction(one: Wanted, listing: HubListing, earlier: Sighting, now: Observation) -> Outcome:
    """Return what there is to say if the same commit had other files before."""
    name = f"{names.short(now.repo)}@{now.revision}"
    return Outcome(
        one, "failed", listing, now, since=earlier.time, before=earlier,
        says="at this commit the Hub lists other files than it did before; nothing was logged",
        hint=f"compare both, ask others who look, then perhaps: modelseal-registry withdraw {name} --reason malicious",
    )  # fmt: skip


def _sealable(listing: HubListing) -> tuple[HubFile, ...]:
    """Return the files of *listing* that a seal would list; Malformed where a name is none that one can."""
    for file in listing.covered:
        manifest.file_name(file.name, names.short(listing.asked))
    return listing.covered


def _own_key(place: Place, observers: Sequence[Key]) -> SigningKey:
    path = place.keys / keyfiles.OPERATOR
    if path.exists():
        own = keyfiles.load(path)
        if own.public.key in observers:
            return own
    raise Usage(
        "an observer's --key is wanted: this host has none",
        hint="for one that is elsewhere: --save FILE, and there modelseal record sign FILE --key KEY --submit",
    )
