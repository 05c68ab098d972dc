"""The registry's TUF repository (FORMAT.md 11): four small signed files, and the two targets that they vouch for.

`DIR/trust` is laid out as it is served below `trust/`:

    1.root.json    1.targets.json                          operators' keys, 365 days
    2.snapshot.json    timestamp.json                      one online key, 30 and 7 days, signed again at half life
    targets/<sha256>.policy    targets/<sha256>.registry.json

The operators' key is needed once, in `create`; from then on the online key alone keeps the rest fresh. It can
neither change a target nor name another key.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from modelseal import platform, root
from modelseal.formats import paths

DAY = 86_400  # seconds
OPERATORS_DAYS, SNAPSHOT_DAYS, TIMESTAMP_DAYS = 365, 30, 7
MAX_FILE = 5_000_000  # bytes


def create(folder: Path, *, operator_key: Any, online_key: Any, policy: bytes, registry: bytes, now: int) -> bytes:
    """Make the repository in *folder*, which must not have one; return root 1, whose SHA-256 is the fingerprint.

    *operator_key* and *online_key* are private keys of the cryptography package, P-256 or Ed25519.
    """
    tuf = _tuf()
    operator, online = _signer(operator_key), _signer(online_key)
    top = tuf.Root(version=1, expires=_after(now, OPERATORS_DAYS), consistent_snapshot=True)
    for role, signer in (
        ("root", operator),
        ("targets", operator),
        ("snapshot", online),
        ("timestamp", online),
    ):
        top.add_key(signer.public_key, role)
    contents = {"policy": policy, "registry.json": registry}
    named = {name: tuf.TargetFile.from_data(name, data, ["sha256"]) for name, data in contents.items()}
    targets = tuf.Targets(version=1, expires=_after(now, OPERATORS_DAYS), targets=named)
    snapshot = tuf.Snapshot(version=1, expires=_after(now, SNAPSHOT_DAYS), meta={"targets.json": tuf.MetaFile(1)})
    timestamp = tuf.Timestamp(version=1, expires=_after(now, TIMESTAMP_DAYS), snapshot_meta=tuf.MetaFile(1))

    (folder / "targets").mkdir(parents=True, exist_ok=True)
    for name, data in contents.items():
        platform.write_new(folder / "targets" / f"{named[name].hashes['sha256']}.{name}", data)
    first = _signed(tuf.Metadata(top), operator)
    platform.write_new(folder / "1.root.json", first)
    platform.write_new(folder / "1.targets.json", _signed(tuf.Metadata(targets), operator))
    platform.write_new(folder / "1.snapshot.json", _signed(tuf.Metadata(snapshot), online))
    platform.write_new(folder / "timestamp.json", _signed(tuf.Metadata(timestamp), online))
    return first


def resign(folder: Path, online_key: Any, now: int) -> bool:
    """Sign timestamp and snapshot again if half of their time is over; return whether anything changed.

    The timestamp is replaced last and in one step: until then the old files are what is served.
    """
    tuf = _tuf()
    signer = _signer(online_key)
    timestamp = _load(folder, "timestamp.json")
    snapshot = _load(folder, f"{timestamp.signed.snapshot_meta.version}.snapshot.json")
    old = _left(snapshot, now) < SNAPSHOT_DAYS * DAY // 2
    if not old and _left(timestamp, now) >= TIMESTAMP_DAYS * DAY // 2:
        return False
    if old:
        snapshot.signed.version += 1
        snapshot.signed.expires = _after(now, SNAPSHOT_DAYS)
        # whatever stands under this number was left by a crash, and no timestamp ever named it
        platform.replace(folder / f"{snapshot.signed.version}.snapshot.json", _signed(snapshot, signer))
    timestamp.signed.version += 1
    timestamp.signed.expires = _after(now, TIMESTAMP_DAYS)
    timestamp.signed.snapshot_meta = tuf.MetaFile(snapshot.signed.version)
    platform.replace(folder / "timestamp.json", _signed(timestamp, signer))
    return True


def expires(folder: Path) -> Mapping[str, int]:
    """Return when each role of the repository expires, in POSIX seconds."""
    saved = _saved(folder)
    names = {"root": f"{saved.roots[-1][0]}.root.json", "timestamp": "timestamp.json"}
    names |= {kind: saved.named(kind)[0] for kind in ("targets", "snapshot")}
    return {role: int(_load(folder, names[role]).signed.expires.timestamp()) for role in root.ROLES}


def files(folder: Path) -> dict[str, bytes]:
    """Return path -> bytes of what clients need, in the order in which it may be put in place: timestamp last."""
    return _saved(folder).files()


def copy(reader: root.Reader, saved: bytes) -> dict[str, bytes]:
    """Return path -> bytes of what a mirror serves, as `files` does: what *saved* holds (a refreshed `root.save`),
    byte for byte, and from *reader* the roots before it, so that the oldest invitation works at a mirror too."""
    known = root.Saved.parse(saved)
    return {**root.earlier(reader, known), **known.files()}


def _saved(folder: Path) -> root.Saved:
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
    return _tuf().Metadata.from_bytes(_read(folder, name))


def _tuf() -> Any:
    from tuf.api import metadata  # its names are public, but not declared as exported

    return metadata


def _signer(private_key: Any) -> Any:
    from securesystemslib import signer

    crypto: Any = signer  # as above
    return crypto.CryptoSigner(private_key)


def _signed(metadata: Any, signer: Any) -> bytes:
    metadata.sign(signer)
    return bytes(metadata.to_bytes())


def _after(now: int, days: int) -> datetime:
    return datetime.fromtimestamp(now + days * DAY, UTC)


def _left(metadata: Any, now: int) -> int:
    return int(metadata.signed.expires.timestamp()) - now
