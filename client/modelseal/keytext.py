"""Public keys as bytes and text, and the two signature algorithms (FORMAT.md 3).

The algorithm follows from the key, never from what a signature says about itself.
"""

from __future__ import annotations

import functools
import hashlib
from typing import Any

from modelseal.errors import Malformed, Refused
from modelseal.formats import ed25519, strict
from modelseal.formats.identity import Key
from modelseal.values import dataclass

# The one encoding of a P-256 key as SubjectPublicKeyInfo: named curve, uncompressed point (RFC 5480). A compressed
# point would be a second fingerprint of the same key, and one person could count as two.
_P256_HEAD = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200" + "04")
_ED25519_HEAD = bytes.fromhex("302a300506032b6570032100")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that verifies: its algorithm and its SubjectPublicKeyInfo (DER)."""

    algorithm: str
    spki: bytes

    @classmethod
    def parse(cls, spki: bytes, what: str = "key") -> PublicKey:
        """Read a SubjectPublicKeyInfo in its one allowed encoding. What is no point of the curve verifies nothing."""
        if len(spki) == 91 and spki.startswith(_P256_HEAD):
            return cls("ecdsa-p256", spki)
        if len(spki) == 44 and spki.startswith(_ED25519_HEAD):
            if not ed25519.is_sound(spki[len(_ED25519_HEAD) :]):
                raise Malformed(f"{what}: an Ed25519 key of small order, or not canonical")
            return cls("ed25519", spki)
        raise Malformed(f"{what}: not an uncompressed P-256 or an Ed25519 SubjectPublicKeyInfo")

    @classmethod
    def parse_pem(cls, text: str, what: str = "key") -> PublicKey:
        """Read the PEM text of a SubjectPublicKeyInfo, written as `pem` writes it (line ends and edges may differ)."""
        return cls.parse(spki_of_pem(text, what), what)

    @classmethod
    def of(cls, private: Any) -> PublicKey:
        """Return the public half of a private key of the cryptography package."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        return cls.parse(private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))

    @property
    def pem(self) -> str:
        encoded = strict.to_base64(self.spki)
        lines = [encoded[i : i + 64] for i in range(0, len(encoded), 64)]
        return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""])

    @property
    def hint(self) -> str:
        """What the OMS tools compare: hex SHA-256 of the PEM text."""
        return hashlib.sha256(self.pem.encode()).hexdigest()

    @property
    def key(self) -> Key:
        return Key(self.algorithm, hashlib.sha256(self.spki).digest())

    @property
    def fingerprint(self) -> str:
        return "SHA256:" + self.key.sha256.hex()

    def check(self, signature: bytes, message: bytes, what: str) -> None:
        """Refuse unless *signature* is this key's over *message*."""
        from cryptography.exceptions import InvalidSignature

        try:
            if self.algorithm == "ed25519":
                _loaded(self).verify(signature, message)
            else:
                _loaded(self).verify(signature, message, _ecdsa())
        except InvalidSignature as e:
            raise Refused(f"{what}: the signature by {self.fingerprint} does not verify") from e
        except ValueError as e:  # not a point of the curve
            raise Malformed(f"{what}: {self.fingerprint} is not a key") from e


@functools.lru_cache(maxsize=256)  # the same few keys sign most of a log, and reading one costs a third of a check
def _loaded(key: PublicKey) -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if key.algorithm == "ed25519":
        return Ed25519PublicKey.from_public_bytes(key.spki[-32:])
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key.spki[-65:])


@functools.cache
def _ecdsa() -> Any:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.ECDSA(hashes.SHA256())


def spki_of_pem(text: str, what: str) -> bytes:
    """Return the bytes in the PEM text of a public key, whatever kind it is."""
    lines = text.strip().splitlines()
    if len(lines) < 3 or lines[0] != "-----BEGIN PUBLIC KEY-----" or lines[-1] != "-----END PUBLIC KEY-----":
        raise Malformed(f"{what}: not a public key in PEM")
    return strict.base64_text("".join(lines[1:-1]), what)
