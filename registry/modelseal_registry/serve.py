"""`serve`: the one process that writes the log, and the HTTP workers in front of it.

    1 settings, keys, trust root agree      4 the sequencer: refuses a database older than what was published
    2 the folder is ours alone              5 workers; READY once they answer
    3 the port is ours alone                6 a signal: requests end, then the sequencer, exit 0

Whatever comes between, also SIGKILL, costs nothing that was acknowledged: the database commit is the only truth.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Callable

from modelseal.errors import Error
from modelseal_registry import claims, config, metrics, server, trustfiles, web, weblog
from modelseal_registry.config import Place
from modelseal_registry.log import Log, only_writer, open_log
from modelseal_registry.looker import Looker
from modelseal_registry.reads import Reads
from modelseal_registry.shared import Shared

Say = Callable[[str], None]
Ready = Callable[[str, str | None], None]

REPEAT_S = 60  # the same trouble is said again after this long


def serve(
    place: Place, listen: str | None, writes: str | None = None, behind: int = 0, *, ready: Ready, event: Say
) -> None:
    """Serve the registry in *place* until SIGTERM or SIGINT, *behind* so many proxies.

    With *writes* records are taken there, by the workers of this process, and *listen* is for reads alone (`reads`).
    *ready* gets the URL and that for writes, *event* one line per event.
    """
    settings = config.read(place)  # 1
    trustfiles.read(settings)
    form = weblog.Log(settings.log)
    event = event if settings.log == "text" else form.event
    shared = Shared.create(metrics.WIDTH)
    with contextlib.ExitStack() as stack:
        stack.enter_context(only_writer(place))  # 2
        sock = stack.enter_context(server.bind(listen or settings.listen))  # 3
        taken = stack.enter_context(server.bind(writes)) if writes else sock
        log = stack.enter_context(open_log(settings))
        sequencer = log.sequencer(trustfiles.TrustFiles(settings))
        sequencer.start()  # 4
        app = functools.partial(web.registry_app, place.dir, shared, behind)
        http = server.Server(taken, app, workers=settings.workers, log=form)
        stop = threading.Event()
        faults: list[BaseException] = []

        def fail(error: BaseException) -> None:
            faults.append(error)
            http.stop()

        def sequence() -> None:
            try:
                sequencer.run(stop, Troubles(event, shared), functools.partial(shared.set_gauge, "trouble", 0))
            except BaseException as e:  # a bug of ours: better down and restarted than up and deaf
                fail(e)

        thread = threading.Thread(target=sequence, name="sequencer")
        looker = Looker(settings, log.store, functools.partial(claims.in_force, origin=settings.origin))
        looking = threading.Thread(target=looker.run, args=(stop, Troubles(event)), name="looker", daemon=True)

        def drained() -> None:
            stop.set()
            thread.join()
            if not faults and sequencer.batch():
                sequencer.publish()
            event("stopped")

        reads: Reads | None = None
        if writes:
            loader = functools.partial(web.reads_app, place.dir, shared, behind)
            reads = Reads(sock, loader, workers=settings.workers, log=form)
            stack.callback(reads.stop)
            reads.watch(lambda: fail(Error("the processes that answer reads have ended")))

        def started() -> None:
            if reads is None:
                ready(server.url_of(sock), None)
            elif reads.wait():
                ready(server.url_of(sock), server.url_of(taken))

        event(f"serving {settings.origin}, {_size(log)} leaves, from {place.dir}")
        thread.start()
        if settings.hub:
            looking.start()
        http.run(started=started, stopped=drained)  # 5 6
        if faults:
            raise Error(f"the server failed: {type(faults[0]).__name__}: {faults[0]}")


class Troubles:
    """Tells what goes wrong: at once, and again each minute while it lasts; of the sequencer also by a gauge."""

    def __init__(self, event: Say, shared: Shared | None = None) -> None:
        self._event = event
        self._shared = shared
        self._last, self._said = "", 0.0

    def __call__(self, error: Error) -> None:
        if self._shared:
            self._shared.set_gauge("trouble", 1)
        now = time.monotonic()
        if str(error) != self._last or now - self._said > REPEAT_S:
            self._event(f"trouble: {error}" + (f" ({error.hint})" if error.hint else ""))
            self._last, self._said = str(error), now


def _size(log: Log) -> int:
    with log.store.read() as tx:
        return tx.head().size
