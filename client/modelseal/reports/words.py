"""A verdict in words: what stands on its first line, and what to do next. Texts from outside come out escaped."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from modelseal.formats import names
from modelseal.formats.names import printable
from modelseal.times import day, utc
from modelseal.verdict import WHOLE, Decision, Finding, Seen, Verdict, Word

if TYPE_CHECKING:
    from modelseal.foreign.judge import SignatureVerdict
    from modelseal.reports.subject import Scan, Scanned


def first_line(verdict: Verdict) -> str:
    return " ".join(first_words(verdict))


def first_words(verdict: Verdict) -> tuple[str, str]:
    """Return the verdict, and the name with what is said of it: together they are the first line."""
    decision = verdict.decision
    word = verdict.word.text
    if decision.as_of and verdict.word in (Word.VERIFIED, Word.SEALED, Word.OBSERVED) and decision.time is not None:
        word = f"{word} AS OF {utc(decision.time)}"
    if verdict.accepted:  # so that nobody who looks for VERIFIED finds it
        word = f"ACCEPTED {word}"
    return f"{word} {verdict.qualifier}".rstrip(), named(decision) + printable(verdict.says, longest=2000)


def named(decision: Decision) -> str:
    """Return the repo, and who decided about it unless that is the registry for every name."""
    name = names.short(decision.repo or decision.asked.repo)
    return f"{name} (registry {printable(decision.registry)})" if decision.registry else name


MAX_FINDINGS = 3  # named in one line


def in_short(one: Scanned) -> str:
    """Return what is said of a snapshot, without its verdict and name."""
    outcome = one.outcome
    if not isinstance(outcome, Verdict):
        return outcome.message
    says = printable(outcome.says, longest=2000).strip(":, ")
    if outcome.word == Word.OBSERVED and (seen := observed(outcome)) is not None:
        return f"{says}; {who_saw(seen)} since {day(seen.first)}"
    qualifier = re.sub(r"^[0-9]+ of [0-9]+ files ?", "", outcome.qualifier)
    if outcome.word == Word.VERIFIED:
        return f"{says} {qualifier}".strip()
    named = [printable(finding.name) for finding in outcome.findings if finding.name != WHOLE]
    if len(named) > MAX_FINDINGS:
        named[MAX_FINDINGS:] = [f"and {len(named) - MAX_FINDINGS} more"]
    return "; ".join(filter(None, (qualifier, says, ", ".join(named))))


def counted(scan: Scan) -> str:
    """Return how many repos there are and what they are: `3 repos in the Hub cache: 1 failed, 2 verified`."""
    where = "the Hub cache" if len(scan.caches) == 1 else f"{len(scan.caches)} Hub caches"
    where = "the lock" if scan.of_lock else where
    repos, snapshots = scan.repos, len(scan.found)
    how_many = f"{repos} repo{'' if repos == 1 else 's'}"
    how_many += f" with {snapshots} snapshots" if snapshots != repos else ""
    words = Counter(f"{'accepted ' if _accepted(one) else ''}{one.word.replace('-', ' ')}" for one in scan.found)
    each = ", ".join(f"{count} {word}" for word, count in words.items())
    return f"{how_many} {'in' if scan.caches else 'for'} {where}" + (f": {each}; worst first" if each else "")


def _accepted(one: Scanned) -> bool:
    return isinstance(one.outcome, Verdict) and bool(one.outcome.accepted)


def after_scan(scan: Scan) -> list[dict[str, Any]]:
    """Return the command that says all about the worst of them, if that is nothing good, and the one that brings what
    the lock lists."""
    there = [one for one in scan.found if not one.absent]
    worst, steps = there[0] if there else None, []
    lock = ["--lock", printable(scan.lock, longest=1000)] if scan.lock is not None else []

    def step(why: str, cache: str, *words: str) -> dict[str, Any]:
        where = ["--cache-dir", printable(cache, longest=1000)] if len(scan.caches) > 1 or scan.named else []
        return {"argv": ["modelseal", *words, *where, *lock], "why": why, "by": "anyone"}

    if worst is not None and worst.outcome.exit_code and worst.revision is not None:
        name = f"{names.short(worst.repo)}@{worst.revision}"
        steps.append(step("see all about the worst", worst.cache, scan.command, name))
    if len(there) < len(scan.found):
        steps.append(step("download what the lock lists", scan.caches[0], "get"))
    return steps


def next_steps(verdict: Verdict) -> list[dict[str, Any]]:
    name = names.short(verdict.decision.repo or verdict.decision.asked.repo)
    show = ["modelseal", "show", name]
    steps: dict[Word, tuple[list[str], str, str]] = {
        Word.FAILED: (show, "download again from the owner, and see what is sealed", "anyone"),
        Word.SEALED: (["modelseal", "get", name], "download it, and verify every byte", "anyone"),
        Word.OBSERVED: ([], "ask its owner to seal it, or look at it yourself", "person"),
        Word.UNKNOWN: ([], "ask its owner to seal it; nothing here says whose it is", "person"),
        Word.UNAVAILABLE: (["modelseal", "trust", "status"], "try again later, or see what is trusted", "anyone"),
        Word.LOG_MISBEHAVED: ([], "use nothing from it; keep these two notes and show them to its mirrors", "person"),
    }
    if verdict.word not in steps or verdict.accepted:
        return []
    argv, why, by = steps[verdict.word]
    if verdict.word == Word.FAILED and any(one.status == "listed" for one in verdict.files):
        why = "see what is sealed"  # nothing was downloaded
    elif verdict.word == Word.FAILED and verdict.findings and verdict.decision.word is None:
        asked = verdict.decision.asked.revision
        argv = ["modelseal", "get", name + (f"@{asked}" if asked else "")]
        why = "download what is sealed, and nothing else"
    if verdict.qualifier.startswith("SUSPENDED"):  # another download would be the same
        why = "see since when, and what its owner says"
    if verdict.qualifier.startswith("WITHDRAWN"):
        argv, why, by = [], "use another commit, and ask its owner to seal it", "person"
    elif verdict.qualifier.startswith("REVOKED"):
        argv, why, by = [], "ask its owner for a new release; there is none that may be used", "person"
        if newest := _newest(verdict.decision):
            argv, why, by = ["modelseal", "get", f"{name}@{newest}"], "download the newest that stands", "anyone"
    elif verdict.observed is not None and verdict.word == Word.FAILED:
        why = "download it again, and see what was observed"
    elif verdict.observed is not None and verdict.word == Word.UNAVAILABLE:
        argv, why = [], "download the rest of the files too"
    if other := _replacement(verdict):
        argv, why = [*show[:2], f"{name}@{other}"], "its owner names another release instead"
    return [{"argv": argv, "why": why, "by": by}]


def _newest(decision: Decision) -> str | None:
    """Return the commit of the newest release that nothing voids."""
    last = {one.sealed.release.revision: one for one in decision.releases}
    valid = [one.sealed for one in last.values() if one.voided is None]
    return max(valid, key=lambda one: one.index).release.revision if valid else None


MAX_SEEN = 20  # contents of a repo that are told one by one


def observed(verdict: Verdict) -> Seen | None:
    """Return what was observed that the verdict rests on."""
    return verdict.observed or (verdict.decision.observed if verdict.word == Word.OBSERVED else None)


def seen_lines(verdict: Verdict) -> list[tuple[str, str]]:
    """Return what observers saw, in lines with a title: what the verdict rests on, or all that does not suffice."""
    decision, seen = verdict.decision, observed(verdict)
    if seen is not None:
        return [
            ("seen", seen_line(seen)),
            *([("means", _means(verdict, seen))] if verdict.word == Word.OBSERVED else []),
        ]
    if verdict.word != Word.UNKNOWN:
        return []
    asked = decision.asked.revision
    return [("seen", seen_line(one)) for one in decision.seen if asked in (None, one.revision)][-MAX_SEEN:]


def who_saw(seen: Seen) -> str:
    """Return `1 observer (the registry itself)`."""
    who = f"{seen.observers} observer{'' if seen.observers == 1 else 's'}" if seen.counts else "nobody that counts yet"
    if seen.own:
        who += " (the registry itself)" if seen.observers == 1 else " (the registry among them)"
    return who


def seen_line(seen: Seen) -> str:
    """Return `14 files at 6cee... by 1 observer (the registry itself), 2026-08-22 to 2026-11-20, on the Hub's word`."""
    dates = dict.fromkeys((day(seen.first), day(seen.last)))
    basis = "downloaded" if seen.downloaded else "on the Hub's word"
    files = f"{seen.files} file{'' if seen.files == 1 else 's'}"
    gone = f", withdrawn ({seen.withdrawn.reason})" if seen.withdrawn else ""
    return f"{files} at {seen.revision} by {who_saw(seen)}, {' to '.join(dates)}, {basis}{gone}"


def _means(verdict: Verdict, seen: Seen) -> str:
    publisher = verdict.decision.publisher
    what = "this is" if verdict.equal else "you would get"
    who = printable(publisher.title) if publisher else "its owner"
    return f"{what} what others got since {day(seen.first)}; nobody proves that {who} meant it"


def _replacement(verdict: Verdict) -> str | None:
    """Return the commit that a revocation names instead, if the release there stands: nobody is sent to another bad
    one."""
    releases = verdict.decision.releases
    voided = next((one.voided for one in releases if one.sealed == verdict.release), None)
    if voided is None or voided.replacement is None:
        return None
    last = [one for one in releases if one.sealed.release.revision == voided.replacement][-1:]
    return voided.replacement if last and last[0].voided is None else None


def shown_size(count: int) -> str:
    """Return bytes as people read them: 15.2 GB."""
    if count < 1000:
        return f"{count} byte{'s' if count != 1 else ''}"
    value, unit = float(count), ""
    for unit in ("kB", "MB", "GB", "TB"):  # noqa: B007
        value /= 1000
        if value < 999.5:
            break
    return f"{value:.3g} {unit}"


_SAYS = {
    "added": "not in the seal",
    "missing": "the seal lists it, and it is not there",
    "differs": "as long as the sealed file, with other contents",
    "resized": "another size than the sealed file",
    "contradictory": "one of the two sealed digests is of these bytes, the other is not",
    "ignored": "something else than a file under a name that is not compared",
}


RISKS = {
    "program": "a program",
    "pickle": "may hold a pickle, and loading that can run programs",
    "archive": "an archive",
    "auto_map": "names code to load",
}


def says(finding: Finding) -> str:
    """Return what is wrong with the file, without its name."""
    text = _SAYS.get(finding.kind) or (printable(finding.found) if finding.found else "no file that a seal can cover")
    return f"{text} ({RISKS.get(finding.risk, finding.risk)})" if finding.risk else text


def hashed(verdict: Verdict | SignatureVerdict) -> str:
    """Return which digests were compared and when they were computed."""
    if any(one.status == "listed" for one in verdict.files):
        return "compared with the Hub's listing; no byte was seen"
    if verdict.digest is None:
        return "nothing was hashed"
    if verdict.cached_since is None:
        return f"compared: {verdict.digest}"
    since = utc(verdict.cached_since)
    return f"compared: {verdict.digest}, {verdict.cached} of the digests computed earlier, the first of them {since}"
