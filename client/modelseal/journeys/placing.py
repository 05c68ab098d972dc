"""The files of a release into their place: what is missing comes, all is judged, and then it gets its names."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from modelseal.compare import by_weight, count, risk_of
from modelseal.errors import Error, NotFound, Unavailable
from modelseal.folders import Listing
from modelseal.formats import names
from modelseal.formats.manifest import File
from modelseal.formats.names import Asked, printable
from modelseal.hashing import Digests
from modelseal.journeys.at_hand import AtHand, digests_of, is_right
from modelseal.journeys.digests import both, hashed
from modelseal.journeys.gathered import gather
from modelseal.journeys.into_cache import CacheTarget, Moving
from modelseal.journeys.running import Run, Target
from modelseal.journeys.staged import Stage, drop_old, stage
from modelseal.journeys.wish import Got
from modelseal.listed import HubListing
from modelseal.values import dataclass
from modelseal.verdict import Decision, Finding, Verdict, Word

_NOTHING = "; it is not handed over"


@dataclass(frozen=True, slots=True)
class Placing:
    """The files *files* of *listing*, which are the release's, into their place."""

    run: Run
    base: Got
    decision: Decision
    listing: HubListing
    files: tuple[File, ...]

    def place(self) -> Got:
        run, listing = self.run, self.listing
        target = run.target(listing.commit)
        wanted = run.wanted(file.name for file in self.files)
        walked = target.walk()
        at_hand = self._look(target)  # 4
        missing = _without(wanted, at_hand.right.digests)
        if run.wish.dry_run:
            return self._done(None, at_hand, missing)
        if target.is_settled(at_hand, wanted):
            return self._judged(target, at_hand, None, ())
        waited: list[bool] = []
        with contextlib.ExitStack() as open_:
            try:
                waiting = stage(target.waiting, waiting=lambda: waited.append(_tell(run.asked, run.quiet)))
                held = open_.enter_context(waiting)  # 5
            except Unavailable:
                raise
            except Error:  # a cache that may only be read: it is enough that all of it is right
                if missing or not target.is_whole(at_hand, wanted):
                    raise
                return self._judged(target, at_hand, None, ())
            if isinstance(target, CacheTarget):  # a folder's stage lies among other people's things
                drop_old(target.waiting, quiet=run.quiet)
            if waited or target.walk() != walked:  # another run has changed what is there
                at_hand = self._look(target)
                missing = _without(wanted, at_hand.right.digests)
            got = self._judged(target, at_hand, held, missing)
            if got and got.path is not None:
                held.drop()
            return got

    def _look(self, target: Target) -> AtHand:
        expected = {file.name: file for file in self.files}
        lfs = {file.name: None if file.sha256 is not None else file.blob_id for file in self.listing.files}
        found = target.look(expected, lfs, self.run.hashing, quiet=self.run.quiet)
        target.refuse(found)
        return found

    def _judged(
        self, target: Target, at_hand: AtHand, held: Stage | None, missing: tuple[str, ...], *, again: bool = True
    ) -> Got:
        """Download *missing*, judge it with what is *at_hand*, and give it its names if all of it is right.

        *again*: what an earlier run has left may be wrong by what was said then, so nobody is accused on it.
        """
        run, parts = self.run, list(at_hand.parts)
        came: Listing | None = None
        have = at_hand.right
        began_with: frozenset[str] = frozenset()
        if missing:
            assert held is not None
            began_with = held.has(self.listing.commit)
            snapshot, came = held.download(self.listing, missing, quiet=run.quiet, token=run.wish.token)  # 6
            if lost := _without(missing, (found.name for found in came.files)):
                few = ", ".join(map(printable, lost[:3]))
                raise NotFound(f"the Hub lists {few} of {names.short(run.asked.repo)}, and does not hand it out")
            parts.append((came, frozenset(missing)))
            wanted = digests_of(self.files)
            now = replace(run.hashing, recheck=True)  # what is handed over was hashed by this run
            have = both(have, hashed(came, missing, wanted, now, quiet=run.quiet))
        merged = gather(target.path, parts)
        place = run.place(target, merged)
        hashing = replace(run.hashing, known=have)
        if run.partial and self.decision.word is not None:  # no part of it was sealed or observed, only the whole
            verdict = replace(self.base.verdict, equal=len(have.digests), total=len(self.files), digest="sha256")
        else:
            verdict = run.compared(self.decision, place, merged, not run.partial, hashing)  # 7
        wrong = self._wrong(have.digests)
        if verdict and wrong:  # where people accept what has no seal, the Hub's own list is what binds it
            verdict = _failed(verdict, wrong)
        if not verdict:
            if came is not None and held is not None:
                held.refuse(snapshot, [finding.name for finding in wrong])
                if again and began_with & {finding.name for finding in wrong}:
                    return self._judged(target, at_hand, held, missing, again=False)
            if verdict.word == Word.FAILED and verdict.findings:
                verdict = replace(verdict, says=f": {count(verdict.findings)}{_NOTHING}")
            return replace(self.base, verdict=verdict)
        removed: tuple[str, ...] = ()
        if held is not None:
            moving: list[Moving] = []
            if came is not None:
                lfs = {file.name for file in self.listing.files if file.sha256 is not None}
                sha256 = {file.name: file.sha256.hex() for file in self.files if file.name in lfs}
                paths = held.files(snapshot, came, missing)
                moving = [Moving(name, path, sha256.get(name)) for name, path in paths.items()]
            removed = target.move(at_hand, moving, have.digests, held.scratch)  # 8
            if others := target.others(have.digests):
                raise Error(f"{target.path}: somebody else has put {printable(others[0])} there meanwhile")
        return self._done(verdict, at_hand, missing, target.path, removed, began_with)

    def _wrong(self, digests: Mapping[str, Digests]) -> tuple[Finding, ...]:
        expected = {file.name: file for file in self.files}
        found = []
        for name, one in digests.items():
            if not is_right(expected[name], one):
                said = [f"sha256:{sha256.hex()}" for sha256 in (expected[name].sha256, one.sha256) if sha256]
                found.append(Finding("differs", name, said[0], said[-1], risk=risk_of(name)))
        return by_weight(tuple(found))

    def _done(
        self,
        verdict: Verdict | None,
        at_hand: AtHand,
        fetched: tuple[str, ...],
        path: Path | None = None,
        removed: tuple[str, ...] = (),
        began_with: frozenset[str] = frozenset(),
    ) -> Got:
        """Say what came of it; files of *began_with* were downloaded by an earlier run."""
        missing, fetched = fetched, _without(fetched, began_with)
        sizes = {file.name: file.size for file in self.files}
        return replace(
            self.base,
            verdict=verdict or self.base.verdict,
            path=path,
            fetched=fetched,
            fetched_bytes=sum(sizes[name] for name in fetched),
            present=len(at_hand.right.digests) + len(missing) - len(fetched),
            removed=removed,
            dry_run=verdict is None,
        )


def _without(wanted: Iterable[str], have: Iterable[str]) -> tuple[str, ...]:
    there = frozenset(have)
    return tuple(name for name in wanted if name not in there)


def _failed(verdict: Verdict, findings: tuple[Finding, ...]) -> Verdict:
    says = f": {count(findings)}"
    return replace(verdict, word=Word.FAILED, says=says, qualifier="", accepted="", findings=findings)


def _tell(asked: Asked, quiet: bool) -> bool:
    if not quiet:
        print(f"modelseal: another run downloads {names.short(asked.repo)}; waiting for it", file=sys.stderr)
    return True
