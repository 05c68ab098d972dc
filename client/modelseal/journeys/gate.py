"""What may pass of a repo that a program wants, asked once and remembered for a while.

    1 which commit is meant               3 what of that is allowed here
    2 what the log proves about it        4 which files, with size and digests

Nothing is downloaded, and no byte of a file is seen: whoever lets files through compares every byte with what stands
here. The names, sizes and digests are those of a seal. Where people accept a repo without one, or the seal cannot be
fetched, they are the Hub's own, if those make up the fileset that was logged; of a repo that is accepted although
UNKNOWN nothing was logged, and they are just the Hub's.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from types import ModuleType

from modelseal import root
from modelseal.errors import Error, Refused, Unavailable
from modelseal.formats import names
from modelseal.formats.manifest import File
from modelseal.formats.names import Asked
from modelseal.journeys.allow import Allow, Allowing
from modelseal.journeys.ask import Answer, Where, again, ask
from modelseal.listed import HubListing, claimed_owner, compare_listing, sealed
from modelseal.passing import Passing, Stopped
from modelseal.reports.words import first_line
from modelseal.verdict import Decision, Verdict, Word

REMEMBER_S = 300.0  # a revocation is noticed by a guard that runs for days
REMEMBER_FAILURE_S = 5.0  # nobody answered: programs try again, and so do we
MAX_REMEMBERED = 200

_NEWEST = (None, "main", "HEAD")


class Gate:
    """From any thread; the first who wants to know of a repo asks, the others wait for the answer."""

    def __init__(self, where: Where = Where(), allowing: Allowing | None = None) -> None:
        """*allowing*: what passes besides what is sealed, and what of that does not."""
        self._allowing = Allowing(Allow(), (), None, None) if allowing is None else allowing
        self._where = self._allowing.where(where)
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, str | None], _Known] = OrderedDict()
        self._answers: OrderedDict[str, tuple[float, Answer]] = OrderedDict()  # by repo, for its other revisions

    def passing(self, repo: str, revision: str | None) -> Passing | Stopped:
        """Return what may pass of *repo* (`hf://acme-lab/atlas-7b`) at *revision*. It does not raise Error."""
        key = repo, None if revision in _NEWEST else revision
        with self._lock:
            known = self._known.setdefault(key, _Known())
            self._known.move_to_end(key)
            while len(self._known) > MAX_REMEMBERED:
                self._known.popitem(last=False)
        with known.lock:
            if known.found is None or time.monotonic() > known.until:
                known.found = self._find(*key)
                soon = isinstance(known.found, Stopped) and known.found.is_for_now
                known.until = time.monotonic() + (REMEMBER_FAILURE_S if soon else REMEMBER_S)
            return known.found

    def _find(self, repo: str, revision: str | None) -> Passing | Stopped:
        try:
            asked = self._allowing.narrowed(Asked(repo, self._commit(repo, revision)))  # 1
            try:
                decision = self._ask(asked).decision  # 2
            except root.NoTrust as e:
                decision = self._allowing.unanswered(asked, e)
            return self._judge(asked, decision)  # 3, 4
        except Error as e:
            return Stopped.by(e, names.short(repo) + (f"@{revision}" if revision else ""))

    def _commit(self, repo: str, revision: str | None) -> str | None:
        """Return the commit that a branch or tag is; None for the newest release."""
        if revision is None or names.is_commit(revision):
            return revision
        if revision.startswith("refs/"):
            raise Refused(f"{revision} is no release: anybody can open a pull request")
        commit: str = self._hub().resolve(repo, revision)[0]
        return commit

    def _ask(self, asked: Asked) -> Answer:
        with self._lock:
            until, earlier = self._answers.get(asked.key, (0.0, None))
        if earlier is not None and time.monotonic() < until:
            return again(asked, earlier, self._where)
        answer = ask(asked, self._where)
        if answer.decision.word != Word.UNAVAILABLE:
            with self._lock:
                self._answers[asked.key] = time.monotonic() + REMEMBER_S, answer
                while len(self._answers) > MAX_REMEMBERED:
                    self._answers.popitem(last=False)
        return answer

    def _judge(self, asked: Asked, decision: Decision) -> Passing | Stopped:
        if decision.word is not None:
            verdict = Verdict.alone(decision)
            return self._listed(asked, decision) if self._allowing.may_pass(verdict) else _stopped(verdict)
        assert decision.chosen is not None
        release, statement = decision.chosen.release, decision.statement
        if statement is None or asked.revision not in (None, release.revision):
            return self._listed(asked, decision)
        changed = self._other_owner(asked, decision)
        if changed is not None:
            return _stopped(changed)
        verdict = self._allowing.settled(sealed(decision), files=statement.files)
        return _passing(verdict, asked, release.revision, statement.files) if verdict else _stopped(verdict)

    def _listed(self, asked: Asked, decision: Decision) -> Passing | Stopped:
        """Judge by what the Hub lists: small files are fetched, of the large ones it says the digests."""
        hub = self._hub()
        listing = hub.listing(asked.repo, decision.commit)
        files = hub.files_of(listing)
        owner = hub.owner_id(names.namespace_of(asked.repo)) if claimed_owner(decision) is not None else None
        verdict = self._allowing.settled(compare_listing(decision, listing, files=files, owner=owner), files=files)
        if not verdict:
            return _stopped(verdict)
        if verdict.word == Word.SEALED and decision.statement is not None and verdict.release == decision.chosen:
            files = decision.statement.files  # the same, with what a seal says besides
        return _passing(verdict, asked, listing.commit, files)

    def _other_owner(self, asked: Asked, decision: Decision) -> Verdict | None:
        """Return FAILED if the Hub says that the namespace belongs to another account than its claim names."""
        claimed = claimed_owner(decision)
        if claimed is None:
            return None
        try:
            there = self._hub().owner_id(names.namespace_of(asked.repo))
        except Unavailable:  # then nothing new comes from there either, and what is sealed stays sealed
            return None
        if there is None or there == claimed:
            return None
        nothing = HubListing(asked.repo, asked.repo, "", ())
        return compare_listing(decision, nothing, owner=there)

    def _hub(self) -> ModuleType:
        if self._where.offline:
            raise Unavailable("the Hub is not asked offline")
        from modelseal import hub

        return hub


class _Known:
    """What was found, until when it counts, and whose turn it is to find it."""

    __slots__ = ("found", "lock", "until")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.found: Passing | Stopped | None = None
        self.until = 0.0


def _passing(verdict: Verdict, asked: Asked, commit: str, files: tuple[File, ...]) -> Passing:
    return Passing(verdict, asked.repo, commit, {file.name: file for file in files})


def _stopped(verdict: Verdict) -> Stopped:
    return Stopped(verdict, first_line(verdict))
