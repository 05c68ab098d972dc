"""Revoke: a release, here or, with *everywhere*, wherever in the namespace its files are sealed; or a signer, with all
that it has sealed.

1 what the log says      2 what would be voided      3 sign      4 send, or a draft for the next controller
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from modelseal.errors import Conflict, Pending, Refused, Unavailable
from modelseal.formats import names
from modelseal.formats.leaves import Submission
from modelseal.formats.names import Asked
from modelseal.formats.records import Release, Revocation
from modelseal.journeys import submit, sweep
from modelseal.journeys.ask import Answer, Where, ask, heard
from modelseal.journeys.record import look_up_namespace, missing_signatures
from modelseal.journeys.sweep import Swept
from modelseal.keys import SigningKey
from modelseal.values import dataclass
from modelseal.verdict import Decision


@dataclass(frozen=True, slots=True)
class Plan:
    """What a revocation would void, before anything is signed."""

    record: Revocation
    about: str  # `acme-lab/atlas-7b@COMMIT`, or `acme-lab, signer SHA256:7f3c...`
    repo: str | None  # of the release that was named
    revision: str | None
    answer: Answer
    voids: tuple[str, ...]  # repo@commit of every release that is voided now and was not before
    whole: bool = True  # False: there may be more, the log was not read to its beginning
    stem: str = ""  # of a draft's name


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
    """Return what revoking the release *asked* (with its commit) would do.

    *replacement*: a commit of the same repo whose release stands, for readers to use instead.
    """
    answer = submit.at_registry(heard(ask(asked, where)), asked, where)  # 1
    look = answer.decision
    there = [one for one in look.releases if one.sealed.release.revision == asked.revision]
    if not there:
        raise Refused(f"{names.short(asked.repo)}@{asked.revision} is not sealed, so there is nothing to revoke")
    release, voided = there[-1].sealed.release, there[-1].voided
    if voided is not None and not everywhere:
        raise Conflict(f"{_name(release)} is revoked already ({voided.reason})")
    namespace = names.namespace_of(release.repo)
    record = Revocation(
        origin=answer.trust.origin,
        namespace=namespace,
        repo=None if everywhere else release.repo,
        seal=None if everywhere else release.seal,
        fileset=release.fileset if everywhere else None,
        signer=None,
        reason=reason,
        replacement=replacement,
    )
    if replacement is not None:
        _check_replacement(look, release, replacement, everywhere)
    voids: tuple[str, ...] = (_name(release),)  # 2
    whole = True
    if everywhere:
        swept = sweep.sweep(namespace, answer, where)
        voids, whole = _standing(swept, lambda one: one.fileset == release.fileset, where)
    stem = f"{release.repo.rsplit('/', 1)[1]}-{release.revision[:12]}"
    voids = voids if reason != "superseded" else ()
    return Plan(record, _name(release), release.repo, release.revision, answer, voids, whole, stem)


def plan_signer(namespace: str, fingerprint: bytes, reason: str, where: Where = Where()) -> Plan:
    """Return what revoking the key with *fingerprint* as a signer of *namespace* would do."""
    answer = look_up_namespace(namespace, where)  # 1
    answer = submit.at_registry(answer, answer.decision.asked, where)
    state = answer.decision.state
    owner = state.namespace(namespace, answer.decision.time or 0) if state else None
    shown = f"SHA256:{fingerprint.hex()}"
    if owner is None:
        raise Refused(f"{names.short(namespace)} is not an approved namespace of {answer.trust.origin}")
    namespace = owner.claim.namespace
    for key, voided in owner.signers.items():
        if key.sha256 == fingerprint:
            raise Conflict(f"{shown} is revoked already in {names.short(namespace)} ({voided.reason})")
    swept = sweep.sweep(namespace, answer, where)  # 2
    known = {key.sha256: key for key in swept.keys}
    for key_set in (owner.key_set, *(one.key_set for one in (owner.pending, owner.recovery) if one)):
        known |= {key.sha256: key for key in key_set.controllers}
        known |= {one.key.sha256: one.key for one in key_set.signers}
    if fingerprint not in known:
        raise Refused(
            f"no key of {names.short(namespace)}, now or earlier, has the fingerprint {shown}",
            hint=f"its keys: modelseal show {namespace}",
        )
    signer = known[fingerprint]
    record = Revocation(answer.trust.origin, namespace, None, None, None, signer, reason, None)
    voids, whole = _standing(swept, lambda one: one.signer == signer, where)
    about = f"{names.short(namespace)}, signer {shown}"
    stem = f"{names.short(namespace)}-{fingerprint.hex()[:12]}"
    return Plan(record, about, None, None, answer, voids, whole, stem)


def revoke(planned: Plan, keys: list[SigningKey], where: Where = Where(), *, folder: Path = Path()) -> Revoked:
    """Sign and send what was planned; below the threshold a draft is written into *folder* instead."""
    draft, unsigned = folder / (planned.stem + submit.SUFFIX), submit.draft(planned.record)
    submission = submit.sign(submit.draft_at(draft, unsigned) or unsigned, keys)  # 3
    missing = missing_signatures(submission, planned.answer)
    if missing:  # 4
        submit.write(draft, submission)
        return Revoked(submission, None, missing, False, draft)
    try:
        logged = submit.send(submission, where.registry or planned.answer.trust.url)
    except Pending as e:
        return Revoked(submission, None, str(e), True, None)
    return Revoked(submission, logged.index, None, True, None)


def _name(release: Release) -> str:
    return f"{names.short(release.repo)}@{release.revision}"


def _check_replacement(look: Decision, release: Release, replacement: str, everywhere: bool) -> None:
    """Refuse to send readers to what does not stand, or will not once this is revoked."""
    there = [one for one in look.releases if one.sealed.release.revision == replacement]
    name = f"{names.short(release.repo)}@{replacement}"
    if not there:
        raise Refused(f"{name} is not sealed: a replacement is a release of the same repo")
    if there[-1].voided is not None:
        raise Refused(f"{name} is revoked itself ({there[-1].voided.reason}), so it replaces nothing")
    same = there[-1].sealed.release
    if same.seal == release.seal or (everywhere and same.fileset == release.fileset):
        raise Refused(f"{name} is voided by this very revocation, so it replaces nothing")


def _standing(swept: Swept, is_meant: Callable[[Release], bool], where: Where) -> tuple[tuple[str, ...], bool]:
    """Return the releases that *is_meant* names and that stand now, proven repo by repo; whether these are all."""
    repos = {one.repo.lower(): one.repo for one in swept.releases if is_meant(one)}
    found: list[str] = []
    whole = swept.whole
    for _, repo in sorted(repos.items()):
        try:
            look = heard(ask(Asked(repo, None), where)).decision
        except Unavailable:
            whole = False
            continue
        standing = (one.sealed.release for one in look.releases if one.voided is None)
        found += [_name(one) for one in standing if is_meant(one)]
    return tuple(found), whole
