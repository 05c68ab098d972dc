"""What a run allows, after the verdict: the lock narrows it, --strict narrows it, and people may accept the rest. Pure.

    1 is it what the lock has    2 is it strict enough    3 does the command line accept it    4 do all rules accept it

Only 3 and 4 can turn an exit status into 0, and the verdict stays what it is: it is `accepted`, never VERIFIED.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from modelseal.compare import by_weight, count, risk_of
from modelseal.errors import Malformed
from modelseal.formats import manifest, names
from modelseal.formats.manifest import File
from modelseal.state import Sealed
from modelseal.times import utc
from modelseal.values import dataclass
from modelseal.verdict import Finding, Verdict, Word

if TYPE_CHECKING:  # most machines have neither a lock nor rules
    from modelseal.lockfile import Entry
    from modelseal.rules import Allowed, Exempt, Rules

BY_WORD = ("observed", "unknown", "pinned")  # what --accept and [[allow]] may name
LOCK, RULES = "modelseal.lock", "rules.toml"
MAX_RULES = 1 << 20  # bytes

HARD = (Word.FAILED, Word.LOG_MISBEHAVED)  # nothing here makes another word of them


@dataclass(frozen=True, slots=True)
class Allowance:
    """What was typed, and what the files say that were read."""

    accept: tuple[str, ...] = ()
    strict: bool = False
    rules: tuple[Rules, ...] = ()  # of every file that there is: all of them must allow it
    locked: bool = False
    entry: Entry | None = None  # what the lock has of this repo
    lock: str = ""  # the lock's name


@dataclass(frozen=True, slots=True)
class Contents:
    """What lies there, or what the Hub lists."""

    files: tuple[File, ...] | None  # each with its sha256, sorted; None where they were not all hashed
    partial: bool = False  # others may be missing
    problems: tuple[Finding, ...] = ()  # what lies there and is no file

    @property
    def only(self) -> tuple[File, ...] | None:
        """The files, if nothing else is there."""
        return None if self.problems else self.files


def settle(verdict: Verdict, allowance: Allowance, contents: Contents, now: int) -> Verdict:
    """Return *verdict* narrowed, and accepted if somebody accepts it. *now*: POSIX seconds; exceptions end."""
    narrowed = _as_locked(verdict, allowance, contents)  # 1
    if narrowed is not verdict:
        return narrowed  # the lock is changed with `modelseal lock`, and nothing is accepted against it
    if allowance.strict or any(one.strict for one in allowance.rules):
        narrowed = _as_strict(verdict)  # 2
        if narrowed is not verdict:
            return narrowed
    if verdict.exit_code == 0:
        return verdict
    found = _accepted(verdict, allowance, contents, now)  # 3, 4
    if found.accepted and (says := _against_lock(verdict, allowance, contents)):
        return replace(verdict, notes=(*verdict.notes, f"{says}: nothing else is accepted"))
    return found


def _accepted(verdict: Verdict, allowance: Allowance, contents: Contents, now: int) -> Verdict:
    kind = kind_of(verdict, allowance.entry)
    if kind in allowance.accept:
        if not (why := refused(verdict, kind)):
            return replace(verdict, accepted=f"--accept {kind}")
        verdict = replace(verdict, notes=(*verdict.notes, f"--accept {kind} does not hold here: {why}"))
    return _by_rules(verdict, kind, allowance, contents.only, now)


def _against_lock(verdict: Verdict, allowance: Allowance, contents: Contents) -> str:
    """Return why what people accept is not what the lock has, or nobody knows that it is; '' if it is."""
    entry = allowance.entry
    if entry is None:
        return f"it is not in {allowance.lock}" if allowance.locked else ""
    if contents.files is None and _release(verdict) is None and entry.files:
        return f"{allowance.lock} lists its files, and these were not all hashed"
    compared = verdict.word in (Word.UNKNOWN, Word.OBSERVED) or is_pinned(verdict, entry)  # name by name, in step 1
    if contents.files is not None and not compared and manifest.fileset(contents.files) != entry.fileset:
        return f"{allowance.lock} has other files of it"
    return ""


def kind_of(verdict: Verdict, entry: Entry | None) -> str:
    """Return the verdict as --accept and rules name it; `pinned` where no log is trusted and the lock pinned it so."""
    return "pinned" if is_pinned(verdict, entry) else verdict.word.value


def is_pinned(verdict: Verdict, entry: Entry | None) -> bool:
    """Whether no trust root covers the name, and *entry* says that so it was when it was taken."""
    unheard = verdict.word == Word.UNAVAILABLE and not verdict.decision.origin
    return unheard and entry is not None and entry.verdict == "pinned"


def refused(verdict: Verdict, kind: str) -> str:
    """Return why nobody may accept this UNKNOWN; '' if they may."""
    if kind == "unknown" and verdict.decision.publisher is not None:
        return f"{verdict.decision.publisher} seals its repos, so this one may not be theirs"
    return ""


# 1


def _as_locked(verdict: Verdict, allowance: Allowance, contents: Contents) -> Verdict:
    """Return *verdict* itself where it is what the lock has, else another one."""
    entry, decision = allowance.entry, verdict.decision
    if verdict.word in HARD:
        return verdict
    if entry is None:
        if not allowance.locked:
            return verdict
        return _failed(verdict, f": it is not in {allowance.lock}, and --locked takes nothing else")
    if entry.log is not None and decision.origin != entry.log:
        trusted = f"trusted for it is {decision.origin}" if decision.origin else "no registry is trusted for it"
        return _unavailable(verdict, f": {allowance.lock} has it from the log {entry.log}, and {trusted}")
    if verdict.word == Word.UNAVAILABLE and not is_pinned(verdict, entry):
        return verdict
    if (release := _release(verdict)) is not None:
        return verdict if release.release.fileset == entry.fileset else _other(verdict, allowance, entry)
    if not entry.files:
        return _other(verdict, allowance, entry)
    if contents.files is None and not contents.problems:
        return verdict  # and nothing accepts it
    findings = by_weight((*_differences(entry.files, contents), *contents.problems))
    if not findings:
        return verdict
    return replace(_failed(verdict, f": {count(findings)} by {allowance.lock}; do not use them"), findings=findings)


def _other(verdict: Verdict, allowance: Allowance, entry: Entry) -> Verdict:
    says = f": these are not the files that {allowance.lock} has of it, those of {entry.commit}; do not use them"
    return _failed(verdict, says)


def _differences(locked: Iterable[File], contents: Contents) -> Iterable[Finding]:
    left = {one.name: one for one in locked}
    for one in contents.files or ():
        want = left.pop(one.name, None)
        if want is None:
            yield Finding("added", one.name, risk=risk_of(one.name))
        elif want.size != one.size:
            sizes = f"{want.size} bytes", f"{one.size} bytes"
            yield Finding("resized", one.name, *sizes, risk=risk_of(one.name))
        elif want.sha256 != one.sha256:
            digests = f"sha256:{want.sha256.hex()}", f"sha256:{one.sha256.hex()}"
            yield Finding("differs", one.name, *digests, risk=risk_of(one.name))
    if not contents.partial and contents.files is not None:
        yield from (Finding("missing", name) for name in left)


def _failed(verdict: Verdict, says: str) -> Verdict:
    return replace(verdict, word=Word.FAILED, says=says, qualifier="")


def _unavailable(verdict: Verdict, says: str) -> Verdict:
    return replace(verdict, word=Word.UNAVAILABLE, says=says, qualifier="")


# 2


def _as_strict(verdict: Verdict) -> Verdict:
    """Refuse what only the registry says. What is bad already stays as it is."""
    if verdict.word in (*HARD, Word.UNAVAILABLE) or verdict.decision.quorum:
        return verdict
    return _unavailable(verdict, ": no independent mirror has checked the log, and --strict wants that")


# 4


def _by_rules(verdict: Verdict, kind: str, allowance: Allowance, files: tuple[File, ...] | None, now: int) -> Verdict:
    """Accept it if every rules file does: the strictest wins."""
    says: list[str] = []
    notes: list[str] = []
    for rules in allowance.rules:
        yes, text = _ruling(rules, verdict, kind, files, now)
        if yes:
            says.append(text)
        elif text:
            notes.append(text)
    if allowance.rules and len(says) == len(allowance.rules):
        return replace(verdict, accepted="; ".join(says))
    if says:
        notes += [f"{one}; another rules file does not allow it" for one in says]
    return replace(verdict, notes=(*verdict.notes, *notes))


def _ruling(rules: Rules, verdict: Verdict, kind: str, files: tuple[File, ...] | None, now: int) -> tuple[bool, str]:
    """Return whether *rules* accept it, and why; or why not, where they speak about it at all."""
    repo = verdict.decision.asked.key
    for one in rules.allowed:
        scope = next((scope for scope in one.repos if names.covers(scope, repo)), None)
        if scope is None or kind not in one.verdicts:
            continue
        if why := refused(verdict, kind) or _too_few(one, verdict, kind):
            return False, f"{rules.where} allows {kind} for {names.short(scope)}, not here: {why}"
        return True, f"{rules.where} allows {kind} for {names.short(scope)}"
    for exempt in rules.exceptions:
        if exempt.repo == repo and exempt.verdict == kind and exempt.commit == _commit(verdict):
            return _exempted(rules, exempt, verdict, files, now)
    return False, ""


def _too_few(allowed: Allowed, verdict: Verdict, kind: str) -> str:
    if kind != "observed":
        return ""
    seen = verdict.observed or verdict.decision.observed
    observers = seen.observers if seen is not None else 0
    return "" if observers >= allowed.observers else f"{observers} observers, {allowed.observers} are wanted"


def _commit(verdict: Verdict) -> str | None:
    """Return the commit that the verdict is about: the one that was asked for, else that of the files' release."""
    release = _release(verdict)
    return verdict.decision.asked.revision or (release.release.revision if release is not None else None)


def _release(verdict: Verdict) -> Sealed | None:
    return verdict.release or verdict.decision.chosen


def _exempted(
    rules: Rules, exempt: Exempt, verdict: Verdict, files: tuple[File, ...] | None, now: int
) -> tuple[bool, str]:
    """An exception is for contents: a commit is only a name, and whoever altered the files would be excused too."""
    about = f"the exception of {rules.where} for {names.short(exempt.repo)}@{exempt.commit}"
    if now >= exempt.until:
        return False, f"{about} ended on {utc(exempt.until)}"
    release = _release(verdict)
    wanted = exempt.fileset
    if wanted is None and release is not None and release.release.revision == exempt.commit:
        wanted = release.release.fileset
    if wanted is None:
        return False, f"{about} names no fileset, and no log tells it: nothing says which bytes are meant"
    if files is None:
        return False, f"{about} is for contents, and these were not all hashed, or not all of them are files"
    if manifest.fileset(files) != wanted:
        return False, f"{about} is for other files than these"
    return True, f"{rules.where} until {utc(exempt.until)}: {names.printable(exempt.reason, longest=500)}"


def exempts(rules: Iterable[Rules], repo: str) -> bool:
    """Whether some exception is for *repo*: then its files are to be hashed whatever is said of them."""
    return any(one.repo == repo.lower() for each in rules for one in each.exceptions)


def files_at_hand(verdict: Verdict) -> tuple[File, ...] | None:
    """Return the files that were judged, if each was hashed with sha256 and has a name that a seal can hold."""
    found = []
    for one in verdict.files:
        if one.status in ("absent", "missing", "ignored", "skipped"):
            continue
        digest = dict(one.found).get("sha256")
        if digest is None or one.size is None:
            return None
        try:
            found.append(File(manifest.file_name(one.name, "file"), one.size, bytes.fromhex(digest)))
        except Malformed:
            return None
    return tuple(sorted(found, key=lambda one: one.name)) or None
