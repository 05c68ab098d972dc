"""What one run allows: --accept, --strict, the rules files and the lock, found and read once.

    allowing = Allowing.of(Allow(accept=("unknown",)), named=asked, judged=folder)
    asked = allowing.narrowed(asked)                     # at the lock's commit
    answer = ask(asked, allowing.where(Where(...)))      # the log must continue what the lock has seen
    ...
    verdict = allowing.settled(verdict)                  # the last step of everything that judges

Rules are read from /etc/modelseal, from $MODELSEAL_HOME and from the file that is named, and all that are there must
agree. The lock is the one that is named, or the nearest from the working folder up to the one that holds `.git`. Both
must belong to this user or to root: who else can write them must not say what is used here.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import EllipsisType
from typing import TYPE_CHECKING

from modelseal import platform
from modelseal.allowed import (
    BY_WORD,
    LOCK,
    MAX_RULES,
    RULES,
    Allowance,
    Contents,
    exempts,
    files_at_hand,
    kind_of,
    settle,
)
from modelseal.errors import Malformed, Refused, Usage
from modelseal.formats import names
from modelseal.formats.manifest import File
from modelseal.formats.names import Asked
from modelseal.journeys.ask import Where, ask
from modelseal.root import NoTrust
from modelseal.values import dataclass
from modelseal.verdict import Decision, Finding, Verdict, Word

if TYPE_CHECKING:
    from modelseal.errors import Error
    from modelseal.lockfile import Entry, Lock
    from modelseal.rules import Rules

SYSTEM = Path("/etc/modelseal/rules.toml")


@dataclass(frozen=True, slots=True)
class Allow:
    """What was typed."""

    accept: tuple[str, ...] = ()  # observed, unknown, pinned: of the repo that is named beside it
    strict: bool = False
    locked: bool = False
    lock: Path | None = None  # None: MODELSEAL_LOCK, or the nearest
    rules: Path | None = None  # None: MODELSEAL_RULES; besides the system's and the user's own

    @classmethod
    def typed(
        cls, accept: Iterable[str], strict: bool, locked: bool, lock: Path | str | None, rules: Path | str | None
    ) -> Allow:
        """The same, as callers give it."""
        return cls(tuple(accept), strict, locked, Path(lock) if lock else None, Path(rules) if rules else None)


class Allowing:
    """What a run allows, and of which repo. Its files are read once."""

    def __init__(self, allow: Allow, rules: tuple[Rules, ...], lock: Lock | None, lock_path: Path | None) -> None:
        self.allow, self.rules = allow, rules
        self.lock, self.lock_path = lock, lock_path

    @classmethod
    def of(
        cls,
        allow: Allow,
        *,
        named: Asked | None,
        judged: Path | Sequence[Path] | None = None,
        env: Mapping[str, str] | None = None,
        new: bool = False,
    ) -> Allowing:
        """Read what there is. *named*: the repo that the user typed, if one; *judged*: what is verified, or all of it;
        *new*: a lock that is named need not be there yet.

        Raises Usage: --accept of another word, without a repo or with --strict; a file that is wrong, or of somebody
        else; --locked with no lock.
        """
        env = os.environ if env is None else env
        for word in allow.accept:
            if word not in BY_WORD:
                raise Usage(
                    f"{names.printable(word)!r} cannot be accepted",
                    hint=f"words are {', '.join(BY_WORD)}; anything else is an exception in {RULES}, with its reason",
                )
        if allow.accept and named is None:
            raise Usage(
                "--accept is for the repo that is typed beside it, and there is none",
                hint=f"name it: --repo OWNER/NAME; what may be used without a word each time stands in {RULES}",
            )
        if allow.accept and allow.strict:
            raise Usage("--strict accepts nothing, so --accept cannot stand beside it")
        judged = () if judged is None else (judged,) if isinstance(judged, Path) else tuple(judged)
        found = _read_rules(allow.rules, judged, env)
        if allow.accept and (first := next((one for one in found if one.strict), None)) is not None:
            raise Usage(f"{first.where} says strict, so nothing is accepted with --accept")
        path = find_lock(allow.lock, judged, env)
        if path is None and allow.locked:
            raise Usage(f"--locked, and there is no {LOCK} here or above", hint="make one: modelseal lock OWNER/NAME")
        if path is None:
            return cls(allow, found, None, None)
        typed = allow.lock is not None or bool(env.get("MODELSEAL_LOCK"))
        try:
            return cls(allow, found, read_lock(path, follow=typed), path)
        except platform.Missing:
            if not new:
                raise
            return cls(allow, found, None, path)

    @property
    def strict(self) -> bool:
        return self.allow.strict or any(one.strict for one in self.rules)

    @property
    def lock_name(self) -> str:
        return self.lock_path.name if self.lock_path is not None else LOCK

    def entry(self, repo: str) -> Entry | None:
        """Return what the lock has of *repo*."""
        return self.lock.find(repo) if self.lock is not None else None

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What the lock has, sorted by name; Usage if there is no lock."""
        if self.lock is None:
            raise Usage(f"there is no {LOCK} here or above", hint="name a repo, or make one: modelseal lock OWNER/NAME")
        return self.lock.entries

    @property
    def has_pinned(self) -> bool:
        """Whether something in the lock was pinned where no log was trusted."""
        return self.lock is not None and any(one.verdict == "pinned" for one in self.lock.entries)

    def narrowed(self, asked: Asked) -> Asked:
        """Return *asked* at the lock's commit, where none was named. Refused if --locked, and it is not in the lock."""
        entry = self.entry(asked.repo)
        if entry is None:
            if self.allow.locked:
                raise Refused(
                    f"{names.short(asked.repo)} is not in {self.lock_path}, and --locked takes nothing else",
                    hint=f"modelseal lock {names.short(asked.repo)}",
                )
            return asked
        return asked if asked.revision is not None else Asked(asked.repo, entry.commit)

    def complete(self, complete: bool | None) -> bool | None:
        """Return whether every file must be there: --locked and --strict want all, whatever was asked for."""
        if not (self.allow.locked or self.strict):
            return complete
        if complete is False:
            raise Usage(f"{'--strict' if self.strict else '--locked'} wants complete folders, so not --partial")
        return True

    def where(self, where: Where) -> Where:
        """Return *where* with the heads that the lock has seen. Usage if --strict, and the evidence says the time."""
        if self.strict and where.as_of == "evidence":
            raise Usage("--strict judges by a clock, so not --as-of evidence")
        return replace(where, notes=self.lock.notes) if self.lock is not None and self.lock.notes else where

    def hashes(self, decision: Decision, partial: bool = False) -> frozenset[str]:
        """Return the digests that `settled` needs besides those for `compare`: sha256, where the lock or an exception
        says which bytes are meant and no seal is compared."""
        key = decision.asked.key
        entry = self.entry(key)
        listed = entry is not None and bool(entry.files) and decision.chosen is None
        if (listed and decision.word not in (None, Word.FAILED, Word.LOG_MISBEHAVED)) or exempts(self.rules, key):
            return frozenset({"sha256"})
        return frozenset()

    def decided(self, asked: Asked, where: Where) -> Decision:
        """Return what the log proves about *asked*, `where` having the lock's heads; or that the lock has pinned it."""
        try:
            return ask(asked, where).decision
        except NoTrust as e:
            return self.unanswered(asked, e)

    def unanswered(self, asked: Asked, error: Error) -> Decision:
        """Return the decision where no trust root covers the name (`root.NoTrust`) and the lock has pinned it so; else
        raise *error*. Never for a registry that is trusted and does not answer."""
        entry = self.entry(asked.repo)
        if entry is None or entry.verdict != "pinned":
            raise error
        says = f": no registry is trusted for it; {self.lock_name} has pinned its files"
        return Decision(asked, Word.UNAVAILABLE, says, "(pinned)", asked.repo)

    def settled(
        self,
        verdict: Verdict,
        *,
        files: tuple[File, ...] | None = None,
        partial: bool = False,
        problems: tuple[Finding, ...] = (),
        entry: Entry | EllipsisType | None = ...,
        now: int | None = None,
    ) -> Verdict:
        """Return *verdict* as the lock, --strict, the rules and --accept leave it: the last step of all that judges.

        *files*: where the verdict does not list them itself (the Hub's listing, each with its sha256); *partial*: some
        may be missing; *problems*: what lies there and is no file; *entry*: instead of the lock's own, or of any.
        """
        contents = Contents(files if files is not None else files_at_hand(verdict), partial, problems)
        allowance = self._allowance(verdict)
        if entry is not ...:
            allowance = replace(allowance, entry=entry, locked=False)
        return settle(verdict, allowance, contents, int(time.time()) if now is None else now)

    def may_pin(self, repo: str) -> bool:
        """Whether --accept or every rules file lets *repo* be pinned where no log is trusted."""
        if "pinned" in self.allow.accept:
            return True
        return bool(self.rules) and all(one.allows("pinned", repo) for one in self.rules)

    def may_pass(self, verdict: Verdict) -> bool:
        """Whether *verdict*, of which no files are known yet, is worth asking for them: `settled` says the rest."""
        allowance = self._allowance(verdict)
        if allowance.entry is not None and allowance.entry.verdict != "pinned":
            allowance = replace(allowance, entry=None, locked=False)
        return bool(settle(verdict, allowance, Contents(None), int(time.time())))

    def _allowance(self, verdict: Verdict) -> Allowance:
        return Allowance(
            self.allow.accept,
            self.allow.strict,
            self.rules,
            self.allow.locked,
            self.entry(verdict.decision.asked.repo),
            self.lock_name,
        )

    def kind(self, verdict: Verdict) -> str:
        """Return the word by which --accept and rules name *verdict*."""
        return kind_of(verdict, self.entry(verdict.decision.asked.repo))


def _read_rules(named: Path | None, judged: Sequence[Path], env: Mapping[str, str]) -> tuple[Rules, ...]:
    """Return what every rules file says that there is; the one that is named must be there."""
    if named is None and env.get("MODELSEAL_RULES"):
        named = Path(env["MODELSEAL_RULES"])
    if named is not None and _is_in(_typed(named), judged):
        raise Usage(f"{named} lies in what is verified, and nothing there says what is allowed")
    places: list[tuple[Path, bool]] = [(SYSTEM, False), (platform.config_folder() / RULES, False)]
    if named is not None:
        places.append((_typed(named), True))
    found: dict[str, Rules] = {}
    for path, wanted in places:
        try:
            data = platform.read_trusted(path, MAX_RULES, "rules file", others_may_write=False)
        except platform.Missing:
            if wanted:
                raise
            continue
        except Malformed as e:
            raise Usage(str(e)) from e
        from modelseal import rules

        try:
            found.setdefault(os.path.realpath(path), rules.parse(data, str(path)))
        except Malformed as e:
            raise Usage(str(e), hint="for an example see rules.toml in the README of the client") from e
    return tuple(found.values())


def find_lock(named: Path | None, judged: Sequence[Path], env: Mapping[str, str]) -> Path | None:
    """Return the lock that is named, else the nearest one, if there is one. What is verified never locks itself."""
    if named is None and env.get("MODELSEAL_LOCK"):
        named = Path(env["MODELSEAL_LOCK"])
    if named is not None:
        path = _typed(named)
        if _is_in(path, judged):
            raise Usage(f"{path} lies in what is verified, and nothing there says what is right")
        return path
    try:
        here = Path.cwd()
    except OSError:  # it was removed
        return None
    for folder in _up(here):
        path = folder / LOCK
        if os.path.lexists(path) and not _is_in(path, judged):
            return path
    return None


def _typed(path: Path) -> Path:
    return Path(os.path.expanduser(path))  # as it stands where there is no such user


def _up(folder: Path) -> Iterable[Path]:
    """Yield *folder* and those above it up to the one that holds `.git`; only itself where none does."""
    chain: list[Path] = []
    for one in (folder, *folder.parents):
        chain.append(one)
        if os.path.lexists(one / ".git"):
            return chain
    return chain[:1]


def _is_in(path: Path, folders: Iterable[Path]) -> bool:
    """Whether *path* is one of *folders* or below it, by whatever links and spellings."""
    places = Path(os.path.realpath(path.parent)) / path.name, Path(os.path.realpath(path))
    targets = [Path(os.path.realpath(folder)) for folder in folders]
    return any(place.is_relative_to(target) for place in places for target in targets)


def read_lock(path: Path, *, follow: bool = False) -> Lock:
    """Return what the lock at *path* says; Missing, or Usage if it is wrong or somebody else's.

    *follow*: it may be a link (a mounted one is); right only for a path that was typed.
    """
    from modelseal import lockfile

    try:
        data = platform.read_trusted(path, lockfile.MAX_LOCK, "lock", others_may_write=True, follow=follow)
        return lockfile.parse(data, str(path))
    except Malformed as e:
        raise Usage(str(e), hint=lockfile.MEND) from e
