"""Ask the log about one repo: evidence -> decision, and what must be remembered is remembered.

    1 which registry decides about it (trust root)      3 the first address whose answer proves something
    2 what was seen before (memory)                     4 head and revocations into the memory

Addresses are tried in order and none is trusted: an answer that proves nothing only means the next address.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from modelseal import gather, platform, remote, root
from modelseal.decide import Freshness, accept, decide, seen_before, tiles_wanted
from modelseal.errors import Error, Malformed, Misbehaviour, Refused, Unavailable, Usage
from modelseal.formats import names
from modelseal.formats.evidence import MAX_EVIDENCE, Evidence
from modelseal.formats.names import Asked
from modelseal.formats.trust import Head, Revoked, Trust
from modelseal.memory import Memory
from modelseal.times import span
from modelseal.values import dataclass
from modelseal.verdict import Decision, Word

BUDGET_S = 30.0  # for all addresses together


@dataclass(frozen=True, slots=True)
class Where:
    """Whom to ask, and how old an answer may be. *as_of*: POSIX seconds, or "evidence" for its own time."""

    registry: str | None = None  # URL or folder instead of the configured addresses; never another trust root
    evidence: Path | None = None
    offline: bool = False
    max_age: int | None = None  # seconds; can only shorten the registry's own
    as_of: int | str | None = None
    notes: tuple[tuple[str, str], ...] = ()  # origin and checkpoint note: heads that the lock has seen


@dataclass(frozen=True, slots=True)
class Answer:
    """A decision and where it comes from."""

    decision: Decision
    evidence: bytes | None  # what was decided on; None if nobody answered
    trust: Trust
    policy: str  # the text of the trust root's policy
    address: str | None


def ask(asked: Asked, where: Where = Where(), *, now: int | None = None, budget_s: float | None = None) -> Answer:
    """Return what the log proves about *asked*. Raises Usage or Unavailable if there is nobody to ask."""
    now = int(time.time()) if now is None else now
    check(where)
    budget = remote.Budget(BUDGET_S if budget_s is None else budget_s)
    entry = trusted(asked.repo, where, budget, now)  # 1
    memory = Memory(platform.state_folder(), entry.trust.origin)
    with _memory():
        memory.pin(entry.trust.leaf0)
        head, revoked = memory.head(), memory.revoked()
    locked = _locked_head(where, entry.trust)
    known = locked is not None and head is not None and locked.size <= head.size and memory.continues(locked.note)
    seen = _Seen.of(revoked, head, None if known else locked)  # 2
    fresh = _freshness(where, entry.trust, now)
    answer = _first(asked, _readers(where, entry, budget), entry, seen, fresh)  # 3
    if entry.globs:
        answer = replace(answer, decision=replace(answer.decision, registry=entry.host))
    try:
        with _memory():
            memory.advance(answer.decision.head, answer.decision.revoked)  # 4
            if locked is not None and not known and answer.decision.head is not None:
                memory.continued(locked.note, answer.decision.head)
    except Misbehaviour as e:
        decision = replace(
            answer.decision, word=Word.LOG_MISBEHAVED, says=f": {e}", qualifier="", older=e.older, newer=e.newer
        )
        return replace(answer, decision=decision)
    return answer


def again(asked: Asked, answer: Answer, where: Where = Where(), *, budget_s: float | None = None) -> Answer:
    """Return what the log proves about another revision of the repo that *answer* is about.

    Its evidence is about all releases of the repo, so it is asked anew only for a seal that did not come with it.
    """
    if answer.evidence is None or answer.decision.word == Word.UNAVAILABLE:  # nobody answered a moment ago
        return replace(answer, decision=replace(answer.decision, asked=asked))
    now = int(time.time())
    memory = Memory(platform.state_folder(), answer.trust.origin)
    with _memory():
        head, revoked = memory.head(), memory.revoked()
    fresh = _freshness(where, answer.trust, now)
    decision = decide(answer.evidence, {}, answer.trust, head, revoked, asked, fresh)
    if decision.word == Word.UNAVAILABLE or (decision.word is None and decision.statement is None):
        return ask(asked, where, now=now, budget_s=budget_s)
    return replace(answer, decision=replace(decision, registry=answer.decision.registry))


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the answer must not deny: heads of the log, the largest first, and revocations."""

    heads: tuple[Head, ...]
    revoked: Revoked

    @classmethod
    def of(cls, revoked: Revoked, *heads: Head | None) -> _Seen:
        return cls(tuple(sorted((one for one in heads if one is not None), key=lambda one: -one.size)), revoked)

    @property
    def head(self) -> Head | None:
        return self.heads[0] if self.heads else None


def _locked_head(where: Where, trust: Trust) -> Head | None:
    """Return the head that the lock has seen; Usage if that does not verify."""
    note = dict(where.notes).get(trust.origin)
    if note is None:
        return None
    try:
        return seen_before(note, trust)
    except Malformed as e:
        says = f"the head of {trust.origin} in the lock does not verify under the trust root: {e}"
        raise Usage(says, hint="if the registry has changed its key: take that [[log]] out, and lock again") from e


@contextlib.contextmanager
def _memory() -> Iterator[None]:
    """A memory that cannot be read or written says nothing about anybody's files: without it there is no verdict."""
    try:
        yield
    except (Misbehaviour, Unavailable):
        raise
    except Error as e:
        raise Unavailable(str(e), hint=e.hint) from e


def heard(answer: Answer) -> Answer:
    """Refuse to go on without an answer that proves something."""
    decision = answer.decision
    says = decision.says.removeprefix(": ")
    if decision.word == Word.LOG_MISBEHAVED:
        assert decision.older is not None and decision.newer is not None
        raise Misbehaviour(says, older=decision.older, newer=decision.newer)
    if decision.word == Word.UNAVAILABLE:
        raise Unavailable("; ".join((says, *decision.notes)))
    return answer


def trusted(name: str, where: Where, budget: remote.Budget, now: int) -> root.Entry:
    """Return the trust root that decides about *name*, refreshed if it is due and the network may be used."""
    entry = root.find(platform.config_folder(), name=name)
    if where.offline or where.evidence is not None or where.as_of is not None:
        return root.usable(entry, now) if where.as_of is None else entry
    half = budget.share(2)  # the other half is for the question itself
    try:
        return root.refreshed(entry, (reader for _, reader in remote.in_turn(_locations(where, entry), half)), now)
    except Refused as e:  # its operators now speak about another log: that says nothing about anybody's files
        raise Unavailable(str(e), hint=e.hint) from e


def _locations(where: Where, entry: root.Entry) -> list[str]:
    return [where.registry] if where.registry else list(entry.addresses)


def check(where: Where) -> None:
    local = where.evidence is not None or (where.registry is not None and not _is_url(where.registry))
    if where.evidence is not None and where.registry is not None:
        raise Usage("--evidence and --registry are two answers to one question; give one of them")
    if where.offline and not local:
        raise Usage(
            "--offline needs something at hand to ask",
            hint="give --evidence FILE (of publish, show --save or lock --save), or --registry FOLDER of a mirror",
        )
    if where.as_of is not None and not local:
        raise Usage("--as-of is only for evidence at hand", hint="give --evidence FILE, or --registry FOLDER")


def _is_url(location: str) -> bool:
    return location.startswith(("http://", "https://"))


def _freshness(where: Where, trust: Trust, now: int) -> Freshness:
    max_age = trust.max_age
    if where.max_age is not None:
        if where.max_age > max_age:
            raise Usage(
                f"--max-age can only shorten what {trust.origin} allows, {span(max_age)}",
                hint="for older evidence: --as-of evidence, which says so on the first line",
            )
        max_age = where.max_age
    if where.as_of is None:
        return Freshness(now, max_age, from_file=where.evidence is not None)
    clock = where.as_of if isinstance(where.as_of, int) else None
    return Freshness(clock, max_age, as_of=True, from_file=True)


def evidence_name(repo: str) -> str:
    """Return the name of the file that holds the evidence about *repo* in a folder of such."""
    return names.short(repo).lower().replace("/", "--") + ".evidence"


@dataclass(frozen=True, slots=True)
class _File:
    """An evidence file, or a folder of them, as a reader: it has one answer about a repo and no tiles."""

    path: Path

    def get(self, path: str, limit: int) -> bytes:
        raise Unavailable(f"{self.path} holds evidence, not the files of a registry")

    def evidence(self, repo: str, revision: str | None, limit: int) -> bytes | None:
        path = self.path / evidence_name(repo) if self.path.is_dir() else self.path
        return platform.read_file(path, limit, "evidence file", follow=True)


def _readers(where: Where, entry: root.Entry, budget: remote.Budget) -> Iterable[tuple[str, gather.Reader]]:
    if where.evidence is not None:
        return [(str(where.evidence), _File(where.evidence))]
    return remote.in_turn(_locations(where, entry), budget)


def _first(
    asked: Asked,
    readers: Iterable[tuple[str, gather.Reader]],
    entry: root.Entry,
    seen: _Seen,
    fresh: Freshness,
) -> Answer:
    """Return the first answer that proves something, or the last that does not with everybody's reason."""
    trust, revoked = entry.trust, seen.revoked
    reasons: list[str] = []
    nobody = Decision(asked, Word.UNAVAILABLE, ": no address is known", origin=trust.origin)
    answer = Answer(nobody, None, trust, entry.policy, None)
    for location, reader in readers:
        try:
            evidence, decision = _one(asked, reader, trust, seen, fresh)
        except Unavailable as e:
            notes = (e.hint,) if e.hint else ()
            decision = Decision(asked, Word.UNAVAILABLE, f": {e}", origin=trust.origin, revoked=revoked, notes=notes)
            evidence = None
        answer = Answer(decision, evidence, trust, entry.policy, location)
        if decision.word != Word.UNAVAILABLE:
            return answer
        reasons.append(f"{location}{decision.says}")
    if len(reasons) > 1:
        says = ": no address gave an answer that proves anything"
        return replace(answer, decision=replace(answer.decision, says=says, notes=tuple(reasons)))
    return answer


def _one(asked: Asked, reader: gather.Reader, trust: Trust, seen: _Seen, fresh: Freshness) -> tuple[bytes, Decision]:
    def once(revision: str | None) -> tuple[bytes, Decision]:
        evidence = gather.evidence(reader, asked.key, revision, MAX_EVIDENCE)
        try:
            wanted = [] if fresh.from_file else [tile for head in seen.heads for tile in tiles_wanted(evidence, head)]
        except Malformed:
            wanted = []  # decide says what is wrong with it
        tiles = {path: gather.get_tile(reader.get, tile) for path, tile in {one.path: one for one in wanted}.items()}
        decision = decide(evidence, tiles, trust, seen.head, seen.revoked, asked, fresh)
        return evidence, _continued(decision, evidence, tiles, trust, seen.heads[1:], fresh)

    evidence, decision = once(asked.revision)
    if decision.ask_again and decision.ask_again != asked.revision and not fresh.from_file:
        try:
            again = once(decision.ask_again)
        except Unavailable:
            return evidence, decision  # without its seal the release leaf still binds all names, sizes and digests
        if again[1].statement is not None:
            return again
    return evidence, decision


def _continued(
    decision: Decision,
    evidence: bytes,
    tiles: Mapping[str, bytes],
    trust: Trust,
    heads: Iterable[Head],
    fresh: Freshness,
) -> Decision:
    """Return *decision*, or LOG MISBEHAVED: the answer continues the largest head, and must continue these too."""
    if decision.word in (Word.UNAVAILABLE, Word.LOG_MISBEHAVED):
        return decision
    try:
        for head in heads:
            accept(Evidence.parse(evidence).checkpoint, tiles, trust, head, fresh)
    except Misbehaviour as e:
        unheard = replace(decision, word=Word.LOG_MISBEHAVED, says=f": {e}", qualifier="", head=None)
        return replace(unheard, older=e.older, newer=e.newer)
    except (Malformed, Unavailable) as e:
        return replace(
            decision, word=Word.UNAVAILABLE, says=f": the answer proves nothing: {e}", qualifier="", head=None
        )
    return decision
