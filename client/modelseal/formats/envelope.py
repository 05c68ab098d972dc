"""DSSE envelopes and the Sigstore bundle around a seal (FORMAT.md 3 and 4).

A seal's bundle is canonical JSON with exactly one signature by a key:

    {"dsseEnvelope":{"payload":"...","payloadType":"application/vnd.in-toto+json","signatures":[{"keyid":"","sig":"..."}]},
     "mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json",
     "verificationMaterial":{"publicKey":{"hint":"..."},"tlogEntries":[]}}
"""

from __future__ import annotations

from modelseal.errors import Malformed
from modelseal.formats import strict
from modelseal.formats.leaves import MAX_SEAL
from modelseal.values import dataclass

STATEMENT = "application/vnd.in-toto+json"
RECORD = "application/vnd.modelseal.record+json"
CLAIM = "application/vnd.modelseal.claim+json"
MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return what is signed: the pre-authentication encoding (DSSE v1)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A seal taken apart, unverified."""

    payload: bytes
    signature: bytes
    hint: str  # 64 hex: which public key, by the SHA-256 of its PEM text

    @classmethod
    def parse(cls, data: bytes | str) -> Bundle:
        what = "seal"
        top = strict.Object(strict.parse(data, what, limit=MAX_SEAL), what)
        top.take("mediaType", strict.constant(MEDIA_TYPE))
        material = strict.Object(top.take("verificationMaterial", _any), what)
        material.take("tlogEntries", strict.constant([]))
        public_key = strict.Object(material.take("publicKey", _any), what)
        hint = public_key.take("hint", strict.text(r"[0-9a-f]{64}"))
        envelope = strict.Object(top.take("dsseEnvelope", _any), what)
        envelope.take("payloadType", strict.constant(STATEMENT))
        payload = envelope.take("payload", strict.base64_text)
        signatures = envelope.take("signatures", _any)
        if not isinstance(signatures, list) or len(signatures) != 1:
            raise Malformed(f"{what}: not exactly one signature")
        signature = strict.Object(signatures[0], what)
        signature.take("keyid", strict.constant(""))
        sig = signature.take("sig", strict.base64_text)
        for part in (top, material, public_key, envelope, signature):
            part.done()
        return cls(payload, sig, hint)

    def encode(self) -> str:
        return strict.encode(
            {
                "mediaType": MEDIA_TYPE,
                "verificationMaterial": {"publicKey": {"hint": self.hint}, "tlogEntries": []},
                "dsseEnvelope": {
                    "payload": strict.to_base64(self.payload),
                    "payloadType": STATEMENT,
                    "signatures": [{"keyid": "", "sig": strict.to_base64(self.signature)}],
                },
            }
        )


def _any(value: object, what: str) -> object:
    return value
