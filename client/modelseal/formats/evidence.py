"""Evidence: all that is needed to decide about one repo, in one text (FORMAT.md 9).

It never supplies a name: `repo` is compared with what the user asked for.
"""

from __future__ import annotations

import functools
from typing import Any

from modelseal.errors import Malformed
from modelseal.formats import index, names, strict
from modelseal.formats.leaves import MAX_SEAL
from modelseal.formats.note import MAX_NOTE
from modelseal.formats.tiles import MAX_LEAF
from modelseal.values import dataclass

MAX_EVIDENCE = 64 << 20


@dataclass(frozen=True, slots=True)
class Lookup:
    """A bucket of the index and its path."""

    bucket: str
    path: tuple[bytes, ...]  # bucket to root, 16 hashes


@dataclass(frozen=True, slots=True)
class Listed:
    """A leaf and its inclusion proof."""

    index: int
    leaf: str
    proof: tuple[bytes, ...]  # leaf to root


@dataclass(frozen=True, slots=True)
class Evidence:
    """The whole answer about one repo, parsed and unverified."""

    repo: str  # lower-case key
    checkpoint: str  # the signed note
    last: Listed  # the roots leaf; its index is not written, it follows from the checkpoint
    lookups: dict[str, Lookup]
    leaves: tuple[Listed, ...]  # ascending
    seal: str | None

    @classmethod
    def parse(cls, data: bytes) -> Evidence:
        what = "evidence"
        fields = strict.Object(strict.parse(data, what, limit=MAX_EVIDENCE), what)
        fields.take("v", strict.version)
        last = strict.Object(fields.take("last", _any), f"{what}: last")
        found = cls(
            repo=fields.take("repo", _repo_key),
            checkpoint=fields.take("checkpoint", strict.text(longest=MAX_NOTE)),
            last=Listed(-1, last.take("leaf", _leaf), last.take("proof", _hashes)),
            lookups=fields.take("lookups", _lookups),
            leaves=fields.take("leaves", strict.sequence(_listed)),
            seal=fields.take("seal", strict.optional(strict.text(longest=MAX_SEAL))),
        )
        last.done()
        fields.done()
        return found

    def encode(self) -> bytes:
        """Return the canonical text; its parts are put together here, because most of them are in every answer."""
        leaves = ",".join(map(_listed_text, self.leaves))
        lookups = ",".join(f"{strict.encode(key)}:{_lookup_text(self.lookups[key])}" for key in sorted(self.lookups))
        last = strict.encode({"leaf": self.last.leaf, "proof": _joined(self.last.proof)})
        return (
            f'{{"checkpoint":{strict.encode(self.checkpoint)},"last":{last},"leaves":[{leaves}],"lookups":{{{lookups}}},'
            f'"repo":{strict.encode(self.repo)},"seal":{strict.encode(self.seal)},"v":1}}'
        ).encode()


# Who answers about many repos writes the operators and the namespace again and again.
@functools.lru_cache(maxsize=32)
def _listed_text(one: Listed) -> str:
    return strict.encode({"index": one.index, "leaf": one.leaf, "proof": _joined(one.proof)})


@functools.lru_cache(maxsize=32)
def _lookup_text(one: Lookup) -> str:
    return strict.encode({"bucket": one.bucket, "path": _joined(one.path)})


def lookup_keys(repo: str) -> tuple[str, str, str]:
    """Return the keys that evidence about *repo* looks up."""
    repo = repo.lower()
    return (index.OPERATORS, index.namespace_key(names.namespace_of(repo)), index.repo_key(repo))


_leaf = strict.text(longest=MAX_LEAF)


def _any(value: Any, what: str) -> Any:
    return value


def _repo_key(value: Any, what: str) -> str:
    repo = names.repo(value, what)
    if repo != repo.lower():
        raise Malformed(f"{what}: not in lower case")
    return repo


def _hashes(value: Any, what: str) -> tuple[bytes, ...]:
    raw = strict.base64_text(value, what)
    if len(raw) % 32 or len(raw) > 64 * 32:
        raise Malformed(f"{what}: not a list of at most 64 hashes")
    return tuple(raw[i : i + 32] for i in range(0, len(raw), 32))


def _joined(hashes: tuple[bytes, ...]) -> str:
    return strict.to_base64(b"".join(hashes))


def _listed(value: Any, what: str) -> Listed:
    fields = strict.Object(value, what)
    found = Listed(fields.take("index", strict.integer()), fields.take("leaf", _leaf), fields.take("proof", _hashes))
    fields.done()
    return found


def _lookups(value: Any, what: str) -> dict[str, Lookup]:
    if not isinstance(value, dict) or len(value) > 4:
        raise Malformed(f"{what}: not an object of at most 4 look-ups")
    found = {}
    for key, member in value.items():
        fields = strict.Object(member, f"{what}: {key[:120]}")
        found[key] = Lookup(fields.take("bucket", strict.text(longest=index.MAX_BUCKET)), fields.take("path", _hashes))
        fields.done()
    return found
