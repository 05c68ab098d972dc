"""One download as it was decided on: which commit, where it goes, what of it is wanted, how it is judged."""

from __future__ import annotations

import os
from collections.abc import Iterable

from modelseal.errors import NotFound, Unavailable
from modelseal.folders import Listing
from modelseal.formats import names
from modelseal.formats.names import Asked, printable
from modelseal.journeys import cached, patterns
from modelseal.journeys.allow import Allowing
from modelseal.journeys.digests import Hashing
from modelseal.journeys.into_cache import CacheTarget
from modelseal.journeys.into_folder import FolderTarget
from modelseal.journeys.verify import compared
from modelseal.journeys.wish import Got, Wish
from modelseal.layouts import Place
from modelseal.values import dataclass
from modelseal.verdict import Decision, Verdict

Target = CacheTarget | FolderTarget


@dataclass(frozen=True, slots=True)
class Run:
    """One download."""

    asked: Asked
    ref: str | None
    decision: Decision
    wish: Wish
    allowing: Allowing
    hashing: Hashing
    quiet: bool

    def as_it_lies(self) -> Got:
        """Verify what is there, without the Hub: all that is wanted must be."""
        commit = self.decision.commit or cached.find(names.short(self.asked.repo), self.wish.cache_dir).asked.revision
        assert commit is not None
        target = self.target(commit)
        there = f"{names.short(self.asked.repo)}@{commit}"
        if not os.path.lexists(target.path):
            raise Unavailable(f"{there} is not at {target.path}, and the Hub may not be asked")
        listing = target.walk()
        verdict = self.compared(self.decision, self.place(target, listing), listing, False if self.partial else None)
        if not verdict:
            return Got(verdict, revision=commit)
        have = {found.name for found in listing.files}
        every = [one.name for one in self.decision.statement.files] if self.decision.statement else sorted(have)
        missing = [name for name in self.wanted(every) if name not in have]
        if missing:
            few = ", ".join(map(printable, missing[:3])) + (", ..." if len(missing) > 3 else "")
            says = f"{len(missing)} of the files of {there} are not at {target.path} ({few})"
            raise Unavailable(f"{says}, and the Hub may not be asked")
        return Got(verdict, target.path, commit, present=len(have), dry_run=self.wish.dry_run)

    def target(self, commit: str) -> Target:
        if self.wish.local_dir is not None:
            found: Target = FolderTarget(self.wish.local_dir)
        else:
            found = CacheTarget(cached.folder(self.wish.cache_dir), self.asked.repo, commit, self.ref)
        found.check()
        return found

    def place(self, target: Target, listing: Listing) -> Place:
        return Place(target.path, listing.source, part=isinstance(target, CacheTarget), asked=self.asked)

    def wanted(self, every: Iterable[str]) -> tuple[str, ...]:
        if self.wish.only is not None:
            if self.wish.only not in (found := tuple(every)):
                there = f"{names.short(self.asked.repo)} has {len(found)} files, and none is called"
                raise NotFound(f"{there} {printable(self.wish.only)}")
            return (self.wish.only,)
        return patterns.chosen(every, self.wish.include, self.wish.exclude)

    @property
    def partial(self) -> bool:
        """Whether not all is wanted."""
        return bool(self.wish.include or self.wish.exclude or self.wish.only)

    def compared(
        self, decision: Decision, place: Place, listing: Listing, complete: bool | None, hashing: Hashing | None = None
    ) -> Verdict:
        return compared(
            decision,
            place,
            listing,
            self.allowing.complete(complete),
            hashing or self.hashing,
            self.allowing,
            quiet=self.quiet,
        )
