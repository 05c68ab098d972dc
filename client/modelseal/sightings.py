"""What observers saw of a repo that its owner has not sealed: what counts of it, what follows (FORMAT.md 10.2). Pure.

Observations of one commit are alike if they name the same contents. Of those that count, all must be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from modelseal.formats.acts import Operators
from modelseal.formats.identity import Key
from modelseal.state import Observed, Sighting, State, Voided
from modelseal.state.values import COUNTS_AFTER
from modelseal.times import span, utc
from modelseal.verdict import WHOLE, Decision, Finding, Seen, Verdict, Word


def seen(state: State, repo: str, now: int) -> tuple[Seen, ...]:
    """Return what observers in force saw of *repo* (a lower-case key), as it stands at log time *now*."""
    known, operators = state.observed.get(repo), state.operators
    if known is None or operators is None:
        return ()
    alike: dict[tuple[str, bytes, int, int], list[Sighting]] = {}
    for one in known.sightings:
        record = one.observation
        if record.signer in operators.observers:
            about = (record.revision, record.fileset, record.files, record.total_bytes)
            alike.setdefault(about, []).append(one)
    return tuple(_seen(about, found, known, state, operators, now) for about, found in alike.items())


def _seen(
    about: tuple[str, bytes, int, int],
    found: list[Sighting],
    known: Observed,
    state: State,
    operators: Operators,
    now: int,
) -> Seen:
    revision, fileset, files, total_bytes = about
    counting = [one for one in found if state.counts(one, now)]
    observers: set[Key] = {one.observation.signer for one in counting}
    return Seen(
        revision,
        fileset,
        files,
        total_bytes,
        observers=len(observers),
        own=not observers.isdisjoint(operators.keys),
        first=found[0].time,
        last=found[-1].time,
        downloaded=any(one.observation.basis == "downloaded" for one in counting),
        newest=counting[-1].index if counting else None,
        withdrawn=known.withdrawn.get(revision),
    )


def judge(heard: Decision, state: State, now: int) -> Decision:
    """Return the decision about a repo without a release. Where the word is OBSERVED the files have the last one."""
    repo, commit = heard.asked.key, heard.asked.revision
    found, known = seen(state, repo, now), state.observed.get(repo) or Observed()
    heard = replace(heard, seen=found)
    if commit is not None and commit in known.withdrawn:
        return _withdrawn(heard, commit, known.withdrawn[commit])
    if commit is None:
        newest = max((one for one in found if one.counts and not one.withdrawn), key=_newest, default=None)
        if newest is None and known.withdrawn:
            last = max(known.withdrawn, key=lambda one: known.withdrawn[one].index)
            return _withdrawn(heard, last, known.withdrawn[last])
        commit = newest.revision if newest else None
    counting = counting_at(found, commit)
    if not counting:
        return _unknown(heard, commit, now)
    if len(counting) > 1:
        says = f": {unsealed(heard)}, and observers disagree about the files of {commit}; do not use it"
        return replace(heard, word=Word.UNKNOWN, says=says)
    younger = [one for one in found if one.revision == commit and not one.counts]
    notes = tuple(
        f"since {utc(one.first)} an observer says other files of this commit; that does not count yet"
        for one in younger
    )
    says = f": {unsealed(heard)}"
    return replace(heard, word=Word.OBSERVED, says=says, observed=counting[0], notes=(*heard.notes, *notes))


def _newest(one: Seen) -> int:
    return -1 if one.newest is None else one.newest


def counting_at(found: Iterable[Seen], commit: str | None) -> list[Seen]:
    """Return what counts of *commit*: more than one is a contradiction, which nobody here can settle."""
    return [one for one in found if one.revision == commit and one.counts]


def unsealed(heard: Decision) -> str:
    return f"{heard.publisher or 'nobody'} has{' not' if heard.publisher else ''} sealed it"


def _withdrawn(heard: Decision, commit: str, withdrawn: Voided) -> Decision:
    says = f": the operators of {heard.origin} withdrew {commit} on {utc(withdrawn.time)}; do not use it"
    return replace(heard, word=Word.FAILED, says=says, qualifier=f"WITHDRAWN ({withdrawn.reason})")


def _unknown(heard: Decision, commit: str | None, now: int) -> Decision:
    """Nothing of *commit* counts; without a commit nothing of the repo does."""
    proof = f"(proof of absence in a log of {heard.size} leaves)"
    young = [one for one in heard.seen if commit in (None, one.revision)]
    if young:
        says = first_seen(min(one.first for one in young), now) + f", and {unsealed(heard)}"
        return replace(heard, word=Word.UNKNOWN, says=f": {says}")
    if not heard.seen:
        whom = f"{heard.publisher} has not sealed it, and nobody has" if heard.publisher else "nobody has sealed or"
        return replace(heard, word=Word.UNKNOWN, says=f": {whom} observed it {proof}")
    says = f": {unsealed(heard)}, and nobody has observed {commit} {proof}"
    agreed = [one for one in heard.seen if not one.withdrawn and counting_at(heard.seen, one.revision) == [one]]
    others = max(agreed, key=_newest, default=None)
    notes = (f"observed is another commit: {others.revision}, since {utc(others.first)}",) if others else ()
    return replace(heard, word=Word.UNKNOWN, says=says, notes=(*heard.notes, *notes))


def first_seen(time: int, now: int) -> str:
    return f"first seen {span(max(0, now - time))} ago, which does not count before {span(COUNTS_AFTER)}"


def compare(
    decision: Decision,
    observed: Seen,
    there: tuple[int, int],
    problems: tuple[Finding, ...],
    fileset: bytes | None,
    partial: bool,
) -> Verdict:
    """Return the verdict on *there* (number of files, bytes) with *fileset*, or none if not all were hashed.

    Only the whole can be told: no file's own digest was observed.
    """
    count, size = there
    if fileset is not None and not problems:
        if fileset == observed.fileset:
            return _as_seen(decision, observed)
        for one in reversed(decision.seen if decision.asked.revision is None else ()):
            alone = len(counting_at(decision.seen, one.revision)) == 1
            if one.fileset == fileset and one.counts and alone and not one.withdrawn:
                return _as_seen(decision, one)
    if partial and not problems and 0 < count < observed.files and size <= observed.total_bytes:
        says = f": {count} of the {observed.files} files are here, and observers speak for the whole only"
        return Verdict(Word.UNAVAILABLE, says, "", decision, observed=observed, total=observed.files)
    if fileset is not None and not problems and decision.asked.revision is None:
        young = [one for one in decision.seen if one.fileset == fileset and not one.counts and not one.withdrawn]
        if young:
            since = first_seen(min(one.first for one in young), decision.time or 0)
            says = f": these are the files of {young[-1].revision}, {since}"
            return Verdict(Word.UNKNOWN, says, "", decision)
    other = f"{count} of {size} bytes" if there != (observed.files, observed.total_bytes) else "others"
    return Verdict(
        Word.FAILED,
        f": observers saw {observed.files} files of {observed.total_bytes} bytes at {observed.revision}, these are "
        f"{other}; do not load {'this' if partial else 'this folder'}",
        "",
        decision,
        (*problems, Finding("differs", WHOLE)),
        observed=observed,
        total=observed.files,
        total_bytes=observed.total_bytes,
        digest="sha256" if fileset is not None else "names and sizes",
    )


def _as_seen(decision: Decision, seen: Seen) -> Verdict:
    newest = decision.observed
    notes: tuple[str, ...] = ()
    if newest is not None and seen.revision != newest.revision:
        notes = (f"seen at {seen.revision}; the newest commit that was observed is {newest.revision}",)
    return Verdict(
        Word.OBSERVED,
        decision.says,
        decision.qualifier,
        decision,
        observed=seen,
        equal=seen.files,
        total=seen.files,
        total_bytes=seen.total_bytes,
        digest="sha256",
        notes=notes,
    )


def wants_digests(decision: Decision, sizes: Mapping[str, int], problems: bool) -> bool:
    """Whether something was seen with as many files and bytes as there are: what they are then depends on digests."""
    there, gone = (len(sizes), sum(sizes.values())), withdrawn_contents(decision.seen)
    asked, judged = decision.asked.revision, decision.observed is not None and not problems
    return any(
        (one.files, one.total_bytes) == there
        for one in decision.seen
        if one.fileset in gone or (judged and asked in (None, one.revision))
    )


def withdrawn(decision: Decision, fileset: bytes | None) -> Verdict | None:
    """Return FAILED if these are the contents of nothing but withdrawn commits."""
    gone = withdrawn_contents(decision.seen).get(fileset) if fileset is not None else None
    if gone is None or gone.withdrawn is None:
        return None
    says = f": these are the files of {gone.revision}, which the operators withdrew; do not use them"
    return Verdict(Word.FAILED, says, f"WITHDRAWN ({gone.withdrawn.reason})", decision)


def withdrawn_contents(found: Iterable[Seen]) -> dict[bytes, Seen]:
    """Return filesets of which every commit that was seen with them is withdrawn."""
    found = tuple(found)
    good = {one.fileset for one in found if not one.withdrawn}
    return {one.fileset: one for one in found if one.withdrawn and one.fileset not in good}
