"""A change of the trust root before it holds: the files as they will be, which gather the operators' signatures.

    {"metadata":{"2.root.json":"...","3.targets.json":"..."},"published":{...},"targets":{"policy":"...",...},"v":1}

`metadata` has always the next targets, and a next root where somebody else shall sign, or the old one ends soon.
`published` is what held when it was drafted, in the saved form (None before the first), so that whoever signs on
another machine sees what changes. A draft proves nothing; one that says anything but what `Facts` shows is refused.

A new root must be signed by the thresholds of the old operators and of the new ones, and so must the targets that
come with it: they then hold for clients that have seen the new root and for those that have not yet.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from modelseal import root
from modelseal.errors import Malformed, Refused
from modelseal.formats import strict
from modelseal.formats.trust import Trust, parse_trust
from modelseal.keys import SigningKey
from modelseal.keytext import PublicKey
from modelseal.root.chain import words_of_tuf
from modelseal.root.saved import POLICY, REGISTRY, Saved

DAY = 86_400  # seconds
OPERATORS_DAYS = 365
MAX_DRAFT = 16 << 20  # bytes

_WHAT = "draft of the trust root"


@dataclass(frozen=True, slots=True)
class Roles:
    """Who signs: root and targets a threshold of the operators, snapshot and timestamp one online key."""

    operators: tuple[PublicKey, ...]
    threshold: int
    online: PublicKey


@dataclass(frozen=True, slots=True)
class Group:
    """The operators of one root, and who of them has signed all of a draft."""

    roles: Roles
    signed: tuple[PublicKey, ...]

    @property
    def enough(self) -> bool:
        return len(self.signed) >= self.roles.threshold

    def __str__(self) -> str:
        return f"{len(self.signed)} of {self.roles.threshold}"


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a draft says."""

    root: int | None  # version of the new root, if there is one
    targets: int  # version
    expires: int  # POSIX seconds
    trust: Trust
    contents: Mapping[str, bytes]  # the targets
    old: Roles | None  # as published; None before the first
    new: Roles
    groups: tuple[Group, ...]  # whose signatures it needs: the new operators', and those of before if they differ

    @property
    def enough(self) -> bool:
        return all(group.enough for group in self.groups)


@dataclass(frozen=True, slots=True)
class Draft:
    metadata: Mapping[str, str]  # by file name
    targets: Mapping[str, str]  # by name
    published: Saved | None

    @classmethod
    def parse(cls, data: bytes) -> Draft:
        value = strict.Object(strict.parse(data, _WHAT, limit=MAX_DRAFT), _WHAT)
        value.take("v", strict.version)
        before = value.take("published", _optional)
        draft = cls(value.take("metadata", _texts), value.take("targets", _texts), before)
        value.done()
        return draft

    def encode(self) -> bytes:
        before = strict.loads(self.published.encode().decode(), _WHAT) if self.published else None
        value = {"v": 1, "metadata": dict(self.metadata), "targets": dict(self.targets), "published": before}
        return strict.encode(value).encode()

    @property
    def root_name(self) -> str | None:
        return next((name for name in self.metadata if name.endswith(".root.json")), None)

    @property
    def targets_name(self) -> str:
        return next(name for name in self.metadata if name.endswith(".targets.json"))

    def loaded(self) -> dict[str, Any]:
        """Return file name -> python-tuf's `Metadata`."""
        return {name: tuf().Metadata.from_bytes(text.encode()) for name, text in self.metadata.items()}


def first(roles: Roles, contents: Mapping[str, bytes], now: int) -> Draft:
    """Return the draft of a new trust root."""
    return _draft(1, roles, 1, contents, None, now)


def following(published: Saved, contents: Mapping[str, bytes], now: int, roles: Roles | None = None) -> Draft:
    """Return the draft of what follows *published*; with *roles* it has a new root."""
    number, newest = published.roots[-1]
    kept = {name: text for name, text in published.metadata.items() if not name.endswith(".root.json")}
    last = Saved({f"{number}.root.json": newest.decode(), **kept}, published.targets)
    return _draft(number + 1 if roles else None, roles, _published(last)[1] + 1, contents, last, now)


def facts(draft: Draft) -> Facts:
    """Return what *draft* says. Malformed or Refused if it says anything else, or what no client would take."""
    contents = {name: text.encode() for name, text in draft.targets.items()}
    with words_of_tuf(_WHAT):
        _check_names(draft)
        loaded = draft.loaded()
        targets = loaded[draft.targets_name].signed
        top = loaded[draft.root_name].signed if draft.root_name else None
        before, version = _published(draft.published)
        by = top or before
        if by is None:
            raise Malformed(f"{_WHAT}: without a root")
        new, old = roles_of(by), roles_of(before) if before else None
        expires = int(targets.expires.timestamp())
        number = top.version if top else None
        _check_rebuilt(draft, _draft(number, new, targets.version, contents, None, expires - OPERATORS_DAYS * DAY))
        if targets.version != version + 1 or (top and top.version != (before.version if before else 0) + 1):
            raise Refused(f"{_WHAT}: its versions do not follow the published ones (targets {version})")
        groups = [Group(new, _signed(by, draft))]
        if old and (set(old.operators), old.threshold) != (set(new.operators), new.threshold):
            groups.append(Group(old, _signed(before, draft)))
    trust = parse_trust(contents[POLICY], contents[REGISTRY])
    if draft.published:
        was = parse_trust(draft.published.policy.encode(), draft.published.registry.encode())
        if (was.origin, was.leaf0) != (trust.origin, trust.leaf0):
            raise Refused(f"{_WHAT}: it is about another log than the published trust root, {was.origin}")
    return Facts(number, targets.version, expires, trust, contents, old, new, tuple(groups))


def sign(draft: Draft, key: SigningKey) -> Draft:
    """Return *draft* signed by *key* too; Refused if nobody needs that signature."""
    found = facts(draft)
    groups = [group for group in found.groups if key.public in group.roles.operators]
    if not groups:
        raise Refused(f"{key.public.fingerprint} is no operator's key in this draft, nor in the trust root before it")
    if all(key.public in group.signed for group in groups):
        return draft
    texts = {}
    for name, load in draft.loaded().items():
        load.sign(signer(key.private), append=True)
        texts[name] = load.to_bytes().decode()
    return replace(draft, metadata=texts)


def merged(draft: Draft, other: Draft) -> Draft:
    """Return *draft* with the signatures of *other* too, which must be a copy of it."""
    theirs, texts = other.loaded(), {}
    for name, load in draft.loaded().items():
        if name not in theirs or theirs[name].signed_bytes != load.signed_bytes:
            raise Refused(f"{_WHAT}: {name} is another one than here; signatures go with the draft that was signed")
        load.signatures.update(theirs[name].signatures)
        texts[name] = load.to_bytes().decode()
    return replace(draft, metadata=texts)


def ordered(operators: Sequence[PublicKey]) -> tuple[PublicKey, ...]:
    """Return *operators* in the order of a root: by fingerprint."""
    return tuple(sorted(operators, key=lambda key: key.key.sha256))


def roles_of(top: Any) -> Roles:
    """Return who signs by the root payload *top*; Refused if it is not of the form of ours."""
    named = {role: tuple(_public(top.keys[key]) for key in top.roles[role].keyids) for role in root.ROLES}
    thresholds = {role: top.roles[role].threshold for role in root.ROLES}
    if named["root"] != named["targets"] or thresholds["root"] != thresholds["targets"]:
        raise Refused(f"{_WHAT}: root and targets have different operators")
    if named["snapshot"] != named["timestamp"] or len(named["snapshot"]) != 1:
        raise Refused(f"{_WHAT}: not one online key")
    return Roles(named["root"], thresholds["root"], named["snapshot"][0])


def tuf() -> Any:
    from tuf.api import metadata  # its names are public, but not declared as exported

    return metadata


def signer(private_key: Any) -> Any:
    """Return *private_key*, of the cryptography package, as python-tuf signs with it."""
    from securesystemslib import signer as signers

    crypto: Any = signers  # as above
    return crypto.CryptoSigner(private_key)


def after(now: int, days: int) -> datetime:
    return datetime.fromtimestamp(now + days * DAY, UTC)


def _draft(
    root_version: int | None,
    roles: Roles | None,
    version: int,
    contents: Mapping[str, bytes],
    published: Saved | None,
    now: int,
) -> Draft:
    expires, made = after(now, OPERATORS_DAYS), {}
    if root_version and roles:
        made[f"{root_version}.root.json"] = _root(root_version, expires, roles)
    named = {name: tuf().TargetFile.from_data(name, data, ["sha256"]) for name, data in contents.items()}
    made[f"{version}.targets.json"] = tuf().Targets(version=version, expires=expires, targets=named)
    return Draft(
        {name: tuf().Metadata(payload).to_bytes().decode() for name, payload in made.items()},
        {name: data.decode() for name, data in contents.items()},
        published,
    )


def _root(version: int, expires: datetime, roles: Roles) -> Any:
    top = tuf().Root(version=version, expires=expires, consistent_snapshot=True)
    for role in root.ROLES:
        operators = role in ("root", "targets")
        for key in roles.operators if operators else (roles.online,):
            top.add_key(_tuf_key(key), role)
        top.roles[role].threshold = roles.threshold if operators else 1
    return top


def _signed(by: Any, draft: Draft) -> tuple[PublicKey, ...]:
    """Return who of the operators of the root payload *by* has rightly signed every file of *draft*."""
    keys = set(by.roles["root"].keyids)
    for name, load in draft.loaded().items():
        role = "root" if name.endswith(".root.json") else "targets"
        keys &= set(by.get_verification_result(role, load.signed_bytes, load.signatures).signed)
    return tuple(_public(by.keys[key]) for key in by.roles["root"].keyids if key in keys)


def _published(published: Saved | None) -> tuple[Any, int]:
    """Return the payload of the newest root of *published*, and the version of its targets."""
    if published is None:
        return None, 0
    root.verify(published, hashlib.sha256(published.roots[0][1]).digest())
    [name] = published.named("targets")
    return _payload(published.roots[-1][1]), _payload(published.metadata[name].encode()).version


def _payload(data: bytes) -> Any:
    return tuf().Metadata.from_bytes(data).signed


def _check_names(draft: Draft) -> None:
    endings = sorted(name.partition(".")[2] for name in draft.metadata)
    if endings not in (["targets.json"], ["root.json", "targets.json"]):
        raise Malformed(f"{_WHAT}: not targets, with or without a root")
    if not {POLICY, REGISTRY} <= set(draft.targets):
        raise Malformed(f"{_WHAT}: {POLICY} or {REGISTRY} is missing")


def _check_rebuilt(draft: Draft, again: Draft) -> None:
    """Refuse a draft that has anything in it but what was read of it: people sign what they see."""
    loaded, expected = draft.loaded(), again.loaded()
    for name in loaded:
        if name not in expected or loaded[name].signed.to_dict() != expected[name].signed.to_dict():
            raise Refused(f"{_WHAT}: {name} says more, or other things, than a draft of ours")


def keyid(key: PublicKey) -> str:
    """Return the name of *key* in our roots."""
    return str(_tuf_key(key).keyid)


def _tuf_key(key: PublicKey) -> Any:
    from cryptography.hazmat.primitives.serialization import load_der_public_key
    from securesystemslib import signer as signers

    crypto: Any = signers
    return crypto.SSlibKey.from_crypto(load_der_public_key(key.spki))


def _public(key: Any) -> PublicKey:
    if key.keytype == "ed25519" and key.scheme == "ed25519":
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        raw = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key.keyval["public"]))
        return PublicKey.parse(raw.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), _WHAT)
    if key.keytype == "ecdsa" and key.scheme == "ecdsa-sha2-nistp256":
        return PublicKey.parse_pem(key.keyval["public"], _WHAT)
    raise Refused(f"{_WHAT}: a key of type {key.keytype[:40]!r}")


def _texts(value: Any, what: str) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise Malformed(f"{what}: not texts by name")
    return dict(value)


def _optional(value: Any, what: str) -> Saved | None:
    return None if value is None else Saved.parse(strict.encode(value).encode())
