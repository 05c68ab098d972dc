"""What a worker process of `serve` runs: an application made from nothing but the folder's path.

A registry's workers take submissions into the database and read files; they hold no key. A mirror's read files only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modelseal.errors import Unavailable
from modelseal_registry import config
from modelseal_registry.answers import Answers
from modelseal_registry.config import Place
from modelseal_registry.emitter import read_published
from modelseal_registry.registry import Registry
from modelseal_registry.routes import Submit, make_app
from modelseal_registry.static import Files, Wsgi, dispatcher
from modelseal_registry.store import open_store


def registry_app(dir: Path) -> Wsgi:
    settings = config.read(Place(dir))
    registry = Registry(open_store(settings.place.database), settings.origin, settings.place.public)
    return make(settings.place, registry.submit)


def mirror_app(dir: Path) -> Wsgi:
    return make(Place(dir), None)


def make(place: Place, submit: Submit | None) -> Wsgi:
    """Return static files, evidence out of them, and with *submit* the way into the log."""
    files = Files(place.public)

    def health() -> dict[str, Any]:
        published = read_published(place.public)
        if published is None:
            raise Unavailable("nothing is published yet")
        return {"size": published.size}

    return dispatcher(files, make_app(evidence=Answers(files).evidence, health=health, submit=submit))
