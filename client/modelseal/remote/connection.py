"""One kept connection to one address, direct or through a proxy, over `http.client`.

A socket's timeout is one for each read: a server that sends a byte now and then, in a status line, a header, a chunk or
a body, would never meet it. Here every single read and write has what is left of the budget, and no more.
(urllib3 could do the same, and costs a third of a short command's time; see `make bench`.)
"""

from __future__ import annotations

import contextlib
import http.client
import io
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from modelseal.remote import proxies
from modelseal.remote.budget import Budget

CONNECT_SHARE = 4  # a host name may have several addresses, each of them silent: one gets a quarter of the time

_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)


class Broken(Exception):
    """There was no whole answer. The words may be printed."""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class Answer:
    """Status and headers; the body waits to be read."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self._response = response
        self.status = response.status
        self.chunked = bool(response.chunked)
        self.length = None if self.chunked else _length(response)
        self._left = self.length

    def header(self, name: str, default: str) -> str:
        return self._response.headers.get(name, default)

    def read(self, limit: int) -> bytes:
        """Return at most *limit* bytes; none at the end of the body. Raises Broken if that is too early."""
        with _words(None):
            data = self._response.read(limit)
        self._arrived(len(data))
        return data

    def readinto(self, buffer: memoryview) -> int:
        """Fill *buffer*, at the end of the body its beginning, and return how much; the same for many bytes."""
        with _words(None):
            count = self._response.readinto(buffer)
        self._arrived(count)
        return count

    def _arrived(self, count: int) -> None:
        if self._left is not None:
            self._left -= count
            if not count and self._left:
                raise Broken(f"broken answer ({(self.length or 0) - self._left} of {self.length} bytes arrived)")

    @property
    def is_read(self) -> bool:
        return self._response.isclosed()

    def close(self) -> None:
        self._response.close()


class Connection:
    """The connection to *url*, made when it is first wanted. One thread at a time."""

    def __init__(self, url: str, budget: Budget) -> None:
        self._kept: http.client.HTTPConnection | None = None
        self._url, self._budget = urlsplit(url), budget
        self._proxy = proxies.find(url)

    @contextlib.contextmanager
    def ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Iterator[Answer]:
        """Send a request for *url*, which lies below our address, and give the answer. Raises Broken."""
        target = f"/{url.split('/', 3)[3]}"
        if self._proxy is not None and self._url.scheme == "http":  # with https it only carries bytes
            target, headers = url, {**headers, **self._proxy.login}
        answer = self._first(method, target, headers, body)
        try:
            yield answer
        finally:
            if not answer.is_read:  # what is left of this body must not be taken for the next answer
                answer.close()
                self.close()

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def __del__(self) -> None:
        self.close()

    def _first(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        """Return the answer to the first try, or where a kept connection may have been closed since, to the second.

        What must not be sent twice goes over a connection of its own.
        """
        if method != "GET":
            self.close()
        if self._kept is not None:
            with contextlib.suppress(Broken):
                return self._once(method, target, headers, body)
        return self._once(method, target, headers, body)

    def _once(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        try:
            kept = self._kept if self._kept is not None and self._kept.sock is not None else self._connect()
            with _words(self._proxy):
                kept.request(method, target, body, dict(headers))
                response = kept.getresponse()
            try:
                return Answer(response)
            except Broken:
                response.close()
                raise
        except BaseException:
            self.close()
            raise

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        secure = self._url.scheme == "https"
        port = port or (443 if secure else 80)
        to = (host, port) if self._proxy is None else (self._proxy.host, self._proxy.port)
        made = self._kept = _Secure(to, self._budget) if secure else _Plain(to, self._budget)
        if self._proxy is not None and secure:
            made.set_tunnel(host, port, headers=self._proxy.login)
        with _words(self._proxy, connecting=True):
            made.connect()
        return made


class _Response(http.client.HTTPResponse):
    budget: Budget

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp: Any = io.BufferedReader(_Raw(sock, self.fp.detach(), self.budget))

    def _read_next_chunk_size(self) -> int:
        """`http.client` would take -1 for the size of a chunk, and with it all that ever comes."""
        size: int = super()._read_next_chunk_size()  # type: ignore[misc]
        if size < 0:
            raise ValueError
        return size


class _Raw(io.RawIOBase):
    """The bytes of a socket, each read within the budget."""

    def __init__(self, sock: socket.socket, file: io.RawIOBase, budget: Budget) -> None:
        self._sock, self._file, self._budget = sock, file, budget  # the file keeps the socket open until it is closed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._budget.left())
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()


class _Plain(http.client.HTTPConnection):
    def __init__(self, to: tuple[str, int], budget: Budget) -> None:
        super().__init__(*to)
        self._bound(budget)

    def _bound(self, budget: Budget) -> None:
        self._budget = budget
        self.response_class = type("Response", (_Response,), {"budget": budget})
        self._create_connection = self._reach

    def _reach(self, address: tuple[str, int], *args: Any) -> socket.socket:
        return socket.create_connection(address, self._budget.left() / CONNECT_SHARE)

    def send(self, data: Any) -> None:
        if self.sock is not None:
            self.sock.settimeout(self._budget.left())
        super().send(data)


class _Secure(_Plain, http.client.HTTPSConnection):
    def __init__(self, to: tuple[str, int], budget: Budget) -> None:
        # the authorities of the system, or of SSL_CERT_FILE and SSL_CERT_DIR, which OpenSSL reads
        http.client.HTTPSConnection.__init__(self, *to, context=ssl.create_default_context())
        self._bound(budget)


def _length(response: http.client.HTTPResponse) -> int | None:
    """Return how many bytes the body is said to have. Raises Broken if that cannot be read, or is said twice."""
    said = {one.strip() for one in response.headers.get_all("Content-Length", [])}
    if not said:
        return None
    if len(said) > 1:
        raise Broken("broken answer (two lengths)")
    if not _LENGTH.fullmatch(text := said.pop()):
        raise Broken("answered with an unreadable length")
    return int(text)


@contextlib.contextmanager
def _words(proxy: proxies.Proxy | None, *, connecting: bool = False) -> Iterator[None]:
    """Say in words why there was no answer; bytes of an answer are escaped and cut in them."""
    via = f"through the proxy {proxy}: " if proxy else ""
    try:
        yield
    except socket.gaierror as e:
        raise Broken(f"{via}host name not found") from e
    except UnicodeError as e:  # a name that no resolver is asked for
        raise Broken(f"{via}host name not found") from e
    except ssl.SSLError as e:
        raise Broken(f"{via}no TLS ({_escaped(e)})", hint=proxies.about_certificates(e)) from e
    except TimeoutError as e:
        raise Broken(f"{via}no answer in time") from e
    except OSError as e:
        if connecting and e.errno is not None:
            raise Broken(f"{via}cannot connect ({(e.strerror or 'no reason given').lower()})") from e
        raise Broken(f"{via}broken answer ({_escaped(e)})") from e  # without a number: what a proxy said to CONNECT
    except http.client.HTTPException as e:
        raise Broken(f"{via}broken answer ({_escaped(e)})") from e


def _escaped(error: Exception) -> str:
    said = str(error) or type(error).__name__
    return said.encode("unicode_escape").decode("ascii")[:200]
