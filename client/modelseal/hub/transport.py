"""Requests of huggingface_hub in this process, led through a guard: under its public client factories.

The Hub's own client asks through one `httpx.Client` (1.x) or `httpx2.Client` (2.x) that a factory makes, and lets
everybody set the factory. Ours makes clients with a transport of its own: what is meant for the guarded Hub goes to the
guard on 127.0.0.1, in plain HTTP and never through a proxy; what the guard refuses is raised as an error of ours, which
huggingface_hub does not know, so that it neither tries again nor falls back to what its cache has. All else goes out
through a client of the factory that was there before, with its proxies, certificates and headers.

Xet goes around every client factory: it is switched off meanwhile. What lies in the Hub cache is handed out without a
request: the cache is another one meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from modelseal.errors import Error, Usage
from modelseal.hub import client

VERDICT = "X-Modelseal-Verdict"  # what a guard marks its refusals with: word and exit status


class Door(Protocol):
    """Says where requests go. From any thread; may block."""

    def place(self, method: str, url: str, agent: str) -> str | None:
        """Return the address at the guard, or None for a request that goes out as it is. Raises Error instead."""

    def refusal(self, place: str, words: str, exit_code: int) -> Error:
        """Return what is raised because the guard refuses what was asked for at *place*."""


_CACHES = ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE")  # where it looks, at each call
_active: list[Door] = []  # at most one


def install(door: Door, cache: Path) -> Callable[[], None]:
    """Lead huggingface_hub's requests through *door* from now on, and have it keep files in *cache*; return what undoes
    it. Usage if this is done already.

    Clients that somebody has made and kept go on as they were made, and so does who has noted where the cache is.
    """
    from huggingface_hub import constants, set_async_client_factory, set_client_factory
    from huggingface_hub.utils import _http

    if _active:
        raise Usage("this process is guarded already", hint="leave the first guard before you enter another")
    library = client.http()
    sync, async_ = _http._GLOBAL_CLIENT_FACTORY, _http._GLOBAL_ASYNC_CLIENT_FACTORY  # nothing public tells them
    kept = {name: getattr(constants, name) for name in ("HF_HUB_DISABLE_XET", *_CACHES)}
    hooks = _http.default_client_factory().event_hooks, _http.default_async_client_factory().event_hooks
    sync_transport, async_transport = _transports(library)

    def make() -> Any:
        return library.Client(
            transport=sync_transport(door, sync()), event_hooks=hooks[0], follow_redirects=True, timeout=None
        )

    def make_async() -> Any:
        return library.AsyncClient(
            transport=async_transport(door, async_()), event_hooks=hooks[1], follow_redirects=True, timeout=None
        )

    def undo() -> None:
        if door in _active:
            _active.remove(door)
            set_client_factory(sync)
            set_async_client_factory(async_)
            for name, value in kept.items():
                setattr(constants, name, value)

    _active.append(door)
    for name in kept:
        setattr(constants, name, True if name not in _CACHES else str(cache))
    set_client_factory(make)
    set_async_client_factory(make_async)
    return undo


def check_endpoint(hub: str) -> None:
    """Raise Usage unless huggingface_hub asks *hub*: it notes the address when it is loaded."""
    from huggingface_hub import constants

    if constants.ENDPOINT.rstrip("/") != hub:
        raise Usage(
            f"huggingface_hub asks {constants.ENDPOINT}, and the environment names {hub}",
            hint="set HF_ENDPOINT before huggingface_hub is loaded",
        )


def _refused(door: Door, place: str, answer: Any) -> Error | None:
    """Return what to raise if *answer* is a refusal of the guard."""
    word, _, code = answer.headers.get(VERDICT, "").partition(" ")
    if not code.isdecimal():
        return None
    return door.refusal(place, answer.headers.get("X-Error-Message") or word, int(code))


def _headers(request: Any, place: str) -> Any:
    headers = request.headers.copy()
    headers["Host"] = urlsplit(place).netloc
    return headers


def _transports(library: Any) -> tuple[Any, Any]:
    """Return both transports, made of *library*'s classes."""

    def to_guard(request: Any, place: str) -> Any:
        headers, stream = _headers(request, place), request.stream
        return library.Request(request.method, place, headers=headers, stream=stream, extensions=request.extensions)

    class Checked(library.SyncByteStream):  # type: ignore[misc]
        """A body that ends too early because of what the guard has found raises that."""

        def __init__(self, inner: Any, why: Callable[[], Error | None]) -> None:
            self._inner, self._why = inner, why

        def __iter__(self) -> Iterator[bytes]:
            try:
                yield from self._inner
            except library.TransportError:
                if (error := self._why()) is not None:
                    raise error from None
                raise

        def close(self) -> None:
            self._inner.close()

    class Transport(library.BaseTransport):  # type: ignore[misc]
        def __init__(self, door: Door, outside: Any) -> None:
            self._door, self._outside = door, outside
            self._inside = library.Client(trust_env=False, timeout=None)

        def handle_request(self, request: Any) -> Any:
            place = self._door.place(request.method, str(request.url), request.headers.get("User-Agent", ""))
            if place is None:
                for name, value in self._outside.headers.items():
                    request.headers.setdefault(name, value)
                return self._outside.send(request, stream=True, follow_redirects=False)
            answer = self._inside.send(to_guard(request, place), stream=True, follow_redirects=False)
            if (error := _refused(self._door, place, answer)) is not None:
                answer.close()
                raise error

            def why() -> Error | None:
                with self._inside.stream("GET", place, headers=headers) as again:
                    return _refused(self._door, place, again)

            headers = _headers(request, place)
            answer.stream = Checked(answer.stream, why)
            return answer

        def close(self) -> None:
            self._inside.close()
            self._outside.close()

    class AsyncChecked(library.AsyncByteStream):  # type: ignore[misc]
        def __init__(self, inner: Any, why: Callable[[], Awaitable[Error | None]]) -> None:
            self._inner, self._why = inner, why

        async def __aiter__(self) -> AsyncIterator[bytes]:
            try:
                async for part in self._inner:
                    yield part
            except library.TransportError:
                if (error := await self._why()) is not None:
                    raise error from None
                raise

        async def aclose(self) -> None:
            await self._inner.aclose()

    class AsyncTransport(library.AsyncBaseTransport):  # type: ignore[misc]
        def __init__(self, door: Door, outside: Any) -> None:
            self._door, self._outside = door, outside
            self._inside = library.AsyncClient(trust_env=False, timeout=None)

        async def handle_async_request(self, request: Any) -> Any:
            agent = request.headers.get("User-Agent", "")
            place = await asyncio.to_thread(self._door.place, request.method, str(request.url), agent)
            if place is None:
                for name, value in self._outside.headers.items():
                    request.headers.setdefault(name, value)
                return await self._outside.send(request, stream=True, follow_redirects=False)
            answer = await self._inside.send(to_guard(request, place), stream=True, follow_redirects=False)
            if (error := _refused(self._door, place, answer)) is not None:
                await answer.aclose()
                raise error

            async def why() -> Error | None:
                async with self._inside.stream("GET", place, headers=headers) as again:
                    return _refused(self._door, place, again)

            headers = _headers(request, place)
            answer.stream = AsyncChecked(answer.stream, why)
            return answer

        async def aclose(self) -> None:
            await self._inside.aclose()
            await self._outside.aclose()

    return Transport, AsyncTransport
