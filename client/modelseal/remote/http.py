"""An address over HTTP: what may be asked there, and what may be answered.

One `Http` is one address: no redirect is followed (it would hand the choice of the address to whoever answers),
no compression is accepted (a small answer could become an endless one).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from modelseal import errors
from modelseal.formats import paths, strict
from modelseal.remote.budget import Budget

if TYPE_CHECKING:
    from modelseal.remote.connection import Answer, Connection

MAX_REPLY = 1 << 20  # bytes: the reply to a submission (WIRE 8)
CHUNK = 1 << 16  # bytes asked for at a time

PATH = re.compile(r"(?!.*(?:^|/)\.{0,2}(?:/|$))[A-Za-z0-9._~@/-]+", re.ASCII)  # no empty part, `.` or `..`
_URL = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]*)?", re.ASCII)


class Http:
    """One address of a registry or mirror; its connection is kept for as long as the object lives."""

    def __init__(self, url: str, budget: Budget) -> None:
        if not _URL.fullmatch(url):
            raise errors.Usage(f"{url!r} is not an address of the form https://HOST[:PORT][/PATH]")
        self.url = url.rstrip("/")
        self._budget = budget
        self._connection: Connection | None = None

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
        from modelseal.remote.connection import Broken, Connection

        if not PATH.fullmatch(path):
            raise ValueError(f"not a path of ours: {path!r}")
        where = f"{self.url}/{path}"
        self._budget.left()
        headers = {"User-Agent": "modelseal", "Accept-Encoding": "identity"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self._connection is None:
            self._connection = Connection(self.url, self._budget)
        try:
            with self._connection.ask(method, where, headers, body) as answer:
                if 300 <= answer.status < 400:
                    raise errors.Unavailable(f"{where}: answered with a redirect, which is not followed")
                return answer.status, _body(answer, where, limit)
        except Broken as e:
            self._budget.left()  # used up: say so, not what broke because of it
            raise errors.Unavailable(f"{where}: {e}", hint=e.hint) from e


def _body(answer: Answer, where: str, limit: int) -> bytes:
    """Return the whole body. That it stops in time is the duty of the connection."""
    if answer.header("Content-Encoding", "identity").strip().lower() != "identity":
        raise errors.Unavailable(f"{where}: answered with a content encoding, which was not asked for")
    announced = None if answer.chunked else answer.length
    if announced is not None and announced > limit:
        raise errors.Unavailable(f"{where}: more than {limit} bytes")
    body = bytearray()
    while chunk := answer.read(CHUNK):
        body += chunk
        if len(body) > limit:
            raise errors.Unavailable(f"{where}: more than {limit} bytes")
    return bytes(body)
