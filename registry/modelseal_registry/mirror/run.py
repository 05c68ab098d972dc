"""What the commands `mirror init|sync|serve|status|check` do."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from modelseal import platform
from modelseal.errors import Error, Unavailable, Usage
from modelseal_registry import config, metrics, server, web, weblog
from modelseal_registry.config import MirrorConfig, Place
from modelseal_registry.emitter import Published, read_published
from modelseal_registry.init import fresh_folder
from modelseal_registry.log import only_writer
from modelseal_registry.mirror import trust as trusts
from modelseal_registry.mirror.source import Source, resolved
from modelseal_registry.mirror.sync import Mirror, Synced
from modelseal_registry.shared import Shared
from modelseal_registry.status import check_all, is_locked
from modelseal_registry.store import Head, open_store

_FINGERPRINT = re.compile(r"(?:sha256:)?([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Made:
    settings: MirrorConfig
    origin: str
    url: str  # the registry's own address


def init(place: Place, source: str, fingerprint: str | None) -> Made:
    """Make a mirror of the registry at *source*, `URL#sha256:HEX`, or an address or folder with *fingerprint*."""
    location, mark, given = source.partition("#")
    wanted = {text for text in (given if mark else None, fingerprint) if text}
    found = {match[1] for text in wanted if (match := _FINGERPRINT.fullmatch(text))}
    if len(found) != 1 or len(found) != len({text.removeprefix("sha256:") for text in wanted}):
        raise Usage(
            "one fingerprint of the trust root is wanted, 64 hex digits",
            hint="--from URL#sha256:HEX, as the registry's operators hand it out; or --from FOLDER --fingerprint HEX",
        )
    digest = bytes.fromhex(found.pop())
    with fresh_folder(place.dir) as beside:
        settings = config.mirror_defaults(beside, resolved(location), digest)
        kept = trusts.begin(beside, Source(settings.source), digest)
        platform.write_new(beside.mirror_toml, config.encode(settings))
    return Made(config.read_mirror(place), kept.trust.origin, kept.trust.url)


def sync(
    place: Place, watch_s: int | None, *, synced: Callable[[Synced], None], trouble: Callable[[Error], None]
) -> None:
    """Sync once, or again every *watch_s* seconds until a signal; *synced* is told of each that brought something.

    With *watch_s* an Unavailable goes to *trouble* and is tried again; what accuses the log ends it.
    """
    settings = config.read_mirror(place)
    with only_writer(place):
        store = open_store(place.database)
        try:
            mirror = Mirror(settings, store)
            while True:
                try:
                    synced(mirror.sync(int(time.time())))
                except Unavailable as e:
                    if watch_s is None:
                        raise
                    trouble(e)
                if watch_s is None:
                    return
                time.sleep(watch_s)
        finally:
            store.close()


def serve(place: Place, listen: str | None, *, ready: Callable[[str], None], event: Callable[[str], None]) -> None:
    """Serve what the mirror has checked until SIGTERM or SIGINT; a sync may run meanwhile."""
    settings = config.read_mirror(place)
    if read_published(place.public) is None:
        raise Unavailable(
            f"{place.public}: nothing is there to serve yet", hint=f"modelseal-registry --dir {place.dir} mirror sync"
        )
    log = weblog.Log(settings.log)
    event = event if settings.log == "text" else log.event
    with server.bind(listen or settings.listen) as sock:
        event(f"serving {place.public}")
        app = functools.partial(web.mirror_app, place.dir, Shared.create(metrics.WIDTH))
        http = server.Server(sock, app, workers=settings.workers, log=log)
        http.run(started=lambda: ready(server.url_of(sock)), stopped=lambda: event("stopped"))


@dataclass(frozen=True, slots=True)
class Status:
    origin: str
    source: str
    published: Published | None
    stored: int  # leaves
    now: int
    max_age: int
    syncing: bool

    @property
    def age(self) -> int:
        return max(0, self.now - self.published.time) if self.published else 0

    @property
    def fresh(self) -> bool:
        return self.published is not None and self.age <= self.max_age

    def value(self) -> dict[str, Any]:
        published = self.published
        return {
            "origin": self.origin,
            "source": self.source,
            "size": published.size if published else 0,
            "root": published.root.hex() if published else None,
            "time": published.time if published else None,
            "stored": self.stored,
            "syncing": self.syncing,
        }


def status(place: Place, now: int) -> Status:
    settings = config.read_mirror(place)
    trust = trusts.read(place, bytes.fromhex(settings.fingerprint)).trust
    published = read_published(place.public, trust.policy.own)
    store = open_store(place.database)
    try:
        with store.read() as tx:
            stored = tx.head().size
    finally:
        store.close()
    return Status(trust.origin, settings.source, published, stored, now, trust.max_age, is_locked(place))


def check(place: Place) -> Head:
    """Replay the mirror's leaves into an empty store and compare all that it keeps and serves."""
    settings = config.read_mirror(place)
    kept = trusts.read(place, bytes.fromhex(settings.fingerprint))
    policy = kept.trust.policy
    return check_all(place, kept.trust.origin, policy.log, policy.own, kept.saved.files())
