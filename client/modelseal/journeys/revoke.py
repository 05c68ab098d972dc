"""Revoke a release, here or, with *everywhere*, wherever in the namespace its files are sealed.

1 what the log says      2 what would be voided      3 sign      4 send, or a draft for the next controller
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from modelseal.errors import Conflict, Pending, Refused
from modelseal.formats import names
from modelseal.formats.leaves import Submission
from modelseal.formats.names import Asked
from modelseal.formats.records import Revocation
from modelseal.journeys import submit
from modelseal.journeys.ask import Answer, Where, ask, heard
from modelseal.journeys.record import missing_signatures
from modelseal.keys import SigningKey
from modelseal.state import Sealed


@dataclass(frozen=True, slots=True)
class Plan:
    """What a revocation would void, before anything is signed."""

    record: Revocation
    target: Sealed
    answer: Answer
    voids: tuple[str, ...]  # repo@commit of every release known to be voided


@dataclass(frozen=True, slots=True)
class Revoked:
    """A revocation that was sent, or what it waits for."""

    submission: Submission
    logged: int | None
    waits_for: str | None
    sent: bool
    draft: Path | None  # below the threshold nothing is sent


def plan(
    asked: Asked, reason: str, where: Where = Where(), *, everywhere: bool = False, replacement: str | None = None
) -> Plan:
    """Return what revoking the release *asked* (with its commit) would do."""
    answer = heard(ask(asked, where))  # 1
    look = answer.decision
    there = [one for one in look.releases if one.sealed.release.revision == asked.revision]
    if not there:
        raise Refused(f"{names.short(asked.repo)}@{asked.revision} is not sealed, so there is nothing to revoke")
    release = there[-1].sealed.release
    voided = there[-1].voided
    if voided is not None and not everywhere:
        raise Conflict(f"{names.short(release.repo)}@{release.revision} is revoked already ({voided.reason})")
    same = [one.sealed.release for one in look.releases if one.sealed.release.fileset == release.fileset]
    voids = same if everywhere else [release]  # 2
    record = Revocation(
        origin=answer.trust.origin,
        namespace=names.namespace_of(release.repo),
        repo=None if everywhere else release.repo,
        seal=None if everywhere else release.seal,
        fileset=release.fileset if everywhere else None,
        signer=None,
        reason=reason,
        replacement=replacement,
    )
    listed = tuple(f"{names.short(one.repo)}@{one.revision}" for one in voids) if reason != "superseded" else ()
    return Plan(record, there[-1].sealed, answer, listed)


def revoke(planned: Plan, keys: list[SigningKey], where: Where = Where(), *, folder: Path = Path()) -> Revoked:
    """Sign and send what was planned; below the threshold a draft is written into *folder* instead."""
    submission = submit.sign(submit.draft(planned.record), keys)  # 3
    missing = missing_signatures(submission, planned.answer)
    if missing:  # 4
        stem = planned.target.release.repo.rsplit("/", 1)[1] + "-" + planned.target.release.revision[:12]
        draft = folder / (stem + submit.SUFFIX)
        submit.write(draft, submission)
        return Revoked(submission, None, missing, False, draft)
    try:
        logged = submit.send(submission, where.registry or planned.answer.trust.url)
    except Pending as e:
        return Revoked(submission, None, str(e), True, None)
    return Revoked(submission, logged.index, None, True, None)
