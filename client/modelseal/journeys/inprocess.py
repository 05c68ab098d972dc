"""Guard this process: what huggingface_hub downloads here is what was sealed, whichever library asks for it.

1 a guard on 127.0.0.1 with a cache of its own, as `modelseal guard` runs one
2 huggingface_hub's requests are led there, and it keeps files in that cache
"""

from __future__ import annotations

import atexit
import contextlib
import errno
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from modelseal.errors import Error, Misbehaviour, Refused, Unavailable
from modelseal.formats.names import printable, short
from modelseal.hubproxy import routes
from modelseal.hubproxy.routes import NoRoute, Route
from modelseal.journeys.allow import Allow, Allowing
from modelseal.journeys.ask import Where
from modelseal.journeys.guard import endpoint, opened
from modelseal.passing import Passing, Stopped
from modelseal.verdict import NotVerified, Verdict, Word

OURS = "modelseal/"  # how our own requests to the Hub call themselves: what they bring is judged where it is used
_HARMLESS = ("/api/whoami-v2",)  # read for its own sake: no program gets anything to load there


class _Final(OSError, ValueError):
    """Libraries catch what goes wrong with a download, and take what the cache has instead, or hide the reason.
    transformers lets two kinds of errors through: those of a disk that cannot be written, and, before 5, ValueError."""

    def __init__(self, *words: Any, **more: Any) -> None:
        super().__init__(*words, **more)
        self.errno = errno.EROFS


class Blocked(NotVerified, _Final):
    """A repo or file that must not be used here."""


class NoAnswer(Unavailable, _Final):
    """Nobody can say whether it may be used."""


class Denied(Refused, _Final):
    """It cannot have a verdict."""


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

    Without `with` the guard stands until `.close()` or the end of the process. A repo that must not be used, and a file
    that is not in its seal or differs from it, raise NotVerified out of the call that wanted it; where nobody answers,
    Unavailable; another Hub, Refused. All of them are OSErrors here. Other names that a Hub lists are hidden. No
    revision and `main` are the newest release. The parameters are as for `verify`; what is not sealed may be used only
    where rules.toml allows it.

    Meanwhile the Hub cache is one of the guard's own, in which only verified files lie, and Xet is off. Not guarded are
    libraries with downloads of their own, a `cache_dir` or `local_dir` that is given in a call and has files already,
    what `datasets` has prepared earlier, and programs that this one starts: see `get`, and the command `guard`.

    Raises Usage (a second guard, options that do not fit), Unavailable (no trust root).
    """
    allow = Allow.typed((), strict, locked, lock, rules)
    return Guarded(Where(registry, None, offline, max_age, None), Allowing.of(allow, named=None))


class Guarded:
    """A guard that stands. Close it, or leave its `with`, and all is as before."""

    def __init__(self, where: Where, allowing: Allowing) -> None:
        from modelseal.hub import transport

        self._endpoint = endpoint()
        transport.check_endpoint(self._endpoint)
        with contextlib.ExitStack() as stack:
            guard = stack.enter_context(opened(where, allowing))  # 1
            self._url, self._gate = guard.url, guard.server.gate
            stack.callback(transport.install(self, guard.own.hub))  # 2
            self._stack = stack.pop_all()
        atexit.register(self.close)

    def close(self) -> None:
        """Lead nothing any more. May be called again."""
        atexit.unregister(self.close)
        self._stack.close()

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
        target = _below(url, self._endpoint) or _below(url, self._url)
        if target is None:
            if method not in ("GET", "HEAD"):
                return None  # what is sent elsewhere: an upload, a question to a running model
            shown = printable(urlsplit(url).netloc)
            raise Denied(f"{shown} is not the Hub that is guarded here, {urlsplit(self._endpoint).netloc}")
        route = routes.parse(method, target)
        if isinstance(route, NoRoute):
            if method not in ("GET", "HEAD") or target.partition("?")[0] in _HARMLESS:
                return None
            return self._url + target  # which says what is wrong with it
        passing = self._gate.passing(route.repo, route.revision)
        if isinstance(passing, Stopped):
            raise _stopped(passing)
        return self._url + target

    def refusal(self, place: str, words: str, exit_code: int) -> Error:
        """Return what is raised for an answer of the guard; see `hub.transport.Door`."""
        route = routes.parse("GET", _below(place, self._url) or "")
        passing = self._gate.passing(route.repo, route.revision) if isinstance(route, Route) else None
        if exit_code == Unavailable.exit_code:
            return NoAnswer(words)
        if not isinstance(passing, Passing):
            return Denied(words)
        said = words.removeprefix(f"FAILED {short(passing.repo)}: ")
        verdict = Verdict(Word.FAILED, f": {said}", "", passing.verdict.decision, release=passing.verdict.release)
        return Blocked(f"FAILED {short(passing.repo)}: {said}", verdict=verdict)


def _stopped(stopped: Stopped) -> Error:
    if isinstance(stopped.outcome, Verdict):
        return Blocked(stopped.words, verdict=stopped.outcome)
    return stopped.outcome if isinstance(stopped.outcome, Misbehaviour) else NoAnswer(stopped.words)


def _below(url: str, endpoint: str) -> str | None:
    """Return the path and query of *url* below *endpoint*; None if it is not below it."""
    return url[len(endpoint) :] if url.startswith(endpoint + "/") else None
