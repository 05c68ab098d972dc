"""Signatures as other tools of OpenSSF Model Signing write them, by release, with keys and certificates of our own.

ana = key("P-384")
data = sign(ana, {"config.json": b"{}"}, "1.0.1")                     # as that release wrote it
data = sign(ana, files, "go", chain=[leaf, authority])                # with certificates
data = sign(ana, files, statement={"predicateType": "x"})             # malformed, but validly signed
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import blake3
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

MEDIA = "application/vnd.dev.sigstore.bundle.v0.3+json"
KIND = "application/vnd.in-toto+json"
V1 = "https://model_signing/signature/v1.0"
DEFAULT_IGNORES = [".gitignore", "model.sig", ".git", ".github", ".gitattributes"]  # in the order of a set
RELEASES = ("0.3.1", "1.0.0", "1.0.1", "1.1.0", "1.1.1", "go")
_CURVES: dict[str, tuple[Any, Any]] = {
    "P-256": (ec.SECP256R1(), hashes.SHA256()),
    "P-384": (ec.SECP384R1(), hashes.SHA384()),
    "P-521": (ec.SECP521R1(), hashes.SHA512()),
    "secp256k1": (ec.SECP256K1(), hashes.SHA256()),
}
CURVES = ("P-256", "P-384", "P-521")
_DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    "sha256": lambda data: hashlib.sha256(data).digest(),
    "blake3": lambda data: blake3.blake3(data).digest(),
    "blake2b": lambda data: hashlib.blake2b(data).digest(),
}


@functools.cache
def key(kind: str, name: str = "ana") -> Any:
    """A private key; the same words give the same key (but for RSA, within one process)."""
    if kind == "RSA":
        return rsa.generate_private_key(65537, 2048)
    seed = hashlib.sha512(f"{kind} {name}".encode()).digest()
    if kind == "Ed25519":
        return Ed25519PrivateKey.from_private_bytes(seed[:32])
    return ec.derive_private_key(int.from_bytes(seed[:31]) + 1, _CURVES[kind][0])


def public_pem(secret: Any) -> bytes:
    pem: bytes = secret.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def private_pem(secret: Any) -> bytes:
    pem: bytes = secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem


def raw_sign(secret: Any, message: bytes, digest: Any = None) -> bytes:
    """Sign as the key's kind wants it; the hash follows the curve."""
    if isinstance(secret, Ed25519PrivateKey):
        return secret.sign(message)
    if isinstance(secret, rsa.RSAPrivateKey):
        from cryptography.hazmat.primitives.asymmetric import padding

        return secret.sign(message, padding.PKCS1v15(), hashes.SHA256())
    curves = {curve.name: follows for curve, follows in _CURVES.values()}
    signature: bytes = secret.sign(message, ec.ECDSA(digest or curves[secret.curve.name]))
    return signature


def resources(files: Mapping[str, bytes], algorithm: str = "sha256") -> list[dict[str, Any]]:
    made = _DIGESTS[algorithm]
    return [{"name": name, "digest": made(files[name]).hex(), "algorithm": algorithm} for name in sorted(files)]


def root(listed: Sequence[dict[str, Any]]) -> str:
    return hashlib.sha256(b"".join(bytes.fromhex(one["digest"]) for one in listed)).hexdigest()


def statement(
    files: Mapping[str, bytes] | Sequence[dict[str, Any]],
    *,
    algorithm: str = "sha256",
    name: str = "atlas-7b",
    ignored: Sequence[str] | None = DEFAULT_IGNORES,
    **serialization: Any,
) -> dict[str, Any]:
    """The statement of every release since 0.3.1. *files*: contents, or resources as they are to stand there."""
    listed = resources(files, algorithm) if isinstance(files, Mapping) else list(files)
    how: dict[str, Any] = {"method": "files", "hash_type": algorithm, "allow_symlinks": False}
    if ignored is not None:
        how["ignore_paths"] = list(ignored)
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": name, "digest": {"sha256": root(listed)}}],
        "predicateType": V1,
        "predicate": {"serialization": {**how, **serialization}, "resources": listed},
    }


def legacy_statement(files: Mapping[str, bytes]) -> dict[str, Any]:
    """The statement of 0.2.0."""
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {
                "name": name,
                "digest": {"sha256": hashlib.sha256(data).hexdigest()},
                "annotations": {"actual_hash_algorithm": "file-sha256"},
            }
            for name, data in sorted(files.items())
        ],
        "predicateType": "https://model_signing/Digests/v0.1",
        "predicate": {"unused": "Unused, just passed due to API requirements"},
    }


def pae(payload: bytes, kind: str = KIND) -> bytes:
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)


def broken_pae(payload: bytes) -> bytes:
    return f"DSSEV1 {len(KIND)} {KIND} {len(payload)} {payload!r}".encode()


def material(secret: Any, release: str, chain: Sequence[x509.Certificate] = ()) -> dict[str, Any]:
    if chain:
        certificates = [{"rawBytes": base64.b64encode(one.public_bytes(Encoding.DER)).decode()} for one in chain]
        found: dict[str, Any] = {"x509CertificateChain": {"certificates": certificates}}
    elif release in ("0.3.1", "1.0.0", "1.0.1", "0.2.0"):
        bits = getattr(getattr(secret, "curve", None), "key_size", 0)
        details = {256: "PKIX_ECDSA_P256_SHA_256", 384: "PKIX_ECDSA_P384_SHA_384", 521: "PKIX_ECDSA_P521_SHA_512"}
        raw = base64.b64encode(public_pem(secret)).decode()
        found = {"publicKey": {"rawBytes": raw, "keyDetails": details.get(bits, "PKIX_ED25519")}}
    else:
        found = {"publicKey": {"hint": hashlib.sha256(public_pem(secret)).hexdigest()}}
    if release in ("1.1.0", "1.1.1"):
        found["tlogEntries"] = []
    return found


def bundle(
    secret: Any, payload: bytes, release: str = "1.1.1", chain: Sequence[x509.Certificate] = ()
) -> dict[str, Any]:
    """The bundle around a payload that may be anything, validly signed."""
    if release == "0.2.0":
        signed = raw_sign(secret, broken_pae(payload), hashes.SHA256())
    else:
        signed = raw_sign(secret, pae(payload))
    entry: dict[str, Any] = {"sig": base64.b64encode(signed).decode()}
    if release != "go":
        entry["keyid"] = "" if release in ("1.1.0", "1.1.1") else None
    return {
        "mediaType": MEDIA,
        "verificationMaterial": material(secret, release, chain),
        "dsseEnvelope": {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": KIND,
            "signatures": [entry],
        },
    }


def sign(
    secret: Any,
    files: Mapping[str, bytes] | Sequence[dict[str, Any]],
    release: str = "1.1.1",
    *,
    chain: Sequence[x509.Certificate] = (),
    **how: Any,
) -> bytes:
    """Return a signature of *files* as *release* wrote it (how: what `statement` takes)."""
    if release == "0.2.0":
        assert isinstance(files, Mapping)
        value = legacy_statement(files)
    else:
        if release in ("0.3.1", "1.0.0", "1.0.1"):
            how.setdefault("ignored", None)
        value = statement(files, **how)
    if release == "go":
        payload = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    else:
        payload = json.dumps(value, indent=2).encode()
    return encode(bundle(secret, payload, release, chain), release)


def encode(value: dict[str, Any], release: str = "1.1.1") -> bytes:
    compact = release in ("1.1.0", "1.1.1", "go")
    return json.dumps(value, separators=(",", ":") if compact else None).encode()


NOW = datetime.now(UTC).replace(microsecond=0)
SIGNS = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
CERTIFIES = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
ENCRYPTS = x509.KeyUsage(False, False, True, False, False, False, False, False, False)
CODE = ExtendedKeyUsageOID.CODE_SIGNING


class Authority:
    """A certificate that signs others."""

    def __init__(self, name: str = "Example Root", above: Authority | None = None, kind: str = "P-384", **how: Any):
        self.secret = key(kind, name)
        self.certificate = certificate(self.secret, name, above or self, usage=CERTIFIES, authority=True, **how)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def issue(self, secret: Any, name: str = "Ana", **how: Any) -> x509.Certificate:
        return certificate(secret, name, self, **how)


def certificate(
    secret: Any,
    name: str,
    by: Authority | None,
    *,
    usage: x509.KeyUsage | None = SIGNS,
    extended: Sequence[x509.ObjectIdentifier] = (),
    names: Sequence[x509.GeneralName] = (),
    days: tuple[float, float] = (-1, 30),
    authority: bool | None = False,
    path_length: int | None = None,
    critical: bool = False,
    only: bool = False,
    more: Sequence[x509.ExtensionType] = (),
) -> x509.Certificate:
    """A certificate; *by* None: self-signed. *days*: from and until; *critical*: with an extension nobody knows.

    *only*: it is for the *extended* uses only, and says so critically.
    """

    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    issuer = getattr(by, "certificate", None)
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(issuer.subject if issuer is not None else named(name))
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=days[0]))
        .not_valid_after(NOW + timedelta(days=days[1]))
    )
    if authority is not None:
        builder = builder.add_extension(x509.BasicConstraints(authority, path_length), critical=True)
    if usage is not None:
        builder = builder.add_extension(usage, critical=True)
    if extended:
        builder = builder.add_extension(x509.ExtendedKeyUsage(extended), critical=only)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    for extension in more:
        builder = builder.add_extension(extension, critical=False)
    if critical:
        builder = builder.add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"x"), True)
    signer = by.secret if issuer is not None and by is not None else secret
    if issuer is None and by is not None:
        signer = by.secret  # an authority that signs itself
    return builder.sign(signer, None if isinstance(signer, Ed25519PrivateKey) else hashes.SHA256())


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(one.public_bytes(Encoding.PEM) for one in certificates)


class Timestamper:
    """An authority for timestamps, by openssl."""

    def __init__(self, folder: Path, above: Authority, name: str = "Example Timestamps", **how: Any):
        self.folder = folder / f"tsa-{name.replace(' ', '-')}"
        self.folder.mkdir()
        secret = key("P-256", name)
        uses = {"extended": [ExtendedKeyUsageOID.TIME_STAMPING], "only": True, **how}
        self.certificate = above.issue(secret, name, **uses)
        (self.folder / "key.pem").write_bytes(private_pem(secret))
        (self.folder / "cert.pem").write_bytes(pem(self.certificate))
        (self.folder / "serial").write_text("01\n")
        (self.folder / "ts.cnf").write_text(_TS)

    def stamp(self, message: bytes) -> bytes:
        """Return a response for *message*, of now."""
        (self.folder / "message").write_bytes(message)
        for words in (
            "-query -data message -sha256 -cert -out query.tsq",
            "-reply -config ts.cnf -queryfile query.tsq -out reply.tsr",
        ):
            argv = ["openssl", "ts", *words.split()]
            subprocess.run(argv, cwd=self.folder, check=True, capture_output=True, timeout=60)
        return (self.folder / "reply.tsr").read_bytes()


_TS = """
[tsa]
default_tsa = ours
[ours]
serial = serial
signer_cert = cert.pem
signer_key = key.pem
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
ess_cert_id_alg = sha256
"""


def stamped(data: bytes, *stamps: bytes) -> bytes:
    """Return the signature *data* with timestamps."""
    found = json.loads(data)
    listed = [{"signedTimestamp": base64.b64encode(one).decode()} for one in stamps]
    found["verificationMaterial"]["timestampVerificationData"] = {"rfc3161Timestamps": listed}
    return encode(found)


def signature_of(data: bytes) -> bytes:
    return base64.b64decode(json.loads(data)["dsseEnvelope"]["signatures"][0]["sig"])
