"""The log that an observer reads, and where what he says is sent: a registry's own folder, or a mirror's.

An observer whose word is worth something runs no registry. He runs a mirror, which has checked every leaf itself, and
sends what he saw to the registry that it mirrors.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from modelseal.errors import Conflict, Malformed, Unavailable
from modelseal.formats import names
from modelseal.formats.leaves import Leaf, Submission
from modelseal.journeys import submit
from modelseal.state import State
from modelseal_registry import beside, config
from modelseal_registry.append import read_leaf
from modelseal_registry.config import Place
from modelseal_registry.mirror import trust as trusts
from modelseal_registry.store import Store, open_store
from modelseal_registry.trial import Trials


@dataclass(frozen=True, slots=True)
class ObserveLog:
    """What the log says, and how a record gets into it."""

    place: Place
    origin: str
    hub: str  # where `registry.toml` looks for a Hub, or ""
    store: Store
    trials: Trials
    submit: Callable[[Submission], tuple[int, int]]  # -> index and time of its leaf

    def state(self, repo: str | None) -> State:
        """Return what the log says about *repo*, or about the registry itself."""
        with self.store.read() as tx:
            return self.trials.state(tx, names.namespace_of(repo) if repo else None, repo)


@contextlib.contextmanager
def open_log(place: Place) -> Iterator[ObserveLog]:
    """Open the log of the registry or the mirror in *place*."""
    mirrored = place.mirror_toml.exists() and not place.registry_toml.exists()
    with _mirrored(place) if mirrored else _own(place) as found:
        yield found


@contextlib.contextmanager
def _own(place: Place) -> Iterator[ObserveLog]:
    settings = config.read(place)
    with beside.database(settings) as store:

        def log(submission: Submission) -> tuple[int, int]:
            index = beside.submit(store, settings, submission)
            with store.read() as tx:
                return index, read_leaf(tx, index).time

        yield ObserveLog(place, settings.origin, settings.hub, store, Trials(settings.origin), log)


@contextlib.contextmanager
def _mirrored(place: Place) -> Iterator[ObserveLog]:
    settings = config.read_mirror(place)
    trust = trusts.read(place, bytes.fromhex(settings.fingerprint)).trust
    store = open_store(place.database)
    sync = f"modelseal-registry --dir {place.dir} mirror sync"
    try:
        with store.read() as tx:
            if tx.head().size == 0:
                raise Unavailable(f"{place.dir}: the mirror holds no leaves yet", hint=sync)

        def send(submission: Submission) -> tuple[int, int]:
            try:
                logged = submit.send(submission, trust.url)
            except Conflict as e:
                raise Conflict(str(e), hint=f"the mirror may be behind: {sync}") from e
            try:
                leaf = Leaf.parse(str(logged.reply.get("leaf")).encode())
            except Malformed as e:
                raise Unavailable(f"{trust.url}: the reply holds no leaf") from e
            return logged.index, leaf.time

        yield ObserveLog(place, trust.origin, "", store, Trials(trust.origin), send)
    finally:
        store.close()
