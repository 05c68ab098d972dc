"""A verdict as one HTML page for people: the verdict, who, the files, what was not compared, the log, what to do next;
or the verdicts of a scan or a lock, one below the other.

The page is whole in itself: no script, nothing fetched, and a Content-Security-Policy that allows its one style by its
digest and nothing else. All text goes through `_text` (or `_code`); no other way leads into the page.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable
from html import escape

from modelseal.formats import names
from modelseal.formats.names import printable
from modelseal.reports.style import STYLE
from modelseal.reports.subject import Failure, Scan, Subject
from modelseal.reports.words import counted, first_words, hashed, in_short, next_steps, seen_lines, shown_size
from modelseal.times import utc
from modelseal.verdict import Decision, Finding, Judged, Verdict, Word

MAX_ROWS = 5000  # more are slow to open; --json and FILE.json have all
MAX_SUBJECTS = 200  # verdicts of a scan, the worst ones
MAX_NAMED = 100  # files that were not compared

_MEANS = {
    "verified": "These are exactly the files that the owner of this name sealed, and the seal has not been revoked.",
    "signature-valid": "That signer signed these bytes: not of which repo they are, nor whether they still stand.",
    "sealed": "The Hub lists what the owner of this name sealed. No byte was seen: verify the files before use.",
    "failed": "Do not use these files.",
    "observed": "Nobody has sealed this name. The files are those that observers saw there before; nobody proves more.",
    "unknown": "It is proven that nobody has sealed this name, and no observation of it counts. That says nothing good "
    "or bad about the files.",
    "unavailable": "Nothing could be proven, neither good nor bad. Try again before you use the files.",
    "log-misbehaved": "The log has signed two things that contradict each other. Use nothing that rests on it.",
}
_BY_NAME = "Its owner sealed it, says the log. No byte was seen, and no listing: verify the files before use."
_NO_VERDICT = "There is no verdict. Do not take the files for verified."
_GOOD, _WAIT = ("verified", "sealed", "signature-valid"), ("observed", "unknown", "unavailable")
_TONE = dict.fromkeys(_GOOD, "good") | dict.fromkeys(_WAIT, "wait")  # all else is bad
_STATUS = {
    "verified": ("verified", "good"),
    "not-compared": ("not compared", "wait"),
    "absent": ("not here", "wait"),
    "observed": ("as observed", "wait"),
    "listed": ("listed as sealed", "wait"),
    "no-file": ("no file", "bad"),
}
_PASSED_OVER = ("ignored", "skipped")


def page(subject: Subject) -> str:
    tone, word, line, means, body = _parts(subject)
    return _whole(f"{word} {line}", _head(tone, word, line, means) + body, subject.outcome.exit_code, subject.version)


def overview(scan: Scan, version: str) -> str:
    """Return the page of a scan: a row for each snapshot, then the page of each, at most MAX_SUBJECTS of them."""
    word = scan.word.replace("-", " ").upper()
    line = counted(scan)
    means = _MEANS.get(scan.word, "Nothing that could be judged lies there.")
    if scan.word == Word.SEALED and not scan.caches:
        means = _BY_NAME
    elif scan.word in ("unknown", "failed"):
        means = f"The worst of these: {means[0].lower()}{means[1:]}"
    rows = "".join(
        f'<tr><td class="{_TONE.get(one.word, "bad")}">{_text(one.word.replace("-", " "))}</td>'
        f'<td class="name"><a href="#s{number}">{_text(names.short(one.repo))}</a>'
        f'<div class="digest">{_code(one.revision or "")}</div></td><td>{_text(in_short(one))}</td></tr>\n'
        for number, one in enumerate(scan.found)
    )
    table = (
        "<table>\n<thead><tr><th>Verdict</th><th>Repo and revision</th><th>Says</th></tr></thead>\n"
        f"<tbody>\n{rows}</tbody>\n</table>\n"
    )
    body = _head(_TONE.get(scan.word, "bad"), word, line, means) + (table if rows else "")
    body += _section("Looked at", [("Hub cache", _outside(path)) for path in scan.caches])
    if scan.passed_over:
        items = "".join(f"<li>{_outside(path)} ({_text(why)})</li>\n" for path, why in scan.passed_over[:MAX_NAMED])
        more = len(scan.passed_over) - MAX_NAMED
        body += f"<h2>Not judged</h2>\n<ul>\n{items}{f'<li>{more} more</li>' if more > 0 else ''}</ul>\n"
    for number, one in enumerate(scan.found[:MAX_SUBJECTS]):
        tone, word, line, means, below = _parts(Subject(one.outcome, one.path or None, version))
        body += f'<section id="s{number}">\n{_head(tone, word, line, means, "h2")}{below}</section>\n'
    if len(scan.found) > MAX_SUBJECTS:
        body += f"<p>{len(scan.found) - MAX_SUBJECTS} more are not shown here; the report FILE.json has all.</p>\n"
    return _whole(f"{scan.word.upper()} {counted(scan)}", body, scan.exit_code, version)


def _parts(subject: Subject) -> tuple[str, str, str, str, str]:
    """Return tone, verdict, the rest of the first line, what it means, and the HTML of all else."""
    outcome = subject.outcome
    if isinstance(outcome, Failure):
        return "bad", "NO VERDICT", f"{subject.about}: {outcome.message}", _NO_VERDICT, _failure(outcome)
    tone = _TONE.get(subject.word, "bad")
    if isinstance(outcome, Verdict):
        word, line = first_words(outcome)
        tone = "wait" if outcome.accepted else tone
        return tone, word, line, _means(outcome), _verdict(outcome, subject.path)
    line = subject.about + printable(outcome.says, longest=2000)
    return tone, outcome.word.text, line, _MEANS.get(subject.word, _NO_VERDICT), _signature(subject)


def _whole(title: str, body: str, exit_code: int, version: str) -> str:
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="'
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{_text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"{body}<footer>Exit status {exit_code}. Written by modelseal {_text(version)}. "
        "This page proves nothing by itself: anybody can write one. To be sure, verify again.</footer>\n"
        "</body>\n</html>\n"
    )


def _text(text: str, longest: int = 2000) -> str:
    """Return *text*, which may come from anywhere, as HTML. What is escaped for printing already stays as it is."""
    return escape(printable(text, longest=longest).replace("\\\\", "\\"), quote=True)


def _outside(text: str) -> str:
    """The same for a single name or title as it came, which must not reorder what stands beside it either."""
    return f'<bdi dir="ltr">{escape(printable(text), quote=True)}</bdi>'


def _code(text: str) -> str:
    return f"<code>{_text(text)}</code>"


def _head(tone: str, word: str, line: str, means: str, level: str = "h1") -> str:
    return (
        f'<header class="{tone}">\n<p class="word">{_text(word)}</p>\n<{level}>{_text(line)}</{level}>\n'
        f"<p>{_text(means)}</p>\n</header>\n"
    )


def _failure(failure: Failure) -> str:
    notes = _two_notes(*failure.notes) if failure.notes is not None else ""
    return notes + (f"<h2>Next</h2>\n<p>{_text(failure.hint)}</p>\n" if failure.hint else "")


def _verdict(verdict: Verdict, path: str | None) -> str:
    decision = verdict.decision
    parts = [
        _section("Who", _who(verdict, path)),
        _files(verdict.files, verdict.findings, hashed(verdict)),
        _not_compared(verdict.files),
        _section("The log", _log(decision, verdict)),
    ]
    if decision.older is not None and decision.newer is not None:
        parts.append(_two_notes(decision.older, decision.newer))
    return "".join(parts) + _notes((*decision.notes, *verdict.notes)) + _next(verdict)


def _signature(subject: Subject) -> str:
    verdict = subject.outcome
    assert not isinstance(verdict, Verdict | Failure)
    who = [("Path", _outside(subject.path or "")), ("Signature", _outside(subject.signature))]
    if verdict.signer is not None:
        who.append(("Signer", _outside(verdict.signer.who)))
        who += [(key.capitalize(), _outside(text)) for key, text in verdict.signer.says]
    if verdict.payload is not None:
        who.append(("Signed text", _code(f"sha256:{verdict.payload}")))
    if verdict.name is not None:
        who.append(("Called", _outside(verdict.name) + _text(" (by the signer; compared with nothing)")))
    compared = hashed(verdict)
    following = f"<h2>Next</h2>\n<p>{_text(verdict.hint)}</p>\n" if verdict.hint else ""
    return (
        _section("Who", who)
        + _files(verdict.files, verdict.findings, compared)
        + _not_compared(verdict.files)
        + _notes(verdict.notes)
        + following
    )


def _notes(notes: Iterable[str]) -> str:
    items = "".join(f"<li>{_text(note)}</li>\n" for note in notes)
    return f"<h2>Notes</h2>\n<ul>\n{items}</ul>\n" if items else ""


def _means(verdict: Verdict) -> str:
    text = _MEANS.get(verdict.word.value, _NO_VERDICT)
    if verdict.accepted:
        return f"It is not verified, and it is used all the same: {printable(verdict.accepted, longest=1000)}."
    if verdict.word == Word.SEALED and not verdict.files:
        text = _BY_NAME
    if verdict.word == Word.VERIFIED and not verdict.complete:
        text = "Each of these files is exactly as the owner of this name sealed it; the release has more files."
    if verdict.word == Word.VERIFIED and verdict.decision.as_of:
        text += " This was so at the time shown; what came after it was not asked."
    return text


def _section(title: str, pairs: Iterable[tuple[str, str]]) -> str:
    """Return a list of terms; each value is HTML."""
    rows = "".join(f"<dt>{_text(key)}</dt><dd>{value}</dd>\n" for key, value in pairs)
    return f"<h2>{_text(title)}</h2>\n<dl>\n{rows}</dl>\n" if rows else ""


def _who(verdict: Verdict, path: str | None) -> list[tuple[str, str]]:
    decision, release = verdict.decision, verdict.release or verdict.decision.chosen
    found = [("Asked for", _code(names.short(decision.asked.repo)))]
    if decision.asked.revision:
        found.append(("At revision", _code(decision.asked.revision)))
    if path is not None:
        found.append(("Folder", _outside(path)))
    if decision.publisher is not None:
        checked = "" if decision.publisher.checked else ", on the operators' word; nobody checked who the owner is"
        found.append(("Owner", _outside(str(decision.publisher)) + _text(checked)))
    found += [("Seen" if key == "seen" else "Means", _text(text)) for key, text in seen_lines(verdict)]
    if release is not None:
        newest = ", the newest release" if decision.chosen == release and decision.asked.revision is None else ""
        found.append(("Release", _code(release.release.revision) + _text(newest)))
        found.append(("Logged", _text(utc(release.time))))
        found.append(("Sealed by key", _code(f"SHA256:{release.release.signer.sha256.hex()}")))
        found.append(("Seal", _code(f"sha256:{release.release.seal.hex()}")))
    statement = decision.statement
    if statement is not None and release == decision.chosen:
        for key, text in (("License", statement.license), ("Base model", statement.base_model)):
            if text:
                found.append((key, _outside(text) + _text(" (the owner's claim; not checked)")))
    return found


def _files(files: Iterable[Judged], findings: Iterable[Finding], how: str) -> str:
    rows = [one for one in files if one.status not in _PASSED_OVER]
    if not rows:
        return ""
    counts = Counter(_status(one)[0] for one in rows)
    summary = ", ".join(f"{count} {status}" for status, count in counts.items())
    total = sum(one.size or 0 for one in rows)
    caption = f"{summary}; {shown_size(total)} at hand; {how}"
    risks = {finding.name: finding.risk for finding in findings}
    more = ""
    if len(rows) > MAX_ROWS:
        more = f"<p>{len(rows) - MAX_ROWS} more rows are not shown here; the report FILE.json has all.</p>\n"
    return (
        f"<h2>Files</h2>\n<table>\n<caption>{_text(caption)}</caption>\n"
        '<thead><tr><th>Status</th><th>Name and digests</th><th class="size">Size</th></tr></thead>\n<tbody>\n'
        + "".join(_row(one, risks.get(one.name)) for one in rows[:MAX_ROWS])
        + f"</tbody>\n</table>\n{more}"
    )


def _status(one: Judged) -> tuple[str, str]:
    return _STATUS.get(one.status, (one.status, "bad"))


def _row(one: Judged, risk: str | None) -> str:
    status, tone = _status(one)
    if risk:
        status += f" ({risk})"
    size = shown_size(one.size) if one.size is not None else ""
    if one.sealed_size is not None and one.sealed_size != one.size:
        size += f"{', ' if size else ''}sealed {shown_size(one.sealed_size)}"
    details = "".join(f'<div class="digest">{line}</div>' for line in _details(one))
    return (
        f'<tr><td class="{tone}">{_text(status)}</td><td class="name">{_outside(one.name)}{details}</td>'
        f'<td class="size">{_text(size)}</td></tr>\n'
    )


def _details(one: Judged) -> list[str]:
    """Return lines of HTML: the digests that were compared; of other files all that are known."""
    if one.detail:
        return [_outside(one.detail)]
    expected, found = dict(one.expected), dict(one.found)
    both = expected.keys() & found.keys()
    lines = []
    for algorithm in {**expected, **found}:
        want, got = expected.get(algorithm), found.get(algorithm)
        if want == got:
            lines.append(f"equal {_code(f'{algorithm}:{got}')}")
        elif not both or algorithm in both:
            lines += [f"expected {_code(f'{algorithm}:{want}')}"] if want is not None else []
            lines += [f"found {_code(f'{algorithm}:{got}')}"] if got is not None else []
    return lines


def _not_compared(files: Iterable[Judged]) -> str:
    why = {"ignored": "never part of a seal", "skipped": "the Hub client's own"}
    found = [one for one in files if one.status in _PASSED_OVER]
    if not found:
        return ""
    items = [f"<li>{_outside(one.name)} ({_text(one.detail or why[one.status])})</li>\n" for one in found[:MAX_NAMED]]
    if len(found) > MAX_NAMED:
        items.append(f"<li>{len(found) - MAX_NAMED} more</li>\n")
    title = f"Not compared: {len(found)} name{'' if len(found) == 1 else 's'}"
    return f"<h2>{_text(title)}</h2>\n<ul>\n{''.join(items)}</ul>\n"


def _log(decision: Decision, verdict: Verdict) -> list[tuple[str, str]]:
    if not decision.origin:
        return []
    found = [("Log", _code(decision.origin))]
    if verdict.release is not None:
        found.append(("Leaf", _text(f"{verdict.release.index} of {decision.size}")))
    elif decision.size:
        found.append(("Leaves", _text(str(decision.size))))
    if decision.time is not None:
        found.append(("Newest answer", _text(utc(decision.time))))
        mirrors = f"{decision.quorum} mirrors" if decision.quorum else "no mirror: it is the registry's word only"
        found.append(("Checked by", _text(mirrors)))
    return found


def _two_notes(older: str, newer: str) -> str:
    return "".join(
        f"<h2>{title}</h2>\n<pre>{'<br>'.join(map(_text, note.splitlines()))}</pre>\n"
        for title, note in (("Seen before", older), ("Answered now", newer))
    )


def _next(verdict: Verdict) -> str:
    steps = "".join(
        f"<p>{_text(step['why'])}{': ' + _code(' '.join(step['argv'])) if step['argv'] else ''}</p>\n"
        for step in next_steps(verdict)
    )
    return f"<h2>Next</h2>\n{steps}" if steps else ""
