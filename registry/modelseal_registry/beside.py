"""Work beside a running server, through the database: its sequencer logs what is submitted here.

Where no server runs, the folder's lock is taken and the log is written here for as long as it takes.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from modelseal.errors import Conflict, Error, Malformed, Pending, Refused, Unavailable
from modelseal.formats.leaves import Submission
from modelseal_registry.config import Config
from modelseal_registry.log import only_writer, open_log
from modelseal_registry.registry import Registry
from modelseal_registry.store import Store, open_store
from modelseal_registry.trustfiles import TrustFiles

WAIT_S = 20.0  # for the sequencer of a running server

_KINDS: dict[int, type[Error]] = {400: Malformed, 403: Refused, 409: Conflict}


@contextlib.contextmanager
def database(settings: Config) -> Iterator[Store]:
    store = open_store(settings.place.database)
    try:
        yield store
    finally:
        store.close()


def submit(store: Store, settings: Config, submission: Submission) -> int:
    """Have *submission* logged and return its leaf; Pending if nobody logged it in time, Refused if a rule says no."""
    with _sequenced(settings):
        registry = Registry(store, settings.origin, settings.place.public, wait_s=WAIT_S)
        status, answer = registry.submit(submission.encode())
    if status == 200:
        return int(answer["index"])
    if status == 202:
        raise Pending(f"it waits for {answer['waits_for']}", hint="is the server well? modelseal-registry status")
    raise _KINDS.get(status, Unavailable)(str(answer["error"]))


@contextlib.contextmanager
def _sequenced(settings: Config) -> Iterator[None]:
    """See to it that a sequencer runs: the server's, or one of our own for so long."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(only_writer(settings.place))
        except Refused:  # the server writes this log
            yield
            return
        log = stack.enter_context(open_log(settings))
        sequencer = log.sequencer(TrustFiles(settings))
        sequencer.start()
        stop = threading.Event()
        thread = threading.Thread(target=sequencer.run, args=(stop,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
