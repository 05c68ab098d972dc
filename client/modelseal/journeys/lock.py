"""Lock: write down what is taken, so that the same is taken everywhere, and by a log that never goes back.

    1 the repos: those that were typed, or all of the lock       3 the entry: a seal's fileset, or every file by the Hub
    2 what the log says of each, and whether that is allowed     4 entries and heads into the lock, all or nothing

The lock accepts nothing: what is not sealed is written only where --accept or rules.toml allows it now, and they are
asked again whenever it is used.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from modelseal import lockfile, platform, root
from modelseal.allowed import LOCK
from modelseal.compare import Local, compare
from modelseal.errors import Error, Usage
from modelseal.formats import names
from modelseal.formats.manifest import File, fileset
from modelseal.formats.names import Asked
from modelseal.formats.trust import Head
from modelseal.journeys import typed
from modelseal.journeys.allow import Allow, Allowing
from modelseal.journeys.ask import Answer, Where, ask, check
from modelseal.journeys.lockwrite import held, save_all, write
from modelseal.listed import sealed
from modelseal.lockfile import Entry, Lock
from modelseal.values import dataclass
from modelseal.verdict import WORST_FIRST, Decision, Verdict, Word


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one repo."""

    repo: str  # hf://acme-lab/atlas-7b
    change: str  # added, changed, kept, removed, or refused: then nothing at all was written
    verdict: Verdict | None = None  # None where nobody was asked: it was removed, or pinned where no log is trusted
    before: Entry | None = None
    after: Entry | None = None

    @property
    def exit_code(self) -> int:
        return self.verdict.exit_code if self.verdict is not None and self.change == "refused" else 0


@dataclass(frozen=True, slots=True)
class Locked:
    """What `lock` has done; true only if all of it could be, and with *check* if nothing was to do."""

    path: Path
    taken: tuple[Taken, ...]
    heads: tuple[tuple[str, int], ...] = ()  # origin and leaves of each log that was heard
    check: bool = False
    wrote: tuple[Path, ...] = ()

    @property
    def changed(self) -> bool:
        return any(one.change in ("added", "changed", "removed") for one in self.taken)

    @property
    def exit_code(self) -> int:
        """That of the worst verdict; 1 for *check* if something is not as the lock has it."""
        found = {one.exit_code for one in self.taken}
        worst = next(code for code in WORST_FIRST if code in found | {0})
        return worst or int(self.check and self.changed)

    @property
    def refused(self) -> tuple[Taken, ...]:
        """What could not be locked, worst first."""
        bad = [one for one in self.taken if one.exit_code]
        return tuple(sorted(bad, key=lambda one: WORST_FIRST.index(one.exit_code)))

    def __bool__(self) -> bool:
        return self.exit_code == 0


def lock(
    repos: Iterable[str | Asked] = (),
    *,
    check_only: bool = False,
    upgrade: bool = False,
    remove: bool = False,
    save: Path | str | None = None,
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
) -> Locked:
    """Write *repos* (`acme-lab/atlas-7b`, with `@COMMIT`, a branch or a tag) into modelseal.lock; none: ask again for
    all that it has, and move the heads of its logs forward.

    A repo that the lock has stays at its commit unless another one is named. *check_only*: write nothing, and be false
    if something would be written but heads. *upgrade*: to the newest release, and what has none to the Hub's `main`.
    *remove*: take *repos* out. *save*: a folder for a machine without network; trust root, evidence and the lock. The
    others are as for `verify`; *accept* wants exactly one repo.

    All or nothing: what is not allowed leaves the lock as it was. Raises Usage (names, options, a lock that is wrong)
    and Unavailable (no trust root, no Hub).
    """
    wanted = [_typed(one) for one in repos]
    if len({asked.key for asked, _ in wanted}) != len(wanted):
        raise Usage("a repo is named twice")
    if sum((check_only, upgrade, remove)) > 1:
        raise Usage("--check, --upgrade and --remove are three things; choose one")
    if remove and not wanted:
        raise Usage("--remove wants the repos that are to go", hint="modelseal lock OWNER/NAME --remove")
    if save is not None and (check_only or remove):
        raise Usage("--save goes with what is locked, not with --check or --remove")
    folder = Path(os.path.expanduser(save)) if save is not None else None
    if folder is not None and not _can_be_folder(folder):
        raise Usage(f"--save {folder}: not a folder, or in something that is none")
    accepted = tuple(accept)
    if accepted and len(wanted) != 1:
        raise Usage("--accept is for the one repo that is typed beside it", hint="lock it alone, then the others")
    allow = Allow.typed(accepted, strict, locked, lock, rules)
    allowing = Allowing.of(allow, named=wanted[0][0] if wanted else None, new=True)
    path = allowing.lock_path or Path(LOCK)
    if allowing.lock is None and not wanted:
        raise Usage(f"there is no {LOCK} here or above", hint="make one: modelseal lock OWNER/NAME")
    if remove:
        return _removed(path, wanted)
    where = allowing.where(Where(registry, Path(evidence) if evidence else None, offline, max_age, as_of))
    check(where)
    locking = _Locking(allowing, where, int(time.time()))
    there = allowing.lock or Lock()
    if not wanted:
        taken = [locking.again(entry, upgrade=upgrade) for entry in there.entries]  # 1
    else:
        taken = [locking.typed(asked, revision, there.find(asked.repo), upgrade=upgrade) for asked, revision in wanted]
    done = Locked(path, tuple(taken), tuple((origin, head.size) for origin, head in locking.heads), check_only)
    if done.refused or check_only:
        return done
    entries = [one.after for one in taken if one.after is not None and one.change != "kept"]
    new, moved = write(path, entries, locking.heads)  # 4
    files = () if folder is None else save_all(folder, new, locking.answers)
    return replace(done, wrote=((path,) if moved else ()) + files)


def _can_be_folder(path: Path) -> bool:
    there = next((one for one in (path, *path.absolute().parents) if os.path.lexists(one)), None)
    return there is not None and there.is_dir()


def _typed(text: str | Asked) -> tuple[Asked, str | None]:
    """Read REPO[@REV]: the repo, and a commit, branch or tag."""
    if isinstance(text, Asked):
        return Asked(text.repo, None), text.revision
    name, at, revision = text.partition("@")
    if at and not revision:
        raise Usage(f"{names.printable(text)}: a commit, branch or tag is wanted after the @")
    return Asked(typed.asked(name).repo, None), revision or None


class _Locking:
    """Asks the log, and the Hub where nothing is sealed; remembers who answered."""

    def __init__(self, allowing: Allowing, where: Where, now: int) -> None:
        self._allowing, self._where, self._now = allowing, where, now
        self.answers: dict[str, Answer] = {}  # by repo, lower case

    @property
    def heads(self) -> list[tuple[str, Head]]:
        """The newest head of each log that was heard."""
        newest: dict[str, Head] = {}
        for answer in self.answers.values():
            head = answer.decision.head
            if head is not None and head.size >= newest.get(answer.trust.origin, head).size:
                newest[answer.trust.origin] = head
        return sorted(newest.items())

    def again(self, entry: Entry, *, upgrade: bool) -> Taken:
        """Ask for what the lock has, at its commit; to upgrade, for what is newer."""
        try:
            decision = self._ask(Asked(entry.repo, None if upgrade else entry.commit))
        except root.NoTrust:
            if entry.verdict != "pinned":
                raise
            return Taken(entry.repo, "kept", None, entry, entry)
        if decision.word is None:
            return self._sealed(decision, entry, None if upgrade else entry)
        if upgrade and self._allowing.may_pass(_plain(decision)):
            return self._unsealed(decision, entry)
        if upgrade:
            decision = self._ask(Asked(entry.repo, entry.commit))
        return self._kept(decision, entry)

    def _kept(self, decision: Decision, entry: Entry) -> Taken:
        """Judge *entry*, which has no seal, as it is: its files with what was logged of that commit."""
        if decision.word is None:
            return self._sealed(decision, entry, entry)
        local = tuple(Local(file.name, file.size, file.sha256) for file in entry.files)
        verdict = self._allowing.settled(compare(decision, local) if local else _plain(decision), files=entry.files)
        if verdict.word.value == entry.verdict:  # whoever uses it is asked whether that is accepted
            return Taken(entry.repo, "kept", verdict, entry, entry)
        return _taken(entry, self._entry(decision, entry.repo, entry.commit, entry.files, verdict), verdict)

    def typed(self, asked: Asked, revision: str | None, entry: Entry | None, *, upgrade: bool) -> Taken:
        """Lock *asked* at *revision*; at the lock's commit if it has it and none is named."""
        from modelseal import hub

        if revision is not None and not names.is_commit(revision):
            revision = hub.resolve(asked.repo, revision)[0]
        if revision is None and entry is not None and not upgrade:
            return self.again(entry, upgrade=False)
        try:
            decision = self._ask(Asked(asked.repo, revision))  # 2
        except root.NoTrust as e:
            return self._pinned(asked, revision, entry, e)
        if decision.word is None:
            return self._sealed(decision, entry, None)
        verdict = _plain(decision)
        if decision.word not in (Word.UNKNOWN, Word.OBSERVED) or not self._allowing.may_pass(verdict):
            return _taken(entry, None, self._fresh(verdict, None))
        return self._unsealed(decision, entry)

    def _unsealed(self, decision: Decision, entry: Entry | None) -> Taken:
        """Lock what the Hub lists at the commit that was asked for, else at the one observed, else at `main`."""
        asked, seen = decision.asked, decision.observed
        observed = seen.revision if seen is not None and decision.word == Word.OBSERVED else None
        commit, files = self._listed(Asked(asked.repo, asked.revision or observed))  # 3
        decision = self._ask(Asked(asked.repo, commit))
        verdict = self._fresh(compare(decision, tuple(Local(one.name, one.size, one.sha256) for one in files)), files)
        return _taken(entry, self._entry(decision, asked.repo, commit, files, verdict), verdict)

    def _sealed(self, decision: Decision, entry: Entry | None, at: Entry | None) -> Taken:
        """Lock the release that was decided on. *at*: it must have the fileset of that entry."""
        chosen = decision.chosen
        assert chosen is not None and decision.publisher is not None
        release, verdict = chosen.release, sealed(decision)
        asked = decision.asked.revision
        if at is not None and release.fileset != at.fileset:
            says = f": {at.commit} is in the lock, and its owner has sealed other files since, at {release.revision}"
            verdict = replace(verdict, word=Word.FAILED, says=says, qualifier="")
        elif at is None and asked not in (None, release.revision):
            says = f": {asked} is not sealed; the newest release is {release.revision}"
            verdict = replace(verdict, word=Word.FAILED, says=says, qualifier="")
        else:
            verdict = self._fresh(verdict, None) if at is None else self._allowing.settled(verdict)
        now = Entry(
            repo=release.repo,
            commit=release.revision,
            verdict="sealed",
            fileset=release.fileset,
            date=self._now,
            log=decision.origin,
            publisher=names.printable(str(decision.publisher)),
            seal=release.seal,
            leaf=chosen.index,
        )
        return _taken(entry, now, verdict)

    def _pinned(self, asked: Asked, revision: str | None, entry: Entry | None, error: Error) -> Taken:
        """Pin what the Hub lists: nobody proves anything about it, so --accept pinned or a rule must say so."""
        if not self._allowing.may_pin(asked.repo):
            hint = f"or pin what the Hub has now: modelseal lock {names.short(asked.repo)} --accept pinned"
            raise type(error)(str(error), hint=f"{error.hint}; {hint}" if error.hint else hint)
        commit, files = self._listed(Asked(asked.repo, revision))
        now = Entry(asked.repo, commit, "pinned", fileset(files), self._now, files=files)
        says = f": no registry is trusted for it; its {len(files)} files are pinned on the Hub's word"
        verdict = Verdict(
            Word.UNAVAILABLE, says, "(pinned)", Decision(Asked(asked.repo, commit), Word.UNAVAILABLE, says)
        )
        return _taken(entry, now, self._allowing.settled(verdict, files=files, entry=now))

    def _fresh(self, verdict: Verdict, files: tuple[File, ...] | None) -> Verdict:
        """Settle what is to stand in the lock: what stands there now has no say."""
        return self._allowing.settled(verdict, files=files, entry=None)

    def _ask(self, asked: Asked) -> Decision:
        answer = ask(asked, self._where, now=self._now)
        decision = answer.decision
        if decision.word not in (Word.UNAVAILABLE, Word.LOG_MISBEHAVED):
            self.answers[asked.key] = answer
        return decision

    def _listed(self, asked: Asked) -> tuple[str, tuple[File, ...]]:
        """Return the commit, and every file that the Hub has there with its sha256."""
        from modelseal import hub

        if self._where.offline:
            raise Usage(
                f"{names.short(asked.repo)} is not sealed, and --offline its files cannot be asked for",
                hint="lock it where there is a network",
            )
        listing = hub.listing(asked.repo, asked.revision)
        return listing.commit, hub.files_of(listing)

    def _entry(
        self, decision: Decision, repo: str, commit: str, files: tuple[File, ...], verdict: Verdict
    ) -> Entry | None:
        """Return the entry of a repo without a seal; None if it is not one that can be locked."""
        if verdict.word not in (Word.UNKNOWN, Word.OBSERVED) or not files:
            return None
        leaf = verdict.observed.newest if verdict.word == Word.OBSERVED and verdict.observed else None
        return Entry(
            repo, commit, verdict.word.value, fileset(files), self._now, log=decision.origin, leaf=leaf, files=files
        )


def _plain(decision: Decision) -> Verdict:
    """Return what the decision alone says; a release is SEALED as far as it goes."""
    word = Word.SEALED if decision.word is None else decision.word
    return Verdict(word, decision.says, decision.qualifier, decision, release=decision.chosen)


def _taken(before: Entry | None, now: Entry | None, verdict: Verdict) -> Taken:
    repo = (now or before).repo if now or before else verdict.decision.asked.repo  # type: ignore[union-attr]
    if now is None or not verdict:
        return Taken(repo, "refused", verdict, before, before)
    if before is None:
        return Taken(repo, "added", verdict, None, now)
    if replace(before, date=now.date) == now:
        return Taken(repo, "kept", verdict, before, before)
    return Taken(repo, "changed", verdict, before, now)


def _removed(path: Path, wanted: list[tuple[Asked, str | None]]) -> Locked:
    with held(path) as there:
        taken = []
        for asked, revision in wanted:
            entry = there.find(asked.repo)
            if entry is None or revision not in (None, entry.commit):
                raise Usage(f"{names.short(asked.repo)}{f'@{revision}' if revision else ''} is not in {path}")
            there = there.without(asked.repo)
            taken.append(Taken(entry.repo, "removed", None, entry, None))
        platform.replace(path, lockfile.encode(there))
    return Locked(path, tuple(taken), wrote=(path,))
