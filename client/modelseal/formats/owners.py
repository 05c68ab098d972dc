"""What owners and their signers sign: claims, changes of keys, objections, releases, revocations (FORMAT.md 5.2)."""

from __future__ import annotations

from modelseal.errors import Malformed
from modelseal.formats import fields, names, strict
from modelseal.formats.fields import MAX_NAMES
from modelseal.formats.identity import Key, KeySet
from modelseal.values import dataclass

MAX_WEIGHTS = 16


@dataclass(frozen=True, slots=True)
class Claim:
    """What an owner says about a namespace; logged inside an identity."""

    origin: str
    seq: int
    prev: bytes | None
    namespace: str
    title: str
    domain: str | None
    hub_owner_id: str | None
    accounts: tuple[str, ...]
    former: tuple[str, ...]
    families: tuple[str, ...]
    republishers: tuple[str, ...]
    key_set: KeySet | None  # only in the first claim


@dataclass(frozen=True, slots=True)
class Keys:
    """An owner changes who may act for the namespace."""

    origin: str
    seq: int
    prev: bytes
    namespace: str
    key_set: KeySet


@dataclass(frozen=True, slots=True, repr=False)
class Objection:
    """A controller doubles the delay of a change that waits."""

    origin: str
    namespace: str
    target: bytes  # digest of the `keys` or `recover` record


@dataclass(frozen=True, slots=True)
class Release:
    """A seal enters the log, signed by the key that sealed."""

    origin: str
    signer: Key
    repo: str
    revision: str
    seal: bytes  # SHA-256 of the DSSE payload: the seal's identity
    bundle: bytes  # SHA-256 of the bundle: where it lies
    bundle_size: int
    files: int
    total_bytes: int
    fileset: bytes
    weights: tuple[bytes, ...]
    replaces: bytes | None  # the newest seal at this revision


@dataclass(frozen=True, slots=True)
class Revocation:
    """Exactly one of *repo* with *seal*, *fileset*, *signer* is not None."""

    origin: str
    namespace: str
    repo: str | None
    seal: bytes | None
    fileset: bytes | None
    signer: Key | None
    reason: str
    replacement: str | None


def claim(f: strict.Object, origin: str) -> Claim:
    seq, prev = fields.chained(f)
    found = Claim(
        origin=origin,
        seq=seq,
        prev=prev,
        namespace=f.take("namespace", names.namespace),
        title=f.take("title", names.title),
        domain=f.take("domain", strict.optional(names.domain)),
        hub_owner_id=f.take("hub_owner_id", strict.optional(names.owner_id)),
        accounts=f.take("accounts", fields.unique_names),
        former=f.take("former", fields.unique_names),
        families=f.take("families", strict.listing(names.title, most=MAX_NAMES)),
        republishers=f.take("republishers", fields.unique_names),
        key_set=f.take("key_set", strict.optional(KeySet.read)),
    )
    if (seq == 1) != (found.key_set is not None):
        raise Malformed(f"{f.what}: the first claim has a key_set, later ones have null")
    return found


def keys(f: strict.Object, origin: str) -> Keys:
    seq, prev = fields.chained(f)
    if prev is None:
        raise Malformed(f"{f.what}: a chain begins with a claim, not with keys")
    return Keys(origin, seq, prev, f.take("namespace", names.namespace), f.take("key_set", KeySet.read))


def objection(f: strict.Object, origin: str) -> Objection:
    return Objection(origin, f.take("namespace", names.namespace), f.take("target", strict.hexadecimal))


def release(f: strict.Object, origin: str) -> Release:
    f.take("card", fields.only(None))
    found = Release(
        origin=origin,
        signer=f.take("signer", Key.read),
        repo=f.take("repo", names.repo),
        revision=f.take("revision", names.revision),
        seal=f.take("seal", strict.hexadecimal),
        bundle=f.take("bundle", strict.hexadecimal),
        bundle_size=f.take("bundle_size", fields.positive),
        files=f.take("files", fields.positive),
        total_bytes=f.take("total_bytes", fields.positive),
        fileset=f.take("fileset", strict.hexadecimal),
        weights=f.take("weights", strict.listing(strict.hexadecimal, most=MAX_WEIGHTS)),
        replaces=f.take("replaces", fields.digest_or_null),
    )
    if found.replaces == found.seal:
        raise Malformed(f"{f.what}: a seal that replaces itself")
    return found


def revocation(f: strict.Object, origin: str) -> Revocation:
    found = Revocation(
        origin=origin,
        namespace=f.take("namespace", names.namespace),
        repo=f.take("repo", strict.optional(names.repo)),
        seal=f.take("seal", fields.digest_or_null),
        fileset=f.take("fileset", fields.digest_or_null),
        signer=f.take("signer", strict.optional(Key.read)),
        reason=f.take("reason", fields.reason),
        replacement=f.take("replacement", strict.optional(names.revision)),
    )
    targets = (found.repo is not None, found.fileset is not None, found.signer is not None)
    if sum(targets) != 1 or (found.repo is None) != (found.seal is None):
        raise Malformed(f"{f.what}: exactly one of repo with seal, fileset, signer is wanted")
    if found.repo is not None and names.namespace_of(found.repo) != found.namespace:
        raise Malformed(f"{f.what}: {found.repo} is not in {found.namespace}")
    return found
