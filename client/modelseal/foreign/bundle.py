"""Sigstore bundles around a signed model, as the tools of OpenSSF Model Signing wrote them since 2025.

    {"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json",
     "verificationMaterial":{ONE OF
        "publicKey":{"hint":HEX}                                  a key; "hint" may be missing or empty
        "publicKey":{"rawBytes":B64 of PEM,"keyDetails":TEXT}     the same before 1.1.0; its values are never believed
        "x509CertificateChain":{"certificates":[{"rawBytes":B64},...]}   certificates, the signer's first
        "certificate":{"rawBytes":B64}                            one certificate; with log entries a Sigstore identity
      ,"tlogEntries":[...]?,"timestampVerificationData":{...}?},
     "dsseEnvelope":{"payload":B64,"payloadType":"application/vnd.in-toto+json",
                     "signatures":[{"sig":B64,"keyid":""|null|absent}]}}

Any JSON spelling is accepted (pretty, spaced, compact), but no duplicate key, NaN, lone surrogate, deep nesting,
unknown field, or base64 in another spelling than the canonical one. Exactly one signature: tools that look only at
the first of several would let the others say what nobody checked.
"""

from __future__ import annotations

import hashlib
from typing import Any

from modelseal.errors import Malformed
from modelseal.formats import strict
from modelseal.formats.envelope import MEDIA_TYPE, STATEMENT
from modelseal.formats.strict import Object
from modelseal.values import dataclass

MAX_BUNDLE = 32 << 20  # bytes
MAX_CERTIFICATES = 16
MAX_DEPTH = 32

KEY, CERTIFICATES, SIGSTORE = "key", "certificate chain", "Sigstore identity"


@dataclass(frozen=True, slots=True)
class Bundle:
    kind: str  # KEY, CERTIFICATES or SIGSTORE
    payload: bytes
    signature: bytes
    hint: str | None = None  # 64 hex; for KEY: which one, it says
    certificates: tuple[bytes, ...] = ()  # DER, the signer's first
    legacy_key: bytes | None = None  # `rawBytes` of before 1.1.0; only to be shown
    log_entries: int = 0  # none of them is looked at
    timestamps: tuple[bytes, ...] = ()  # RFC 3161, DER

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the signed payload."""
        return hashlib.sha256(self.payload).hexdigest()

    @classmethod
    def parse(cls, data: bytes | str) -> Bundle:
        """Read a bundle; nothing is verified."""
        what = "signature"
        top = Object(loads(data, what, limit=MAX_BUNDLE), what)
        top.take("mediaType", _media_type)
        material = Object(top.take("verificationMaterial", _any), f"{what}: verificationMaterial")
        envelope = Object(top.take("dsseEnvelope", _any), f"{what}: dsseEnvelope")
        top.done()
        envelope.take("payloadType", strict.constant(STATEMENT))
        payload = envelope.take("payload", strict.base64_text)
        signatures = envelope.take("signatures", _any)
        envelope.done()
        if not isinstance(signatures, list) or len(signatures) != 1:
            raise Malformed(f"{what}: not exactly one signature")
        signed = Object(signatures[0], f"{what}: signatures")
        if signed.has("keyid"):
            signed.take("keyid", strict.optional(strict.text()))
        sig = signed.take("sig", strict.base64_text)
        signed.done()
        return cls(payload=payload, signature=sig, **_material(material))


def loads(data: bytes | str, what: str, *, limit: int) -> Any:
    """Return the value of a JSON text in any spelling, with limits and without what JSON readers disagree about."""
    value = strict.loads(strict.decode(data, what, limit=limit), what)
    _check(value, what, 1)
    return value


def _check(value: Any, what: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise Malformed(f"{what}: nested deeper than {MAX_DEPTH} levels")
    members: list[Any] = []
    if isinstance(value, dict):
        members = [*value, *value.values()]
    elif isinstance(value, list):
        members = value
    for member in members:
        if isinstance(member, str):
            if not member.isascii() and any("\ud800" <= c <= "\udfff" for c in member):
                raise Malformed(f"{what}: a lone surrogate")
        elif isinstance(member, dict | list):
            _check(member, what, depth + 1)


def _material(material: Object) -> dict[str, Any]:
    """Return the fields of Bundle that say who signed."""
    what = material.what
    kinds = [name for name in ("publicKey", "x509CertificateChain", "certificate") if material.has(name)]
    if len(kinds) != 1:
        raise Malformed(f"{what}: not exactly one of publicKey, x509CertificateChain and certificate")
    entries = len(material.take("tlogEntries", strict.sequence(_any))) if material.has("tlogEntries") else 0
    found: dict[str, Any] = {"log_entries": entries, "timestamps": _timestamps(material)}
    inner = Object(material.take(kinds[0], _any), f"{what}: {kinds[0]}")
    material.done()
    if kinds[0] == "publicKey":
        found |= {"kind": KEY, **_public_key(inner)}
    elif kinds[0] == "certificate":
        found |= {"kind": SIGSTORE if entries else CERTIFICATES, "certificates": (_raw(inner),)}
    else:
        several = strict.sequence(lambda one, what: _raw(Object(one, what)), least=1, most=MAX_CERTIFICATES)
        found |= {"kind": CERTIFICATES, "certificates": inner.take("certificates", several)}
        inner.done()
    return found


def _public_key(inner: Object) -> dict[str, Any]:
    hint = inner.take("hint", strict.optional(strict.text(r"(?:[0-9a-f]{64})?"))) if inner.has("hint") else None
    raw = inner.take("rawBytes", strict.base64_text) if inner.has("rawBytes") else None
    for name in ("keyDetails", "validFor"):
        if inner.has(name):
            inner.take(name, _any)
    inner.done()
    return {"hint": hint or None, "legacy_key": raw}


def _raw(inner: Object) -> bytes:
    raw: bytes = inner.take("rawBytes", strict.base64_text)
    inner.done()
    return raw


def _timestamps(material: Object) -> tuple[bytes, ...]:
    if not material.has("timestampVerificationData"):
        return ()
    value = material.take("timestampVerificationData", _any)
    if value is None:
        return ()
    data = Object(value, f"{material.what}: timestampVerificationData")
    if not data.has("rfc3161Timestamps"):
        data.done()
        return ()
    found = data.take("rfc3161Timestamps", strict.sequence(_timestamp, most=MAX_CERTIFICATES))
    data.done()
    return found


def _timestamp(value: Any, what: str) -> bytes:
    inner = Object(value, what)
    raw = inner.take("signedTimestamp", strict.base64_text)
    inner.done()
    return raw


def _media_type(value: Any, what: str) -> str:
    if value != MEDIA_TYPE:
        raise Malformed(f"{what}: {str(value)[:80]!r}, read is only {MEDIA_TYPE!r}")
    return MEDIA_TYPE


def _any(value: Any, what: str) -> Any:
    return value
