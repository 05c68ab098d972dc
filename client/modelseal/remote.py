"""Readers: where static files come from, over HTTP or out of a folder. Nothing read here is trusted.

A reader has `get(path, limit) -> bytes` (paths of `formats.paths`, relative, with `/`) and
`evidence(repo, revision, limit) -> bytes | None`. Both may block, but never past the budget, and never hold more
than *limit* bytes plus one chunk. `NotFound`: the address says that it has no such file, which proves nothing.
All other trouble is `Unavailable`: the caller tries the next address.

One `Http` is one address: no redirect is followed (it would hand the choice of the address to whoever answers),
no compression is accepted (a small answer could become an endless one).
"""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelseal import errors
from modelseal.formats import paths, strict
from modelseal.platform import Opener

if TYPE_CHECKING:
    import urllib3

MAX_REPLY = 1 << 20  # bytes: the reply to a submission (WIRE 8)
CHUNK = 1 << 16  # bytes asked for at a time
MAX_CONNECT_SHARE = 4  # a host name may have several addresses, each of them silent: one gets a quarter of the time

_PATH = re.compile(r"(?!.*(?:^|/)\.{0,2}(?:/|$))[A-Za-z0-9._~@/-]+", re.ASCII)  # no empty part, `.` or `..`
_URL = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]*)?", re.ASCII)


class Budget:
    """The time, in seconds from now, that one journey may spend waiting for others."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left, more than 0; raise Unavailable if there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise errors.Unavailable(f"no answer within {self._seconds:g} s")
        return left

    def share(self, parts: int) -> Budget:
        """Return a budget of one of *parts* equal parts of what is left, beginning now."""
        return Budget(self.left() / parts)


class Http:
    """One address of a registry or mirror; its connections are kept for as long as the object lives."""

    def __init__(self, url: str, budget: Budget) -> None:
        if not _URL.fullmatch(url):
            raise errors.Usage(f"{url!r} is not an address of the form https://HOST[:PORT][/PATH]")
        self.url = url.rstrip("/")
        self._budget = budget
        self._pool: urllib3.PoolManager | None = None

    def get(self, path: str, limit: int) -> bytes:
        """Return the file at *path*, of at most *limit* bytes."""
        status, body = self._ask("GET", path, limit)
        where = f"{self.url}/{path}"
        if status == 404:
            raise errors.NotFound(f"{where}: not found")
        if status != 200:
            raise errors.Unavailable(f"{where}: answered with status {status}")
        return body

    def evidence(self, repo: str, revision: str | None, limit: int) -> bytes | None:
        """Return the evidence for *repo* (`hf://...`), or None where only static files are served.

        None says nothing about the repo: the caller gathers the same evidence from the static files.
        """
        path = paths.evidence(repo, revision)
        status, body = self._ask("GET", path, limit)
        if status in (404, 405):
            return None
        if status != 200:
            raise errors.Unavailable(f"{self.url}/{path}: answered with status {status}")
        return body

    def submit(self, body: bytes) -> tuple[int, dict[str, Any]]:
        """Send a record; return the status and the object that was answered, whatever they are."""
        status, answer = self._ask("POST", paths.RECORDS, MAX_REPLY, body)
        where = f"{self.url}/{paths.RECORDS}"
        try:
            value = strict.loads(strict.decode(answer, where, limit=MAX_REPLY), where)
        except errors.Malformed as e:
            raise errors.Unavailable(f"{where}: unreadable reply with status {status}") from e
        if not isinstance(value, dict):
            raise errors.Unavailable(f"{where}: unreadable reply with status {status}")
        return status, value

    def _ask(self, method: str, path: str, limit: int, body: bytes | None = None) -> tuple[int, bytes]:
        """Return status and body, once the whole answer is here; a redirect is refused."""
        import urllib3
        from urllib3.util import Retry, Timeout

        if not _PATH.fullmatch(path):
            raise ValueError(f"not a path of ours: {path!r}")
        where = f"{self.url}/{path}"
        left = self._budget.left()
        headers = {"User-Agent": f"modelseal/{_version()}", "Accept-Encoding": "identity"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            if self._pool is None:
                self._pool = _pool(self.url, self._budget)
            response = self._pool.urlopen(
                method,
                where,
                body=body,
                headers=headers,
                redirect=False,
                preload_content=False,
                decode_content=False,
                timeout=Timeout(connect=left / MAX_CONNECT_SHARE, read=left),
                # a kept connection may have been closed meanwhile: a GET is tried once more, a POST is not
                retries=Retry(
                    total=1, connect=0, read=1, redirect=0, status=0, other=0, respect_retry_after_header=False
                ),
            )
            try:
                if 300 <= response.status < 400:
                    raise errors.Unavailable(f"{where}: answered with a redirect, which is not followed")
                return response.status, _body(response, where, limit)
            finally:
                # read to its end, the connection is back in the pool already; otherwise it must not be used again
                response.close()
        except urllib3.exceptions.HTTPError as e:
            self._budget.left()  # used up: say so, not what broke because of it
            raise errors.Unavailable(f"{where}: {_reason(e)}") from e


def _body(response: urllib3.BaseHTTPResponse, where: str, limit: int) -> bytes:
    """Return the whole body. That it stops in time is the duty of the connection (`_pool`)."""
    if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise errors.Unavailable(f"{where}: answered with a content encoding, which was not asked for")
    announced = None
    if "Transfer-Encoding" not in response.headers:
        announced = response.headers.get("Content-Length")
    if announced is not None:
        if not re.fullmatch(r"[0-9]{1,18}", announced, re.ASCII):
            raise errors.Unavailable(f"{where}: answered with an unreadable length")
        if int(announced) > limit:
            raise errors.Unavailable(f"{where}: more than {limit} bytes")
    body = bytearray()
    while chunk := response.read(CHUNK, decode_content=False):
        body += chunk
        if len(body) > limit:
            raise errors.Unavailable(f"{where}: more than {limit} bytes")
    if announced is not None and len(body) != int(announced):
        raise errors.Unavailable(f"{where}: {len(body)} of {announced} bytes arrived")
    return bytes(body)


def _pool(url: str, budget: Budget) -> urllib3.PoolManager:
    """Return a pool whose connections obey *budget* in every single read and write.

    A timeout of urllib3 is one for each read: a server that sends a byte now and then, in a status line, a header
    or a body, would never meet it.
    """
    import http.client
    import io
    import socket

    import urllib3
    from urllib3.connection import HTTPConnection, HTTPSConnection

    class Raw(io.RawIOBase):
        def __init__(self, sock: socket.socket, file: io.RawIOBase) -> None:
            self._sock, self._file = sock, file  # the file keeps the socket open until it is closed itself

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int | None:
            self._sock.settimeout(budget.left())
            return self._file.readinto(buffer)

        def close(self) -> None:
            self._file.close()
            super().close()

    class Response(http.client.HTTPResponse):
        def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
            super().__init__(sock, *args, **kwargs)
            self.fp: Any = io.BufferedReader(Raw(sock, self.fp.detach()))

    class Bounded(HTTPConnection):
        response_class = Response

        def connect(self) -> None:
            budget.left()  # the second try of a GET may come too late
            super().connect()

        def send(self, data: Any) -> None:
            if self.sock is None:
                self.connect()
            self.sock.settimeout(budget.left())
            super().send(data)

    class BoundedTls(Bounded, HTTPSConnection):
        pass

    class Pool(urllib3.HTTPConnectionPool):
        ConnectionCls = Bounded

    class TlsPool(urllib3.HTTPSConnectionPool):
        ConnectionCls = BoundedTls

    pool = urllib3.PoolManager()
    if proxy := _proxy(url):
        credentials = urllib3.util.parse_url(proxy).auth
        headers = urllib3.util.make_headers(proxy_basic_auth=credentials) if credentials else None
        pool = urllib3.ProxyManager(proxy, proxy_headers=headers)
    pool.pool_classes_by_scheme = {"http": Pool, "https": TlsPool}
    return pool


def _proxy(url: str) -> str | None:
    """Return the proxy of the environment for *url*; this machine itself needs none."""
    from urllib.parse import urlsplit
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    host = parts.hostname or ""
    if host in ("localhost", "::1") or host.startswith("127.") or proxy_bypass(parts.netloc):
        return None
    return getproxies().get(parts.scheme)


def _reason(error: Exception) -> str:
    """Return why there was no answer, in words that may be printed: an answer's own bytes are escaped and cut."""
    import urllib3

    reason: BaseException = error
    if isinstance(reason, urllib3.exceptions.MaxRetryError) and reason.reason is not None:
        reason = reason.reason
    if isinstance(reason, urllib3.exceptions.NameResolutionError):
        return "host name not found"
    if isinstance(reason, urllib3.exceptions.NewConnectionError) and isinstance(reason.__cause__, OSError):
        return f"cannot connect ({(reason.__cause__.strerror or 'no reason given').lower()})"
    if isinstance(reason, urllib3.exceptions.TimeoutError):
        return "no answer in time"
    said = str(reason).encode("unicode_escape").decode("ascii")[:200]
    kind = "no TLS" if isinstance(reason, urllib3.exceptions.SSLError) else "broken answer"
    return f"{kind} ({said})"


def _version() -> str:
    from importlib.metadata import version

    return version("modelseal")


class Folder:
    """The static files of a registry or mirror in a folder: regular files only, no link followed inside it."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.url = str(self.path)

    def get(self, path: str, limit: int) -> bytes:
        """Return the file at *path*, of at most *limit* bytes."""
        if not _PATH.fullmatch(path):
            raise ValueError(f"not a path of ours: {path!r}")
        where = f"{self.path}/{path}"
        try:
            opener = Opener(self.path)
        except OSError as e:
            raise errors.Unavailable(f"{self.path}: not a folder that can be read ({e.strerror})") from e
        try:
            with opener, open(opener.open(path), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise errors.Unavailable(f"{where}: not a regular file")
                data = file.read(limit + 1)
        except FileNotFoundError as e:
            raise errors.NotFound(f"{where}: not found") from e
        except OSError as e:
            if e.errno in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK):
                raise errors.Unavailable(f"{where}: a link, or not a folder, on the way") from e
            raise errors.Unavailable(f"{where}: {e.strerror}") from e
        if len(data) > limit:
            raise errors.Unavailable(f"{where}: more than {limit} bytes")
        return data

    def evidence(self, repo: str, revision: str | None, limit: int) -> None:
        """A folder only has static files: the caller gathers the evidence from them."""


def open_reader(location: str, budget: Budget) -> Http | Folder:
    """Return the reader for an address or a path."""
    if location.startswith(("http://", "https://")):
        return Http(location, budget)
    if "://" in location:
        raise errors.Usage(f"{location!r} is neither http:// nor https:// nor a folder")
    return Folder(Path(location).expanduser())


def in_turn(locations: Sequence[str], budget: Budget) -> Iterator[tuple[str, Http | Folder]]:
    """Yield each location and its reader, made when its turn comes: a slow one leaves the others their time."""
    for done, location in enumerate(locations):
        yield location, open_reader(location, budget.share(len(locations) - done))
