"""`serve`: the one process that writes the log, and the HTTP workers in front of it.

    1 settings, keys, trust root agree      4 the sequencer: refuses a database older than what was published
    2 the folder is ours alone              5 workers; READY once they answer
    3 the port is ours alone                6 a signal: requests end, then the sequencer, exit 0

Whatever comes between, also SIGKILL, costs nothing that was acknowledged: the database commit is the only truth.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable

from modelseal.errors import Error
from modelseal_registry import config, server, trustfiles, web
from modelseal_registry.config import Place
from modelseal_registry.log import Log, only_writer, open_log

Say = Callable[[str], None]

REPEAT_S = 60  # the same trouble is said again after this long


def serve(place: Place, listen: str | None, *, ready: Say, event: Say) -> None:
    """Serve the registry in *place* until SIGTERM or SIGINT. *ready* gets the URL, *event* one line per event."""
    settings = config.read(place)  # 1
    trustfiles.read(settings)
    with only_writer(place), server.bind(listen or settings.listen) as sock, open_log(settings) as log:  # 2 3
        sequencer = log.sequencer(trustfiles.TrustFiles(settings))
        sequencer.start()  # 4
        http = server.Server(sock, functools.partial(web.registry_app, place.dir), workers=settings.workers)
        stop = threading.Event()
        faults: list[BaseException] = []

        def sequence() -> None:
            try:
                sequencer.run(stop, Troubles(event))
            except BaseException as e:  # a bug of ours: better down and restarted than up and deaf
                faults.append(e)
                http.stop()

        thread = threading.Thread(target=sequence, name="sequencer")

        def drained() -> None:
            stop.set()
            thread.join()
            if not faults and sequencer.batch():
                sequencer.publish()
            event("stopped")

        event(f"serving {settings.origin}, {_size(log)} leaves, from {place.dir}")
        thread.start()
        http.run(started=lambda: ready(server.url_of(sock)), stopped=drained)  # 5 6
        if faults:
            raise Error(f"the sequencer failed: {type(faults[0]).__name__}: {faults[0]}")


class Troubles:
    """Tells what goes wrong in the sequencer: at once, and again each minute while it lasts."""

    def __init__(self, event: Say) -> None:
        self._event = event
        self._last, self._said = "", 0.0

    def __call__(self, error: Error) -> None:
        now = time.monotonic()
        if str(error) != self._last or now - self._said > REPEAT_S:
            self._event(f"trouble: {error}" + (f" ({error.hint})" if error.hint else ""))
            self._last, self._said = str(error), now


def _size(log: Log) -> int:
    with log.store.read() as tx:
        return tx.head().size
