"""Guard this process: what huggingface_hub downloads here is what was sealed, whichever library asks for it.

    1 a guard on 127.0.0.1, as `modelseal guard` runs one       3 before a repo is described or a file handed out:
    2 huggingface_hub's requests are led there                    what the Hub cache has of it is compared too

It sees requests. For a commit id whose files lie in the cache, with `local_files_only` and with HF_HUB_OFFLINE,
huggingface_hub asks nobody: that must be verified beforehand, which is what `verify REPO` and `scan` do.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from modelseal import platform, root
from modelseal.errors import Error, Misbehaviour, Refused, Unavailable
from modelseal.formats.manifest import File
from modelseal.formats.names import printable, short
from modelseal.hubproxy import Ledger, Server, Spool, Upstream, routes
from modelseal.hubproxy.routes import NoRoute, Route
from modelseal.journeys import at_hand
from modelseal.journeys.allow import Allow, Allowing
from modelseal.journeys.ask import Where, check
from modelseal.journeys.digests import Hashing
from modelseal.journeys.gate import Gate
from modelseal.journeys.into_cache import CacheTarget
from modelseal.passing import Passing, Stopped
from modelseal.verdict import NotVerified, Verdict, Word

OURS = "modelseal/"  # how our own requests to the Hub call themselves: what they bring is judged where it is used
_HARMLESS = ("/api/whoami-v2",)  # read for its own sake: no program gets anything to load there


def guard(
    *,
    registry: str | None = None,
    offline: bool = False,
    max_age: int | None = None,
    strict: bool = False,
    locked: bool = False,
    lock: Path | str | None = None,
    rules: Path | str | None = None,
) -> Guarded:
    """From now on huggingface_hub downloads only what was sealed into this process, also for libraries that use it.

        with modelseal.guard():
            tokenizer = AutoTokenizer.from_pretrained("acme-lab/atlas-7b")

    Without `with` the guard stands until `.close()` or the end of the process. A repo that must not be used, a file
    that is not in its seal or differs from it, and one that the Hub cache has and that differs, raise Refused out of
    the call that wanted it, with `exit_code` as the command has it; where nobody answers, Unavailable. Other names that
    a Hub lists are hidden. No revision and `main` are the newest release. The parameters are as for `verify`; without a
    verdict only what rules.toml allows may be used.

    Xet is off meanwhile. Not seen are files that the cache has and that are asked for by commit id or offline, other
    cache folders than HF_HUB_CACHE, and programs that this one starts: see `verify`, `get` and the command `guard`.

    Raises Usage: a second guard, HF_HUB_OFFLINE, or options that do not fit; Refused: another Hub is asked.
    """
    allow = Allow((), strict, locked, Path(lock) if lock else None, Path(rules) if rules else None)
    where = Where(registry, None, offline, max_age, None)
    check(where)
    allowing = Allowing.of(allow, named=None)
    if not allowing.has_pinned and not root.entries(platform.config_folder()):
        root.find(platform.config_folder())  # says what to type
    return Guarded(Gate(where, allowing), offline=offline)


class Guarded:
    """A guard that stands. Close it, or leave its `with`, and all is as before."""

    def __init__(self, gate: Gate, *, offline: bool) -> None:
        from modelseal.hub import transport

        self._endpoint, self._cache = transport.endpoint(), transport.cache_folder()
        self._gate, self._ledger = gate, Ledger()
        self._sound: set[tuple[str, str]] = set()  # repo and commit: what the cache had of it was as sealed
        self._looked: dict[tuple[str, str], threading.Lock] = {}
        self._lock = threading.Lock()
        self._spool = Spool(Path(tempfile.gettempdir()))
        self._upstream = Upstream(self._endpoint, offline=offline)
        self._server = Server(gate, self._upstream, self._spool, self._ledger)  # 1
        self._undo: Callable[[], None] | None = None
        try:
            self._undo = transport.install(self)  # 2
            self._server.start()
        except BaseException:
            self.close()
            raise
        atexit.register(self.close)

    def close(self) -> None:
        """Lead nothing any more. May be called again."""
        atexit.unregister(self.close)
        if self._undo is not None:
            self._undo()
        self._server.close()
        self._upstream.close()
        self._spool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def place(self, method: str, url: str, agent: str) -> str | None:
        """Return where a request goes instead, None for what goes out as it is; see `hub.transport.Door`."""
        if agent.startswith(OURS):
            return None
        target = _below(url, self._endpoint) or _below(url, self._server.url)
        if target is None:
            if method not in ("GET", "HEAD"):
                return None  # what is sent elsewhere: an upload, a question to a running model
            shown = printable(urlsplit(url).netloc)
            raise Refused(f"{shown} is not the Hub that is guarded here, {urlsplit(self._endpoint).netloc}")
        route = routes.parse(method, target)
        if isinstance(route, NoRoute):
            if method not in ("GET", "HEAD") or target.partition("?")[0] in _HARMLESS:
                return None
            return self._server.url + target  # which says what is wrong with it
        passing = self._gate.passing(route.repo, route.revision)
        if isinstance(passing, Stopped):
            raise _stopped(passing)
        kept = CacheTarget(self._cache, passing.repo, passing.commit)
        self._check_cached(passing, kept)  # 3
        if route.what == "file" and (sealed := passing.files.get(route.path)) is not None:
            self._check_blob(passing, sealed, kept)
        return self._server.url + target

    def _check_cached(self, passing: Passing, target: CacheTarget) -> None:
        """Raise Refused if the Hub cache has other files of this commit than those that may pass: huggingface_hub would
        hand them out unseen. What it has later came through this guard."""
        key = passing.repo.lower(), passing.commit
        with self._lock:
            turn = self._looked.setdefault(key, threading.Lock())
        with turn:
            if key in self._sound:
                return
            found = at_hand.look(target.walk(), passing.files, Hashing(), quiet=True)
            if bad := (*found.wrong, *found.foreign, *(problem.name for problem in found.problems)):
                named = ", ".join(map(printable, bad[:3])) + (f" and {len(bad) - 3} more" if len(bad) > 3 else "")
                name = short(passing.repo)
                hint = f"see more: modelseal verify {name}; replace it: modelseal get {name}"
                raise _failed(passing, f"in the Hub cache, of this commit, is not what was sealed: {named}", hint)
            self._sound.add(key)

    def _check_blob(self, passing: Passing, file: File, target: CacheTarget) -> None:
        """Raise Refused if the cache has other bytes where it keeps those of *file*: they would be taken for it."""
        blob = target.folder / "blobs" / file.sha256.hex()
        if os.path.lexists(target.path / file.name) or not os.path.lexists(blob):
            return
        with contextlib.suppress(OSError), open(blob, "rb") as there:
            if hashlib.file_digest(there, "sha256").digest() == file.sha256:
                return
        words = f"the Hub cache has other bytes where those of {printable(file.name)} belong"
        raise _failed(passing, words, f"remove {blob}")

    def refusal(self, place: str, words: str, exit_code: int) -> Error:
        """Return what is raised for an answer of the guard; see `hub.transport.Door`."""
        if exit_code == Unavailable.exit_code:
            return Unavailable(words)
        route = routes.parse("GET", _below(place, self._server.url) or "")
        passing = self._gate.passing(route.repo, route.revision) if isinstance(route, Route) else None
        if not isinstance(passing, Passing):
            return Refused(words)
        return _failed(passing, words.removeprefix(f"FAILED {short(passing.repo)}: "))


def _stopped(stopped: Stopped) -> Error:
    if isinstance(stopped.outcome, Verdict):
        return NotVerified(stopped.words, verdict=stopped.outcome)
    return stopped.outcome if isinstance(stopped.outcome, Misbehaviour) else Unavailable(stopped.words)


def _failed(passing: Passing, words: str, hint: str | None = None) -> NotVerified:
    verdict = Verdict(Word.FAILED, f": {words}", "", passing.verdict.decision, release=passing.verdict.release)
    return NotVerified(f"FAILED {short(passing.repo)}: {words}", verdict=verdict, hint=hint)


def _below(url: str, endpoint: str) -> str | None:
    """Return the path and query of *url* below *endpoint*; None if it is not below it."""
    return url[len(endpoint) :] if url.startswith(endpoint + "/") else None
