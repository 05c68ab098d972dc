"""What was seen but not signed by its owner: observations, and what operators take back (FORMAT.md 5.2)."""

from __future__ import annotations

from modelseal.formats import fields, names, strict
from modelseal.formats.identity import Key
from modelseal.values import dataclass

_basis = strict.text("hub-metadata|downloaded")


@dataclass(frozen=True, slots=True)
class Observation:
    """Which files the Hub served under a name at a commit, as one observer saw it."""

    origin: str
    signer: Key
    repo: str
    revision: str
    files: int
    total_bytes: int
    fileset: bytes
    basis: str  # "hub-metadata" or "downloaded"
    prev: bytes | None  # the signer's last observation of this repo and commit


@dataclass(frozen=True, slots=True, repr=False)
class Withdrawal:
    """A commit that nobody should use, for ever."""

    origin: str
    repo: str
    revision: str
    reason: str


def observation(f: strict.Object, origin: str) -> Observation:
    return Observation(
        origin=origin,
        signer=f.take("signer", Key.read),
        repo=f.take("repo", names.repo),
        revision=f.take("revision", names.revision),
        files=f.take("files", fields.positive),
        total_bytes=f.take("total_bytes", fields.positive),
        fileset=f.take("fileset", strict.hexadecimal),
        basis=f.take("basis", _basis),
        prev=f.take("prev", fields.digest_or_null),
    )


def withdrawal(f: strict.Object, origin: str) -> Withdrawal:
    return Withdrawal(
        origin, f.take("repo", names.repo), f.take("revision", names.revision), f.take("reason", fields.reason)
    )
