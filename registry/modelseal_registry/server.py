"""HTTP, by granian: one exclusive socket, worker processes that end with the main one, READY once it answers.

granian itself would let every worker bind the port (SO_REUSEPORT), and so a second server on the same port too: half of
the answers would then come from another log. Here the main process binds, without that option, before anything starts.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

from modelseal.errors import Refused, Usage
from modelseal_registry import config
from modelseal_registry.static import Wsgi
from modelseal_registry.weblog import Formatter, Log

BACKLOG = 1024  # connections that wait to be accepted
THREADS = 32  # per worker: a submission holds one until it is logged
HEADER_MS = 5_000  # a request's header must have arrived by then
DRAIN_S = 30  # requests that run when the server is stopped get this long
PROBE_S = 0.02

Loader = Callable[[], Wsgi]  # called in the worker; must be picklable: a function of a module, or a partial of one


def bind(listen: str) -> socket.socket:
    """Return a socket that listens at `HOST:PORT` and shares it with nobody; Refused if the port is taken."""
    host, port = config.address_of(listen)
    try:
        family, kind, proto, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as e:
        raise Usage(f"listen: {host} is not a host of this machine") from e
    sock = socket.socket(family, kind, proto)
    try:
        if sys.platform == "win32":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:  # a restart need not wait for old connections; a second listener is refused all the same
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # What is accepted inherits it; without, a body waits for the acknowledgement of its head.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.bind(where)
        sock.listen(BACKLOG)
    except OSError as e:
        sock.close()
        raise Refused(
            f"cannot listen at {listen}: {(e.strerror or 'refused').lower()}",
            hint="another server has this port; stop it, or choose another with --listen HOST:PORT",
        ) from e
    return sock


def url_of(sock: socket.socket) -> str:
    """Return the URL under which *sock* answers on this machine."""
    host, port = sock.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (compared, not bound)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server:
    """Serve *loader*'s application on *sock* with *workers* processes until SIGTERM or SIGINT."""

    def __init__(self, sock: socket.socket, loader: Loader, *, workers: int, log: Log = Log()) -> None:  # noqa: B008
        self._sock = sock
        self._loader = loader
        self._granian = _granian(sock, workers, log)

    def run(self, *, started: Callable[[], None], stopped: Callable[[], None]) -> None:
        """Return after a clean stop. *started* is called once the server answers, from a thread of its own; *stopped*
        after the last request. SystemExit 1 if the workers end again and again."""
        # Not fork: this process has threads. The workers import what they need, nothing is inherited but the socket.
        multiprocessing.set_start_method("spawn", force=True)

        def probe() -> None:
            if _answers(self._sock):
                started()

        self._granian.on_startup(threading.Thread(target=probe, daemon=True).start)
        self._granian.on_shutdown(stopped)
        self._granian.serve(target_loader=_Loaded(self._loader), wrap_loader=False)

    def stop(self) -> None:
        """As SIGTERM does; from any thread."""
        self._granian.signal_handler_interrupt()


class _Loaded:
    """What a worker calls to get its application; picklable."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def __call__(self) -> Wsgi:
        end_with_parent()
        return self._loader()


def end_with_parent() -> None:
    """See to it that this process does not outlive the one that started it."""
    threading.Thread(target=_end_with, args=(multiprocessing.parent_process(),), daemon=True).start()


def _end_with(parent: Any) -> None:
    parent.join()  # returns when the main process is gone, however it went
    os._exit(1)


def _granian(sock: socket.socket, workers: int, log: Log) -> Any:
    from granian._granian import SocketHolder
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings
    from granian.log import LogLevels
    from granian.server import MPServer

    holder: Any = SocketHolder

    class OnOurSocket(MPServer):
        _ssp: Any
        _shd: Any
        _sfd: Any
        _sso: Any

        def _init_shared_socket(self) -> None:
            # What granian does itself where there is no SO_REUSEPORT: all workers accept from one socket.
            sock.set_inheritable(True)
            self._ssp = None
            self._shd = holder(sock.fileno(), False, BACKLOG)
            self._sfd = sock.fileno()
            self._sso = sock

    host, port = sock.getsockname()[:2]
    return OnOurSocket(
        "modelseal_registry",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        workers=workers,
        blocking_threads=THREADS,
        backlog=BACKLOG,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_MS),
        respawn_failed_workers=True,
        workers_kill_timeout=DRAIN_S,
        log_level=LogLevels.error,
        log_dictconfig=_logging(log),
    )


def _logging(log: Log) -> dict[str, Any]:
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": Formatter, "log": log}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stderr"}},
        "loggers": {"_granian": {"handlers": ["stderr"], "level": "ERROR", "propagate": False}},
    }


def _answers(sock: socket.socket) -> bool:
    """Wait until a request is answered; False if the socket was closed meanwhile."""
    import http.client
    import time
    from urllib.parse import urlsplit

    from modelseal.formats import paths

    while True:
        try:
            where = urlsplit(url_of(sock))
            connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=2)
            connection.request("GET", "/" + paths.HEALTH)
            connection.getresponse().read()
            connection.close()
            return True
        except (OSError, http.client.HTTPException):
            if sock.fileno() < 0:
                return False
            time.sleep(PROBE_S)
