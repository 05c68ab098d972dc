"""The saved form of a trust root, what `trust save` writes: every text as it came, under the name it is served by.

{"metadata":{"1.root.json":"...","3.snapshot.json":"...","3.targets.json":"...","timestamp.json":"..."},
 "targets":{"policy":"...","registry.json":"..."},"v":1}
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from modelseal.errors import Malformed
from modelseal.formats import paths, strict
from modelseal.values import dataclass

MAX_SAVED = 16 << 20  # bytes
POLICY, REGISTRY = "policy", "registry.json"

_ROOT_NAME = re.compile(r"([1-9][0-9]{0,8})\.root\.json", re.ASCII)
_NUMBERED = re.compile(r"[1-9][0-9]{0,8}\.(snapshot|targets)\.json", re.ASCII)


@dataclass(frozen=True, slots=True)
class Saved:
    """The metadata of one state by file name, from a trusted root to now, and the targets by name. Not verified."""

    metadata: Mapping[str, str]
    targets: Mapping[str, str]

    @classmethod
    def parse(cls, data: bytes) -> Saved:
        what = "saved trust root"
        value = strict.Object(strict.parse(data, what, limit=MAX_SAVED), what)
        value.take("v", strict.version)
        saved = cls(value.take("metadata", _texts), value.take("targets", _texts))
        value.done()
        for kind in ("snapshot", "targets"):
            if len(saved.named(kind)) != 1:
                raise Malformed(f"{what}: not exactly one {kind}")
        if not saved.roots or len(saved.metadata) != len(saved.roots) + 3 or "timestamp.json" not in saved.metadata:
            raise Malformed(f"{what}: not some roots, a timestamp, a snapshot and targets")
        if not {POLICY, REGISTRY} <= set(saved.targets):
            raise Malformed(f"{what}: {POLICY} or {REGISTRY} is missing")
        return saved

    def encode(self) -> bytes:
        return strict.encode({"v": 1, "metadata": dict(self.metadata), "targets": dict(self.targets)}).encode()

    @property
    def policy(self) -> str:
        return self.targets[POLICY]

    @property
    def registry(self) -> str:
        return self.targets[REGISTRY]

    def named(self, kind: str) -> list[str]:
        """The names `N.snapshot.json` or `N.targets.json`."""
        return [name for name in self.metadata if (m := _NUMBERED.fullmatch(name)) and m[1] == kind]

    @property
    def roots(self) -> list[tuple[int, bytes]]:
        """Number in the file name and bytes of every root, ascending."""
        found = [(int(m[1]), text) for name, text in self.metadata.items() if (m := _ROOT_NAME.fullmatch(name))]
        return [(number, text.encode()) for number, text in sorted(found)]

    def files(self) -> dict[str, bytes]:
        """Path -> bytes as a registry serves them, in the order in which they may be put in place: what the timestamp
        leads to, the timestamp, and then newer roots, as their predecessors have signed for all of it too."""
        found = {}
        for name, text in self.targets.items():
            found[f"{paths.TRUST}targets/{hashlib.sha256(text.encode()).hexdigest()}.{name}"] = text.encode()
        for name in (*self.named("targets"), *self.named("snapshot")):
            found[paths.TRUST + name] = self.metadata[name].encode()
        roots = {f"{paths.TRUST}{number}.root.json": data for number, data in self.roots}
        first, *_ = roots
        timestamp = {f"{paths.TRUST}timestamp.json": self.metadata["timestamp.json"].encode()}
        return found | {first: roots[first]} | timestamp | roots


def _texts(value: Any, what: str) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise Malformed(f"{what}: not texts by name")
    return dict(value)
