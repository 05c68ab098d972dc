"""Sign records and send them: one mechanism for every threshold.

A record below its threshold is never sent: it is written as `NAME.record` for the next holder of a key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from modelseal import platform, remote
from modelseal.authorship import signed_by
from modelseal.errors import Conflict, Malformed, Pending, Refused, Unavailable, Usage
from modelseal.formats import envelope, names, records
from modelseal.formats.entries import ordered_entries
from modelseal.formats.leaves import MAX_SUBMISSION, Submission
from modelseal.formats.names import Asked
from modelseal.formats.records import Claim, Record
from modelseal.journeys.ask import BUDGET_S, Answer, Where, ask, heard
from modelseal.keys import SigningKey
from modelseal.values import dataclass

SUFFIX = ".record"


def draft(fields: Record | Claim, seal: str | None = None) -> Submission:
    """Return the unsigned submission of a record given as values; what it says is read back and so checked."""
    text = records.encode_record(fields)
    return Submission(text, records.parse_any(text), (), seal)


def sign(submission: Submission, keys: list[SigningKey]) -> Submission:
    """Return *submission* with the signatures of *keys* added; those it has already are verified first."""
    kind = envelope.CLAIM if isinstance(submission.record, Claim) else envelope.RECORD
    signed_by(submission.record, submission.text, submission.signatures)
    message = envelope.pae(kind, submission.text.encode())
    entries = {entry.fingerprint: entry for entry in submission.signatures}
    for key in keys:
        entries.setdefault(key.public.key.sha256, key.entry(message))
    return replace(submission, signatures=tuple(ordered_entries(list(entries.values()))))


def merged(copies: Sequence[Submission]) -> Submission:
    """Return the one record of which *copies* were signed by several people, with all their signatures verified."""
    first = copies[0]
    for other in copies:
        if other.digest != first.digest:
            raise Usage(
                f"two records: {other.digest.hex()} and {first.digest.hex()}", hint="copies of one record are merged"
            )
        signed_by(other.record, other.text, other.signatures)
    entries = {entry.fingerprint: entry for one in copies for entry in one.signatures}
    seal = next((one.seal for one in copies if one.seal is not None), None)
    return replace(first, signatures=tuple(ordered_entries(list(entries.values()))), seal=seal)


def read(path: Path) -> Submission:
    """Read a `.record` file."""
    data = platform.read_file(path, MAX_SUBMISSION, "record file", follow=True)
    try:
        return Submission.parse(data)
    except Malformed as e:
        raise Usage(f"{path}: {e}", hint="a .record file is written by claim, revoke and record sign") from e


def draft_at(path: Path, unsigned: Submission) -> Submission | None:
    """Return what lies at *path* if it is this very record: others may have signed it already."""
    try:
        there = read(path)
    except (Usage, Malformed):
        return None
    return there if there.digest == unsigned.digest else None


def write(path: Path, submission: Submission) -> None:
    """Write a `.record` file; one of the same record is replaced, its signatures kept; another one stays."""
    try:
        there = read(path)
    except platform.Missing:
        platform.write_new(path, submission.encode())
        return
    if there.digest != submission.digest:
        raise Conflict(f"{path} holds another record and is not overwritten", hint=f"submit it, or remove {path}")
    platform.replace(path, merged([there, submission]).encode())


@dataclass(frozen=True, slots=True)
class Logged:
    """The leaf that a record became, and the registry's whole reply."""

    index: int
    reply: dict[str, Any]


def at_registry(answer: Answer, asked: Asked, where: Where) -> Answer:
    """Return what the registry itself says, if it can be asked, where another address answered: a mirror may be
    behind, and what is about to be sent must not be judged by what was."""
    if where.registry is not None or answer.address in (None, answer.trust.url):
        return answer
    try:
        return heard(ask(asked, replace(where, registry=answer.trust.url)))
    except Unavailable:
        return answer


class TooMany(Unavailable):
    """The registry did not take it, so it is not logged. Try again later."""


def send(submission: Submission, url: str) -> Logged:
    """Submit to the registry at *url*. Raises Pending, Refused, Conflict, Malformed or Unavailable by its answer."""
    registry = remote.open_reader(url, remote.Budget(BUDGET_S))
    if not isinstance(registry, remote.Http):
        raise Usage(f"{url} is a folder; records are sent to a registry's address")
    status, reply = registry.submit(submission.encode())
    words = _reason(reply)
    if status == 200 and type(reply.get("index")) is int:
        return Logged(reply["index"], reply)
    if status == 202:
        raise Pending(f"waits for {words}")
    if status in (400, 413):
        raise Malformed(f"{url} cannot read it: {words}")
    if status == 409:
        raise Conflict(words)
    if status == 403:
        raise Refused(f"refused by {url}: {words}")
    if status == 429:
        raise TooMany(f"{url}: too many records, {words}")
    raise Unavailable(f"{url}: answered with status {status}")


def _reason(reply: dict[str, Any]) -> str:
    """Return the registry's words for people, made safe to print."""
    for name in ("waits_for", "detail"):
        if isinstance(reply.get(name), str):
            return names.printable(reply[name], longest=500)
    return "no reason given"
