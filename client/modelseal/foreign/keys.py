"""Public keys that may check a foreign signature: P-256, P-384, P-521 (the hash follows the curve) and Ed25519.

Each in its one encoding as SubjectPublicKeyInfo, named curve and uncompressed point: tools compare keys by the hash of
that text. RSA, which Go's tool can use with PKCS #11, is refused by name.
"""

from __future__ import annotations

import hashlib
from typing import Any

from modelseal.errors import Malformed, Unsupported
from modelseal.formats import ed25519, strict
from modelseal.keytext import spki_of_pem
from modelseal.values import dataclass

# RFC 5480: the bytes of a SubjectPublicKeyInfo up to and with the 04 of an uncompressed point.
_CURVES = {
    "ecdsa-p256": bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200" + "04"),
    "ecdsa-p384": bytes.fromhex("3076301006072a8648ce3d020106052b81040022036200" + "04"),
    "ecdsa-p521": bytes.fromhex("30819b301006072a8648ce3d020106052b8104002303818600" + "04"),
}
_LENGTHS = {"ecdsa-p256": 91, "ecdsa-p384": 120, "ecdsa-p521": 158}
_ED25519 = bytes.fromhex("302a300506032b6570032100")
_KNOWN = "keys are P-256, P-384, P-521 or Ed25519"


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    algorithm: str
    spki: bytes

    @classmethod
    def parse(cls, spki: bytes, what: str) -> VerifyingKey:
        """Read a SubjectPublicKeyInfo; Unsupported names a kind of key that is not used, or used otherwise."""
        for algorithm, head in _CURVES.items():
            if spki.startswith(head) and len(spki) == _LENGTHS[algorithm]:
                return cls(algorithm, spki)
        if len(spki) == 44 and spki.startswith(_ED25519):
            if not ed25519.is_sound(spki[len(_ED25519) :]):
                raise Malformed(f"{what}: an Ed25519 key of small order, or not canonical")
            return cls("ed25519", spki)
        raise Unsupported(f"{what}: {_name(spki)}; {_KNOWN}")

    @classmethod
    def parse_pem(cls, text: str, what: str) -> VerifyingKey:
        return cls.parse(spki_of_pem(text, what), what)

    @property
    def hint(self) -> str:
        """What bundles call the key: hex SHA-256 of its PEM text."""
        encoded = strict.to_base64(self.spki)
        lines = [encoded[i : i + 64] for i in range(0, len(encoded), 64)]
        pem = "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""])
        return hashlib.sha256(pem.encode()).hexdigest()

    @property
    def fingerprint(self) -> str:
        return "SHA256:" + hashlib.sha256(self.spki).hexdigest()

    def verifies(self, signature: bytes, message: bytes, *, always_sha256: bool = False) -> bool:
        """Whether *signature* is this key's over *message*. *always_sha256*: with every curve, as 0.2.0 did."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        key = self._load()
        try:
            if self.algorithm == "ed25519":
                key.verify(signature, message)
            else:
                size = 256 if always_sha256 else key.curve.key_size
                digest = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}[size]
                key.verify(signature, message, ec.ECDSA(digest))
        except InvalidSignature:
            return False
        return True

    def check_point(self, what: str) -> None:
        """Refuse what is no point of its curve."""
        try:
            self._load()
        except ValueError as e:
            raise Malformed(f"{what}: not a key: no point of its curve") from e

    def _load(self) -> Any:
        from cryptography.hazmat.primitives.serialization import load_der_public_key

        return load_der_public_key(self.spki)


def _name(spki: bytes) -> str:
    """Return what kind of key it is that is not used."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        key = load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm):
        return "not a public key that is known here"
    if isinstance(key, rsa.RSAPublicKey):
        return "an RSA key, and RSA signatures are not accepted"
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return "a key of another kind"
    if f"ecdsa-p{key.curve.key_size}" in _CURVES and key.curve.name.endswith("r1"):
        return "a compressed or unusual encoding of the key; write it with: openssl ec -pubin -conv_form uncompressed"
    return f"a key on the curve {key.curve.name}"
