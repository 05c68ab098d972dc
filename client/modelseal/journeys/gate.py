"""What may pass of a repo that a program wants, asked once and remembered for a while.

    1 which commit is meant               3 what of that is allowed here
    2 what the log proves about it        4 which files, with size and digests

Nothing is downloaded, and no byte of a file is seen: whoever lets files through compares every byte with what stands
here. The names, sizes and digests are those of a seal. Where people accept a repo without one, or the seal cannot be
fetched, they are the Hub's own, if those make up the fileset that was logged; of a repo that is accepted although
UNKNOWN nothing was logged, and they are just the Hub's.
"""

from __future__ import annotations

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from modelseal.compare import Local, compare
from modelseal.errors import Error, Refused, Unavailable
from modelseal.formats import names
from modelseal.formats.manifest import File
from modelseal.formats.names import Asked
from modelseal.journeys.ask import Answer, Where, again, ask
from modelseal.passing import Passing, Stopped
from modelseal.reports.words import first_line
from modelseal.verdict import Decision, Verdict, Word

if TYPE_CHECKING:
    from modelseal.hub import HubListing

REMEMBER_S = 300.0  # a revocation is noticed by a guard that runs for days
REMEMBER_FAILURE_S = 5.0  # nobody answered: programs try again, and so do we
MAX_REMEMBERED = 1000

_COMMIT = re.compile(r"[0-9a-f]{40}")
_NEWEST = (None, "main", "HEAD")
_ON_LISTING = (Word.UNKNOWN, Word.OBSERVED)  # passes, where accepted, on the Hub's own listing

Allowed = Callable[[Verdict], Verdict]


def _as_it_is(verdict: Verdict) -> Verdict:
    return verdict


class Gate:
    """From any thread; the first who wants to know of a repo asks, the others wait for the answer."""

    def __init__(self, where: Where = Where(), settled: Allowed = _as_it_is) -> None:
        """*settled* says what is allowed here besides what is sealed: it returns a verdict with `accepted` set."""
        self._where, self._settled = where, settled
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
            commit = self._commit(repo, revision)  # 1
            answer = self._ask(Asked(repo, commit))  # 2
            return self._judge(repo, commit, answer.decision)  # 3, 4
        except Error as e:
            return Stopped.by(e, names.short(repo) + (f"@{revision}" if revision else ""))

    def _commit(self, repo: str, revision: str | None) -> str | None:
        """Return the commit that a branch or tag is; None for the newest release."""
        if revision is None or _COMMIT.fullmatch(revision):
            return revision
        if revision.startswith("refs/"):
            raise Refused(f"{revision} is no release: anybody can open a pull request")
        from modelseal import hub

        if self._where.offline:
            raise Unavailable(f"which commit {revision} is can only be asked online")
        return hub.resolve(repo, revision)[0]

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

    def _judge(self, repo: str, commit: str | None, decision: Decision) -> Passing | Stopped:
        if decision.word is not None:
            verdict = self._settled(Verdict(decision.word, decision.says, decision.qualifier, decision))
            if not verdict or decision.word not in _ON_LISTING:
                return _stopped(verdict)
            return self._listed(repo, commit, decision)
        assert decision.chosen is not None
        release = decision.chosen.release
        changed = self._other_owner(repo, decision)
        if changed is not None:
            return _stopped(changed)
        if commit not in (None, release.revision) or decision.statement is None:
            return self._listed(repo, commit or release.revision, decision)
        sealed = self._settled(_sealed(decision))
        return _passing(sealed, repo, release.revision, decision.statement.files) if sealed else _stopped(sealed)

    def _listed(self, repo: str, commit: str | None, decision: Decision) -> Passing | Stopped:
        """Judge by what the Hub lists at *commit*: small files are fetched, of the large ones it says the digests."""
        from modelseal import hub

        if self._where.offline:
            raise Unavailable("which files that commit has can only be asked online")
        listing: HubListing = hub.listing(repo, commit)
        files = hub.files_of(listing)
        local = tuple(Local(file.name, file.size, file.sha256) for file in files)
        verdict = compare(decision, local)
        if verdict.word == Word.VERIFIED:  # equal, as far as the Hub's word goes
            same = decision.statement.files if decision.statement is not None else files
            verdict, files = replace(verdict, word=Word.SEALED), same
        verdict = self._settled(verdict)
        return _passing(verdict, repo, listing.commit, files) if verdict else _stopped(verdict)

    def _other_owner(self, repo: str, decision: Decision) -> Verdict | None:
        """Return FAILED if the Hub says that the namespace belongs to another account than its claim names."""
        owner = decision.state.namespace(names.namespace_of(decision.asked.key)) if decision.state else None
        claimed = owner.claim.hub_owner_id if owner else None
        if claimed is None or self._where.offline:
            return None
        from modelseal import hub

        try:
            there = hub.owner_id(names.namespace_of(repo))
        except Unavailable:  # then nothing new comes from there either, and what is sealed stays sealed
            return None
        if there is None or there == claimed:
            return None
        says = f": owner changed: the Hub account {there} has that name now, not {claimed} of its owner's claim"
        return Verdict(Word.FAILED, says, "", decision, release=decision.chosen)


class _Known:
    """What was found, until when it counts, and whose turn it is to find it."""

    __slots__ = ("found", "lock", "until")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.found: Passing | Stopped | None = None
        self.until = 0.0


def _sealed(decision: Decision) -> Verdict:
    assert decision.chosen is not None and decision.publisher is not None
    release, publisher = decision.chosen.release, decision.publisher
    return Verdict(
        Word.SEALED,
        f", sealed by {publisher}" + ("" if publisher.checked else " (owner not checked)"),
        "" if decision.quorum else "(registry's word only)",
        decision,
        release=decision.chosen,
        total=release.files,
        total_bytes=release.total_bytes,
    )


def _passing(verdict: Verdict, repo: str, commit: str, files: tuple[File, ...]) -> Passing:
    return Passing(verdict, repo, commit, {file.name: file for file in files})


def _stopped(verdict: Verdict) -> Stopped:
    return Stopped(verdict, first_line(verdict))
