"""A private certificate authority and servers under it.

made = Tls(tmp_path, "registry.test")
Address(files, tls=made.server)                   # https://
run(..., env={"SSL_CERT_FILE": str(made.file)})   # or SSL_CERT_DIR: made.folder
"""

from __future__ import annotations

import hashlib
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


class Tls:
    """An authority in *folder*, and a certificate under it for 127.0.0.1 and *names*, valid from *begins* on."""

    def __init__(self, folder: Path, *names: str, begins: datetime | None = None) -> None:
        begins = begins or datetime.now(UTC) - DAY
        self.folder = folder / "authorities"
        self.folder.mkdir()
        secret, issuer = ec.generate_private_key(ec.SECP256R1()), _name("private authority")
        authority = (
            x509.CertificateBuilder(issuer, issuer, secret.public_key(), x509.random_serial_number())
            .not_valid_before(begins - DAY)
            .not_valid_after(begins + 30 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(secret, SHA256())
        )
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives = [x509.IPAddress(ip_address("127.0.0.1")), *(x509.DNSName(name) for name in names)]
        certificate = (
            x509.CertificateBuilder(issuer, _name("server"), key.public_key(), x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(begins + 7 * DAY)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .sign(secret, SHA256())
        )
        self.file = folder / "authority.pem"
        self.file.write_bytes(authority.public_bytes(Encoding.PEM))
        # OpenSSL looks an authority up under a hash of its name in a form of its own (X509_NAME_hash)
        hashed = int.from_bytes(hashlib.sha1(_canonical("private authority")).digest()[:4], "little")
        (self.folder / f"{hashed:08x}.0").write_bytes(self.file.read_bytes())
        pair = folder / "server.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        pair.write_bytes(private + certificate.public_bytes(Encoding.PEM))
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(pair)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _canonical(text: str) -> bytes:
    value = b"\x0c" + bytes([len(text)]) + text.lower().encode()
    pair = b"\x06\x03\x55\x04\x03" + value
    inner = b"\x30" + bytes([len(pair)]) + pair
    return b"\x31" + bytes([len(inner)]) + inner
