"""Rules of releases and of what voids them (FORMAT.md 6.6 and 6.7)."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from modelseal.errors import Conflict, Refused
from modelseal.formats import names
from modelseal.formats.identity import Key
from modelseal.formats.owners import Release, Revocation
from modelseal.state import counting
from modelseal.state.values import Repo, Sealed, State, Voided
from modelseal.times import utc


def release(state: State, record: Release, index: int, time: int, authors: AbstractSet[Key]) -> None:
    known = counting.owner(state, names.namespace_of(record.repo), time)
    keys = known.key_set
    if record.replaces is None:
        counting.exactly(authors, {record.signer}, "a release, by its signer alone,")
    else:
        counting.counted(authors, {record.signer, *keys.controllers})
        counting.enough(authors, (record.signer,), 1, "signer")
        counting.enough(authors, keys.controllers, keys.threshold, "controllers")
    if not known.entitles(record.signer, record.repo):
        why = "it is revoked" if record.signer in known.signers else "no scope covers it"
        raise Refused(f"the key SHA256:{record.signer.sha256.hex()} may not seal {record.repo}: {why}")
    if suspension := known.suspended(time):
        raise Refused(f"{known.claim.namespace} is suspended until {utc(suspension.until)}: no releases")
    repo = state.repos.get(record.repo.lower()) or Repo()
    _place(repo, record)
    repo.add(Sealed(index, time, record))
    if record.replaces is not None:
        repo.seals.setdefault(record.replaces, Voided(index, time, "replaced", record.revision))
    state.repos[record.repo.lower()] = repo


def _place(repo: Repo, record: Release) -> None:
    """A revision is sealed once; only who names the newest seal there takes its place."""
    there = repo.latest.get(record.revision)
    if there and record.replaces != there.release.seal:
        raise Conflict(
            f"{record.repo}@{record.revision} is sealed already: leaf {there.index}, seal {there.release.seal.hex()}"
        )
    if not there and record.replaces is not None:
        raise Conflict(f"{record.repo}@{record.revision} was never sealed: there is nothing to replace")


def revocation(state: State, record: Revocation, index: int, time: int, authors: AbstractSet[Key]) -> None:
    known = counting.owner(state, record.namespace, time, also_retired=True)
    controllers = known.key_set.controllers
    repo = state.repos.get(record.repo.lower()) if record.repo else None
    by_signer = {
        one.release.signer
        for one in (repo.releases if repo else ())
        if one.release.seal == record.seal and known.entitles(one.release.signer, one.release.repo)
    }
    counting.counted(authors, {*controllers, *by_signer})
    if not authors & by_signer:
        counting.enough(authors, controllers, known.key_set.threshold, "controllers")
    if record.reason == "superseded":
        return
    voided = Voided(index, time, record.reason, record.replacement)
    if record.seal is not None and record.repo is not None:
        state.repos.setdefault(record.repo.lower(), Repo()).seals.setdefault(record.seal, voided)
    elif record.fileset is not None:
        known.filesets.setdefault(record.fileset, voided)
    elif record.signer is not None:
        known.signers.setdefault(record.signer, voided)
