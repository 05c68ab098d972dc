"""A registry's trust root that tests can change as operators would, and as nobody should."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from modelseal import errors
from modelseal.formats import note
from modelseal.formats.note import Verifier
from modelseal.formats.policy import Policy, encode_policy
from modelseal.formats.trust import Trust, encode_registry
from modelseal_registry import trustdraft, trustroot
from tests.support.make import ORIGIN, ed25519, key
from tests.support.witness import quorum_text

DAY = 86_400
URL = "https://registry.example"


def trust(name: str = "log", *, origin: str = ORIGIN, leaf0: bytes = b"\x01" * 32) -> Trust:
    """What the two targets say; *name* picks the log's key."""
    log = Verifier(origin, note.ED25519, ed25519(name).public_key().public_bytes_raw())
    own = Verifier(f"{origin}/cosigner", note.COSIGNATURE, ed25519("own").public_key().public_bytes_raw())
    return Trust(origin, leaf0, DAY, Policy(log, own, (), 0), URL, (URL,), ("Ana",))


class Files(dict[str, bytes]):
    """Static files as a reader that counts what it is asked for."""

    def __init__(self, files: dict[str, bytes], url: str = URL) -> None:
        super().__init__(files)
        self.url = url
        self.asked: list[str] = []

    def get(self, path: str, limit: int) -> bytes:  # type: ignore[override]
        self.asked.append(path)
        if path not in self:
            raise errors.NotFound(f"{self.url}/{path}: not found")
        if len(self[path]) > limit:
            raise errors.Unavailable(f"{self.url}/{path}: more than {limit} bytes")
        return self[path]


class Repository:
    """`trustroot`'s repository in *folder*, made at *now* (default: this moment, as tuf asks the real clock)."""

    def __init__(self, folder: Path, says: Trust | None = None, *, now: int | None = None, who: str = "ops") -> None:
        self.folder = folder
        self.says = says or trust()
        self.now = int(time.time()) if now is None else now
        self.operator, self.online = key(who).secret, key("online", "ed25519").secret
        self.first = trustroot.create(
            folder,
            operator_key=self.operator,
            online_key=self.online,
            policy=self.policy,
            registry=encode_registry(self.says),
            now=self.now,
        )

    @property
    def policy(self) -> bytes:
        policy = self.says.policy
        if not policy.witnesses:
            return encode_policy(policy.log, policy.own)
        return quorum_text(policy.log, policy.own, policy.witnesses, policy.quorum)

    def files(self, url: str = URL) -> Files:
        return Files(trustroot.files(self.folder), url)

    def everything(self) -> Files:
        """All that ever was in the folder, whether or not it fits together."""
        found = (path for path in self.folder.rglob("*") if path.is_file())
        return Files({f"trust/{path.relative_to(self.folder)}": path.read_bytes() for path in found})

    def load(self, name: str) -> Any:
        return trustroot._load(self.folder, name)

    def write(self, name: str, metadata: Any, *private: Any) -> None:
        """Sign with every key of *private* and put it in place."""
        metadata.signatures.clear()
        for secret in private:
            metadata.sign(trustdraft.signer(secret), append=True)
        (self.folder / name).write_bytes(metadata.to_bytes())

    def rotate(self, who: str, *, signed_by_old: bool = True, days: int = 365) -> bytes:
        """Replace the operators' key by that of *who* in a new root; return it."""
        version = 1 + max(int(p.name.split(".")[0]) for p in self.folder.glob("*.root.json"))
        root = self.load(f"{version - 1}.root.json")
        old, self.operator = self.operator, key(who).secret
        for role in ("root", "targets"):
            root.signed.revoke_key(trustdraft.signer(old).public_key.keyid, role)
            root.signed.add_key(trustdraft.signer(self.operator).public_key, role)
        root.signed.version = version
        root.signed.expires = trustdraft.after(self.now, days)
        self.write(f"{version}.root.json", root, *([old] if signed_by_old else []), self.operator)
        self.publish(self.says)
        return (self.folder / f"{version}.root.json").read_bytes()

    def publish(self, says: Trust, **changes: Any) -> None:
        """Publish new targets, with a new snapshot and timestamp; *changes* are made to the targets' payload."""
        self.says = replace(says)
        api = trustdraft.tuf()
        timestamp = self.load("timestamp.json")
        snapshot = self.load(f"{timestamp.signed.snapshot_meta.version}.snapshot.json")
        targets = self.load(f"{snapshot.signed.meta['targets.json'].version}.targets.json")
        for name, data in {"policy": self.policy, "registry.json": encode_registry(says)}.items():
            file = api.TargetFile.from_data(name, data, ["sha256"])
            targets.signed.targets[name] = file
            (self.folder / "targets" / f"{file.hashes['sha256']}.{name}").write_bytes(data)
        for field, value in changes.items():
            setattr(targets.signed, field, value)
        targets.signed.version += 1
        self.write(f"{targets.signed.version}.targets.json", targets, self.operator)
        snapshot.signed.version += 1
        snapshot.signed.meta["targets.json"] = api.MetaFile(targets.signed.version)
        self.write(f"{snapshot.signed.version}.snapshot.json", snapshot, self.online)
        timestamp.signed.version += 1
        timestamp.signed.snapshot_meta = api.MetaFile(snapshot.signed.version)
        self.write("timestamp.json", timestamp, self.online)
