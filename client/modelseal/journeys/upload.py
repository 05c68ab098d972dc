"""Put a seal into the repo that it seals, as a commit: no new release, only where others look for it."""

from __future__ import annotations

import hashlib

from modelseal.errors import Error
from modelseal.formats import manifest, names
from modelseal.formats.manifest import Statement
from modelseal.journeys.sign import SEAL, Signed
from modelseal.journeys.uploaded import answered
from modelseal.listed import HubListing
from modelseal.values import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where a seal is put: a branch of a repo in which this user may write."""

    repo: str
    branch: str


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What became of it."""

    branch: str
    commit: str | None  # that it made, or in which it is already; None: it is not there
    again: bool = False  # it was there already; nothing was sent
    error: Error | None = None


def place(repo: str, revision: str) -> Place:
    """Return where a seal of *repo*, as the Hub calls it, is put: on the branch *revision* (as typed), else on `main`.

    Refused if nobody is logged in, or who may only read: before anything is logged.
    """
    from modelseal import hub

    answered(lambda: hub.check_writer(repo))
    if revision == "main" or names.is_commit(revision):  # nobody need say what that is
        return Place(repo, "main")
    return Place(repo, revision if revision in answered(lambda: hub.branches(repo)) else "main")


def put(place: Place, signed: Signed) -> Uploaded:
    """Put the seal there, unless it is there."""
    from modelseal import hub

    data = signed.seal.encode()
    try:
        there = hub.listing(place.repo, place.branch)
        if _has(there, data):
            return Uploaded(place.branch, there.commit, again=True)
        message = f"Add the seal of {_title(signed.statement)}"
        return Uploaded(place.branch, hub.upload(place.repo, place.branch, SEAL, data, message))
    except Error as e:
        return Uploaded(place.branch, None, error=e)


def _title(statement: Statement) -> str:
    return f"{names.short(statement.repo)}@{statement.revision[:12]}"


def _has(there: HubListing, data: bytes) -> bool:
    git = manifest.git_blob(len(data))
    git.update(data)
    for file in there.files:
        if file.name == SEAL:
            if file.sha256 is not None:
                return file.sha256 == hashlib.sha256(data).digest()
            return file.blob_id == git.hexdigest()
    return False
