"""Requests to the Hub that a guard stands before.

The token that a program sends goes to the Hub alone, never to where the Hub redirects to. Redirects are followed here:
a program that followed one itself would walk around the guard. Nothing that comes back is trusted; it is bounded, and
every wait ends.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Iterator, Mapping
from urllib.parse import urljoin, urlsplit

from modelseal.errors import Error, Unavailable
from modelseal.formats import strict
from modelseal.formats.manifest import File
from modelseal.formats.names import printable
from modelseal.hubproxy.spool import Broken, Wrong
from modelseal.remote.budget import Budget
from modelseal.remote.connection import Answer, Connection
from modelseal.remote.connection import Broken as NoAnswer
from modelseal.values import dataclass

MAX_REDIRECTS = 5
MAX_IDLE = 8  # connections that are kept
MAX_REPLY = 32 << 20  # bytes of an answer of the API
PART, SOON_S = 128 << 10, 0.1  # of a block that comes slowly nobody waits for the rest
STALL_S = 20.0  # without a byte
SLOW_S = 60.0  # for the head of an answer, for all of an answer of the API, for PART bytes of a file

_MOVED = (301, 302, 303, 307, 308)
_CODES = {"RepoNotFound", "RevisionNotFound", "EntryNotFound", "GatedRepo", "DisabledRepo"}


class Denied(Error):
    """The Hub says no: what it says may be passed on."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass(frozen=True, slots=True)
class Whose:
    """Headers of a program's request that go to the Hub."""

    token: str = ""  # Authorization, whole
    agent: str = "modelseal"

    def __repr__(self) -> str:
        return "Whose(...)"

    @property
    def tag(self) -> str:
        """What tells one token from another, and is none."""
        return hashlib.sha256(self.token.encode()).hexdigest() if self.token else ""


@dataclass(frozen=True, slots=True)
class Reply:
    answer: Answer
    patience: _Patience
    url: str  # where it came from in the end
    elsewhere: bool  # by another host than the Hub


class Upstream:
    """The Hub at *endpoint*. From any thread."""

    def __init__(self, endpoint: str, *, offline: bool = False) -> None:
        self._endpoint, self._offline = endpoint.rstrip("/"), offline
        self._lock = threading.Lock()
        self._idle: list[_Line] = []
        self._closed = False

    @property
    def host(self) -> str:
        return urlsplit(self._endpoint).netloc

    def close(self) -> None:
        """Keep no connection any more."""
        with self._lock:
            self._closed, idle, self._idle = True, self._idle, []
        for line in idle:
            line.close()

    def json(self, path: str, whose: Whose, what: str) -> tuple[object, str]:
        """Return what the API answers at *path*, and the path where it was in the end.

        Raises Denied, or Unavailable. *what* is asked about, for messages.
        """
        with self._ask("GET", path, whose, what, {}) as reply:
            if reply.elsewhere:
                raise Unavailable(f"{self.host} sends us elsewhere for {what}; that is not followed")
            self._check(reply.answer, what)
            body = bytearray()
            try:
                while part := reply.answer.read(1 << 16):
                    body += part
                    if len(body) > MAX_REPLY:
                        raise Unavailable(f"{self.host} sends more than {MAX_REPLY} bytes for {what}")
            except NoAnswer as e:
                raise Unavailable(f"{self.host}: no whole answer about {what} ({e})") from e
        try:
            return strict.loads(strict.decode(bytes(body), what, limit=MAX_REPLY), what), urlsplit(reply.url).path
        except Error as e:
            raise Unavailable(f"{self.host}: the answer about {what} is none") from e

    def check_may_read(self, path: str, whose: Whose, what: str) -> None:
        """Raise Denied if the Hub does not let *whose* token read the file at *path*."""
        with self._ask("HEAD", path, whose, what, {}) as reply:
            if not reply.elsewhere:
                self._check(reply.answer, what)

    @contextlib.contextmanager
    def file(self, path: str, whose: Whose, file: File, offset: int) -> Iterator[Body]:
        """Open the file at *path*, from *offset* on if the server can. Raises Denied, Unavailable, Broken or Wrong."""
        what = printable(file.name)
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        try:
            with self._ask("GET", path, whose, what, headers) as reply:
                answer = reply.answer
                self._check(answer, what)
                if answer.header("Content-Encoding", "identity") != "identity":
                    raise Unavailable(f"{self.host} sends {what} in another encoding than asked for")
                begins = offset if answer.status == 206 else 0
                if answer.status == 206 and answer.header("Content-Range", "") != _range(offset, file.size):
                    raise Unavailable(f"{self.host} sends another part of {what} than asked for")
                if answer.length is not None and answer.length != file.size - begins:
                    raise Wrong(f"{file.size} bytes are sealed, {answer.length + begins} are announced")
                yield Body(answer, reply.patience, begins)
        except NoAnswer as e:
            raise Broken(f"{self.host}: {what}: {e}") from e

    def _check(self, answer: Answer, what: str) -> None:
        status = answer.status
        if status in (200, 206):
            return
        if status in (401, 403, 404):
            code = answer.header("X-Error-Code", "")
            message = printable(answer.header("X-Error-Message", ""), longest=300) or f"status {status}"
            raise Denied(status, code if code in _CODES else "", f"{self.host} refuses {what}: {message}")
        raise Unavailable(f"{self.host}: answers with status {status} about {what}")

    @contextlib.contextmanager
    def _ask(self, method: str, path: str, whose: Whose, what: str, headers: Mapping[str, str]) -> Iterator[Reply]:
        """Send a request and give the answer; what is read of it raises `NoAnswer` where nobody asked for a body."""
        if self._offline:
            raise Unavailable(f"the Hub is not asked about {what}: this guard is offline")
        url, home = self._endpoint + path, _origin(self._endpoint)
        for _ in range(MAX_REDIRECTS + 1):
            elsewhere = _origin(url) != home
            sent = {"Accept-Encoding": "identity", "User-Agent": whose.agent, **headers}
            if whose.token and not elsewhere:
                sent["Authorization"] = whose.token
            with contextlib.ExitStack() as open_:
                line = open_.enter_context(self._line(url, elsewhere))
                try:
                    answer = open_.enter_context(line.connection.ask(method, url, sent, None))
                except NoAnswer as e:
                    raise Unavailable(f"{urlsplit(url).netloc}: no answer about {what} ({e})", hint=e.hint) from e
                if answer.status not in _MOVED:
                    yield Reply(answer, line.patience, url, elsewhere)
                    return
                to = urljoin(url, answer.header("Location", ""))
                if _origin(to) is None or (url.startswith("https:") and not to.startswith("https:")):
                    raise Unavailable(f"{self.host} sends us to where nobody should be sent for {what}")
                if method == "HEAD" and _origin(to) != home:  # it is there
                    yield Reply(answer, line.patience, to, True)
                    return
            url = to if urlsplit(to).path else to + "/"
        raise Unavailable(f"{self.host}: more than {MAX_REDIRECTS} redirects for {what}")

    @contextlib.contextmanager
    def _line(self, url: str, elsewhere: bool) -> Iterator[_Line]:
        """Lend a connection; those to the Hub itself are kept."""
        if elsewhere:
            with contextlib.closing(_Line(url)) as made:
                yield made
            return
        with self._lock:
            line = self._idle.pop() if self._idle else _Line(self._endpoint + "/")
        try:
            line.patience.begin()
            yield line
        except BaseException:
            line.close()
            raise
        with self._lock:
            if len(self._idle) < MAX_IDLE and not self._closed:
                self._idle.append(line)
                return
        line.close()


class Body:
    """The bytes of an answer; slow ones are cut."""

    def __init__(self, answer: Answer, patience: _Patience, offset: int) -> None:
        self.offset = offset
        self._answer, self._patience = answer, patience

    def readinto(self, buffer: memoryview) -> int:
        """Fill the beginning of *buffer* with what comes soon; 0 at the end. Raises NoAnswer."""
        began, count = time.monotonic(), 0
        while count < len(buffer):
            self._patience.begin()
            part = self._answer.readinto(buffer[count : count + PART])
            count += part
            if not part or time.monotonic() - began > SOON_S:
                break
        return count


class _Patience(Budget):
    """How long each single read may take, and all of them together since `begin`."""

    def __init__(self) -> None:
        super().__init__(SLOW_S)

    def begin(self) -> None:
        self._until = time.monotonic() + SLOW_S

    def left(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise NoAnswer("too slow")
        return min(left, STALL_S)


class _Line:
    """A connection, and how patient it is."""

    def __init__(self, url: str) -> None:
        self.patience = _Patience()
        self.patience.begin()
        self.connection = Connection(url, self.patience)

    def close(self) -> None:
        self.connection.close()


def _range(offset: int, size: int) -> str:
    return f"bytes {offset}-{size - 1}/{size}"


def _origin(url: str) -> tuple[str, str, int] | None:
    """Return scheme, host and port; None if it is no address on the web."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        return None
    return parts.scheme, parts.hostname, port or (443 if parts.scheme == "https" else 80)
