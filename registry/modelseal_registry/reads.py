"""The address for reads of `serve --listen-writes`: a process of its own with workers of its own.

It is started before the log's key is loaded and gets a socket and a loader, nothing else. Whoever floods it keeps
nobody from submitting, and the other way round.
"""

from __future__ import annotations

import multiprocessing
import socket
import threading
from collections.abc import Callable
from typing import Any

from modelseal_registry import server
from modelseal_registry.server import Loader
from modelseal_registry.weblog import Log

READY_S = 60  # nobody's workers need that long


class Reads:
    """Serve *loader*'s application on *sock* beside this process; ended by `stop`, or with this process."""

    def __init__(self, sock: socket.socket, loader: Loader, *, workers: int, log: Log) -> None:
        context = multiprocessing.get_context("spawn")
        self._ready: Any = context.Event()
        self._process = context.Process(target=_serve, args=(sock, loader, workers, log, self._ready))
        self._stopping = False
        self._process.start()

    def wait(self) -> bool:
        """Wait until it answers; False if it does not."""
        return bool(self._ready.wait(READY_S))

    def watch(self, lost: Callable[[], None]) -> None:
        """Call *lost*, from a thread, if it ends before it is stopped."""

        def look() -> None:
            self._process.join()
            if not self._stopping:
                lost()

        threading.Thread(target=look, daemon=True).start()

    def stop(self) -> None:
        self._stopping = True
        self._process.terminate()
        self._process.join(server.DRAIN_S + 5)
        self._process.kill()


def _serve(sock: socket.socket, loader: Loader, workers: int, log: Log, ready: Any) -> None:
    server.end_with_parent()
    server.Server(sock, loader, workers=workers, log=log).run(started=ready.set, stopped=lambda: None)
