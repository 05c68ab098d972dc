"""A registry put together from its folder: configuration, keys, database, static files."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from modelseal import platform
from modelseal.errors import Refused, Unavailable
from modelseal_registry import keyfiles
from modelseal_registry.config import Config, Place
from modelseal_registry.emitter import Emitter
from modelseal_registry.sequencer import LogClock, Sequencer
from modelseal_registry.signing import Signer
from modelseal_registry.store import Store, open_store


def cosigner_name(origin: str) -> str:
    return origin + "/cosigner"


@dataclass(frozen=True, slots=True)
class Log:
    """What may write the log: whoever has one holds the folder's lock."""

    config: Config
    store: Store
    signer: Signer
    emitter: Emitter

    def sequencer(self, trust: Callable[[], Mapping[str, bytes]]) -> Sequencer:
        return Sequencer(
            self.store,
            self.config.origin,
            self.signer,
            self.emitter,
            clock=LogClock(),
            trust=trust,
            recosign_s=self.config.recosign_s,
        )


def load_signer(config: Config) -> Signer:
    keys = config.place.keys
    log, cosigner = keyfiles.load(keys / keyfiles.LOG), keyfiles.load(keys / keyfiles.COSIGNER)
    return Signer(config.origin, log.private, cosigner_name(config.origin), cosigner.private)


@contextlib.contextmanager
def only_writer(place: Place) -> Iterator[None]:
    """Hold the folder's lock; Refused if another process does."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(platform.lock(place.lock, timeout_s=0.5))
        except Unavailable as e:
            raise Refused(f"{place.dir} is in use: another process writes this log", hint="stop it first") from e
        yield


@contextlib.contextmanager
def open_log(config: Config) -> Iterator[Log]:
    """Open what `only_writer` allows to use."""
    signer = load_signer(config)
    store = open_store(config.place.database)
    try:
        emitter = Emitter(store, config.place.public, signer.own, config.max_age_s)
        yield Log(config, store, signer, emitter)
    finally:
        store.close()
