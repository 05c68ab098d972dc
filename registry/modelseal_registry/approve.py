"""What operators do with claims: list them, admit one on their word, refuse one.

While `serve` runs these work beside it, through the database: its sequencer logs what is approved. Otherwise the
folder's lock is taken and the log is written here.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from modelseal.errors import Conflict, Error, Malformed, Pending, Refused, Unavailable
from modelseal.formats.leaves import Submission
from modelseal.keys import SigningKey
from modelseal_registry import claims, config, keyfiles
from modelseal_registry.claims import Waiting
from modelseal_registry.config import Config, Place
from modelseal_registry.log import only_writer, open_log
from modelseal_registry.registry import Registry
from modelseal_registry.store import Store, open_store
from modelseal_registry.trustfiles import TrustFiles

WAIT_S = 20.0  # for the sequencer of a running server


@dataclass(frozen=True, slots=True)
class Approved:
    claim: Waiting
    index: int  # of the identity's leaf


def look(place: Place, state: str | None) -> list[Waiting]:
    """Return the open claims, or those that are *state*: ready or waiting."""
    settings = config.read(place)
    with _database(settings) as store:
        return claims.look(store, settings.origin, state)


def find(place: Place, name: str) -> Waiting:
    settings = config.read(place)
    with _database(settings) as store:
        return claims.find(store, settings.origin, name)


def refuse(place: Place, name: str, reason: str) -> Waiting:
    settings = config.read(place)
    with _database(settings) as store:
        found = claims.find(store, settings.origin, name)
        claims.refuse(store, found, reason)
        return found


def approve(place: Place, name: str, *, reason: str, resembles: tuple[str, ...], keys: list[SigningKey]) -> Approved:
    """Admit the claim *name* on the operators' word and wait until it is logged.

    Without *keys* the one for trying out signs. Pending if nobody logged it in time; Refused if a rule says no.
    """
    settings = config.read(place)
    keys = keys or [keyfiles.load(place.keys / keyfiles.OPERATOR)]
    with _database(settings) as store:
        found = claims.find(store, settings.origin, name)
        identity = claims.make_identity(store, settings.origin, found, resembles, keys)
        with _sequenced(settings):
            index = _submit(Registry(store, settings.origin, place.public, wait_s=WAIT_S), identity)
        with store.write() as tx:
            tx.settle_claim(found.stored.digest, "approved", reason)
        return Approved(claims.find(store, settings.origin, name), index)


def _submit(registry: Registry, identity: Submission) -> int:
    status, answer = registry.submit(identity.encode())
    if status == 200:
        return int(answer["index"])
    if status == 202:
        raise Pending(f"it waits for {answer['waits_for']}", hint="is the server well? modelseal-registry status")
    kinds: dict[int, type[Error]] = {400: Malformed, 403: Refused, 409: Conflict}
    raise kinds.get(status, Unavailable)(str(answer["error"]))


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


@contextlib.contextmanager
def _database(settings: Config) -> Iterator[Store]:
    store = open_store(settings.place.database)
    try:
        yield store
    finally:
        store.close()
