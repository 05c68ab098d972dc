"""Keys as records name them: by algorithm and fingerprint, with the scope that a signer has (FORMAT.md 3).

{"algorithm":"ecdsa-p256","kind":"key","sha256":"7f3c..."}
{"algorithm":"ed25519","kind":"key","scope":"hf://acme-lab/*","sha256":"91d0..."}
"""

from __future__ import annotations

from typing import Any

from modelseal.errors import Malformed, Unsupported
from modelseal.formats import names, strict
from modelseal.values import dataclass

ALGORITHMS = ("ecdsa-p256", "ed25519")
MAX_KEYS = 16
MAX_SIGNERS = 64

_algorithm = strict.text("|".join(ALGORITHMS))


@dataclass(frozen=True, slots=True)
class Key:
    """A public key: the fingerprint is the SHA-256 of its SubjectPublicKeyInfo (32 bytes)."""

    algorithm: str
    sha256: bytes

    @classmethod
    def read(cls, value: Any, what: str) -> Key:
        fields = strict.Object(value, what)
        key = cls._take(fields)
        fields.done()
        return key

    @classmethod
    def _take(cls, fields: strict.Object) -> Key:
        kind = fields.take("kind", strict.any_text)
        if kind != "key":
            raise Unsupported(f"{fields.what}: keys of kind {kind[:40]!r} are not in force yet; upgrade needed")
        return cls(fields.take("algorithm", _algorithm), fields.take("sha256", strict.hexadecimal))

    def value(self) -> dict[str, Any]:
        return {"kind": "key", "algorithm": self.algorithm, "sha256": self.sha256.hex()}


@dataclass(frozen=True, slots=True)
class Signer:
    """A key that may seal what its scope covers."""

    key: Key
    scope: str

    @classmethod
    def read(cls, value: Any, what: str) -> Signer:
        fields = strict.Object(value, what)
        scope = fields.take("scope", names.scope)
        key = Key._take(fields)
        fields.done()
        return cls(key, scope)

    def value(self) -> dict[str, Any]:
        return {**self.key.value(), "scope": self.scope}


@dataclass(frozen=True, slots=True)
class KeySet:
    """Who may change a namespace, how many of them, and who may seal in it."""

    controllers: tuple[Key, ...]
    threshold: int  # 1..len(controllers)
    signers: tuple[Signer, ...]

    @classmethod
    def read(cls, value: Any, what: str) -> KeySet:
        fields = strict.Object(value, what)
        controllers = fields.take("controllers", keys)
        threshold = fields.take("threshold", strict.integer(1))
        signers = fields.take("signers", strict.listing(Signer.read, most=MAX_SIGNERS))
        fields.done()
        check_threshold(threshold, controllers, what)
        return cls(controllers, threshold, signers)

    def value(self) -> dict[str, Any]:
        return {
            "controllers": strict.ordered([key.value() for key in self.controllers]),
            "threshold": self.threshold,
            "signers": strict.ordered([signer.value() for signer in self.signers]),
        }

    def entitles(self, key: Key, repo: str) -> bool:
        """Whether *key* may seal *repo*."""
        return any(signer.key == key and names.covers(signer.scope, repo) for signer in self.signers)


def keys(value: Any, what: str) -> tuple[Key, ...]:
    """1 to 16 keys, each fingerprint once."""
    return _distinct(strict.listing(Key.read, least=1, most=MAX_KEYS)(value, what), what)


def no_or_more_keys(value: Any, what: str) -> tuple[Key, ...]:
    return _distinct(strict.listing(Key.read, most=MAX_KEYS)(value, what), what)


def _distinct(found: tuple[Key, ...], what: str) -> tuple[Key, ...]:
    if len({key.sha256 for key in found}) != len(found):
        raise Malformed(f"{what}: a fingerprint occurs twice")
    return found


def check_threshold(threshold: int, keys: tuple[Key, ...], what: str) -> None:
    if threshold > len(keys):
        raise Malformed(f"{what}: threshold {threshold} of {len(keys)} keys")
