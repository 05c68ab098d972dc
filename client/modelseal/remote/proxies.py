"""What the environment says about the way to others: proxies, and certificate authorities."""

from __future__ import annotations

import base64
import os
import ssl
from collections.abc import Mapping
from dataclasses import field
from urllib.parse import unquote, urlsplit

from modelseal import platform
from modelseal.errors import Usage
from modelseal.values import dataclass


@dataclass(frozen=True, slots=True)
class Proxy:
    """Printed without its password."""

    host: str
    port: int
    login: Mapping[str, str] = field(repr=False)  # the header, if there is one

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def find(url: str) -> Proxy | None:
    """Return the proxy for *url* by HTTP_PROXY, HTTPS_PROXY and NO_PROXY; this machine itself needs none."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host in ("localhost", "::1") or host.startswith("127.") or not platform.may_have_proxies():
        return None
    from urllib.request import getproxies, proxy_bypass  # it costs as much as the request

    said = getproxies().get(parts.scheme)
    if not said or proxy_bypass(parts.netloc):
        return None
    return _parse(said, f"{parts.scheme.upper()}_PROXY")


def _parse(text: str, name: str) -> Proxy:
    form = f"{name} is not of the form http://[USER:PASSWORD@]HOST:PORT"  # what it is may hold a password
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host, port = parts.hostname, parts.port
    except ValueError as e:
        raise Usage(form) from e
    if parts.scheme != "http" or not host:
        raise Usage(form)
    login = {}
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        login["Proxy-Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    return Proxy(host, port or 80, login)


def about_certificates(error: ssl.SSLError) -> str | None:
    """Return what is likely wrong here, not there."""
    for name, exists in (("SSL_CERT_FILE", os.path.isfile), ("SSL_CERT_DIR", os.path.isdir)):
        named = os.environ.get(name)
        if named and not any(map(exists, named.split(os.pathsep))):
            return f"{name} names {named}, which is not there"
    said = str(error)
    if "not yet valid" in said or "has expired" in said:
        return "is the clock of this machine right? certificates hold from one time to another"
    if "unable to get local issuer" in said or "self-signed certificate" in said:
        return "a private authority is named with SSL_CERT_FILE=FILE.pem"
    return None
