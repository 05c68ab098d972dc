"""What lies at a path, under the names that a seal has for it, and what its configs point to."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterable, Mapping

from modelseal import layouts, pointers
from modelseal.compare import Local
from modelseal.errors import Usage
from modelseal.folders import Found, Listing
from modelseal.formats import names
from modelseal.formats.manifest import Statement
from modelseal.formats.names import Asked
from modelseal.hashing import Digests
from modelseal.journeys import typed
from modelseal.layouts import OneFile, Place
from modelseal.platform import Opener
from modelseal.pointers import MAX_CONFIG, MAX_CONFIGS, Pointers
from modelseal.values import dataclass
from modelseal.verdict import Decision, Finding


@dataclass(frozen=True, slots=True)
class Look:
    listing: Listing
    partial: bool  # sealed files may be missing
    named: Mapping[str, str]  # a name in the listing -> the seal's, where they differ
    points: Mapping[str, Pointers]  # by the listing's names

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes by the seal's names."""
        return {self._name(found): found.size for found in self.listing.files}

    @property
    def problems(self) -> tuple[Finding, ...]:
        return tuple(Finding(problem.kind, problem.name, found=problem.detail) for problem in self.listing.problems)

    def local(self, digests: Mapping[str, Digests]) -> tuple[Local, ...]:
        """Return the files with those of *digests* (by the listing's names) that were computed."""
        found = []
        for one in self.listing.files:
            done = digests.get(one.name)
            sha256, blake3 = (done.sha256, done.blake3) if done else (None, None)
            found.append(Local(self._name(one), one.size, sha256, blake3, self.points.get(one.name)))
        return tuple(found)

    def worth_hashing(self, statement: Statement) -> set[str]:
        """Return, by the listing's names, the files that the seal lists with this size: others are refused anyway."""
        sealed = {file.name: file.size for file in statement.files}
        return {one.name for one in self.listing.files if sealed.get(self._name(one)) == one.size}

    def _name(self, found: Found) -> str:
        return self.named.get(found.name, found.name)


def whose(place: Place, repo: str | Asked | None) -> Asked:
    """Return whose the files must be: as the user says, by a name or by the path in the Hub cache. Usage if not."""
    named = typed.asked(repo) if repo is not None else None
    if place.asked is None:
        if named is None:
            raise Usage("whose files should these be? say it with a repo: OWNER/NAME")
        return named
    if named is None:
        return place.asked
    if named.key != place.asked.key or named.revision not in (None, place.asked.revision):
        raise Usage(f"{_said(named)} was named, and {place.path} is of {_said(place.asked)}; one of them is wrong")
    return Asked(named.repo, place.asked.revision)


def _said(asked: Asked) -> str:
    return names.short(asked.repo) + (f"@{asked.revision}" if asked.revision else "")


def look(place: Place, listing: Listing, decision: Decision, complete: bool | None) -> Look:
    """Return *listing*, which *place* gave, as the seal that was decided on names it.

    *complete*: whether every sealed file must be there; None: yes in a folder, no in a Hub cache or for one file.
    """
    named: dict[str, str] = {}
    if isinstance(place.source, OneFile):
        sealed = tuple(file.name for file in decision.statement.files) if decision.statement else ()
        named[place.source.name] = layouts.sealed_name(place.path, sealed, place.source.name)
    partial = place.part if complete is None else not complete
    return Look(listing, partial, named, _points(listing) if decision.word is None else {})


def _points(listing: Listing) -> dict[str, Pointers]:
    configs = [one for one in listing.files if pointers.is_config(one.name) and one.size <= MAX_CONFIG][:MAX_CONFIGS]
    if not configs:
        return {}
    with listing.opener() as opener:
        return dict(_each(opener, configs))


def _each(opener: Opener, configs: Iterable[Found]) -> Iterable[tuple[str, Pointers]]:
    for found in configs:
        try:
            with io.FileIO(opener.open(found.name)) as file:
                if not found.is_still(os.fstat(file.fileno())):
                    continue  # whoever hashes it says so
                data = file.read(MAX_CONFIG)
        except OSError:
            continue
        yield found.name, pointers.read(data, hashlib.sha256(data).digest())
