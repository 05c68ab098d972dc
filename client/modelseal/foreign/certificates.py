"""A signer's certificate, and the chain from it to one of the certificates that the user gave.

The chain is built and checked by the cryptography package (validity of every member at one moment, signatures, path
lengths, name constraints, algorithms); there are no system roots, and every certificate that the user gives is one to
end at. What that package cannot know is asked here: whether the certificate may sign, and whose it is.

No revocation is looked up. A certificate is good at the time that a signature is proven to be of, or else now: who
holds the key of an expired certificate can write any date into what is signed.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from modelseal.errors import Malformed, Refused, Unsupported
from modelseal.foreign.keys import VerifyingKey
from modelseal.values import dataclass

MAX_DEPTH = 8  # certificates between the signer's and the one to end at


@dataclass(frozen=True, slots=True)
class Leaf:
    """What the signer's certificate says; its texts come from outside."""

    subject: str  # RFC 4514
    issuer: str
    not_before: datetime
    not_after: datetime
    identities: tuple[str, ...]  # Subject Alternative Names
    oidc_issuer: str | None  # of a Sigstore certificate
    fingerprint: str  # SHA256: of the certificate

    @property
    def who(self) -> str:
        return ", ".join(self.identities) or self.subject or self.fingerprint


def read(der: bytes) -> Leaf:
    """Say what a certificate says; nothing is verified."""
    return _leaf(_load(der))


def load_chain(pem: bytes, what: str) -> list[Any]:
    """Return the certificates in a PEM file, at least one."""
    from cryptography import x509

    try:
        with _quietly():
            return list(x509.load_pem_x509_certificates(pem))
    except (ValueError, x509.InvalidVersion) as e:
        raise Malformed(f"{what}: no certificates in PEM") from e


def check(
    chain: tuple[bytes, ...], given: list[Any], when: datetime, proven: bool, identity: str | None
) -> tuple[Leaf, VerifyingKey]:
    """Return the signer's certificate and key if *chain* leads to one of *given* at the time *when*, or refuse.

    *proven*: whether *when* is proven to be the time of the signature, for the words of an error. *identity*: a Subject
    Alternative Name that the certificate must have, letter by letter; None: any certificate below those given passes.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    certificates = [_load(der) for der in chain]
    first, leaf = certificates[0], _leaf(certificates[0])
    try:
        spki = first.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except Exception as e:  # UnsupportedAlgorithm or ValueError, by kind of key
        raise Unsupported("the certificate's key is of a kind that is not known here") from e
    key = VerifyingKey.parse(spki, "the certificate's key")
    _check_chain(certificates, given, when, proven, leaf)
    _check_may_sign(first)
    if identity is not None and identity not in leaf.identities:
        has = ", ".join(leaf.identities) or "none"
        raise Refused(f"the certificate is not of {identity}; its names are: {has}")
    return leaf, key


def _check_chain(certificates: list[Any], given: list[Any], when: datetime, proven: bool, leaf: Leaf) -> None:
    from cryptography import x509
    from cryptography.x509 import verification

    def is_authority(policy: Any, certificate: Any, extension: Any) -> None:
        if not extension.ca:
            raise ValueError("not the certificate of an authority")

    def signs_certificates(policy: Any, certificate: Any, extension: Any) -> None:
        if extension is not None and not extension.key_cert_sign:
            raise ValueError("its key may not sign certificates")

    # The package's own defaults are those of web servers: they want names of hosts, and uses that no signer has.
    either = verification.Criticality.AGNOSTIC
    above = verification.ExtensionPolicy.permit_all()
    above = above.require_present(x509.BasicConstraints, either, is_authority)
    above = above.may_be_present(x509.KeyUsage, either, signs_certificates)
    builder = verification.PolicyBuilder().store(verification.Store(given)).time(when).max_chain_depth(MAX_DEPTH)
    builder = builder.extension_policies(ca_policy=above, ee_policy=verification.ExtensionPolicy.permit_all())
    try:
        builder.build_client_verifier().verify(certificates[0], certificates[1:])
    except verification.VerificationError as e:
        raise Refused(_why(e, when, proven, leaf)) from e
    except ValueError as e:  # a certificate whose extensions cannot be read
        raise Malformed(f"a certificate of the chain cannot be read: {e}") from e


def _why(error: Exception, when: datetime, proven: bool, leaf: Leaf) -> str:
    """Return the words for a chain that was refused; the commonest reason has its own."""
    at = f"{when:%Y-%m-%d %H:%M} UTC, {'when it signed' if proven else 'now; no time of signing is proven'}"
    if when > leaf.not_after:
        return f"the certificate expired on {leaf.not_after:%Y-%m-%d %H:%M} UTC (asked for {at})"
    if when < leaf.not_before:
        return f"the certificate is valid only from {leaf.not_before:%Y-%m-%d %H:%M} UTC (asked for {at})"
    return f"the certificate does not lead to one that you gave, at {at} ({error})"


def _check_may_sign(certificate: Any) -> None:
    """Refuse unless key usage says digitalSignature, or extended key usage codeSigning, as OMS wants it."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    usage, extended = _extension(certificate, x509.KeyUsage), _extension(certificate, x509.ExtendedKeyUsage)
    code_signing = extended is not None and ExtendedKeyUsageOID.CODE_SIGNING in extended
    if not code_signing and (usage is None or not usage.digital_signature):
        raise Refused("the certificate may not sign: neither key usage digitalSignature nor codeSigning")
    if extended is not None and not code_signing and ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE not in extended:
        # RFC 5280, 4.2.1.12: then it is for these uses only. Else every web server under a root could sign models.
        raise Refused("the certificate may not sign: its extended key usage names other uses, not codeSigning")


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Say nothing of certificates that a later version of the package will not load; they are refused all the same."""
    from cryptography.utils import CryptographyDeprecationWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        yield


def _load(der: bytes) -> Any:
    from cryptography import x509

    try:
        with _quietly():
            return x509.load_der_x509_certificate(der)
    except (ValueError, x509.InvalidVersion) as e:
        raise Malformed("a certificate in the signature cannot be read") from e


def _extension(certificate: Any, kind: Any) -> Any:
    from cryptography import x509

    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as e:
        raise Malformed("a certificate in the signature cannot be read: its extensions are damaged") from e


# Where Sigstore's authority says who knew the person: the issuer of the token, as DER text and, before 2023, raw.
_OIDC_ISSUERS = ("1.3.6.1.4.1.57264.1.8", "1.3.6.1.4.1.57264.1.1")


def _leaf(certificate: Any) -> Leaf:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    names = _extension(certificate, x509.SubjectAlternativeName)
    identities = tuple(str(name.value) for name in names or () if isinstance(getattr(name, "value", None), str))
    issuer = None
    for oid in _OIDC_ISSUERS:
        for extension in certificate.extensions:
            if issuer is None and extension.oid.dotted_string == oid:
                raw: bytes = extension.value.value
                issuer = (raw[2:] if raw[:1] == b"\x0c" else raw).decode("utf-8", "replace")
    try:
        subject, issued = certificate.subject.rfc4514_string(), certificate.issuer.rfc4514_string()
    except ValueError as e:
        raise Malformed("a certificate in the signature cannot be read: its names are damaged") from e
    return Leaf(
        subject,
        issued,
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
        identities,
        issuer,
        "SHA256:" + certificate.fingerprint(hashes.SHA256()).hex(),
    )


def moment(seconds: int) -> datetime:
    """Return POSIX seconds as the package wants them."""
    return datetime.fromtimestamp(seconds, UTC)
