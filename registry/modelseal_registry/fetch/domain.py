"""What an owner publishes under its own domain: the well-known file, or TXT records."""

from __future__ import annotations

import http.client
import socket
import ssl

from modelseal.errors import NotFound, Refused, Unavailable
from modelseal.formats import findings, names
from modelseal_registry.fetch import addresses
from modelseal_registry.fetch.addresses import Exceptions
from modelseal_registry.fetch.ask import FOUND, Seen
from modelseal_registry.fetch.resolver import Resolver

HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "modelseal-registry"}


class _Connection(http.client.HTTPSConnection):
    """To one address that was checked, in the name of *domain*: it stands in SNI, certificate and Host."""

    def __init__(self, domain: str, address: str, port: int, limit_s: float) -> None:
        super().__init__(domain, addresses.PORT, timeout=limit_s, context=ssl.create_default_context())
        self._domain, self._address, self._port = domain, address, port

    def connect(self) -> None:
        self.sock = socket.create_connection((self._address, self._port), self.timeout)
        context: ssl.SSLContext = self._context  # type: ignore[attr-defined]
        self.sock = context.wrap_socket(self.sock, server_hostname=self._domain)


def look_https(
    domain: str, resolver: Resolver, exceptions: Exceptions, limit_s: float, port: int = addresses.PORT
) -> Seen:
    """Return the file at the fixed path; NotFound, Refused or Unavailable if there is none that counts.

    Redirects are not followed: whoever can make one (an open redirect, a shortener) need not be the owner.
    """
    url = findings.domain_url(domain)
    if fixed := exceptions.fixed_for(domain):
        where = [fixed]
    else:
        checked = addresses.check(domain, resolver.addresses(domain), exceptions)
        where = [(address, port) for address in checked]
    trouble: Exception | None = None
    for address, at in where:
        connection = _Connection(domain, address, at, limit_s)
        try:
            return Seen(FOUND, "", url, _get(connection, url), 200)
        except (OSError, http.client.HTTPException) as e:  # certificates too
            trouble = trouble or e
        finally:
            connection.close()
    raise Unavailable(f"{domain}: {_words(trouble)}") from trouble


def _get(connection: _Connection, url: str) -> bytes:
    connection.request("GET", findings.WELL_KNOWN, headers=HEADERS)
    answer = connection.getresponse()
    if answer.status in (404, 410):
        raise NotFound(f"{url} is not there (status {answer.status})")
    if 300 <= answer.status < 400:
        to = names.printable(answer.headers.get("Location") or "nowhere")
        raise Refused(f"{url} redirects to {to}; redirects are not followed")
    if answer.status != 200:
        kind = Unavailable if answer.status >= 500 or answer.status == 429 else Refused
        raise kind(f"{url} answers with status {answer.status}")
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Refused(f"{url} comes with a content encoding")
    body = answer.read(findings.MAX_FOUND + 1)
    if len(body) > findings.MAX_FOUND:
        raise Refused(f"{url} is larger than {findings.MAX_FOUND} bytes")
    return body


def look_dns(domain: str, resolver: Resolver) -> Seen:
    """Return the TXT records at `_modelseal.DOMAIN`, each with a line feed, sorted."""
    name = f"{findings.DNS_LABEL}.{domain}"
    records = resolver.texts(name)
    if not records:
        raise NotFound(f"{name} has no TXT record")
    body = b"".join(sorted(record + b"\n" for record in records))
    if len(body) > findings.MAX_FOUND:
        raise Refused(f"{name}: more than {findings.MAX_FOUND} bytes")
    return Seen(FOUND, "", findings.dns_url(domain), body)


def _words(error: Exception | None) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate does not verify: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return f"{getattr(error, 'strerror', None) or type(error).__name__}".lower()
