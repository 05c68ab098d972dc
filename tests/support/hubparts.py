"""What the Hub double is made of: repos, blobs as git and LFS know them, requests and answers, a server."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

TYPES = ("models", "datasets", "spaces")
LFS_SUFFIXES = (".safetensors", ".gguf", ".bin", ".pt", ".pth", ".onnx", ".h5", ".msgpack", ".pkl", ".zip")
LFS_BYTES = 10 << 20
Files = dict[str, bytes]
Query = dict[str, list[str]]


@dataclass
class Repo:
    name: str  # TYPE/OWNER/NAME
    refs: dict[str, str] = field(default_factory=dict)  # branch, tag or refs/pr/N -> commit
    commits: dict[str, Files] = field(default_factory=dict)
    parents: dict[str, str | None] = field(default_factory=dict)
    tags: set[str] = field(default_factory=set)  # which of `refs` are tags
    private: bool = False
    gated: str | bool = False

    @property
    def id(self) -> str:
        return self.name.partition("/")[2]


@dataclass
class Request:
    method: str
    path: str  # quoted, as it came
    query: Query
    headers: Mapping[str, str]  # names As-In-Titles
    body: bytes

    @property
    def token(self) -> str | None:
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        return token if kind == "Bearer" and token else None


@dataclass
class Answer:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Error(Exception):
    def __init__(self, status: int, code: str, words: str, **headers: str) -> None:
        super().__init__(words)
        said = {"X-Error-Code": code, "X-Error-Message": ascii(words)[1:-1]} if code else {}
        self.answer = Answer(status, json.dumps({"error": words}).encode(), {**said, **headers})


class Moved(Error):
    def __init__(self, to: str) -> None:
        super().__init__(307, "", "moved", Location=to)


def git_id(kind: bytes, data: bytes) -> str:
    return hashlib.sha1(kind + b" %d\0" % len(data) + data).hexdigest()


@lru_cache(4096)
def _digests(data: bytes) -> tuple[str, str]:
    return hashlib.sha256(data).hexdigest(), git_id(b"blob", data)


@dataclass(frozen=True)
class Blob:
    """A file as git and LFS know it."""

    name: str
    data: bytes

    @property
    def lfs(self) -> bool:
        return in_lfs(self.name, len(self.data))

    @property
    def sha256(self) -> str:
        return _digests(self.data)[0]

    @property
    def oid(self) -> str:
        """git's id: of the file, or of the pointer to it."""
        return git_id(b"blob", self.pointer) if self.lfs else _digests(self.data)[1]

    @property
    def xet(self) -> str:
        """Not Xet's own digest, but as long, and the same for the same bytes."""
        return hashlib.sha256(b"xet" + self.sha256.encode()).hexdigest()

    @property
    def pointer(self) -> bytes:
        lines = ("version https://git-lfs.github.com/spec/v1", f"oid sha256:{self.sha256}", f"size {len(self.data)}")
        return "".join(f"{line}\n" for line in lines).encode()

    def sibling(self, blobs: bool) -> dict[str, Any]:
        """The file as it stands beside a commit."""
        value: dict[str, Any] = {"rfilename": self.name}
        if blobs:
            value |= {"size": len(self.data), "blobId": self.oid}
        if blobs and self.lfs:
            value["lfs"] = {"sha256": self.sha256, "size": len(self.data), "pointerSize": len(self.pointer)}
        return value

    def entry(self, *, xet: bool, expand: bool) -> dict[str, Any]:
        """The file as the tree has it."""
        value: dict[str, Any] = {"type": "file", "path": self.name, "size": len(self.data), "oid": self.oid}
        if self.lfs:
            value["lfs"] = {"oid": self.sha256, "size": len(self.data), "pointerSize": len(self.pointer)}
            value |= {"xetHash": self.xet} if xet else {}
        if expand:
            value["lastCommit"] = {"id": "0" * 40, "title": "a commit", "date": "2026-11-01T00:00:00.000Z"}
            value["securityFileStatus"] = {"status": "safe"}
        return value


def in_lfs(name: str, size: int) -> bool:
    return name.endswith(LFS_SUFFIXES) or size > LFS_BYTES


def json_answer(value: Any) -> Answer:
    return Answer(200, json.dumps(value).encode(), {"Content-Type": "application/json"})


def ranged(data: bytes, headers: dict[str, str], request: Request) -> Answer:
    """Answer with *data*, or with the part of it that is asked for."""
    unit, _, span = request.headers.get("Range", "").partition("=")
    if unit != "bytes" or "," in span or not data:
        return Answer(200, data, headers)
    first, _, last = span.partition("-")
    start = int(first) if first else max(0, len(data) - int(last))
    end = min(int(last) if first and last else len(data) - 1, len(data) - 1)
    if start > end:
        return Answer(416, b"", {**headers, "Content-Range": f"bytes */{len(data)}"})
    return Answer(206, data[start : end + 1], {**headers, "Content-Range": f"bytes {start}-{end}/{len(data)}"})


def with_query(path: str, query: Query) -> str:
    rest = "&".join(f"{key}={quote(value)}" for key, values in query.items() for value in values)
    return f"{path}?{rest}" if rest else path


def path_in(request: Request, old: str, new: str) -> str:
    """Return what was asked for, in the repo *new*."""
    return with_query(request.path.replace(old, new, 1), request.query)


def paths_asked(request: Request) -> list[str]:
    """The paths of a question about some, as a form or as JSON."""
    if request.headers.get("Content-Type", "").startswith("application/json"):
        found = json.loads(request.body)["paths"]
        return [found] if isinstance(found, str) else list(found)
    return parse_qs(request.body.decode()).get("paths", [])


class Server(ThreadingHTTPServer):
    daemon_threads = True
    gone = False  # answers nobody, not even on connections that are open

    def __init__(self, answer: Callable[[Request], Answer]) -> None:
        super().__init__(("127.0.0.1", 0), _handler(answer))

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up before an answer ends are what some tests are about."""


def _handler(answer: Callable[[Request], Answer]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body are two writes: else each answer waits 40 ms for an ACK

        def _do(self) -> None:
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if isinstance(self.server, Server) and self.server.gone:
                self.close_connection = True
                return
            headers = {name.title(): value for name, value in self.headers.items()}
            found = answer(Request(self.command, url.path, parse_qs(url.query), headers, body))
            self.send_response(found.status)
            for name, value in found.headers.items():
                self.send_header(name, value)
            if "Content-Length" not in found.headers:
                self.send_header("Content-Length", str(len(found.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(found.body)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _do

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
