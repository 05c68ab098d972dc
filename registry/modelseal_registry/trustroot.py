"""The registry's TUF repository (FORMAT.md 11): four small signed files, and the two targets that they vouch for.

`DIR/trust` is laid out as it is served below `trust/`:

    1.root.json    1.targets.json                          operators' keys, 365 days
    2.snapshot.json    timestamp.json                      one online key, 30 and 7 days, signed again at half life
    targets/<sha256>.policy    targets/<sha256>.registry.json

The operators' keys are needed for a `publish` alone, and are not here then: they have signed a `trustdraft`. In
between the online key keeps the rest fresh. It can neither change a target nor name another key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from modelseal import platform, root
from modelseal.errors import Conflict, Error, Refused, TooFew
from modelseal.formats import paths
from modelseal.keys import SigningKey
from modelseal.keytext import PublicKey
from modelseal.root.saved import POLICY, REGISTRY
from modelseal_registry import trustdraft
from modelseal_registry.trustdraft import DAY, Draft, Facts, Roles, after

SNAPSHOT_DAYS, TIMESTAMP_DAYS = 30, 7
MAX_FILE = 5_000_000  # bytes


def create(folder: Path, *, operator_key: Any, online_key: Any, policy: bytes, registry: bytes, now: int) -> bytes:
    """Make a repository with one operator in *folder*, which must not have one; return root 1, whose SHA-256 is the
    fingerprint.

    *operator_key* and *online_key* are private keys of the cryptography package, P-256 or Ed25519.
    """
    if is_published(folder):
        raise Conflict(f"{folder} has a trust root already")
    operator = SigningKey(operator_key, PublicKey.of(operator_key))
    roles = Roles((operator.public,), 1, PublicKey.of(online_key))
    draft = trustdraft.first(roles, {POLICY: policy, REGISTRY: registry}, now)
    publish(folder, trustdraft.sign(draft, operator), [online_key], now)
    return _read(folder, "1.root.json")


def publish(folder: Path, draft: Draft, online_keys: Sequence[Any], now: int) -> None:
    """Put *draft* in place in *folder*. TooFew if signatures are missing; Refused if something else was published
    since it was drafted.

    The timestamp is replaced after everything that it leads to, in one step, and a new root after that: who asks in
    between gets the old root, which has signed for all of it too. Killed anywhere, it can be done again.
    *online_keys*: that of the old root, and that of the new one, if it is another.
    """
    found = trustdraft.facts(draft)
    if not found.enough:
        raise TooFew(f"the draft is signed by {found.groups[0]} operators; nothing was published")
    texts = {name: _only_needed(found, load) for name, load in draft.loaded().items()}
    platform.make_folder(folder / "targets")
    with _lock(folder):
        if not _has(folder, draft.targets_name, texts[draft.targets_name]):
            _check_base(folder, draft.published)
            for name, data in found.contents.items():
                platform.replace(folder / "targets" / f"{hashlib.sha256(data).hexdigest()}.{name}", data)
            platform.replace(folder / draft.targets_name, texts[draft.targets_name])
            if draft.root_name and found.old is None:
                platform.replace(folder / draft.root_name, texts[draft.root_name])
            _sign_online(folder, online_keys, now, targets=found.targets)
        if draft.root_name:
            platform.replace(folder / draft.root_name, texts[draft.root_name])


def is_published(folder: Path) -> bool:
    return (folder / "timestamp.json").exists()


def resign(folder: Path, online_keys: Callable[[], Sequence[Any]], now: int) -> bool:
    """Sign timestamp and snapshot again if half of their time is over; return whether anything changed.

    *online_keys* is asked only then; the one that the newest root names signs."""
    if not _half_over(folder, now):
        return False
    with _lock(folder):
        if not _half_over(folder, now):
            return False
        wanted = roles(folder).online
        found = [key for key in online_keys() if PublicKey.of(key) == wanted]
        if not found:
            raise Error(f"{folder}: the online key of its root is {wanted.fingerprint}, and that is not here")
        _sign_online(folder, found, now)
        return True


def _half_over(folder: Path, now: int) -> bool:
    timestamp = _load(folder, "timestamp.json")
    snapshot = _load(folder, _snapshot_name(timestamp))
    return _left(snapshot, now) < SNAPSHOT_DAYS * DAY // 2 or _left(timestamp, now) < TIMESTAMP_DAYS * DAY // 2


def _sign_online(folder: Path, online_keys: Sequence[Any], now: int, *, targets: int | None = None) -> None:
    """Make the next timestamp, and before it the next snapshot, if that is due or there are new *targets*.

    The timestamp is replaced last and in one step: until then the old files are what is served.
    """
    api = trustdraft.tuf()
    version, snapshot = 0, None  # type: int, Any
    if is_published(folder):
        timestamp = _load(folder, "timestamp.json")
        version, snapshot = timestamp.signed.version, _load(folder, _snapshot_name(timestamp))
    if snapshot is None or targets is not None or _left(snapshot, now) < SNAPSHOT_DAYS * DAY // 2:
        number = snapshot.signed.version + 1 if snapshot else 1
        meta = {"targets.json": api.MetaFile(targets)} if targets else dict(snapshot.signed.meta)
        snapshot = api.Metadata(api.Snapshot(version=number, expires=after(now, SNAPSHOT_DAYS), meta=meta))
        # whatever stands under this number was left by a crash, and no timestamp ever named it
        platform.replace(folder / f"{number}.snapshot.json", _signed(snapshot, online_keys))
    meta_file = api.MetaFile(snapshot.signed.version)
    signed = api.Timestamp(version=version + 1, expires=after(now, TIMESTAMP_DAYS), snapshot_meta=meta_file)
    platform.replace(folder / "timestamp.json", _signed(api.Metadata(signed), online_keys))


def _check_base(folder: Path, published: root.Saved | None) -> None:
    """Refuse unless *published* is what stands in *folder*: targets and newest root."""
    if not is_published(folder):
        if published is not None:
            raise Refused(f"{folder}: nothing is published here that the draft could follow")
        return
    now = saved(folder)
    here = (now.roots[-1], now.named("targets"))
    if published is None or (published.roots[-1], published.named("targets")) != here:
        raise Refused(
            f"the trust root has changed since this was drafted: published are root {here[0][0]} and {here[1][0]}",
            hint="make the change again: it begins at what holds now",
        )


def _only_needed(found: Facts, load: Any) -> bytes:
    """Return the file with the operators' signatures alone; what else somebody added has no place in it."""
    operators = {key for group in found.groups for key in group.roles.operators}
    wanted = {trustdraft.keyid(key) for key in operators}
    for keyid in set(load.signatures) - wanted:
        del load.signatures[keyid]
    return bytes(load.to_bytes())


def _has(folder: Path, name: str, data: bytes) -> bool:
    """Whether these are the published targets: a publication was killed before its new root."""
    return is_published(folder) and saved(folder).metadata.get(name) == data.decode()


def _snapshot_name(timestamp: Any) -> str:
    return f"{timestamp.signed.snapshot_meta.version}.snapshot.json"


def _lock(folder: Path) -> AbstractContextManager[None]:
    return platform.lock(folder.with_name(folder.name + ".lock"))


def expires(folder: Path) -> Mapping[str, int]:
    """Return when each role of the repository expires, in POSIX seconds."""
    now = saved(folder)
    names = {"root": f"{now.roots[-1][0]}.root.json", "timestamp": "timestamp.json"}
    names |= {kind: now.named(kind)[0] for kind in ("targets", "snapshot")}
    return {role: int(_load(folder, names[role]).signed.expires.timestamp()) for role in root.ROLES}


def files(folder: Path) -> dict[str, bytes]:
    """Return path -> bytes of what clients need, in the order in which it may be put in place."""
    return saved(folder).files()


def roles(folder: Path) -> Roles:
    """Return who signs by the newest root."""
    return trustdraft.roles_of(trustdraft.tuf().Metadata.from_bytes(saved(folder).roots[-1][1]).signed)


def copy(reader: root.Reader, held: bytes) -> dict[str, bytes]:
    """Return path -> bytes of what a mirror serves, as `files` does: what *held* holds (a refreshed `root.save`),
    byte for byte, and from *reader* the roots before it, so that the oldest invitation works at a mirror too."""
    known = root.Saved.parse(held)
    return {**root.earlier(reader, known), **known.files()}


def saved(folder: Path) -> root.Saved:
    """Return what is published, with every root."""
    timestamp = _load(folder, "timestamp.json").signed
    snapshot_name = f"{timestamp.snapshot_meta.version}.snapshot.json"
    targets_name = f"{_load(folder, snapshot_name).signed.meta['targets.json'].version}.targets.json"
    targets = _load(folder, targets_name).signed.targets
    count = 1
    while (folder / f"{count + 1}.root.json").exists():
        count += 1
    names = [f"{number}.root.json" for number in range(1, count + 1)]
    return root.Saved(
        {name: _read(folder, name).decode() for name in (*names, targets_name, snapshot_name, "timestamp.json")},
        {name: _read(folder, f"targets/{t.hashes['sha256']}.{name}").decode() for name, t in targets.items()},
    )


def _read(folder: Path, name: str) -> bytes:
    return platform.read_below(folder, name, MAX_FILE, paths.TRUST.rstrip("/"))


def _load(folder: Path, name: str) -> Any:
    return trustdraft.tuf().Metadata.from_bytes(_read(folder, name))


def _signed(metadata: Any, online_keys: Sequence[Any]) -> bytes:
    for key in online_keys:
        metadata.sign(trustdraft.signer(key), append=True)
    return bytes(metadata.to_bytes())


def _left(metadata: Any, now: int) -> int:
    return int(metadata.signed.expires.timestamp()) - now
