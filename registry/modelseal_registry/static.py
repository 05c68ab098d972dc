"""Static files in front of Flask: a bare WSGI application, because most requests are for files that never change.

`formats.paths` decides what a static file is: exact names of digits, hex and fixed words, so no path leaves the folder.
All else goes on to the dynamic application.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from modelseal.errors import NotFound, Unavailable
from modelseal.formats import paths
from modelseal.formats.leaves import MAX_SEAL
from modelseal.remote import Folder
from modelseal_registry import problem

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Wsgi = Callable[[Environ, StartResponse], Iterable[bytes]]
Headers = list[tuple[str, str]]
Quick = Callable[[Environ, str], bytes | None]  # the request, `[datasets/|spaces/]owner/name[@commit]`
Seen = tuple[int, int, int]  # inode, time in ns, size: another file differs in one of them

_EVIDENCE = "evidence/"

MAX_STATIC = MAX_SEAL  # bytes; the largest of them is a seal
KEEP_EACH = 1 << 20  # bytes: tiles, index objects and usual bundles are kept in memory, large seals are not
KEEP_ALL = 64 << 20  # bytes per process

IMMUTABLE = "public, max-age=31536000, immutable"  # a year, the most that caches honour
FRESH = "public, max-age=2"  # seconds: what a checkpoint may be late because of caches
NEVER = "no-store"  # a file that is missing now may be there in a second

# Nothing here is a page: should a browser show it as one, it may do nothing. Anybody's page may read it.
SECURITY: Headers = [
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("Access-Control-Allow-Origin", "*"),
]


def content_type(path: str) -> str:
    if path == paths.CHECKPOINT:
        return "text/plain; charset=utf-8"
    return "application/json" if path.endswith(".json") else "application/octet-stream"


class Files:
    """The static folder as `get(path, limit)`: whole files, links not followed, small immutable ones kept in memory.

    Used by many threads without a lock: each step is one operation of a dict, and the worst that a race can do is to
    count a file twice and so to keep fewer.
    """

    def __init__(self, public: Path) -> None:
        self._folder = Folder(public)
        self._root = str(self._folder.path)
        self._kept: dict[str, bytes] = {}
        self._bytes = 0
        self._moving: dict[str, tuple[Seen, bytes]] = {}

    def get(self, path: str, limit: int = MAX_STATIC) -> bytes:
        """Return the file; NotFound if there is none, Unavailable if it is there and cannot be served."""
        data = self._kept.get(path)
        if data is None:
            if not paths.is_immutable(path):
                return self._newest(path, limit)
            data = self._folder.get(path, limit)
            if len(data) <= KEEP_EACH:
                if self._bytes > KEEP_ALL:
                    self._kept, self._bytes = {}, 0
                self._kept[path] = data
                self._bytes += len(data)
        return data

    def _newest(self, path: str, limit: int) -> bytes:
        """Return a file that is replaced now and then: read again when another one stands there, as one look tells.

        Not reading it each time matters with threads: every call of the system hands the interpreter to another one.
        """
        try:
            status = os.lstat(f"{self._root}/{path}")
            seen = (status.st_ino, status.st_mtime_ns, status.st_size)
        except OSError:
            return self._folder.get(path, limit)  # it says what is wrong
        known = self._moving.get(path)
        if known and known[0] == seen:
            return known[1]
        data = self._folder.get(path, limit)
        self._moving[path] = (seen, data)  # if it was replaced in between, it does not look like `seen` next time
        return data


def dispatcher(files: Files, dynamic: Wsgi, quick: Quick = lambda environ, name: None) -> Wsgi:
    """Return the application that answers static paths itself and hands the rest to *dynamic*.

    Evidence too, but only where *quick*, which costs less, has none.
    """
    get = files.get
    is_immutable, is_static = paths.is_immutable, paths.is_static
    evidence_headers = [("Content-Type", "application/json"), ("Cache-Control", FRESH), *SECURITY]
    immutable_headers = {
        kind: [("Content-Type", kind), ("Cache-Control", IMMUTABLE), *SECURITY]
        for kind in ("application/octet-stream", "application/json")
    }

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"][1:]
        if is_immutable(path):
            headers = immutable_headers[content_type(path)]
        elif is_static(path):
            headers = [("Content-Type", content_type(path)), ("Cache-Control", FRESH), *SECURITY]
        else:
            if path.startswith(_EVIDENCE) and environ["REQUEST_METHOD"] == "GET":
                body = quick(environ, path[len(_EVIDENCE) :])
                if body is not None:
                    return _answer(start_response, "GET", "200 OK", evidence_headers, body)
            return _whole(dynamic(environ, start_response))
        method = environ["REQUEST_METHOD"]
        if method not in ("GET", "HEAD"):
            return _error(start_response, method, "405 Method Not Allowed", "only GET and HEAD", ("Allow", "GET, HEAD"))
        try:
            body = get(path)
        except NotFound:
            return _error(start_response, method, "404 Not Found", "no such file")
        except Unavailable:  # a link, a folder, a disk that fails: the operator's trouble, and no proof of anything
            return _error(start_response, method, "503 Service Unavailable", "the file cannot be read")
        return _answer(start_response, method, "200 OK", headers, body)

    return application


def _whole(parts: Iterable[bytes]) -> list[bytes]:
    """Our answers are small; granian sends a list in one piece, and anything else chunk by chunk."""
    try:
        return [b"".join(parts)]
    finally:
        if close := getattr(parts, "close", None):
            close()


def _answer(start_response: StartResponse, method: str, status: str, headers: Headers, body: bytes) -> list[bytes]:
    start_response(status, [*headers, ("Content-Length", str(len(body)))])
    return [b""] if method == "HEAD" else [body]


def _error(start_response: StartResponse, method: str, status: str, words: str, *more: tuple[str, str]) -> list[bytes]:
    headers = [("Content-Type", problem.CONTENT_TYPE), ("Cache-Control", NEVER), *SECURITY, *more]
    return _answer(start_response, method, status, headers, problem.encode(int(status[:3]), words))
