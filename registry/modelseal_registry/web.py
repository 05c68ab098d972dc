"""What a worker process of `serve` runs: an application made from the folder's path and what the processes share.

A registry's workers take submissions into the database and read files; they hold no key. Those of an address for reads
(`serve --listen-writes`) and a mirror's have no database either.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from modelseal_registry import config, metrics, trustfiles
from modelseal_registry.answers import Answers
from modelseal_registry.config import Config, Place
from modelseal_registry.emitter import Published, read_published
from modelseal_registry.health import SLACK_S, Health
from modelseal_registry.limits import Rates, Visitors
from modelseal_registry.mirror import trust as trusts
from modelseal_registry.quota import Quota
from modelseal_registry.registry import Registry
from modelseal_registry.routes import Submit, make_app
from modelseal_registry.shared import Shared
from modelseal_registry.static import Environ, Files, Wsgi, dispatcher
from modelseal_registry.store import open_store
from modelseal_registry.weblog import Log


def registry_app(dir: Path, shared: Shared, behind: int) -> Wsgi:
    """Everything: reads and submissions."""
    settings = config.read(Place(dir))
    store = open_store(settings.place.database)
    quota = Quota(
        settings.releases_per_day,
        settings.releases_per_repo,
        settings.repos_per_signer,
        settings.revocations_per_minute,
        settings.observations_per_day,
    )
    registry = Registry(store, settings.origin, settings.place.public, quota=quota, looks=bool(settings.hub))
    health = Health(*_published(settings), shared, store)
    return make(settings.place, shared, health, registry.submit, _visitors(settings, shared, behind), Log(settings.log))


def reads_app(dir: Path, shared: Shared, behind: int) -> Wsgi:
    """The static files and evidence out of them; neither key nor database."""
    settings = config.read(Place(dir))
    health = Health(*_published(settings), shared)
    return make(settings.place, shared, health, None, _visitors(settings, shared, behind), Log(settings.log))


def mirror_app(dir: Path, shared: Shared) -> Wsgi:
    settings = config.read_mirror(Place(dir))
    trust = trusts.read(settings.place, bytes.fromhex(settings.fingerprint)).trust
    public, own = settings.place.public, trust.policy.own
    health = Health(lambda: read_published(public, own), trust.max_age, shared)
    return make(settings.place, shared, health, None, Visitors(), Log(settings.log))


def make(place: Place, shared: Shared, health: Health, submit: Submit | None, visitors: Visitors, log: Log) -> Wsgi:
    """Return static files, evidence out of them, and with *submit* the way into the log; all of it counted."""
    files = Files(place.public)
    answers = Answers(files)
    dynamic = make_app(
        evidence=answers.evidence,
        health=health.value,
        submit=submit,
        numbers=lambda: metrics.text(shared, health.gauges()),
        visitors=visitors,
        log=log,
    )

    def quick(environ: Environ, name: str) -> bytes | None:
        try:
            visitors.admit(environ, writes=False)
            return answers.evidence(name)
        except Exception:  # what is wrong `dynamic` finds again, and says; such a request counts twice
            return None

    return metrics.measured(dispatcher(files, dynamic, quick), shared.mine())


def _published(settings: Config) -> tuple[Callable[[], Published | None], int]:
    """Return how the checkpoint is read, and the age at which it is late: an idle log is cosigned again before."""
    public, own = settings.place.public, trustfiles.read(settings)[0].policy.own
    return lambda: read_published(public, own), settings.recosign_s + SLACK_S


def _visitors(settings: Config, shared: Shared, behind: int) -> Visitors:
    return Visitors(Rates(shared), settings.reads_per_minute, settings.writes_per_minute, behind)
