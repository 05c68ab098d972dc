"""The files that pass: whole ones while they come, parts once the whole has been checked.

A client that goes on with a file which it has begun (`Range: bytes=N-`) gets the whole file again: nobody knows who
gave it the beginning. Clients know that answer, it is what a server does that has no ranges.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING
from urllib.parse import quote

from modelseal.errors import Error
from modelseal.formats.manifest import File
from modelseal.formats.names import printable, short
from modelseal.hubproxy.answers import is_ignored
from modelseal.hubproxy.ledger import Refusal
from modelseal.hubproxy.routes import Route
from modelseal.hubproxy.spool import Body, Broken, Reader, Wrong
from modelseal.hubproxy.upstream import Denied, Whose
from modelseal.passing import Passing

if TYPE_CHECKING:
    from modelseal.hubproxy.server import Handler

MAX_WITHOUT_XET = 50_000_000_000  # bytes: the Hub's own client takes larger files by Xet alone
PATIENCE_S = 5.0  # then the head of an answer goes out, so that clients know that somebody is at work

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def serve(handler: Handler, route: Route, passing: Passing) -> None:
    """Answer a HEAD or GET for a file. Raises Denied, or another Error while nothing has been answered."""
    file = passing.files.get(route.path)
    if file is None:
        _unlisted(handler, route, passing)
        return
    key = passing.repo.lower(), passing.commit, file.name
    if file.size > MAX_WITHOUT_XET and "hf_hub/" in handler.headers.get("User-Agent", ""):
        words = (
            f"{printable(file.name)} of {short(passing.repo)} has {file.size} bytes, and huggingface_hub takes files "
            f"of over 50 GB by Xet alone, which does not pass a guard; instead: modelseal get {short(passing.repo)}"
        )
        handler.refuse(403, _refusal("unavailable", 6, passing, file.name, words))
    elif handler.command == "HEAD":  # also of a blocked file: where a HEAD fails, clients say that nobody answers
        _head(handler, 200, passing, file, file.size)
    else:
        _get(handler, passing, file, key)


def _get(handler: Handler, passing: Passing, file: File, key: tuple[str, ...]) -> None:
    part = _part(handler.headers.get("Range", ""), file.size)
    if part is None:
        handler.send_response(416)
        handler.send_header("Content-Range", f"bytes */{file.size}")
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return
    source = _Source(handler, passing, file)
    try:
        with handler.server.spool.reading(key, file, source) as reader:
            source.reader = reader
            _send(_Sending(handler, passing, file, reader, source), *part)
    except Wrong as e:
        _blocked(handler, passing, file, str(e))
    except Denied as e:
        if e.status != 404 or e.code not in ("", "EntryNotFound"):
            raise
        words = f"{printable(file.name)} is sealed, and the Hub withholds it: {e}"
        handler.refuse(403, _refusal("unavailable", 6, passing, file.name, words))


class _Source:
    """Opens a file at the Hub, with the token of who asks."""

    def __init__(self, handler: Handler, passing: Passing, file: File) -> None:
        repo = short(passing.repo)
        self._upstream, self._cache = handler.server.upstream, handler.server.cache
        self._passing, self._file = passing, file
        self._whose: Whose = handler.whose
        self._path = f"/{repo}/resolve/{passing.commit}/{quote(file.name)}"
        self.reader: Reader | None = None

    def __call__(self, offset: int) -> AbstractContextManager[Body]:
        return self._open(offset)

    @contextlib.contextmanager
    def _open(self, offset: int) -> Iterator[Body]:
        with self._at_hand(offset) as found:
            if found is not None:
                yield found
                return
        with self._upstream.file(self._path, self._whose, self._file, offset) as body:
            self._allow()
            yield body

    @contextlib.contextmanager
    def _at_hand(self, offset: int) -> Iterator[Body | None]:
        """Give the file as the user's own cache has it; whether this token may read it is still to be asked."""
        if self._cache is None:
            yield None
            return
        with self._cache.open(self._passing, self._file) as found:
            yield None if found is None else _FromDisk(found, offset)

    def check(self) -> None:
        """Raise Denied unless the Hub lets this token read the file: it may be here by another one's."""
        assert self.reader is not None
        if self._whose.tag not in self.reader.spooled.may_read:
            self._upstream.check_may_read(self._path, self._whose, printable(self._file.name))
            self._allow()

    def _allow(self) -> None:
        assert self.reader is not None
        self.reader.spooled.may_read.add(self._whose.tag)


class _FromDisk:
    """The bytes of a file that lies on this machine."""

    def __init__(self, file: io.FileIO, offset: int) -> None:
        self._file, self.offset = file, offset
        file.seek(offset)

    def readinto(self, buffer: memoryview) -> int:
        try:
            return self._file.readinto(buffer) or 0
        except OSError as e:
            raise Broken(f"the Hub cache cannot be read: {(e.strerror or 'no reason given').lower()}") from e


class _Sending:
    """One answer with bytes of a file."""

    def __init__(self, handler: Handler, passing: Passing, file: File, reader: Reader, source: _Source) -> None:
        self.handler, self.passing, self.file, self.reader, self.source = handler, passing, file, reader, source


def _send(sending: _Sending, begin: int, end: int, status: int) -> None:
    handler, reader, file = sending.handler, sending.reader, sending.file
    whole = begin == 0 and end == file.size
    ready = reader.available(0, handler.gone) if whole else reader.all(handler.gone, patience_s=PATIENCE_S)
    if whole or ready:
        sending.source.check()
    _head(handler, status, sending.passing, file, end - begin, begin)
    try:
        if not whole and not ready:
            reader.all(handler.gone)
            sending.source.check()
        position = begin
        while position < end:
            there = min(reader.available(position, handler.gone), end)
            reader.spooled.send(handler.connection, position, there)
            position = there
    except Error as e:  # the answer has begun: all that is left is to end it too early
        handler.close_connection = True
        if isinstance(e, Wrong):
            handler.server.ledger.refuses(_wrong(sending.passing, file, str(e)))
        return
    except OSError:  # the client hung up, or takes nothing
        handler.close_connection = True
        return
    passing = sending.passing
    handler.server.ledger.passes(short(passing.repo), passing.commit, passing.word, file.name, end - begin)


def _head(handler: Handler, status: int, passing: Passing, file: File, length: int, begin: int = 0) -> None:
    """Send the head of an answer. Of what the Hub says about a file nothing is passed on, least of all where else it
    could be had."""
    etag = f'"{file.sha256.hex()}"'
    handler.send_response(status)
    handler.send_header("Content-Type", "application/octet-stream")
    handler.send_header("Content-Length", str(length))
    if status == 206:
        handler.send_header("Content-Range", f"bytes {begin}-{begin + length - 1}/{file.size}")
    handler.send_header("Accept-Ranges", "bytes")
    handler.send_header("ETag", etag)
    handler.send_header("X-Repo-Commit", passing.commit)
    handler.send_header("X-Linked-ETag", etag)
    handler.send_header("X-Linked-Size", str(file.size))
    handler.end_headers()


def _part(header: str, size: int) -> tuple[int, int, int] | None:
    """Return which bytes are sent, from and up to, and the status; None if there are no such bytes."""
    match = _RANGE.fullmatch(header.strip())
    if match is None or match[1] == match[2] == "":
        return 0, size, 200
    if match[1] == "":
        begin, end = max(size - int(match[2]), 0), size
    else:
        begin, end = int(match[1]), min(int(match[2] or size) + bool(match[2]), size)
    if begin >= end:
        return None
    if match[1] != "" and match[2] == "" and begin > 0:
        return 0, size, 200
    return begin, end, 206


def _unlisted(handler: Handler, route: Route, passing: Passing) -> None:
    """Answer about a file that nobody sealed: absent if the Hub has none either, else refused."""
    name, repo = printable(route.path), short(passing.repo)
    if route.path not in handler.server.theirs(passing, handler.whose).blobs:
        handler.absent(f"{name} is not in {repo}", passing.commit)
        return
    if is_ignored(route.path):
        words = f"{name} is a name that no seal covers, so it does not pass"
        handler.say(403, {"error": words}, {"X-Error-Message": words})
        return
    words = f"FAILED {repo}: {name} is not in its seal"
    handler.refuse(403, _refusal("failed", 1, passing, route.path, words))


def _blocked(handler: Handler, passing: Passing, file: File, why: str) -> None:
    handler.refuse(403, _wrong(passing, file, why))


def _wrong(passing: Passing, file: File, why: str) -> Refusal:
    words = f"BLOCKED: {printable(file.name)} of {short(passing.repo)} is not the sealed file: {why}"
    return _refusal("failed", 1, passing, file.name, words)


def _refusal(word: str, exit_code: int, passing: Passing, file: str, words: str) -> Refusal:
    return Refusal(word, exit_code, short(passing.repo), passing.commit, file, words)
